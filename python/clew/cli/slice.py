"""Print the part of a program that a value depends on: a program that gives the same value.

TARGET is NAME, NAME@LINE, FILE:LINE, file:PATH or artifact:NAME. A target that cannot be sliced
soundly is refused with the reason (exit status 3), and nothing is printed.
"""

from __future__ import annotations

import argparse
import sys

from clew import slicing, targets
from clew.cli import output
from clew.cli.parsing import add_format, add_run, add_target
from clew.cli.streams import complain
from clew.errors import Refused
from clew.recorded import RecordedRun, source_bytes
from clew.storing import Store, open_store
from clew.targets import Target


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_target(parser)
    parser.add_argument(
        "--verify", action="store_true", help="run the slice and compare the value with the record"
    )
    parser.add_argument(
        "--minimize",
        action="store_true",
        help="verify, then leave out what verification shows to be unneeded",
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="say of each statement why it is kept, and what was assumed of calls (on stderr)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write the slice to a file")
    add_format(parser, "text", "json")
    add_run(parser)


def execute(options: argparse.Namespace) -> int:
    """Print the slice."""
    target = targets.parse(options.target)
    store = open_store(options.store)
    recorded = slicing.choose(store, target, options.run)
    sliced = slicing.take(recorded, target)
    text, said = sliced.text, ""
    if options.verify or options.minimize:
        text, said = _verified(store, recorded, target, text, minimize=options.minimize)
    if options.format == "json":
        content = _json(recorded, target, sliced, text, said)
    else:
        content = source_bytes(text)
    if options.output not in (None, "-"):
        output.write_file(options.output, content)
    else:
        output.write_bytes(content)
    if said:
        complain("verified", said)
    if options.explain:
        sys.stderr.write(_explained(recorded, sliced))
    return 0


# Why a statement is kept, by the edge that keeps it.
_REASONS = {
    "data": "gives {name}, which line {by} uses",
    "mutate": "changes what line {by} changes further",
    "view": "changes what line {by} looks at",
    "control": "decides whether line {by} runs",
    "external": "changes {name}, which line {by} reads",
    "global": "gives {name}, which line {by} uses",
    "call": "is what the function of line {by} does",
}


def _explained(recorded: RecordedRun, sliced: slicing.Sliced) -> str:
    """Say why each statement is kept, and of which calls nothing was known."""
    rows = []
    for reason in sliced.reasons:
        name, by = reason["name"], reason["needed_by"]
        if by is None:
            changes = reason["kind"] == "mutate"
            why = "changes what the target holds" if changes else "is the target"
        elif reason["kind"] == "data" and name is None:
            why = f"changes what line {by} uses"
        else:
            why = _REASONS[reason["kind"]].format(name=name or "something", by=by)
        rows.append((reason["line"], recorded.line(reason["line"]), why))
    kept = {reason["line"] for reason in sliced.reasons}
    text = output.table(("LINE", "CODE", "KEPT BECAUSE IT"), rows, right=("LINE",))
    for line, callee in recorded.described()["assumed"]:
        if line in kept:
            text += (
                f"assumed at line {line}: {callee} changes no more than was seen to change,"
                " and may give a view of its arguments\n"
            )
    return text


def _json(
    recorded: RecordedRun, target: Target, sliced: slicing.Sliced, text: str, said: str
) -> bytes:
    answer = {"run": recorded.run.id, "target": str(target), "verified": said or None}
    answer |= {**sliced._asdict(), "text": text}
    return output.json_text(answer).encode()


def _verified(
    store: Store, recorded: RecordedRun, target: Target, text: str, *, minimize: bool
) -> tuple[str, str]:
    """Run the slice in a fresh interpreter; give it, or a smaller one, and what was found."""
    from clew.repeating import recorded_fingerprint, setting_of
    from clew.verifying import verify_in

    target = slicing.resolved(recorded, target)
    setting = setting_of(recorded)
    wanted = recorded_fingerprint(store, recorded, target, setting)
    original = recorded.sources[0].text
    verdict = verify_in(setting, text, target, wanted, original=original)
    if not verdict.ok:
        masked = "secret arguments are not stored, so it ran without them"
        hint = masked if any("***" in argument for argument in recorded.run.argv) else None
        raise Refused(f"the slice does not verify: {verdict.message}", hint)
    said = f"{verdict.message} ({verdict.seconds:.2f} s)"
    if minimize:
        from clew.minimizing import minimize_slice

        minimized = minimize_slice(text, target, wanted, setting)
        text, said = minimized.text, f"{verdict.message}; {minimized.message}"
    return text, said
