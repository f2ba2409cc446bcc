"""`clew run`: a program, run as `python` runs it, with a recording around it.

The interpreter is prepared by `clew.starting`; `_clew.run_program` then follows the interpreter's own `main` step
by step and does not come back. Everything that the end of a run needs is imported and looked up before the program
starts: what the program changes in `sys`, `os`, `builtins` or the import system must not reach Clew, and Clew's
own work must not show in the program.
"""

import os
import sys
import time

from clew import _clew, starting

__all__ = ["Program", "run"]


class Program:
    """What to run and how to record it.

    Parameters
    ----------
    kind
        `script`, `module` or `command`.
    target
        A path (`-` for standard input), a module's name, or the code itself.
    arguments
        What the program finds in `sys.argv[1:]`.
    detail
        Level of the recording: `statement`, `call` or `op`.
    include, exclude
        Globs that change which imported modules are user code.
    store
        Where to keep the recording; None for the nearest `.clew`.
    max_log
        Cap of the event log, in bytes.
    quiet
        Say nothing about the recording.
    """

    def __init__(
        self,
        kind: str,
        target: str,
        arguments: list[str],
        *,
        detail: str = "statement",
        include: list[str] | None = None,
        exclude: list[str] | None = None,
        store: str | None = None,
        max_log: int | None = None,
        quiet: bool = False,
    ) -> None:
        self.kind = kind
        self.target = target
        self.arguments = arguments
        self.detail = detail
        self.include = include or []
        self.exclude = exclude or []
        self.store = store
        self.max_log = max_log
        self.quiet = quiet


def run(program: Program) -> int:
    """Run a program and keep its recording.

    Ends the process, unless the interpreter was started with `-i`: the exit code is returned then.

    Raises
    ------
    OSError
        The script cannot be read.
    """
    recording = _Recording(program)
    start = recording.begin()
    return _clew.run_program(start.kind, start.payload, recording.finish)


class _Recording:
    """One run from its start to its place in the store."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._warn = _Line(quiet=program.quiet)
        self._time = time.time
        self._clock = time.perf_counter

    def begin(self) -> starting.Start:
        program = self._program
        cache_dir = None
        self._started = self._time()
        self._command = [program.target, *program.arguments]
        _clew.start(program.detail)
        self._start = starting.prepare(
            program.kind,
            program.target,
            program.arguments,
            include=program.include,
            exclude=program.exclude,
            cache_dir=cache_dir,
        )
        self._began = self._clock()
        return self._start

    def finish(self, exit_code: int, ended_by: str | None, namespace: dict[str, object]) -> None:
        elapsed = self._clock() - self._began
        _clew.finish(namespace)
        if self._start.recorded:
            self._warn(f"run recorded ({elapsed:.2f} s; clew slice NAME to slice)")


class _Line:
    """Clew's own words: one line on the terminal's error stream, past what the program made of `sys.stderr`."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._write = os.write

    def __call__(self, text: str) -> None:
        if self._quiet:
            return
        try:
            self._write(2, f"clew: {text}\n".encode())
        except OSError:
            pass
