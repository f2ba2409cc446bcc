"""List what a run read and wrote outside: files, random state, the environment, and so on.

Annotations that the run was seen to contradict are told as well.
"""

from __future__ import annotations

import argparse
import sys

from clew.cli import output
from clew.cli.parsing import add_format, add_run
from clew.effects import index
from clew.recorded import load
from clew.storing import open_store

_VERBS = {"read": "reads", "write": "writes", "update": "changes", "absent": "finds absent"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_format(parser, "table", "json")
    add_run(parser)


def execute(options: argparse.Namespace) -> int:
    """Print the effects."""
    recorded = load(open_store(options.store), options.run)
    described = recorded.described()
    effects = sorted(described["effects"], key=lambda effect: effect[0] or 0)
    contradicted = described["contradicted"]
    if options.format == "json":
        fields = ("line", "kind", "key", "access")
        effects += [
            (None, "annotation", f"{file}: {callee}", "contradicted")
            for file, callee in contradicted
        ]
        output.write_json([dict(zip(fields, effect, strict=True)) for effect in effects])
        return 0
    rows = [
        (line, _VERBS[access], kind, recorded.relative(key), recorded.line(line))
        for line, kind, key, access in effects
    ]
    if rows:
        sys.stdout.write(
            output.table(("LINE", "DOES", "KIND", "WHAT", "CODE"), rows, right=("LINE",))
        )
    else:
        sys.stdout.write("this run touched nothing outside its objects\n")
    for file, callee in contradicted:
        line = index.contradiction(recorded.relative(file), callee)
        sys.stdout.write(output.dim(f"warning: {output.one_line(line)}") + "\n")
    for reason in described["degraded"]:
        sys.stdout.write(output.dim(f"incomplete: {output.one_line(reason)}") + "\n")
    return 0
