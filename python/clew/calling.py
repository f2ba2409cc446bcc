"""Questions about the event log of a run: sums over its calls, their tree, a timeline."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from clew import _core
from clew.errors import NotRecorded
from clew.storing import Run, Store

__all__ = ["table", "timeline", "tree"]


def table(store: Store, run: Run) -> dict[str, Any]:
    """Sum the calls of a run up by callee and by site; see `clew_render::calls::table`.

    Raises
    ------
    NotRecorded
        The run has no event log.
    """
    with _log(store, run) as path:
        sums: dict[str, Any] = json.loads(_core.calls_table(path))
        return sums


def tree(store: Store, run: Run, *, max_nodes: int = 1000) -> dict[str, Any]:
    """Sum the calls of a run up by the chain of calls that led to them.

    Raises
    ------
    NotRecorded
        The run has no event log.
    """
    with _log(store, run) as path:
        nodes: dict[str, Any] = json.loads(_core.calls_tree(path, max_nodes))
        return nodes


def timeline(store: Store, run: Run, path: str, *, operations: bool = False) -> int:
    """Write the calls of a run in Chrome's trace format, which Perfetto opens; count them.

    Raises
    ------
    NotRecorded
        The run has no event log.
    """
    with _log(store, run) as log:
        return _core.calls_chrome(log, path, run.script, operations)


@contextmanager
def _log(store: Store, run: Run) -> Iterator[str]:
    """Put the event log of a run into a file for as long as it is read."""
    segments = store.run_log(run.id)
    unfinished = store.unfinished_log(run.id)
    if not segments and unfinished is not None:
        # The run is open or was killed: what is in the file can be read all the same.
        yield unfinished
        return
    if not segments:
        raise NotRecorded(f"run {run.id} has no log of calls", _advice(run))
    with TemporaryDirectory(prefix="clew-") as directory:
        path = os.path.join(directory, "events")
        store.copy_object(segments[0][0], path)
        yield path


def _advice(run: Run) -> str:
    if run.detail == "statement":
        return "record it with clew run --detail call"
    return run.note or "record it again"
