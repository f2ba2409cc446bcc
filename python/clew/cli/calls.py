"""List the calls of a run that was recorded with --detail call or op.

The table sums them up by what was called; --tree by the chain of calls. With --format chrome the
timeline is written, which https://ui.perfetto.dev opens.
"""

from __future__ import annotations

import argparse
import os
import sys
from tempfile import TemporaryDirectory
from typing import Any

from clew import calling
from clew.cli import output
from clew.cli.parsing import add_format, add_run, natural
from clew.storing import Run, Store, open_store

_KEYS = {"total": "total_ns", "self": "own_ns", "count": "count"}
_NUMBERS = ("CALLS", "TOTAL", "SELF", "LONGEST", "RAISED")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--tree", action="store_true", help="by the chain of calls")
    parser.add_argument("--sort", choices=list(_KEYS), default="total", help="default: total")
    parser.add_argument("-n", "--limit", type=natural, default=40, metavar="N", help="default: 40")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to a file")
    add_format(parser, "table", "json", "chrome")
    add_run(parser)


def execute(options: argparse.Namespace) -> int:
    """Print the calls."""
    store = open_store(options.store)
    run = store.run(options.run or "latest")
    if options.format == "chrome":
        _chrome(store, run, options.output)
        return 0
    if options.tree:
        found = calling.tree(store, run, max_nodes=max(1000, options.limit))
        text = _tree(found, _KEYS[options.sort], options.limit)
    else:
        found = calling.table(store, run)
        text = _table(found, _KEYS[options.sort], options.limit)
    if options.format == "json":
        text = output.json_text(found)
    if options.output in (None, "-"):
        sys.stdout.write(text)
    else:
        output.write_file(options.output, text)
    return 0


def _chrome(store: Store, run: Run, path: str | None) -> None:
    with TemporaryDirectory(prefix="clew-") as directory:
        written = os.path.join(directory, "timeline.json")
        calling.timeline(store, run, written, operations=run.detail == "op")
        with open(written, "rb") as file:
            if path in (None, "-"):
                output.copy_bytes(file)
            else:
                with open(path, "wb") as target:
                    output.copy_bytes(file, target)


def _table(found: dict[str, Any], key: str, limit: int) -> str:
    rows = sorted(found["callees"], key=lambda row: -row[key])
    cells = [(*_sums(row), row["callee"]) for row in rows[:limit]]
    shown = output.table((*_NUMBERS, "FUNCTION"), cells, right=_NUMBERS)
    return shown + _remarks(found, len(rows) - len(cells))


def _tree(found: dict[str, Any], key: str, limit: int) -> str:
    nodes = found["nodes"]
    children: dict[int, list[int]] = {}
    for number, node in enumerate(nodes[1:], 1):
        children.setdefault(node["parent"], []).append(number)
    cells: list[tuple[object, ...]] = []
    work = [(number, 0) for number in sorted(children.get(0, []), key=lambda n: nodes[n][key])]
    while work and len(cells) < limit:
        number, depth = work.pop()
        node = nodes[number]
        place = "" if node["path"] is None else f"{os.path.basename(node['path'])}:{node['line']}"
        cells.append((*_sums(node), "  " * depth + (node["callee"] or "(others)"), place))
        below = sorted(children.get(number, []), key=lambda n: nodes[n][key])
        work.extend((child, depth + 1) for child in below)
    columns = (*_NUMBERS, "FUNCTION", "CALLED AT")
    return output.table(columns, cells, right=_NUMBERS) + _remarks(
        found, len(nodes) - 1 - len(cells)
    )


def _sums(row: dict[str, Any]) -> tuple[object, ...]:
    times = (output.nanoseconds(row[name]) for name in ("total_ns", "own_ns", "max_ns"))
    return (row["count"], *times, row["raised"] or "")


def _remarks(found: dict[str, Any], n_more: int) -> str:
    remarks = [f"and {n_more} more (-n shows more)"] if n_more > 0 else []
    if found.get("n_dropped"):
        n_dropped = found["n_dropped"]
        remarks.append(f"the cap of the log was met: {n_dropped} events are not in it (--max-log)")
    if found.get("n_events") is None:
        remarks.append("the run did not end well: what was left of its log is shown")
    if found.get("failure"):
        remarks.append(f"the log is not complete: {found['failure']}")
    return "".join(output.dim(output.one_line(remark)) + "\n" for remark in remarks)
