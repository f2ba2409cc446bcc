"""Recordings as tables of a database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from clew.errors import NotRecorded, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clew.results import Recording

__all__ = ["write_tables"]

_TABLES = {
    "statements": {"id": "INTEGER", "label": "TEXT", "path": "TEXT", "line": "INTEGER"},
    "dependencies": {"source": "INTEGER", "target": "INTEGER", "kind": "TEXT"},
    "effects": {"line": "INTEGER", "kind": "TEXT", "key": "TEXT", "access": "TEXT"},
    "calls": {
        "id": "INTEGER",
        "callee": "TEXT",
        "arguments": "TEXT",
        "result": "TEXT",
        "raised": "TEXT",
        "path": "TEXT",
        "line": "INTEGER",
        "parent": "INTEGER",
        "thread": "INTEGER",
        "start_ns": "INTEGER",
        "duration_ns": "INTEGER",
    },
}


def write_tables(recording: Recording, connection: Any, prefix: str) -> None:
    """Write a recording; see `Recording.to_sql`."""
    if not (prefix + "x").isidentifier():
        raise UsageError(f"{prefix!r} cannot begin the name of a table", "use letters and _")
    if isinstance(connection, str | os.PathLike):
        import sqlite3
        from contextlib import closing

        with closing(sqlite3.connect(connection)) as opened:
            _write(recording, opened, prefix)
    else:
        _write(recording, connection, prefix)


def _write(recording: Recording, connection: Any, prefix: str) -> None:
    import uuid

    name = uuid.uuid4().hex
    cursor = connection.cursor()
    try:
        for table, rows in _rows(recording).items():
            columns = {"recording": "TEXT", **_TABLES[table]}
            declared = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
            cursor.execute(f'CREATE TABLE IF NOT EXISTS "{prefix}{table}" ({declared})')
            marks = ", ".join("?" * len(columns))
            statement = f'INSERT INTO "{prefix}{table}" VALUES ({marks})'
            cursor.executemany(statement, [(name, *row) for row in rows])
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        cursor.close()


def _rows(recording: Recording) -> dict[str, Iterable[tuple[object, ...]]]:
    graph = recording.graph
    paths = [source.path for source in recording._captured.recorded.sources]

    def path(node: dict[str, Any]) -> str | None:
        return paths[node["source"]] if node.get("source") is not None else None

    rows: dict[str, Iterable[tuple[object, ...]]] = {
        "statements": [(n["id"], n["label"], path(n), n.get("line")) for n in graph.nodes],
        "dependencies": [(edge["from"], edge["to"], edge["kind"]) for edge in graph.edges],
        "effects": [tuple(effect) for effect in recording.effects],
    }
    try:
        calls = recording.calls
    except NotRecorded:
        return rows
    rows["calls"] = [
        (
            id,
            call.callee,
            ", ".join(call.arguments),
            call.result,
            call.raised,
            call.path,
            call.line,
            call.parent,
            call.thread,
            call.start_ns,
            call.duration_ns,
        )
        for id, call in enumerate(calls)
    ]
    return rows
