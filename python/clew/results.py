"""What a recording is to the user: its calls, effects, graph and slices.

The questions are answered by the modules that the command line asks too (`clew.slicing`).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from clew import _core, slicing, targets
from clew.capturing import Captured, keep
from clew.errors import NotRecorded, Refused
from clew.places import Site

__all__ = ["Call", "Effect", "Graph", "Recording", "Slice"]


class Call(NamedTuple):
    """One call in the log of a recording. Values are told by short texts.

    Attributes
    ----------
    callee
        Name of what was called.
    arguments
        Texts of the first arguments: numbers and short texts as they are, anything else by type
        and size.
    n_arguments
        How many there were.
    result
        Text of the result; None if the call raised, did not end, or the result is not known.
    raised
        Name of the type of the exception that ended it.
    path, line
        Where it was made.
    parent
        Index of the call during which it was made; None for an outermost one.
    thread
        Number of the thread, from 0.
    start_ns, duration_ns
        From the beginning of the recording; how long it took, None if it did not end.
    """

    callee: str
    arguments: list[str]
    n_arguments: int
    result: str | None
    raised: str | None
    path: str
    line: int
    parent: int | None
    thread: int
    start_ns: int
    duration_ns: int | None

    @property
    def error(self) -> str | None:
        """What ended it, as in a `FunctionCall`."""
        return self.raised

    @property
    def site(self) -> Site:
        """Where it was made, as in a `FunctionCall`."""
        return Site(self.path, self.line, None)

    @property
    def end_ns(self) -> int | None:
        """When it ended, as in a `FunctionCall`."""
        return None if self.duration_ns is None else self.start_ns + self.duration_ns


class Effect(NamedTuple):
    """What a recorded program did to the world outside its objects.

    Attributes
    ----------
    line
        Line of the program's statement during which it happened.
    kind
        `file`, `directory`, `database`, `network`, `environment`, `random`, `clock`, `stdio`,
        `process` or `module`.
    key
        Which one: a path, a variable, `numpy.random`.
    access
        `read`, `write`, `update` or `absent`.
    """

    line: int | None
    kind: str
    key: str
    access: str


class Slice(str):
    """The text of a slice, a program; with what is known of it.

    Attributes
    ----------
    lines
        Lines of the recorded program at which a kept statement begins.
    n_statements, n_executed
        How many statements are kept, and how many ran.
    reasons
        Why each statement is kept.
    """

    lines: list[int]
    n_statements: int
    n_executed: int
    reasons: list[dict[str, Any]]


class Graph:
    """The dependencies between the statements of a recording.

    Attributes
    ----------
    nodes
        Statements, and the outside state they used: dictionaries with `id`, `label`, `line`, ...
    edges
        Dictionaries with `from`, `to` and `kind` (`data`, `control`, `mutate`, `view`, `global`,
        `external`, `call`).
    """

    def __init__(self, captured: Captured, found: dict[str, Any]) -> None:
        self._captured = captured
        self.nodes: list[dict[str, Any]] = found["nodes"]
        self.edges: list[dict[str, Any]] = found["edges"]

    def __repr__(self) -> str:
        return f"<clew.Graph: {len(self.nodes)} nodes, {len(self.edges)} edges>"

    def render(self, path: str | os.PathLike[str] | None = None, format: str | None = None) -> str:
        """Draw the graph; answer the text of the picture.

        Parameters
        ----------
        path
            Also write it to this file.
        format
            `svg`, `html`, `dot`, `mermaid` or `json`; by default as the name of the file ends,
            or `svg`.

        Raises
        ------
        UsageError
            There is no such format.
        """
        suffix = os.path.splitext(os.fspath(path))[1][1:] if path is not None else ""
        recorded = self._captured.recorded
        found = {"nodes": self.nodes, "edges": self.edges}
        text = slicing.draw(recorded, found, format or suffix or "svg", recorded.run.script)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def _repr_html_(self) -> str:
        return self.render(format="svg")


class Recording:
    """What was recorded; made by `record` and `recording`.

    Attributes
    ----------
    exception
        The exception that ended what was recorded; None if it ended well.
    namespace
        The names of a recorded source at its end; None when something else was recorded.
    """

    def __init__(self, detail: str) -> None:
        self.detail = detail
        self.exception: BaseException | None = None
        self.namespace: dict[str, Any] | None = None
        self._result: Any = None
        self._done: Captured | None = None
        # Why nothing can be sliced, if so.
        self._no_slices: str | None = None
        self._calls: list[Call] | None = None

    def __repr__(self) -> str:
        if self._done is None:
            return f"<clew.Recording, detail {self.detail}, not over>"
        ending = "" if self.exception is None else f", raised {type(self.exception).__name__}"
        return f"<clew.Recording of {self._done.recorded.run.script}, detail {self.detail}{ending}>"

    @property
    def result(self) -> Any:
        """What the function returned; of a source, the value of its last line, if an expression.

        Raises the exception that ended what was recorded, if one did.
        """
        if self.exception is not None:
            raise self.exception
        return self._result

    @property
    def notes(self) -> list[str]:
        """Why the recording is not complete, and which annotations it contradicts: sentences.

        Empty when there is nothing to say.
        """
        captured = self._captured
        dropped = captured.n_dropped
        return captured.notes + (
            [f"{dropped} events are missing: the log was full"] if dropped else []
        )

    @property
    def calls(self) -> list[Call]:
        """The calls that user code made, in the order in which they began.

        Raises
        ------
        NotRecorded
            The level of the recording has no calls.
        """
        if self._calls is None:
            log = self._captured.log
            if log is None:
                raise NotRecorded("this recording has no calls", 'record with detail="call"')
            self._calls = [_call(row) for row in _core.calls_list(log, sys.maxsize)]
        return self._calls

    @property
    def effects(self) -> list[Effect]:
        """What was read and written outside: files, random state, the environment, and so on."""
        found = self._captured.recorded.described()["effects"]
        return sorted((Effect(*effect) for effect in found), key=lambda effect: effect.line or 0)

    @property
    def graph(self) -> Graph:
        """The dependencies between statements."""
        captured = self._captured
        return Graph(captured, slicing.dependencies(captured.recorded))

    def slice(self, target: str) -> Slice:
        r"""Take the part of a recorded source that a value depends on.

        The slice, run alone in the same directory, gives the value again; if the source was
        recorded in a namespace with names of its own, the slice needs these too.

        Parameters
        ----------
        target
            A name, `NAME@LINE`, `FILE:LINE`, `file:PATH` or `artifact:NAME`.

        Raises
        ------
        UnknownTarget
            The recording has no such target.
        Refused
            A slice could be wrong; the message is the reason.

        Examples
        --------
        >>> import clew
        >>> rec = clew.record("a = 1\nb = 2\nc = a + 1\n")
        >>> print(rec.slice("c"), end="")
        a = 1
        c = a + 1
        """
        parsed = targets.parse(target)
        if self._no_slices is not None:
            raise Refused(self._no_slices, "record the source to slice it: clew.record(text)")
        sliced = slicing.take(self._captured.recorded, parsed)
        text = Slice(sliced.text)
        text.lines, text.reasons = sliced.lines, sliced.reasons
        text.n_statements, text.n_executed = sliced.n_statements, sliced.n_executed
        return text

    def to_sql(self, connection: Any, *, prefix: str = "clew_") -> None:
        """Write the recording into tables of a database.

        The tables are `PREFIX` and `statements`, `dependencies`, `effects` and `calls`; each row
        begins with `recording`, a text that is the same for all rows of this recording. Tables
        are made where they are missing; rows are added, in one transaction.

        Parameters
        ----------
        connection
            The path of an SQLite database, or an open connection (PEP 249) whose parameters are
            written as `?`.
        prefix
            What the names of the tables begin with.
        """
        from clew.exporting import write_tables

        write_tables(self, connection, prefix)

    def keep(self, store: str | None = None) -> str:
        """Put the recording into the store, as a run that the command line finds.

        Parameters
        ----------
        store
            Which one; by default `CLEW_STORE`, or `.clew` here or above, or a new one here.

        Returns
        -------
        str
            The run's id.
        """
        return keep(self._captured, store)

    @property
    def _captured(self) -> Captured:
        if self._done is None:
            raise NotRecorded("the recording is not over", "ask after the with block")
        return self._done


def _call(row: tuple[Any, ...]) -> Call:
    parent, callee, arguments, n_arguments, result, raised, place, thread, start, duration = row
    path, line = place or ("", 0)
    return Call(
        callee, arguments, n_arguments, result, raised, path, line, parent, thread, start, duration
    )
