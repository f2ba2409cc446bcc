"""Questions about a recording: slices, explanations and dependency graphs of a target.

The answers are the Rust crate `clew-graph`'s. Here targets are related to the run (which file,
which run), and what is no answer becomes an exception.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from clew import _core
from clew.absolute import absolute_imports, package_of
from clew.errors import NotRecorded, Refused, UnknownTarget
from clew.recorded import RecordedRun, load
from clew.storing import Store
from clew.targets import Target

__all__ = [
    "Sliced",
    "choose",
    "dependencies",
    "draw",
    "explain",
    "resolved",
    "take",
    "written_files",
]

_SHOWN = 5


class Sliced(NamedTuple):
    """A slice.

    Attributes
    ----------
    text
        The program: the user's own text, comments and order.
    lines
        Lines of the original program at which a kept statement begins.
    n_statements, n_executed
        How many statements are kept, and how many of the program ran.
    reasons
        Why each statement is kept: `statement`, `line`, `needed_by` (a line), `kind`, `name`.
    """

    text: str
    lines: list[int]
    n_statements: int
    n_executed: int
    reasons: list[dict[str, Any]]


def choose(store: Store, target: Target, name: str | None) -> RecordedRun:
    """Take the recording that a question is about out of the store.

    Parameters
    ----------
    store
        The store.
    target
        What is asked about.
    name
        The run as the user named it; None for the latest, or for the one that saved the artifact.

    Raises
    ------
    UnknownRun, UnknownArtifact, NotRecorded
        There is none.
    """
    if target.kind != "artifact" or name is not None:
        return load(store, name)
    artifact = store.artifact(target.name)
    if artifact.run is None:
        message = f"artifact {target.name!r} was saved outside a recording"
        raise NotRecorded(message, "save it in a program that clew run runs")
    return load(store, artifact.run)


def take(recorded: RecordedRun, target: Target) -> Sliced:
    """Take the slice of a run with respect to a target.

    Raises
    ------
    UnknownTarget
        The run has no such target.
    Refused
        A slice could be wrong; the message is the reason.
    """
    status, found = _core.slice_program(*_question(recorded, target))
    if isinstance(found, str):
        raise _problem(status, found)
    fields = ("text", "lines", "n_statements", "n_executed", "reasons")
    sliced = Sliced(*(found[field] for field in fields))
    package = package_of(recorded.run.script, recorded.sources[0].path)
    return sliced._replace(text=absolute_imports(sliced.text, package)) if package else sliced


def explain(recorded: RecordedRun, target: Target) -> dict[str, Any]:
    """Explain a target: `steps` (each under the one that needs it), `inputs`, and counts.

    Raises
    ------
    UnknownTarget, Refused
        As for `take`.
    """
    import json

    status, found = _core.why_program(*_question(recorded, target))
    if status != "ok":
        raise _problem(status, found)
    explanation: dict[str, Any] = json.loads(found)
    return explanation


def dependencies(recorded: RecordedRun, target: Target | None = None) -> dict[str, Any]:
    """Give the dependencies of a run, or those behind a target: `nodes` and `edges`.

    Raises
    ------
    UnknownTarget
        The run has no such target.
    """
    import json

    graph: dict[str, Any] = json.loads(_core.graph_program(recorded.trace, recorded.texts))
    if target is not None:
        steps = {step["statement"] for step in explain(recorded, target)["steps"]}
        graph = _behind(graph, steps, resolved(recorded, target))
    return graph


def _behind(graph: dict[str, Any], steps: set[int], target: Target) -> dict[str, Any]:
    """Keep the statements of an explanation, and the outside state that they read."""
    nodes, edges = graph["nodes"], graph["edges"]
    kept = {node["id"] for node in nodes if node["source"] == 0 and node["statement"] in steps}
    outside = {node["id"]: node for node in nodes if node["statement"] is None}
    kept |= {edge["from"] for edge in edges if edge["to"] in kept and edge["from"] in outside}
    if target.kind == "file":
        kept |= {id for id, node in outside.items() if node["label"].endswith(target.name)}
    return {
        "nodes": [node for node in nodes if node["id"] in kept],
        "edges": [edge for edge in edges if edge["from"] in kept and edge["to"] in kept],
    }


def draw(recorded: RecordedRun, graph: dict[str, Any], form: str, title: str = "") -> str:
    """Turn dependencies into `dot`, `svg`, `html`, `mermaid` or `json`."""
    import json

    sources = [
        {"path": recorded.relative(source.path), "text": source.text} for source in recorded.sources
    ]
    return _core.render_graph(json.dumps({**graph, "sources": sources}), form, title)


def written_files(recorded: RecordedRun) -> list[str]:
    """List the files that a run wrote, as absolute paths."""
    effects = recorded.described()["effects"]
    keys = [key for _, kind, key, access in effects if kind == "file" and access in _WRITES]
    return list(dict.fromkeys(keys))


_WRITES = ("write", "update")


def resolved(recorded: RecordedRun, target: Target) -> Target:
    """Give the target with a file's name as the run knows it."""
    if target.kind != "file":
        return target
    return target._replace(name=_file(recorded, target.name))


def _question(
    recorded: RecordedRun, target: Target
) -> tuple[bytes, list[str], str, str, int | None, int]:
    """Put a target into the terms of the trace."""
    target = resolved(recorded, target)
    source = _source(recorded, target.name) if target.kind == "statement" else 0
    return recorded.trace, recorded.texts, target.kind, target.name, target.line, source


def _problem(status: str, message: str) -> Refused | UnknownTarget:
    return Refused(message) if status == "refused" else UnknownTarget(message)


def _file(recorded: RecordedRun, name: str) -> str:
    """Find the path that the run knows a file by, seen from its directory or from the current."""
    known = {key for _, kind, key, _ in recorded.described()["effects"] if kind == "file"}
    names = [os.path.join(recorded.run.cwd, name), os.path.abspath(name)]
    candidates = [name, *map(os.path.normpath, names), *map(os.path.realpath, names)]
    return next((path for path in candidates if path in known), candidates[1])


def _source(recorded: RecordedRun, name: str) -> int:
    """Find the number of the source that a file name stands for."""
    wanted = {os.path.realpath(os.path.join(recorded.run.cwd, name)), os.path.realpath(name)}
    paths = [os.path.join(recorded.run.cwd, source.path) for source in recorded.sources]
    found = [n for n, path in enumerate(paths) if os.path.realpath(path) in wanted]
    if not found:
        found = [n for n, source in enumerate(recorded.sources) if source.path == name]
    if not found:
        # The end of a path is enough where it is the end of one only.
        end = os.sep + os.path.normpath(name)
        found = [n for n, path in enumerate(paths) if os.path.normpath(path).endswith(end)]
    if len(found) == 1:
        return found[0]
    sources = [recorded.relative(source.path) for source in recorded.sources]
    shown = ", ".join(sources[:_SHOWN]) + (", ..." if len(sources) > _SHOWN else "")
    problem = "is not a source of this run" if not found else "names more than one source"
    raise UnknownTarget(f"{name!r} {problem}", f"its sources are {shown}")
