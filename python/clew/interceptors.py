"""What stands in a recorded source for things that the interpreter calls by itself.

The rest of them are in the extension (`Tape.hook`); these are rare, or wait for something.
"""

from __future__ import annotations

import builtins
import importlib.util
import inspect
import operator
import sys
from collections.abc import Callable, Generator
from typing import Any

from clew import _core, ops

__all__ = ["AsyncManager", "AsyncSteps", "Awaited", "Imported", "Operand"]

_Unpack = Callable[[Any], Any] | None


async def _waited(
    tape: _core.Tape, site: int, function: Callable[..., Any], *arguments: object
) -> Any:
    """Call something that gives an awaitable, wait, and record the call with what came of it."""
    try:
        result = await function(*arguments)
    except StopAsyncIteration:
        raise
    except BaseException as error:
        tape.add(site, function, arguments, {}, None, error)
        raise
    tape.add(site, function, arguments, {}, result, None)
    return result


class AsyncSteps:
    """The iterator of an `async for`."""

    def __init__(self, tape: _core.Tape, site: int, iterable: Any, unpack: _Unpack) -> None:
        self._tape, self._site, self._unpack = tape, site, unpack
        self._inner = aiter(iterable)
        tape.add(site, aiter, (iterable,), {}, self._inner, None)

    def __aiter__(self) -> AsyncSteps:
        return self

    async def __anext__(self) -> Any:
        element = await _waited(self._tape, self._site, anext, self._inner)
        return element if self._unpack is None else self._unpack(element)


class AsyncManager:
    """The manager of an `async with`."""

    def __init__(self, tape: _core.Tape, site: int, inner: Any, unpack: _Unpack) -> None:
        self._tape, self._site, self._inner, self._unpack = tape, site, inner, unpack
        for name in ("__aenter__", "__aexit__"):
            if not hasattr(type(inner), name):
                kind = type(inner).__qualname__
                missing = " (missed __aexit__ method)" if name == "__aexit__" else ""
                raise TypeError(
                    f"'{kind}' object does not support the asynchronous context manager protocol"
                    + missing
                )

    async def __aenter__(self) -> Any:
        value = await _waited(self._tape, self._site, self._inner.__aenter__)
        return value if self._unpack is None else self._unpack(value)

    async def __aexit__(self, *error: Any) -> Any:
        return await _waited(self._tape, self._site, self._inner.__aexit__, *error)


class Awaited:
    """What an `await` waits for."""

    def __init__(self, tape: _core.Tape, site: int, awaitable: Any) -> None:
        self._tape, self._site, self._awaitable = tape, site, awaitable

    def __await__(self) -> Generator[Any, Any, Any]:
        arguments = (self._awaitable,)
        try:
            result = yield from _generator(self._awaitable)
        except BaseException as error:
            self._tape.add(self._site, ops.await_value, arguments, {}, None, error)
            raise
        self._tape.add(self._site, ops.await_value, arguments, {}, result, None)
        return result


def _generator(awaitable: Any) -> Any:
    if hasattr(type(awaitable), "__await__"):
        return awaitable.__await__()
    is_old = isinstance(awaitable, Generator)
    if is_old and awaitable.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE:
        return awaitable
    raise TypeError(f"object {type(awaitable).__name__} can't be used in 'await' expression")


class Imported:
    """Records an `import` that is done."""

    def __init__(
        self, tape: _core.Tape, site: int, name: str, level: int, names: tuple[str, ...] | None
    ) -> None:
        self._tape, self._site = tape, site
        self._name, self._level, self._names = name, level, names

    def __call__(self) -> None:
        """Add the rows."""
        name, level, names = self._name, self._level, self._names
        if level:
            package = sys._getframe(1).f_globals.get("__package__") or ""
            name = importlib.util.resolve_name("." * level + name, package)
        module = sys.modules.get(name if names else name.partition(".")[0])
        options = {"fromlist": names, "level": level} if names else {}
        self._tape.add(self._site, builtins.__import__, (self._name,), options, module, None)
        for attribute in names or ():
            if attribute != "*" and module is not None:
                value = getattr(module, attribute, sys.modules.get(f"{name}.{attribute}"))
                self._tape.add(self._site, getattr, (module, attribute), {}, value, None)


class Operand:
    """An operand of a chain of comparisons, which the interpreter evaluates."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, tape: _core.Tape, site: int, value: Any) -> None:
        self._tape, self._site, self._value = tape, site, value

    def _apply(self, function: Callable[..., Any], *operands: Any) -> Any:
        hook: Any = self._tape.hook("apply", self._site, function)
        return hook(*operands)

    def __eq__(self, other: Any) -> Any:
        return self._apply(operator.eq, self._value, _plain(other))

    def __ne__(self, other: Any) -> Any:
        return self._apply(operator.ne, self._value, _plain(other))

    def __lt__(self, other: Any) -> Any:
        return self._apply(operator.lt, self._value, _plain(other))

    def __le__(self, other: Any) -> Any:
        return self._apply(operator.le, self._value, _plain(other))

    def __gt__(self, other: Any) -> Any:
        return self._apply(operator.gt, self._value, _plain(other))

    def __ge__(self, other: Any) -> Any:
        return self._apply(operator.ge, self._value, _plain(other))

    def __contains__(self, item: Any) -> bool:
        return bool(self._apply(operator.contains, self._value, _plain(item)))


def _plain(operand: Any) -> Any:
    return operand._value if isinstance(operand, Operand) else operand
