"""`clew run`: a program, run as `python` runs it, with a recording around it.

The interpreter is prepared by `clew.starting`; `_clew.run_program` then follows the interpreter's
own `main` step by step and does not come back. Everything that the end of a run needs is imported
and looked up before the program starts: what the program changes in `sys`, `os`, `builtins` or the
import system must not reach Clew, and Clew's own work must not show in the program.
"""

import errno
import os
import sys
import time
from types import ModuleType

from clew import _clew, starting, storing
from clew.effects import index
from clew.errors import ClewError

__all__ = ["Program", "current", "run"]

# What ends a run from outside, with the exit status that the shell shows for it.
_INTERRUPTIONS = {"KeyboardInterrupt": 130, "SIGTERM": 143, "SIGHUP": 129}

# Cap of the event log in bytes, where `--max-log` sets none.
_MAX_LOG = 1 << 30

# Characters of a `-c` text that a list of runs shows.
_SHOWN = 60


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
    newest
        Keep the last events rather than the first, where the cap is met.
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
        newest: bool = False,
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
        self.newest = newest
        self.quiet = quiet

    @property
    def name(self) -> str:
        """The program in one line, for people."""
        if self.kind == "module":
            return f"-m {self.target}"
        if self.kind == "command":
            text = " ".join(self.target.split())
            return f"-c {text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}"
        return self.target


def run(program: Program) -> int:
    """Run a program and keep its recording.

    Ends the process, unless the interpreter was started with `-i`: the exit code is returned then.

    Raises
    ------
    OSError
        The script cannot be read.
    """
    global _current
    recording = _Recording(program)
    start = recording.begin()
    _current = recording
    return _clew.run_program(start.kind, start.payload, recording.finish)


def current() -> tuple[storing.Store, str] | None:
    """Answer the store and the id of the run that this process records; None if there is none."""
    if _current is None or not _clew.is_recording():
        return None
    return _current.place


_current: "_Recording | None" = None


class _Recording:
    """One run from its start to its place in the store.

    A store that cannot be used is no reason to disturb the program: it runs unrecorded, with one
    line at the end.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._store: storing.Store | None = None
        self._run = ""
        self._problem: str | None = None
        self._dropped = 0, 0
        self._contradicted: list[tuple[str, str]] = []
        # Taken now, because the program may change the modules that they are from.
        self._clock = time.perf_counter
        self._write = os.write

    @property
    def place(self) -> tuple[storing.Store, str] | None:
        """The store and the run's id in it."""
        return None if self._store is None or not self._run else (self._store, self._run)

    def begin(self) -> starting.Start:
        """Open the store and make the interpreter ready for the program."""
        program = self._program
        _check_readable(program)
        cache_dir = None
        try:
            self._store = storing.open_store(program.store, create=True)
            self._run = self._store.begin_run(
                script=program.name,
                argv=program.arguments,
                cwd=_working_directory(),
                interpreter=sys.executable or "",
                python_version=".".join(map(str, sys.version_info[:3])),
                detail=program.detail,
            )
            cache_dir = os.path.join(self._store.path, "cache")
            index.use_store(self._store.path)
            log = None if program.detail == "statement" else self._store.log_path(self._run)
            _clew.start(program.detail, log, program.max_log or _MAX_LOG, newest=program.newest)
        except (ClewError, OSError) as problem:
            self._problem = str(problem)
        instrumentation = starting.Instrumentation(
            program.detail,
            program.include,
            program.exclude,
            cache_dir,
            active=self._problem is None,
        )
        self._start = starting.prepare(
            program.kind, program.target, program.arguments, instrumentation
        )
        self._began = self._clock()
        return self._start

    def finish(self, exit_code: int, ended_by: str | None, namespace: dict[str, object]) -> None:
        """Put the recording into the store, when the program and its exit functions are through."""
        elapsed = self._clock() - self._began
        if self._problem is None:
            try:
                self._keep(exit_code, ended_by, namespace)
            except ClewError as problem:
                self._problem = str(problem)
            except Exception as problem:
                self._problem = f"a defect in Clew: {type(problem).__name__}: {problem}"
        if self._problem is not None:
            self._say(f"warning: this run is not recorded: {self._problem}")
        elif self._start.note:
            self._say(f"warning: this run is not recorded: {self._start.note}")
        elif self._start.recorded:
            self._say(
                f"run {self._run} recorded ({elapsed:.2f} s; {self._cap()}clew slice NAME to slice)"
            )

        for file, callee in self._contradicted:
            self._say(f"warning: {index.contradiction(file, callee)}")
        for line in index.problems:
            self._say(f"warning: annotations: {line} (the file is left out)")

    def _cap(self) -> str:
        """Tell that the log met its cap, if it did."""
        n_events, n_dropped = self._dropped
        if not n_dropped:
            return ""
        kept = "last" if self._program.newest else "first"
        n_kept = n_events - n_dropped
        return f"its log met the cap: the {kept} {n_kept} of {n_events} events are kept; "

    def _keep(self, exit_code: int, ended_by: str | None, namespace: dict[str, object]) -> None:
        store = self._store
        assert store is not None
        recorded = _clew.finish(namespace, ended_by is not None)
        self._dropped = recorded.n_events, recorded.n_dropped
        self._contradicted = recorded.contradicted
        sources = [
            (path, module, store.put_object(text.encode("utf-8", "surrogatepass")))
            for path, module, text in recorded.sources
        ]
        interrupted = ended_by in _INTERRUPTIONS
        store.finish_run(
            self._run,
            exit_status=_INTERRUPTIONS.get(ended_by or "", exit_code),
            interrupted=interrupted,
            note=self._note(ended_by),
            trace=store.put_object(recorded.trace) if sources else None,
            n_events=recorded.n_events,
            n_dropped=recorded.n_dropped,
            sources=sources,
            packages=_packages(),
        )

    def _note(self, ended_by: str | None) -> str | None:
        if not self._start.recorded:
            return "the program does not compile"
        return None if ended_by is None else f"ended by {ended_by}"

    def _say(self, text: str) -> None:
        """Write one line past what the program made of `sys.stderr`."""
        if self._program.quiet:
            return
        line = f"clew: {' '.join(text.split())}\n".encode(errors="backslashreplace")
        try:
            self._write(2, line)
        except OSError:
            return  # Nobody can read it.


def _check_readable(program: Program) -> None:
    """Raise an `OSError` for a script that cannot be read, before anything is recorded.

    It is not opened: a pipe (`clew run <(generate)`) can be read only once.
    """
    if program.kind == "script" and program.target != "-":
        os.stat(program.target)
        if not os.access(program.target, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), program.target)


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""


def _packages() -> dict[str, str]:
    """Find the versions of the installed packages that the program has imported.

    `importlib.metadata` would take longer than the rest of the ending. A package's own
    `__version__` is taken, or else the version in the name of its metadata directory.
    """
    found: dict[str, str] = {}
    directories: dict[str, dict[str, str]] = {}
    for name, module in list(sys.modules.items()):
        if "." in name or name.startswith("_") or not isinstance(module, ModuleType):
            continue
        attributes = ModuleType.__getattribute__(module, "__dict__")
        file = attributes.get("__file__")
        if type(file) is not str:
            continue
        head, _, below = file.rpartition("/site-packages/")
        if not head or below.count("/") > 1:
            continue
        version = attributes.get("__version__")
        if type(version) is not str:
            directory = f"{head}/site-packages"
            if directory not in directories:
                directories[directory] = _installed(directory)
            version = directories[directory].get(name.lower())
        if version:
            found[name] = version
    return found


def _installed(directory: str) -> dict[str, str]:
    """Distribution name to version, from the names of the metadata directories in a directory."""
    found = {}
    for entry in _clew.directory_names(directory):
        if entry.endswith(".dist-info"):
            name, _, version = entry.removesuffix(".dist-info").partition("-")
            found[name.lower().replace("-", "_")] = version
    return found
