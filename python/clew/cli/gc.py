"""Remove recordings that are no longer wanted, and data that nothing refers to.

Without options only the latter, and rewritten sources that were not used for a week. Recordings
that saved artifacts are kept unless --artifacts is given. Safe while other programs are being
recorded.
"""

from __future__ import annotations

import argparse
import sys

from clew.cli import output
from clew.cli.parsing import add_format, add_store, duration, natural
from clew.storing import open_store


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--keep", type=natural, metavar="N", help="keep the newest N recordings, remove the others"
    )
    parser.add_argument(
        "--older-than",
        type=duration,
        metavar="AGE",
        help="remove recordings older than this: 30d, 12h, 45m",
    )
    parser.add_argument(
        "--artifacts", action="store_true", help="remove recordings with artifacts, and these, too"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    add_format(parser, "text", "json")
    add_store(parser)


def execute(options: argparse.Namespace) -> int:
    """Remove, and say what."""
    collected = open_store(options.store).gc(
        keep=options.keep,
        older_than_seconds=options.older_than,
        artifacts_too=options.artifacts,
        dry_run=options.dry_run,
    )
    if options.format == "json":
        output.write_json(collected.as_dict())
        return 0
    verb = "would remove" if options.dry_run else "removed"
    what = f"{_counted(len(collected.runs), 'run')} and {_counted(collected.n_objects, 'object')}"
    if collected.n_cached:
        what += f" and {_counted(collected.n_cached, 'cached source')}"
    sys.stdout.write(f"{verb} {what} ({output.size(collected.n_bytes)})\n")
    if collected.kept_for_artifacts:
        kept = _counted(collected.kept_for_artifacts, "run")
        sys.stdout.write(f"kept {kept} with artifacts (--artifacts removes these too)\n")
    if collected.n_young:
        young = _counted(collected.n_young, "new object")
        sys.stdout.write(f"left {young} that a recording may be about to use\n")
    return 0


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
