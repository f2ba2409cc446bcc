"""Ask the store in SQL, read-only. Without a query, list its tables and their columns."""

from __future__ import annotations

import argparse
import sys

from clew.cli import output
from clew.cli.parsing import add_format, add_store
from clew.storing import open_store


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "query",
        nargs="?",
        metavar="QUERY",
        help="one statement that only reads; - reads it from input",
    )
    add_format(parser, "table", "json", "csv")
    add_store(parser)


def execute(options: argparse.Namespace) -> int:
    """Print the answer."""
    store = open_store(options.store)
    if options.query is None:
        columns = ["table", "rows", "columns"]
        rows: list[list[object]] = [
            [name, n_rows, ", ".join(names)] for name, names, n_rows in store.tables()
        ]
    else:
        query = sys.stdin.read() if options.query == "-" else options.query
        columns, rows = store.sql(query)
    if options.format == "json":
        output.write_json([dict(zip(columns, map(_plain, row), strict=True)) for row in rows])
    elif options.format == "csv":
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_plain(value) for value in row] for row in rows)
    else:
        numbers = [
            c
            for i, c in enumerate(columns)
            if rows and all(isinstance(r[i], int | float | None) for r in rows)
        ]
        sys.stdout.write(
            output.table(columns, [[_plain(value) for value in row] for row in rows], right=numbers)
        )
    return 0


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
