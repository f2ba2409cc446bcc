"""Calls made by code that is not rewritten, through the interpreter's profile hook.

That is the body of a `with clew.recording()` block, which runs already when the recording begins,
and functions whose source is not available. Only their calls are recorded: what is called, with the
arguments where it is a Python function, and where from.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from clew import _core
from clew.exchanging import is_hook, is_user_file

__all__ = ["Watch"]

_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep


class Watch:
    """The profile hook of one recording, in the thread that began it."""

    def __init__(self) -> None:
        # By address, and the code alive: code with hooks in it cannot be hashed.
        self._watched: dict[int, tuple[CodeType, bool]] = {}
        # Frame of the function or, for a C function, of its caller; whether it is one; the call.
        self._open: list[tuple[FrameType, bool, tuple[int, int]]] = []
        self._running = False
        # The hook of a recording around this one.
        self._other: Any = None

    def start(self) -> str | None:
        """Set the hook; answer why not, if somebody else's is set."""
        other = sys.getprofile()
        if other is not None and not isinstance(getattr(other, "__self__", None), Watch):
            return "another profiler is running: calls of code that was not rewritten are missing"
        self._other = other
        self._running = True
        sys.setprofile(self._hook)
        return None

    def stop(self) -> None:
        """Take the hook away."""
        if self._running:
            self._running = False
            sys.setprofile(self._other)
            self._other = None
            self._open.clear()

    def _hook(self, frame: FrameType, event: str, arg: object) -> None:
        if event == "return":
            self._end(frame, False, (arg,))
        elif event == "c_return":
            self._end(frame, True, ())
        elif event == "c_exception":
            self._end(frame, True, (), raised=True)
        else:
            caller = frame if event == "c_call" else frame.f_back
            if caller is None or not self._is_watched(caller.f_code):
                return
            if event == "c_call":
                if is_hook(arg):
                    return
                self._begin(frame, caller, arg, ())
            elif not frame.f_code.co_filename.startswith(_OWN):
                self._begin(frame, caller, frame.f_code.co_qualname, _arguments(frame))

    def _begin(
        self, frame: FrameType, caller: FrameType, callee: object, arguments: tuple[object, ...]
    ) -> None:
        line = caller.f_lineno or 0
        call = _core.call_began(caller.f_code.co_filename, line, callee, arguments)
        if call is not None:
            self._open.append((frame, frame is caller, call))

    def _end(
        self, frame: FrameType, in_c: bool, result: tuple[object, ...], *, raised: bool = False
    ) -> None:
        if self._open and self._open[-1][0] is frame and self._open[-1][1] is in_c:
            _core.call_ended(self._open.pop()[2], result, raised)

    def _is_watched(self, code: CodeType) -> bool:
        found = self._watched.get(id(code))
        if found is None:
            own = code.co_filename.startswith(_OWN)
            watched = not own and not _core.is_recorded(code) and is_user_file(code.co_filename)
            found = self._watched[id(code)] = (code, watched)
        return found[1]


def _arguments(frame: FrameType) -> tuple[object, ...]:
    """Give the positional arguments of a frame that has just begun."""
    code = frame.f_code
    local: Callable[[str], object] = frame.f_locals.get
    return tuple(local(name) for name in code.co_varnames[: code.co_argcount])
