"""Draw the dependencies of a run, or only those behind a target.

TARGET is NAME, NAME@LINE, FILE:LINE, file:PATH or artifact:NAME. An html page works offline; svg
needs no Graphviz. Without --format the name after -o tells the format, else it is dot.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from clew import slicing, targets
from clew.cli import output
from clew.cli.parsing import add_run, add_target
from clew.cli.runs import program
from clew.recorded import load
from clew.storing import open_store

_FORMATS = ("svg", "html", "dot", "mermaid", "json")
_SUFFIXES = {".gv": "dot", ".htm": "html", ".md": "mermaid", ".mmd": "mermaid"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_target(parser, optional=True)
    parser.add_argument("--format", choices=_FORMATS, help="default: as the name after -o, or dot")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the picture to a file")
    parser.add_argument("--open", action="store_true", help="show the picture in the browser")
    add_run(parser)


def execute(options: argparse.Namespace) -> int:
    """Print or write the picture."""
    store = open_store(options.store)
    if options.target is None:
        recorded = load(store, options.run)
        graph, title = slicing.dependencies(recorded), program(recorded.run)
    else:
        target = targets.parse(options.target)
        recorded = slicing.choose(store, target, options.run)
        graph = slicing.dependencies(recorded, target)
        title = f"{target} in {program(recorded.run)}"
    form = options.format or _format_of(options.output, opened=options.open)
    content = slicing.draw(recorded, graph, form, title)
    path = options.output
    if path in (None, "-") and options.open:
        path = _scratch_file(recorded.run.id, form)
    if path in (None, "-"):
        output.write_bytes(content.encode())
    else:
        output.write_file(path, content)
        if options.open:
            _show(path)
    return 0


def _format_of(path: str | None, *, opened: bool) -> str:
    suffix = os.path.splitext(path or "")[1].lower()
    form = _SUFFIXES.get(suffix, suffix[1:])
    return form if form in _FORMATS else "html" if opened else "dot"


def _scratch_file(run: str, form: str) -> str:
    """Name a file that stays after the command has ended, for the browser."""
    from tempfile import mkdtemp

    return os.path.join(mkdtemp(prefix="clew-"), f"{run}.{form}")


def _show(path: str) -> None:
    import webbrowser

    webbrowser.open(Path(path).absolute().as_uri())
