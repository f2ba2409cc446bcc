"""A recording taken out of the store: the run, its trace, the texts of its sources."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from clew import _core
from clew.errors import NotRecorded, ObjectMissing
from clew.storing import Run, Store

__all__ = ["RecordedRun", "Source", "load", "source_bytes"]


class Source(NamedTuple):
    """One source of a run.

    Attributes
    ----------
    path, module
        As the program saw them.
    text
        As it was when the program ran.
    """

    path: str
    module: str
    text: str


class RecordedRun(NamedTuple):
    """A run with its record.

    Attributes
    ----------
    run
        Its row in the store.
    trace
        The encoded trace.
    sources
        The program, then the modules that were recorded, in the order of the trace.
    """

    run: Run
    trace: bytes
    sources: list[Source]

    @property
    def texts(self) -> list[str]:
        """The texts of the sources."""
        return [source.text for source in self.sources]

    def described(self) -> dict[str, Any]:
        """Tell what the trace says in lines, names and paths; see `_clew.describe_trace`."""
        return _core.describe_trace(self.trace, self.texts)

    def line(self, number: int | None) -> str:
        """Give a line of the program, without the blanks around it; empty when there is none."""
        lines = self.sources[0].text.splitlines() if self.sources else []
        return lines[number - 1].strip() if number is not None and 0 < number <= len(lines) else ""

    def relative(self, path: str) -> str:
        """Write a path as seen from the run's directory, where that is shorter."""
        if not os.path.isabs(path):
            return path
        shorter = os.path.relpath(path, self.run.cwd)
        return path if shorter.startswith(os.pardir) else shorter


def load(store: Store, name: str | None = None) -> RecordedRun:
    """Take a recording out of the store.

    Raises
    ------
    UnknownRun
        There is no run of this name.
    NotRecorded
        The run has no record: it is still open, or it was killed.
    """
    run = store.run(name or "latest")
    if run.trace is None:
        raise NotRecorded(
            f"run {run.id} has no record: {_why(run)}", "clew runs lists others, for --run"
        )
    sources = [
        Source(path, module, _text(store, run, path, hash))
        for path, module, hash in store.run_sources(run.id)
    ]
    return RecordedRun(run, store.get_object(run.trace), sources)


def source_bytes(text: str) -> bytes:
    """Encode a program's text as its own first lines declare, or as UTF-8."""
    import tokenize
    from io import BytesIO

    plain = text.encode()
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(plain).readline)
        return plain if encoding.startswith("utf-8") else text.encode(encoding)
    except (SyntaxError, UnicodeError, LookupError):
        return plain


def _why(run: Run) -> str:
    if run.state == "open":
        return f"it is still running (process {run.pid} on {run.host})"
    return run.note or "nothing in it could be recorded"


def _text(store: Store, run: Run, path: str, hash: str) -> str:
    try:
        return store.get_object(hash).decode("utf-8", "replace")
    except ObjectMissing as problem:
        raise NotRecorded(f"the text of {path} in run {run.id} is lost", problem.hint) from None
