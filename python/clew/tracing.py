"""Values that remember how they were made.

:func:`trace` gives a stand-in for a value. Operations on it do what they would do on the value, and
are added to a trace, from which :func:`graph` takes what a result needs.
"""

from __future__ import annotations

import itertools
import math
import types
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

from clew import _core, library_functions
from clew.errors import GuardViolation

_unnamed: Final = itertools.count()


def trace(value: Any, name: str | None = None) -> Any:
    """Give a stand-in for a value: what is done with it is recorded.

    Parameters
    ----------
    value
        Anything. A container (tuple, list, dict, set, frozenset, slice, deque, named tuple, data
        class) gives a container of the same type, whose elements are traced, at any depth. A
        function of Python gives a function whose calls are traced with what happens in them.
    name
        What the value is called in graphs and their texts, and the keyword that gives it another
        value in an evaluation.

    Returns
    -------
    object
        The stand-in. ``None`` stays what it is, because programs ask whether something ``is None``.

    Notes
    -----
    NumPy and PyTorch ask traced values what their functions do with them. The public functions of
    `jax.numpy`, `jax.nn`, `jax.lax` and `pandas` do not ask: where these are imported they are
    wrapped from here on, so that calls with traced arguments are recorded.

    Examples
    --------
    >>> import clew
    >>> x = clew.trace(3.0, name="x")
    >>> y = x * 2 + 1
    >>> print(y)
    x * 2 + 1
    >>> clew.untrace(y)
    7.0
    >>> clew.graph(y).evaluate(x=10.0)
    21.0
    """
    if value is None or isinstance(value, _core.Traced):
        return value
    library_functions.meet()
    if isinstance(value, types.FunctionType):
        return _core.TracedFunction(value)
    return _core.trace_value(value, name if name is not None else f"v{next(_unnamed)}")


def untrace(value: Any) -> Any:
    """Give the plain value.

    Parameters
    ----------
    value
        A stand-in, a container with stand-ins in it at any depth, or anything else.

    Returns
    -------
    object
        What the stand-in stands for; a copy of the container with plain elements; anything else
        as it is.
    """
    return _core.untrace_value(value)


def is_traced(value: Any) -> bool:
    """Tell whether a value is a stand-in, or a container that holds one at any depth."""
    return _core.holds_traced(value)


def meta(value: Any) -> dict[str, Any]:
    """Give the dictionary that belongs to a traced value, for whatever is known about it.

    Parameters
    ----------
    value
        A stand-in. All stand-ins of one node share the dictionary; a graph keeps it
        (``Node.meta``).

    Raises
    ------
    TypeError
        If the value is not traced.
    """
    notes: dict[str, Any] = _core.notes_of(value)
    return notes


# What the extension asks for.


def _check_fact(
    op: str, text: str, then: object, now: object, file: str | None, line: int | None
) -> None:
    """Raise :class:`GuardViolation` if a conversion gives something else than it gave."""
    if not same_fact(then, now):
        source = (file, line) if file is not None and line is not None else None
        raise GuardViolation.of(text, then, now, source, op)


def same_fact(then: object, now: object) -> bool:
    """Tell whether a conversion gives what it gave when it was traced."""
    if then is now:
        return True
    if type(then) is not type(now):
        return False
    if isinstance(then, float) and isinstance(now, float):
        return then == now or (math.isnan(then) and math.isnan(now))
    try:
        return bool(then == now)
    except Exception:
        from clew.fingerprint import fingerprint

        return fingerprint(then) == fingerprint(now)


def _changed_by(
    function: Any,
    receiver: Any,
    name: str | None,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any] | None,
) -> list[Any]:
    """List the objects that a call may change, of those that it gets."""
    from clew.effects import applying, flags, resolver

    kwargs = kwargs or {}
    owner = None if name is None else type(receiver)
    effect = applying.concrete(resolver.resolve(function, owner, name), receiver, args, kwargs)
    bits, extra = flags.split(effect)
    if bits & flags.OBSERVE:
        return [o for o in (receiver, *args, *kwargs.values()) if o is not None]
    changed = []
    if bits & flags.WRITES_RECEIVER and receiver is not None:
        changed.append(receiver)
    if bits & flags.WRITES_ARGUMENT:
        for pointer in extra.get("arguments", ()):
            if pointer == "*":
                changed += args
            else:
                value = applying.argument(pointer, args, kwargs)
                if not applying.is_missing(value):
                    changed.append(value)
    if bits & flags.CONSUMES_ARGUMENTS:
        changed += [o for o in (receiver, *args, *kwargs.values()) if hasattr(o, "__next__")]
    return changed


def _awaited(traced: Any, plain: Any) -> Generator[Any, Any, Any]:
    """Await what a stand-in stands for, and add the result."""
    result = yield from plain.__await__()
    return _core.record_await(traced, result)


def _interpret(interpreter: Callable[[Any], Any], traced: Any) -> Any:
    """Ask an interpreter about an operation that was just traced; give the result to go on with."""
    from clew.interpreting import Operation

    given = interpreter(Operation(traced))
    return traced if given is None else given


# The special methods of `Traced` that are no slots of its class.


def _round(traced: Any, ndigits: Any = None) -> Any:
    return _core.record_unary("round", traced, *(() if ndigits is None else (ndigits,)))


def _trunc(traced: Any) -> Any:
    return _core.record_unary("trunc", traced)


def _floor(traced: Any) -> Any:
    return _core.record_unary("floor", traced)


def _ceil(traced: Any) -> Any:
    return _core.record_unary("ceil", traced)


def _complex(traced: Any) -> Any:
    return _core.record_fact("complex", complex(untrace(traced)), traced)


def _bytes(traced: Any) -> Any:
    return _core.record_fact("bytes", bytes(untrace(traced)), traced)


def _format(traced: Any, spec: str) -> Any:
    return _core.record_fact("format", format(untrace(traced), spec), traced, spec)


def _enter(traced: Any) -> Any:
    return _core.dispatch(traced, "__enter__", ())


def _exit(traced: Any, *error: Any) -> Any:
    return _core.dispatch(traced, "__exit__", error)


async def _aenter(traced: Any) -> Any:
    return await _core.dispatch(traced, "__aenter__", ())


async def _aexit(traced: Any, *error: Any) -> Any:
    return await _core.dispatch(traced, "__aexit__", error)


def _aiter(traced: Any) -> Any:
    return _core.dispatch(traced, "__aiter__", ())


async def _anext(traced: Any) -> Any:
    return await _core.dispatch(traced, "__anext__", ())


def _copy(traced: Any) -> Any:
    import copy

    return _core.call_untraced(copy.copy, (traced,))


def _deepcopy(traced: Any, memo: dict[int, Any]) -> Any:
    import copy

    return _core.call_untraced(copy.deepcopy, (traced,))


def _reduce_ex(traced: Any, protocol: int) -> Any:
    from clew.expressions import graph, revived

    return revived, (graph(traced),)


def _array_ufunc(traced: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    function = ufunc if method == "__call__" else getattr(ufunc, method)
    if len(kwargs.get("out", ())) == 1:
        # numpy gives a tuple; what changes is the array in it.
        kwargs["out"] = kwargs["out"][0]
    return _core.call_untraced(function, inputs, kwargs, always=True)


def _array_function(traced: Any, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    return _core.call_untraced(function, tuple(args), dict(kwargs), always=True)


def _torch_function(function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    return _core.call_untraced(function, tuple(args), dict(kwargs or {}), always=True)


def _array(traced: Any, dtype: Any = None, copy: bool | None = None) -> Any:
    import numpy as np

    value = np.asarray(untrace(traced), dtype=dtype)
    return _core.record_fact("untrace", value, traced)


def _jax_array(traced: Any) -> Any:
    return _core.record_fact("untrace", untrace(traced), traced)


def _reversed(traced: Any) -> Any:
    return _core.call_untraced(reversed, (traced,))


def _length_hint(traced: Any) -> Any:
    from operator import length_hint

    return length_hint(untrace(traced))


def _dir(traced: Any) -> list[str]:
    return dir(untrace(traced))


def _sizeof(traced: Any) -> int:
    return object.__sizeof__(traced)


SPECIAL: Final[dict[str, Callable[..., Any]]] = {
    f"__{function.__name__[1:]}__": function
    for function in (
        _round, _trunc, _floor, _ceil, _complex, _bytes, _format, _enter, _exit, _aenter, _aexit,
        _aiter, _anext, _copy, _deepcopy, _reduce_ex, _array_ufunc, _array_function,
        _torch_function, _array, _jax_array, _reversed, _length_hint, _dir, _sizeof,
    )
}  # fmt: skip
