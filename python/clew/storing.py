"""The store, from Python: finding and opening it, and its rows as small objects.

A thin wrapper: what the store is, and every decision about it, is in the Rust crate `clew-store`.
This module is loaded in the user's process, so it imports nothing that a bare interpreter has not
loaded.
"""

from __future__ import annotations

import os

from clew import _core

__all__ = ["Artifact", "Collected", "Run", "Store", "find_store", "open_store"]


class _Row:
    """Named values of one row, in the order of `__slots__`."""

    __slots__: tuple[str, ...] = ()

    def __init__(self, fields: dict[str, object]) -> None:
        for name in self.__slots__:
            setattr(self, name, fields[name])

    def as_dict(self) -> dict[str, object]:
        """Give the row as a dictionary that JSON can hold."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((type(self), getattr(self, self.__slots__[0])))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.as_dict().items())})"
        )


class Run(_Row):
    """One recording.

    Attributes
    ----------
    id
        `20261120-095512-3fa9c1`: the start in UTC, and random digits.
    script, argv, cwd
        The program as the user gave it, its arguments with secrets masked, the directory it started
        in.
    interpreter, python_version, clew_version, packages
        What it ran on.
    detail
        `statement`, `call` or `op`.
    started, ended
        UTC, ISO 8601; `ended` is None for a run that has not ended or was killed.
    exit_status
        The exit status, if the program got as far.
    state
        `open`, `finished` or `interrupted`.
    note
        A sentence for people: why it was interrupted, what the recording lacks.
    trace
        The object that holds the trace; None when nothing was recorded.
    n_events
        Number of events at the levels `call` and `op`.
    pid, host
        The process that recorded.
    """

    __slots__ = (
        "argv",
        "clew_version",
        "cwd",
        "detail",
        "ended",
        "exit_status",
        "host",
        "id",
        "interpreter",
        "n_events",
        "note",
        "packages",
        "pid",
        "python_version",
        "script",
        "started",
        "state",
        "trace",
    )
    id: str
    script: str
    argv: list[str]
    cwd: str
    interpreter: str
    python_version: str
    clew_version: str
    packages: dict[str, str]
    detail: str
    started: str
    ended: str | None
    exit_status: int | None
    state: str
    note: str | None
    trace: str | None
    n_events: int
    pid: int
    host: str


class Artifact(_Row):
    """A value that was saved under a name.

    Attributes
    ----------
    name, version
        Each save of a name makes a new version, from 1.
    run, unit, line
        The run, the statement and the line that saved it; None outside a recording.
    fingerprint, type_name, summary
        The value's fingerprint, its type's name, a short text of it.
    object
        The object that holds the serialised value; None when it could not be serialised.
    created
        When it was saved: UTC, ISO 8601.
    """

    __slots__ = (
        "created",
        "fingerprint",
        "line",
        "name",
        "object",
        "run",
        "summary",
        "type_name",
        "unit",
        "version",
    )
    name: str
    version: int
    run: str | None
    unit: int | None
    line: int | None
    fingerprint: str | None
    type_name: str
    summary: str
    object: str | None
    created: str


class Collected(_Row):
    """What `Store.gc` removed, or would remove.

    Attributes
    ----------
    runs
        Runs removed, oldest first.
    kept_for_artifacts
        Number of runs that were named but are kept, because they saved artifacts.
    n_objects, n_cached, n_bytes
        Objects and cached sources removed, and the bytes on disk that all this took.
    n_young
        Objects that nothing refers to but that are too young to be removed.
    """

    __slots__ = ("kept_for_artifacts", "n_bytes", "n_cached", "n_objects", "n_young", "runs")
    runs: list[str]
    kept_for_artifacts: int
    n_objects: int
    n_cached: int
    n_bytes: int
    n_young: int


class Store:
    """A store of recordings; made by `open_store`.

    It holds no open file between calls, can be shared between threads and taken through a fork.
    """

    __slots__ = ("native",)

    def __init__(self, native: _core.Store) -> None:
        self.native = native

    def __repr__(self) -> str:
        return f"Store({self.path!r})"

    @property
    def path(self) -> str:
        """The store's directory, absolute."""
        return self.native.path

    @property
    def writable(self) -> bool:
        """Whether it can be written."""
        return self.native.writable

    @property
    def owned(self) -> bool:
        """Whether it belongs to this user; only then may values in it be loaded unasked."""
        if not hasattr(os, "geteuid"):
            return True
        return os.stat(self.path).st_uid in (os.geteuid(), 0)

    def begin_run(
        self,
        *,
        script: str,
        argv: list[str],
        cwd: str,
        interpreter: str,
        python_version: str,
        detail: str,
        packages: dict[str, str] | None = None,
    ) -> str:
        """Record that a run begins in this process, and name it; secrets in `argv` are masked."""
        return self.native.begin_run(
            script=script,
            argv=argv,
            cwd=cwd,
            interpreter=interpreter,
            python_version=python_version,
            detail=detail,
            packages=packages or {},
        )

    def finish_run(
        self,
        run: str,
        *,
        exit_status: int | None = None,
        interrupted: bool = False,
        note: str | None = None,
        trace: str | None = None,
        sources: list[tuple[str, str, str]] | None = None,
        log: list[tuple[str, int]] | None = None,
        n_events: int = 0,
        n_dropped: int = 0,
        packages: dict[str, str] | None = None,
    ) -> None:
        """Record that a run has ended; all of it or nothing.

        Parameters
        ----------
        run
            The id that `begin_run` answered.
        exit_status, interrupted, note
            How it ended.
        trace
            The object that holds the trace.
        sources
            `(path, module, object)` of each source, in the order of the trace.
        log
            `(object, number of events)` of each segment of the event log, in order. What stands at
            `log_path` need not be named: it becomes a segment.
        n_events, n_dropped
            Number of events, and how many of them the log's cap left out.
        packages
            Versions of the packages that were imported; None leaves those given at the start.
        """
        self.native.finish_run(
            run,
            exit_status=exit_status,
            interrupted=interrupted,
            note=note,
            trace=trace,
            sources=sources or [],
            log=log or [],
            n_events=n_events,
            n_dropped=n_dropped,
            packages=packages or {},
        )

    def put_object(self, data: bytes) -> str:
        """Store bytes under their hash (BLAKE3, hexadecimal); cheap when they are there."""
        return self.native.put_object(data)

    def put_file(self, path: str) -> str:
        """Store the content of a file under its hash, without holding it in memory."""
        return self.native.put_file(path)

    def get_object(self, hash: str) -> bytes:
        """Give the bytes of an object, verified.

        Raises
        ------
        ObjectMissing, ObjectDamaged
            It is not there, or not what was stored.
        """
        return self.native.get_object(hash)

    def copy_object(self, hash: str, path: str) -> None:
        """Write the bytes of an object, verified, to a file, without holding them in memory.

        Raises
        ------
        ObjectMissing, ObjectDamaged
            It is not there, or not what was stored; the file is not to be used then.
        """
        self.native.copy_object(hash, path)

    def has_object(self, hash: str) -> bool:
        """Tell whether an object is there."""
        return self.native.has_object(hash)

    def runs(self, limit: int | None = None) -> list[Run]:
        """List the newest runs, newest first; all of them without a limit."""
        return [Run(row) for row in self.native.runs(limit)]

    def run(self, name: str = "latest") -> Run:
        """Find the run of this name: `latest`, `latest~N`, an id or its unique prefix.

        Raises
        ------
        UnknownRun
            There is no such run, or more than one.
        """
        return Run(self.native.run(name))

    def run_sources(self, run: str) -> list[tuple[str, str, str]]:
        """List `(path, module, object)` of each source of a run, in the order of its trace."""
        return self.native.run_sources(run)

    def run_log(self, run: str) -> list[tuple[str, int]]:
        """List `(object, number of events)` of each segment of a run's event log, in order."""
        return self.native.run_log(run)

    def log_path(self, run: str) -> str:
        """Tell where the event log of a run is to be written; the file does not exist yet."""
        return self.native.log_path(run)

    def unfinished_log(self, run: str) -> str | None:
        """Find the log file of a run that is still open or was killed."""
        return self.native.unfinished_log(run)

    def save_artifact(
        self,
        name: str,
        *,
        type_name: str,
        summary: str,
        run: str | None = None,
        unit: int | None = None,
        line: int | None = None,
        fingerprint: str | None = None,
        object: str | None = None,
    ) -> int:
        """Save a value's description under its name; answers the version that it got."""
        return self.native.save_artifact(
            name,
            type_name=type_name,
            summary=summary,
            run=run,
            unit=unit,
            line=line,
            fingerprint=fingerprint,
            object=object,
        )

    def artifacts(self, *, all_versions: bool = False) -> list[Artifact]:
        """List the newest version of every artifact, or all versions; by name."""
        return [Artifact(row) for row in self.native.artifacts(all_versions=all_versions)]

    def artifacts_of_run(self, run: str) -> list[Artifact]:
        """List the artifacts that a run saved, in the order of saving."""
        return [Artifact(row) for row in self.native.artifacts_of_run(run)]

    def artifact(
        self, name: str, *, version: int | None = None, run: str | None = None
    ) -> Artifact:
        """Find one artifact: the newest version, the given one, or the newest that `run` saved.

        Raises
        ------
        UnknownArtifact
            There is none.
        """
        return Artifact(self.native.artifact(name, version=version, run=run))

    def gc(
        self,
        *,
        keep: int | None = None,
        older_than_seconds: int | None = None,
        artifacts_too: bool = False,
        dry_run: bool = False,
        grace_seconds: int | None = None,
    ) -> Collected:
        """Remove runs that are no longer wanted, then objects that nothing refers to.

        Safe beside recordings.

        Parameters
        ----------
        keep
            Keep this many of the newest runs.
        older_than_seconds
            Remove runs that began longer ago.
        artifacts_too
            Remove runs that saved artifacts too, with their artifacts.
        dry_run
            Only say what would be removed.
        grace_seconds
            How long an object without a row is left alone; the default is safe beside recordings.
        """
        row = self.native.gc(
            keep=keep,
            older_than_seconds=older_than_seconds,
            artifacts_too=artifacts_too,
            dry_run=dry_run,
            grace_seconds=grace_seconds,
        )
        return Collected(row)

    def sql(self, query: str) -> tuple[list[str], list[list[object]]]:
        """Run one statement that only reads; answers names of columns, and rows.

        Raises
        ------
        QueryError
            The statement is wrong, or would change something.
        """
        return self.native.sql(query)

    def tables(self) -> list[tuple[str, list[str], int]]:
        """List name, columns and number of rows of each table."""
        return self.native.tables()


def find_store(named: str | None = None) -> str:
    """Find the directory of the store for work in the current directory, whether it exists or not.

    Parameters
    ----------
    named
        What the user named with `--store`; then `CLEW_STORE`; then `.clew` here or above; else
        `.clew` here.
    """
    path, _ = _locate(named, must_exist=False)
    return path


def open_store(named: str | None = None, *, create: bool = False) -> Store:
    """Open the store for work in the current directory.

    Parameters
    ----------
    named
        As in `find_store`.
    create
        Make it if it does not exist, and fail if it cannot be written.

    Raises
    ------
    StoreError
        There is none, or it cannot be used; one of the classes below it in `clew.errors`.
    """
    path, _ = _locate(named, must_exist=not create)
    return Store(_core.Store(path, create))


def _locate(named: str | None, *, must_exist: bool) -> tuple[str, bool]:
    user = os.geteuid() if hasattr(os, "geteuid") else None
    try:
        here = os.getcwd()
    except OSError:
        # The current directory was removed; a store can still be named by an absolute path.
        here = os.sep
    return _core.locate_store(named or os.environ.get("CLEW_STORE"), here, user, must_exist)
