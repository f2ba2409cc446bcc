"""Every operation of a piece of code as a call, with the objects themselves: `record_calls`.

`clew.instrumenting` turns operations into calls of hooks, which add rows to a tape in the
extension; a `Calls` shows the rows.
"""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, FunctionType, MethodType
from typing import Any, NamedTuple, overload

from clew import _core
from clew.errors import UsageError
from clew.exchanging import SourceFile, all_codes, is_rewritten, place_of
from clew.instrumenting import Instrumenter
from clew.places import Site

__all__ = ["Calls", "FunctionCall", "record_calls"]


# What running code leaves in its globals by itself.
_OF_THE_INTERPRETER = {"__builtins__", "__annotations__", "__warningregistry__"}


class _Parts(NamedTuple):
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    res: Any


class FunctionCall(_Parts):
    """One call with the objects themselves; a tuple of `fn`, `args`, `kwargs` and `res`.

    Attributes
    ----------
    fn
        What was called; for a method, the bound method.
    args, kwargs
        Its arguments: the objects, as they are now. How often each was changed before, by calls
        that are recorded too, `Calls.versions` says.
    res
        Its result; None also if it raised.
    error
        The exception that ended it; None if it ended well.
    site
        Where it was made.
    parent
        Index of the call during which it was made; None for an outermost one.
    thread
        Number of the thread, from 0 in the order in which threads were first seen.
    start_ns, end_ns
        When it began and ended, in nanoseconds from the beginning of the recording.
    """

    error: BaseException | None = None
    site: Site | None = None
    parent: int | None = None
    thread: int = 0
    start_ns: int = 0
    end_ns: int = 0

    def __repr__(self) -> str:
        try:
            name = getattr(self.fn, "__qualname__", None) or repr(self.fn)
        except Exception:
            name = f"<{type(self.fn).__name__}>"
        given = [_short(value) for value in self.args]
        given += [f"{key}={_short(value)}" for key, value in self.kwargs.items()]
        ending = f"-> {_short(self.res)}" if self.error is None else f"raised {_short(self.error)}"
        return f"<{name}({', '.join(given)}) {ending}>"


def _short(value: object) -> str:
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 60 else text[:57] + "..."


class _Changes(NamedTuple):
    """Calls by what they changed; for each call, its number and that of the first one after it."""

    by_object: dict[int, list[int]]
    began: list[int]
    ended: list[int]


class Calls(Sequence[FunctionCall]):
    """The calls of one recording, in the order in which they ended; made when they are asked for.

    Attributes
    ----------
    error
        The exception that ended the code; None if it ended well.
    notes
        Why the calls are not complete: each reason a sentence. Empty when they are.
    globals_read
        Names of globals that were read.
    globals_written
        Names of globals that are new, or are bound to something else than before.
    globals_before
        Names of globals that were there before.
    """

    def __init__(
        self, tape: _core.Tape, path: str, sites: Sequence[tuple[int, int | None]]
    ) -> None:
        self._tape = tape
        self._path = path
        self._sites = sites
        self._index: dict[int, int] | None = None
        self.error: BaseException | None = None
        self.notes: list[str] = []
        self.globals_read: set[str] = set()
        self.globals_written: set[str] = set()
        self.globals_before: set[str] = set()
        self._changes: _Changes | None = None

    def __len__(self) -> int:
        return len(self._tape)

    @overload
    def __getitem__(self, index: int) -> FunctionCall: ...
    @overload
    def __getitem__(self, index: slice) -> list[FunctionCall]: ...
    def __getitem__(self, index: int | slice) -> FunctionCall | list[FunctionCall]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        n = len(self)
        if not -n <= index < n:
            raise IndexError("no such call")
        return self._call(index % n)

    def __iter__(self) -> Iterator[FunctionCall]:
        return (self._call(i) for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Calls | list | tuple):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        ending = "" if self.error is None else f", ended by {type(self.error).__name__}"
        return f"<{len(self)} calls of {self._path}{ending}>"

    def versions(self, index: int) -> tuple[int, ...]:
        """Tell for each positional argument of a call how often it was changed before.

        Counted are the changes by recorded calls that were over when this one began, so that two
        calls saw an argument alike if they saw the same version of it, and of all that it holds.
        """
        if self._changes is None:
            from clew.sideeffects import changes_by_object

            began, ended = self._tape.numbers(), self._tape.ends()
            self._changes = _Changes(changes_by_object(self), began, ended)
        by_object, began, ended = self._changes
        return tuple(
            sum(ended[i] <= began[index] for i in by_object.get(id(value), ()))
            for value in self[index].args
        )

    def changes(
        self, resolve: Callable[[object], int], once: bool
    ) -> tuple[list[tuple[int, object]], list[int]]:
        """See `clew.sideeffects`, which asks."""
        return self._tape.changes(resolve, once)

    def _call(self, index: int) -> FunctionCall:
        fn, args, kwargs, res, error, site, _, parent, thread, start, end = self._tape.row(index)
        call = FunctionCall(fn, args, kwargs, res)
        call.error = error
        if site < len(self._sites):
            call.site = Site(self._path, *self._sites[site])
        if parent is not None:
            if self._index is None:
                self._index = {number: i for i, number in enumerate(self._tape.numbers())}
            call.parent = self._index.get(parent)
        call.thread, call.start_ns, call.end_ns = thread, start, end
        return call


Recordable = str | bytes | ast.Module | CodeType | Callable[[], Any]


def record_calls(code: Recordable, globals: dict[str, Any] | None = None) -> Calls:
    """Run code and give everything that it does as calls, with the objects themselves.

    Parameters
    ----------
    code
        Source text, the tree of a module, a code object, or a function without parameters.
    globals
        The namespace that it runs in, a new one by default. A function has its own.

    Returns
    -------
    Calls
        A sequence of `FunctionCall`: what the code and the functions and classes in it do, in the
        order in which it was over. What code from elsewhere does inside is not in it.

    Raises
    ------
    SyntaxError
        The source cannot be compiled.
    UsageError
        The value is not code.

    Notes
    -----
    An operation is told as the function that it means: `x + y` as :func:`operator.add`, `x.y` as
    :func:`getattr`, `for` as :func:`iter` and :func:`next` (without the step that finds nothing
    more), a display or unpacking as a function of :mod:`clew.ops`, a class statement as a call of
    its metaclass, an import as :func:`__import__`. A method call has the bound method as function.
    A `yield` is told when the generator gives the value; its `res` is what was sent, or, of a
    `yield from`, what came of it: None if the generator never went on.

    An exception that ends the code does not come out: it is the `error` of the result and of the
    calls that it ended. Only `KeyboardInterrupt` does.

    Of a code object whose source is not available, calls of functions are recorded by the
    interpreter's profile hook; `notes` says so then.

    Examples
    --------
    >>> import clew
    >>> [call.fn.__name__ for call in clew.record_calls("-x + 1", {"x": 2})]
    ['neg', 'add']
    >>> clew.record_calls("xs = sorted([2, 1], reverse=True)")[-1]
    <sorted([2, 1], reverse=True) -> [2, 1]>
    """
    namespace = (
        {"__name__": "__main__", "__builtins__": __builtins__} if globals is None else globals
    )
    if isinstance(code, str | bytes):
        compile(code, "<string>", "exec", 0, True)
        tree = ast.parse(code)
        return _run(tree, "<string>", namespace, None)
    if isinstance(code, ast.Module):
        tree = ast.parse(ast.unparse(code)) if _lacks_places(code) else copy.deepcopy(code)
        compile(copy.deepcopy(tree), "<ast>", "exec", 0, True)
        return _run(tree, "<ast>", namespace, None)
    if isinstance(code, CodeType):
        return _of_code(code, namespace, None)
    function = code.__func__ if isinstance(code, MethodType) else code
    if isinstance(function, FunctionType):
        return _of_code(function.__code__, function.__globals__, code)
    kind = type(code).__name__
    raise UsageError(f"cannot record the calls of a {kind}", "give source text or a function")


def _lacks_places(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.expr) and not hasattr(node, "lineno") for node in ast.walk(tree)
    )


def _of_code(code: CodeType, namespace: dict[str, Any], function: Any) -> Calls:
    """Record a code object, or the function whose code it is."""
    source = None if is_rewritten(code) else SourceFile.of_code(code, "__main__")
    if source is None:
        return _watched(code, namespace, function)
    tree = ast.parse(source.text)
    return _run(tree, code.co_filename, namespace, (code, function))


def _run(
    tree: ast.Module,
    path: str,
    namespace: dict[str, Any],
    part: tuple[CodeType, Any] | None,
) -> Calls:
    """Run an instrumented tree, or the part of it that a code object was made from."""
    tape = _core.Tape()
    read: set[str] = set()
    instrumenter = Instrumenter(tape, read)
    compiled = instrumenter.compile(tree, path)
    calls = Calls(tape, path, instrumenter.sites)

    def run() -> object:
        if part is None:
            return eval(compiled, namespace)
        code, function = part
        found = next(each for each in all_codes(compiled) if place_of(each) == place_of(code))
        if function is None:
            return eval(found, namespace)
        return _with_code(function, found)()

    before = dict(namespace)
    calls.globals_before = set(before)
    _end(calls, run)
    tape.stop()
    calls.globals_read = {name for name in read if name in namespace or name in before}
    calls.globals_written = _written(before, namespace)
    return calls


def _written(before: dict[str, Any], namespace: dict[str, Any]) -> set[str]:
    """Give the names that are new, or bound to something else than before."""
    found = {
        name for name, value in namespace.items() if name not in before or before[name] is not value
    }
    return found - _OF_THE_INTERPRETER


def _with_code(function: Any, code: CodeType) -> Any:
    plain = function.__func__ if isinstance(function, MethodType) else function
    made = FunctionType(
        code, plain.__globals__, plain.__name__, plain.__defaults__, plain.__closure__
    )
    made.__kwdefaults__ = plain.__kwdefaults__
    return MethodType(made, function.__self__) if isinstance(function, MethodType) else made


def _end(calls: Calls, run: Callable[[], object]) -> None:
    try:
        run()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # The frames of this module are not the program's.
        error.__traceback__ = _without_own_frames(error.__traceback__)
        calls.error = error


def _without_own_frames(traceback: Any) -> Any:
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    return traceback


def _watched(code: CodeType, namespace: dict[str, Any], function: Any) -> Calls:
    """Record the calls that the interpreter tells of, where there is no source to change."""
    tape = _core.Tape()
    sites: list[tuple[int, int | None]] = []
    calls = Calls(tape, code.co_filename, sites)
    own = {id(each) for each in all_codes(code)}
    open_calls: list[tuple[Any, Any, tuple[Any, ...]]] = []

    def site(line: int | None) -> int:
        sites.append((line or 0, None))
        return len(sites) - 1

    def hook(frame: Any, event: str, value: Any) -> None:
        caller = frame if event.startswith("c_") else frame.f_back
        if caller is None or id(caller.f_code) not in own:
            return
        if event == "call":
            code = frame.f_code
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            open_calls.append((frame, code, tuple(frame.f_locals.get(name) for name in names)))
        elif event == "return" and open_calls and open_calls[-1][0] is frame:
            _, code, arguments = open_calls.pop()
            named = _function_of(code, caller) or code
            tape.add(site(caller.f_lineno), named, arguments, {}, value, None)
        elif event in ("c_return", "c_exception"):
            tape.add(site(caller.f_lineno), value, (), {}, None, None)

    before, former = dict(namespace), sys.getprofile()
    calls.globals_before = set(before)
    if former is None:
        sys.setprofile(hook)
        calls.notes.append(
            f"the source of {code.co_name} is not available: only calls of functions are recorded,"
            " those of C functions without arguments"
        )
    else:
        calls.notes.append("the source is not available, and another profiler is running: no calls")
    try:
        _end(calls, function if function is not None else lambda: eval(code, namespace))
    finally:
        if former is None:
            sys.setprofile(None)
    tape.stop()
    calls.globals_written = _written(before, namespace)
    calls.globals_read = {name for name in code.co_names if name in before}
    return calls


def _function_of(code: CodeType, caller: Any) -> object:
    """Find a function by its code, among the names that the caller sees."""
    for names in (caller.f_locals, caller.f_globals):
        found = names.get(code.co_name)
        if getattr(found, "__code__", None) is code:
            return found
    return None
