"""List the recordings of the store, newest first."""

from __future__ import annotations

import argparse
import sys

from clew.cli import output
from clew.cli.parsing import add_format, add_store, natural
from clew.storing import Run, open_store


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("-n", "--limit", type=natural, metavar="N", help="only the newest N")
    add_format(parser, "table", "json")
    add_store(parser)


def execute(options: argparse.Namespace) -> int:
    """Print the runs."""
    runs = open_store(options.store).runs(options.limit)
    if options.format == "json":
        output.write_json([run.as_dict() for run in runs])
        return 0
    columns = ("RUN", "STARTED", "TOOK", "EXIT", "STATE", "DETAIL", "PROGRAM")
    rows = [
        (
            run.id,
            output.when(run.started),
            output.duration(run.started, run.ended),
            run.exit_status,
            run.state,
            run.detail,
            program(run),
        )
        for run in runs
    ]
    if not rows:
        sys.stdout.write("no runs yet: record one with clew run SCRIPT\n")
        return 0
    sys.stdout.write(output.table(columns, rows, right=("TOOK", "EXIT")))
    return 0


def program(run: Run) -> str:
    """Write the program and its arguments as they would be typed."""
    from shlex import quote

    script = run.script if run.script.startswith("-") else quote(run.script)
    return " ".join([script, *map(quote, run.argv)])
