"""Values saved under a name: `save`, `get`, `artifacts`.

A value goes into the store with its fingerprint, a summary, and its content as cloudpickle writes
it. Saved in a recording, it knows the run and the statement that saved it, and so has a slice.
Loading a value is unpickling, which runs code: only values from a store of the user's own are
loaded without being told to.
"""

from __future__ import annotations

import sys
from typing import Any

from clew import _core, storing
from clew.errors import UsageError, ValueUnavailable

__all__ = ["Artifact", "artifacts", "get", "save"]


class Artifact:
    """A value that was saved under a name; made by `get` and `artifacts`.

    Attributes
    ----------
    name, version
        Each save of a name makes a new version, from 1.
    type_name, summary
        The value's type, and a short text of it.
    created
        When it was saved: UTC, ISO 8601.
    fingerprint
        The value's fingerprint.
    """

    def __init__(self, store: storing.Store, row: storing.Artifact, *, trust: bool = False) -> None:
        self._store = store
        self._row = row
        self._trust = trust
        self.name = row.name
        self.version = row.version
        self.type_name = row.type_name
        self.summary = row.summary
        self.created = row.created
        self.fingerprint = row.fingerprint

    def __repr__(self) -> str:
        return f"<clew.Artifact {self.name!r} version {self.version}: {self.summary}>"

    @property
    def value(self) -> Any:
        """The value, loaded anew each time.

        Raises
        ------
        ValueUnavailable
            It could not be serialised when it was saved, cannot be loaded now, or is in a store
            that belongs to somebody else.
        """
        if self._row.object is None:
            hint = "its fingerprint and summary are there"
            raise ValueUnavailable(f"the value of {self.name!r} could not be serialised", hint)
        if not self._trust and not self._store.owned:
            message = f"{self._store.path} belongs to another user; loading a value runs its code"
            raise ValueUnavailable(message, f"clew.get({self.name!r}, trust=True) loads it anyway")
        import pickle

        content = self._store.get_object(self._row.object)
        try:
            return pickle.loads(content)
        except Exception as problem:
            reason = f"{type(problem).__name__}: {problem}"
            message = f"the value of {self.name!r} cannot be loaded here ({reason})"
            raise ValueUnavailable(message, "run its slice to make it again") from problem

    @property
    def run(self) -> storing.Run | None:
        """The run that saved it; None if it was saved outside a recording."""
        return None if self._row.run is None else self._store.run(self._row.run)

    def slice(self) -> str:
        """Take the program that made the value.

        Raises
        ------
        NotRecorded
            It was saved outside a recording, or the run is not over.
        Refused
            A slice could be wrong; the message is the reason.
        """
        from clew import slicing
        from clew.errors import NotRecorded
        from clew.recorded import load
        from clew.targets import Target

        if self._row.run is None:
            message = f"{self.name!r} was saved outside a recording"
            raise NotRecorded(message, "save it in a program that clew run or clew.record runs")
        recorded = load(self._store, self._row.run)
        return slicing.take(recorded, Target("artifact", self.name)).text


def save(value: object, name: str) -> Artifact:
    """Save a value under a name.

    Parameters
    ----------
    value
        Anything. What cannot be serialised is kept by its fingerprint and summary, and a line on
        stderr says so.
    name
        Its name; an older value of that name stays as an older version.

    Returns
    -------
    Artifact
        What `get` would give.

    Raises
    ------
    StoreError
        There is no store that can be written.

    Examples
    --------
    >>> import clew
    >>> clew.save([1, 2, 3], "numbers").version
    1
    >>> clew.get("numbers").value
    [1, 2, 3]
    """
    if not isinstance(name, str) or not name:
        raise UsageError("an artifact needs a name", 'clew.save(value, "name")')
    place = _core.note_artifact(name, value)
    before = _core.disregard(True)
    try:
        store, run = _place()
        return Artifact(store, _put(store, run, place if run else None, value, name))
    finally:
        _core.disregard(before)


def get(
    name: str, *, version: int | None = None, store: str | None = None, trust: bool = False
) -> Artifact:
    """Find a value that was saved under a name.

    Parameters
    ----------
    name
        Its name.
    version
        Which one; by default the newest.
    store
        Where; by default `CLEW_STORE`, or `.clew` here or above.
    trust
        Load the value also from a store that belongs to another user.

    Returns
    -------
    Artifact
        With `value`, `run` and `slice()`.

    Raises
    ------
    UnknownArtifact
        There is none.
    StoreError
        There is no store.
    """
    opened = storing.open_store(store)
    return Artifact(opened, opened.artifact(name, version=version), trust=trust)


def artifacts(*, store: str | None = None, all_versions: bool = False) -> list[Artifact]:
    """List the saved values, by name.

    Parameters
    ----------
    store
        Where; by default `CLEW_STORE`, or `.clew` here or above.
    all_versions
        All versions, not only the newest of each name.

    Returns
    -------
    list of Artifact
        Empty if nothing was saved.

    Raises
    ------
    StoreError
        There is no store.
    """
    opened = storing.open_store(store)
    return [Artifact(opened, row) for row in opened.artifacts(all_versions=all_versions)]


def _place() -> tuple[storing.Store, str | None]:
    """Answer where a value goes: the store and the run of the recording, or just a store."""
    capturing = sys.modules.get("clew.capturing")
    capture = capturing.current() if capturing is not None else None
    if capture is not None:
        store, run = capture.place()
        return store, run
    running = sys.modules.get("clew.running")
    found = running.current() if running is not None else None
    return (storing.open_store(create=True), None) if found is None else found


def _put(
    store: storing.Store,
    run: str | None,
    place: tuple[int, int] | None,
    value: object,
    name: str,
) -> storing.Artifact:
    from clew.fingerprint import describe

    fingerprint, summary = describe(value)
    unit, line = place or (None, None)
    content = _serialised(value, name)
    version = store.save_artifact(
        name,
        type_name=type(value).__name__,
        summary=summary,
        run=run,
        unit=unit,
        line=line,
        fingerprint=fingerprint,
        object=None if content is None else store.put_object(content),
    )
    return store.artifact(name, version=version)


def _serialised(value: object, name: str) -> bytes | None:
    import cloudpickle

    try:
        content: bytes = cloudpickle.dumps(value)
    except Exception as problem:
        reason = " ".join(f"{type(problem).__name__}: {problem}".split())
        sys.stderr.write(
            f"clew: warning: the value of {name!r} is not kept, only its fingerprint ({reason})\n"
        )
        return None
    return content
