"""List the values saved under a name by clew.save."""

from __future__ import annotations

import argparse
import sys

from clew.cli import output
from clew.cli.parsing import add_format, add_store
from clew.storing import open_store


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "-a", "--all", action="store_true", help="all versions, not only the newest of each name"
    )
    add_format(parser, "table", "json")
    add_store(parser)


def execute(options: argparse.Namespace) -> int:
    """Print the artifacts."""
    artifacts = open_store(options.store).artifacts(all_versions=options.all)
    if options.format == "json":
        output.write_json([artifact.as_dict() for artifact in artifacts])
        return 0
    columns = ("NAME", "VERSION", "SAVED", "RUN", "LINE", "TYPE", "VALUE")
    rows = [
        (a.name, a.version, output.when(a.created), a.run, a.line, a.type_name, a.summary)
        for a in artifacts
    ]
    if not rows:
        sys.stdout.write("no artifacts yet: clew.save(value, name) makes one\n")
        return 0
    sys.stdout.write(output.table(columns, rows, right=("VERSION", "LINE")))
    return 0
