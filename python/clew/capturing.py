"""A recording inside a process that goes on: begun, ended, and put into a store if need be.

Recordings nest. One that begins while another runs, in any thread, suspends the other until it
ends; the other notes what it has not seen. A recording stays in memory, its log of calls in a
temporary directory, unless it is kept or `clew.save` is called during it: then it is a run in the
store.
"""

from __future__ import annotations

import os
import sys
import threading
from tempfile import TemporaryDirectory

from clew import _core, storing
from clew.effects import index
from clew.errors import ClewError, UsageError
from clew.exchanging import Exchange, SourceFile
from clew.importing import hook_imports
from clew.recorded import RecordedRun, Source
from clew.watching import Watch

__all__ = ["DETAILS", "Capture", "Captured", "current"]

DETAILS = ("statement", "call", "op")

_MAX_LOG = 1 << 30
_LOCK = threading.RLock()
_active: dict[int, Capture] = {}


def current() -> Capture | None:
    """Answer the capture that records now; None if there is none, or if `clew run` records."""
    number = _core.recording_number()
    return None if number is None else _active.get(number)


class Captured:
    """What a recording left.

    Attributes
    ----------
    recorded
        The trace and its sources.
    log
        Path of the event log; None at the level `statement`.
    notes
        Reasons why the recording is not complete, and annotations that it contradicts.
    n_dropped
        Events that the cap of the log left out.
    """

    def __init__(
        self,
        recorded: RecordedRun,
        log: str | None,
        native: _core.Recorded,
        directory: TemporaryDirectory[str] | None,
        notes: list[str],
    ) -> None:
        self.recorded = recorded
        self.log = log
        wrong = [index.contradiction(file, callee) for file, callee in native.contradicted]
        self.notes = [*native.notes, *notes, *wrong]
        self.n_events = native.n_events
        self.n_dropped = native.n_dropped
        # The log goes when this does.
        self._directory = directory


class Capture:
    """One recording from its beginning to its end.

    Parameters
    ----------
    script
        What is recorded, in a few words for people.
    detail
        Level of the recording.
    """

    def __init__(self, script: str, detail: str) -> None:
        if detail not in DETAILS:
            raise UsageError(f"detail is one of {', '.join(DETAILS)}, not {detail!r}")
        self._script = script
        self.detail = detail
        self._directory: TemporaryDirectory[str] | None = None
        if detail != "statement":
            self._directory = TemporaryDirectory(prefix="clew-", ignore_cleanup_errors=True)
        self._store: storing.Store | None = None
        self._run = ""
        self._notes: list[str] = []
        store = _store_path()
        # Rewritten sources are kept in the store, if there is one.
        self.cache_dir = None if store is None else os.path.join(store, "cache")
        index.use_store(store)
        self.exchange = Exchange(detail, self.cache_dir)
        self.watch = Watch()

    @property
    def log(self) -> str | None:
        """Path of the event log."""
        return None if self._directory is None else os.path.join(self._directory.name, "events")

    def begin(self) -> None:
        """Begin; until `follow` is called, what happens is Clew's own doing."""
        with _LOCK:
            self._number = _core.start(self.detail, self.log, _MAX_LOG)
            _active[self._number] = self
            _core.disregard(True)
            self._imports = hook_imports([], [], detail=self.detail, cache_dir=self.cache_dir)

    def load(self, source: bytes | str, filename: str) -> object:
        """Compile a program so that it records; raises and warns as `compile` does."""
        return _core.load_main(_core.load, source, filename, self.detail, self.cache_dir)

    def exchange_functions(self, main: SourceFile | None = None) -> None:
        """Rewrite the functions of the user's modules that are loaded already."""
        with _LOCK:
            self.exchange.begin(main)

    def follow(self, *, watch: bool = True) -> None:
        """From here on it is the program that runs."""
        if watch:
            problem = self.watch.start()
            if problem is not None:
                self._notes.append(problem)
        _core.disregard(False)

    def end(self, namespace: dict[str, object] | None, *, raised: bool) -> Captured:
        """End, also after a beginning that went wrong half-way."""
        self.watch.stop()
        with _LOCK:
            _core.unhook_imports(self._imports)
            self.exchange.end()
            native = _core.finish(namespace, raised, self._number)
            _active.pop(self._number, None)
        run = storing.Run(self._row(native))
        sources = [Source(*parts) for parts in native.sources]
        captured = Captured(
            RecordedRun(run, native.trace, sources), self.log, native, self._directory, self._notes
        )
        if self._store is not None:
            _finish_run(self._store, self._run, captured)
        return captured

    def place(self) -> tuple[storing.Store, str]:
        """Give the store and the run that this recording is in, which it is from now on.

        Raises
        ------
        StoreError
            There is no store that can be written.
        """
        if self._store is None:
            store = storing.open_store(create=True)
            self._run = _begin_run(store, self._script, self.detail)
            self._store = store
        return self._store, self._run

    def _row(self, native: _core.Recorded) -> dict[str, object]:
        return {
            "id": self._run or "recording",
            "script": self._script,
            "argv": [],
            "cwd": _working_directory(),
            "interpreter": sys.executable or "",
            "python_version": _version(),
            "clew_version": _core.__version__,
            "packages": {},
            "detail": self.detail,
            "started": "",
            "ended": None,
            "exit_status": None,
            "state": "finished",
            "note": None,
            "trace": None,
            "n_events": native.n_events,
            "pid": os.getpid(),
            "host": "",
        }


def keep(captured: Captured, named: str | None) -> str:
    """Put a recording into the store and answer the run's id."""
    run = captured.recorded.run
    store = storing.open_store(named, create=True)
    id = _begin_run(store, run.script, run.detail)
    _finish_run(store, id, captured)
    return id


def _begin_run(store: storing.Store, script: str, detail: str) -> str:
    return store.begin_run(
        script=script,
        argv=[],
        cwd=_working_directory(),
        interpreter=sys.executable or "",
        python_version=_version(),
        detail=detail,
    )


def _finish_run(store: storing.Store, run: str, captured: Captured) -> None:
    recorded = captured.recorded
    sources = [
        (source.path, source.module, store.put_object(source.text.encode("utf-8", "surrogatepass")))
        for source in recorded.sources
    ]
    log = []
    if captured.log is not None and os.path.exists(captured.log):
        log = [(store.put_file(captured.log), captured.n_events)]
    store.finish_run(
        run,
        trace=store.put_object(recorded.trace),
        sources=sources,
        log=log,
        n_events=captured.n_events,
        n_dropped=captured.n_dropped,
    )


def _store_path() -> str | None:
    """Where the store is, if there is one."""
    try:
        return storing.open_store().path
    except (ClewError, OSError):
        return None


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""


def _version() -> str:
    return ".".join(map(str, sys.version_info[:3]))
