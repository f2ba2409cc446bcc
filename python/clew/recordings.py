"""Recording from inside Python: `record` and `recording`, and what they give.

What is recorded: source text is rewritten whole, as `clew run` does it. Functions of user modules
that are loaded already are rewritten for the time of the recording (`clew.exchanging`), and so are
modules imported meanwhile. Of code that runs already, or whose source is not available, calls only
(`clew.watching`). Each recording says in `notes` what it lacks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType, FrameType, FunctionType, MethodType, TracebackType
from typing import Any, Literal

from clew import _core
from clew.capturing import Capture
from clew.errors import UsageError
from clew.exchanging import SourceFile, is_rewritten
from clew.results import Recording

__all__ = ["Block", "record", "recording"]

Detail = Literal["statement", "call", "op"]

_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep

_ONLY_CALLS = "of the statements of the with block itself, only calls are recorded"
_NO_STATEMENTS = (
    "only functions were recorded statement by statement, not the code that called them"
)


def record(
    source_or_code_or_function: str | Path | CodeType | Callable[..., Any],
    /,
    *arguments: Any,
    globals: dict[str, Any] | None = None,
    detail: Detail = "op",
    **options: Any,
) -> Recording:
    r"""Run something and record what it does.

    An exception does not come out: it is the recording's `exception`, and raised by its `result`.
    Only `KeyboardInterrupt` does.

    Parameters
    ----------
    source_or_code_or_function
        Source text, the path of a source file (a `Path`), a code object, or something to call.
    *arguments, **options
        Arguments of the call.
    globals
        The namespace that a source runs in; by default a new one, in which `__name__` is
        `"__main__"`.
    detail
        `statement`: dependencies between statements; `call`: and every call; `op`: and every
        operation.

    Returns
    -------
    Recording
        What was recorded.

    Raises
    ------
    SyntaxError
        The source cannot be compiled.
    UsageError
        The arguments do not fit each other.

    Notes
    -----
    Functions of user modules (not of the standard library nor of installed packages) are recorded
    too if their source is available, wherever they were imported. A slice is of a source: in the
    recording of a function there are no top-level names.

    Examples
    --------
    >>> import clew
    >>> rec = clew.record("xs = [3, 1, 2]\nxs.sort()\nxs[0]")
    >>> rec.result
    1
    >>> [call.callee for call in clew.record(sorted, [2, 1], reverse=True).calls]
    ['sorted']
    """
    what = source_or_code_or_function
    if isinstance(what, str | Path | CodeType):
        if arguments or options:
            raise UsageError(
                "only a function takes arguments", "give a source its names in globals"
            )
        if isinstance(what, CodeType):
            return _record_code(what, globals, detail)
        if isinstance(what, Path):
            namespace = globals if globals is not None else _new_namespace()
            namespace.setdefault("__file__", str(what))
            return _record_text(what.read_bytes(), str(what), str(what), namespace, globals, detail)
        namespace = globals if globals is not None else _new_namespace()
        return _record_text(what, "<string>", _first_line(what), namespace, globals, detail)
    if not callable(what):
        kind = type(what).__name__
        raise UsageError(f"cannot record a value of type {kind}", "give a source or a function")
    if globals is not None:
        raise UsageError("a function has its own globals", "leave globals out")
    return _record_function(what, arguments, options, detail, sys._getframe(1))


def _record_text(
    source: bytes | str,
    filename: str,
    script: str,
    namespace: dict[str, Any],
    given: dict[str, Any] | None,
    detail: str,
) -> Recording:
    plain = compile(source, filename, "exec", 0, True)
    before = {} if given is None else {name: id(value) for name, value in namespace.items()}
    own = set(plain.co_names)
    capture = Capture(script, detail)
    recording = Recording(detail)
    recording.namespace = namespace
    capture.begin()
    try:
        code = _with_result(capture.load(source, filename), source)
        capture.exchange_functions()
        capture.follow()
        recording._result = _run(recording, eval, code, namespace)
    finally:
        bound = {
            name: value
            for name, value in namespace.items()
            if given is None or name in own or before.get(name) != id(value)
        }
        if recording.exception is not None:
            _core.raised(recording.exception.__traceback__)
        recording._done = capture.end(bound, raised=recording.exception is not None)
    if recording._result is None and recording.exception is None:
        recording._result = _constant_at_end(source)
    return recording


def _record_code(code: CodeType, globals: dict[str, Any] | None, detail: str) -> Recording:
    namespace = globals if globals is not None else _new_namespace()
    source = SourceFile.of_code(code, "__main__") if code.co_name == "<module>" else None
    if source is not None and not is_rewritten(code):
        name = code.co_filename
        return _record_text(source.text, name, name, namespace, globals, detail)
    note = f"the source of {code.co_name} is not available: only its calls are recorded"
    recording = _record_call(
        f"code {code.co_name}", eval, (code, namespace), {}, detail, None, note
    )
    recording.namespace = namespace
    return recording


def _record_function(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: Mapping[str, Any],
    detail: str,
    caller: FrameType,
) -> Recording:
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    code = _code_of(function)
    place = (caller.f_code.co_filename, caller.f_lineno, function)
    return _record_call(name, function, arguments, options, detail, code, None, place)


def _record_call(
    script: str,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: Mapping[str, Any],
    detail: str,
    code: CodeType | None,
    note: str | None,
    place: tuple[str, int, object] | None = None,
) -> Recording:
    """Record a call. Its statement is that at which the function is defined."""
    main = None if code is None else SourceFile.of_code(code, "__main__")
    capture = Capture(script, detail)
    recording = Recording(detail)
    capture.begin()
    try:
        if main is None:
            capture.load(_STAND_IN, "<call>")
        capture.exchange_functions(main)
        _core.enter_line(code.co_firstlineno if main is not None and code is not None else 1)
        if code is not None and main is None:
            note = f"the source of {script} is not available: only its calls are recorded"
        recording._no_slices = note or _NO_STATEMENTS
        _core.degrade(recording._no_slices)
        capture.follow()
        call = None if place is None else _core.call_began(*place, arguments)
        recording._result = _run(recording, function, *arguments, **options)
        if call is not None:
            failed = recording.exception is not None
            _core.call_ended(call, (recording.exception or recording._result,), failed)
    finally:
        recording._done = capture.end(None, raised=recording.exception is not None)
    return recording


_STAND_IN = "function(*arguments, **options)\n"


def _run(
    recording: Recording, function: Callable[..., Any], *arguments: Any, **options: Any
) -> Any:
    """Call something; an exception goes into the recording, without the frames of Clew's own."""
    try:
        return function(*arguments, **options)
    except KeyboardInterrupt as error:
        recording.exception = error
        raise
    except BaseException as error:
        recording.exception = error.with_traceback(_from_user_code(error.__traceback__))
        return None


def _from_user_code(traceback: TracebackType | None) -> TracebackType | None:
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_OWN):
        traceback = traceback.tb_next
    return traceback


def _code_of(function: object) -> CodeType | None:
    """Find the Python code that a call runs first."""
    for _ in range(20):
        if isinstance(function, MethodType):
            function = function.__func__
        elif isinstance(function, FunctionType):
            return function.__code__
        elif isinstance(function, type):
            function = function.__init__  # type: ignore[misc]
        elif hasattr(function, "func") and callable(function.func):
            function = function.func
        else:
            function = type(function).__dict__.get("__call__")
            if not isinstance(function, FunctionType):
                return None
    return None


def _new_namespace() -> dict[str, Any]:
    import builtins

    return {"__name__": "__main__", "__builtins__": builtins}


def _first_line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= 60 else words[:60] + "..."


def _with_result(code: object, source: bytes | str) -> object:
    """Let the code of a source give the value of its last statement, if that is an expression.

    The interpreter throws the value away in the last instruction but the return; returning there
    gives it.
    """
    import ast
    import dis

    statements = ast.parse(source).body
    if not statements or not isinstance(statements[-1], ast.Expr) or not isinstance(code, CodeType):
        return code
    instructions = [found for found in dis.get_instructions(code) if found.opname != "NOP"]
    tail = [found.opname for found in instructions[-3:]]
    if "POP_TOP" not in tail:
        return code
    at = instructions[-3 + tail.index("POP_TOP")].offset
    content = bytearray(code.co_code)
    content[at] = dis.opmap["RETURN_VALUE"]
    return code.replace(co_code=bytes(content))


def _constant_at_end(source: bytes | str) -> Any:
    """Give the value of a last line that is a constant, which the compiler leaves out."""
    import ast

    statements = ast.parse(source).body
    last = statements[-1] if statements else None
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant) and len(statements) > 1:
        return last.value.value
    return None


class Block:
    """The context manager that `recording` answers."""

    def __init__(self, detail: str) -> None:
        self._capture = Capture("a with block", detail)
        self._recording = Recording(detail)

    def __enter__(self) -> Recording:
        frame = sys._getframe(1)
        code, line = frame.f_code, frame.f_lineno
        capture = self._capture
        main = SourceFile.of_code(code, str(frame.f_globals.get("__name__")))
        capture.begin()
        try:
            if main is None:
                capture.load(_STAND_IN, code.co_filename)
            capture.exchange_functions(main)
            _core.enter_line(line if main is not None else 1)
            self._recording._no_slices = _ONLY_CALLS
            _core.degrade(_ONLY_CALLS)
        except BaseException:
            capture.end(None, raised=True)
            raise
        capture.follow()
        return self._recording

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._recording.exception = error
        self._recording._done = self._capture.end(None, raised=error is not None)


def recording(*, detail: Detail = "call") -> Block:
    """Record what happens in a `with` block.

    Functions of user modules, those that are loaded and those imported in the block, are recorded
    as by `record`, in all threads. The block's own statements run already when the recording
    begins: of these, and of functions without a source, only the calls are recorded, in the thread
    of the block, by the interpreter's profile hook.

    Parameters
    ----------
    detail
        As for `record`.

    Returns
    -------
    Block
        A context manager that gives a `Recording`, which can be asked after the block.

    Raises
    ------
    UsageError
        There is no such level.

    Examples
    --------
    >>> import clew
    >>> with clew.recording(detail="call") as rec:
    ...     total = sum([1, 2, 3])
    >>> [call.callee for call in rec.calls]
    ['sum']
    """
    return Block(detail)
