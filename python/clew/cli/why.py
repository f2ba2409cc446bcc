"""Explain how a value came to be.

Prints the chain of lines behind it, each under the line that needs it,
and the files and other state outside the program that it came from.

TARGET is NAME, NAME@LINE, FILE:LINE, file:PATH or artifact:NAME.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from clew import slicing, targets
from clew.cli import output
from clew.cli.parsing import add_format, add_run, add_target
from clew.recorded import RecordedRun
from clew.storing import open_store
from clew.targets import Target

_INDENT = 12
_WIDTH = 72


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_target(parser)
    add_format(parser, "text", "json")
    add_run(parser)


def execute(options: argparse.Namespace) -> int:
    """Print the explanation."""
    target = targets.parse(options.target)
    recorded = slicing.choose(open_store(options.store), target, options.run)
    found = slicing.explain(recorded, target)
    if options.format == "json":
        output.write_json({"run": recorded.run.id, "target": str(target), **found})
        return 0
    imports = [step for step in found["steps"] if _is_import(step)]
    steps = [step for step in found["steps"] if not _is_import(step)]
    sections = [_title(recorded, target, found), _chain(steps), _imports(imports)]
    sections.append(_inputs(recorded, found["inputs"]))
    sys.stdout.write("\n".join(section for section in sections if section))
    return 0


def _is_import(step: dict[str, Any]) -> bool:
    return bool(step["depth"]) and str(step["text"]).startswith(("import ", "from "))


def _title(recorded: RecordedRun, target: Target, found: dict[str, Any]) -> str:
    value = ""
    if target.kind == "name" and target.line is None:
        bindings = recorded.described()["bindings"]
        value = next((f" = {summary}" for name, summary, _ in bindings if name == target.name), "")
    kept, ran = found["n_statements"], found["n_executed"]
    title = output.bold(output.one_line(f"{target}{value}"))
    return f"{title}\n{kept} of the {ran} statements that ran, in run {recorded.run.id}\n"


def _chain(steps: list[dict[str, Any]]) -> str:
    """Write the steps, indented under the ones that need them, and beside each why it is there."""
    width = max((len(str(step["last_line"])) for step in steps), default=1)
    rows = []
    for step in steps:
        text = "  " * min(step["depth"], _INDENT) + output.one_line(step["text"])
        rows.append((f"{step['line']:>{width}}", text, step["because"]))
    longest = min(max((len(text) for _, text, _ in rows), default=0), _WIDTH)
    lines = [
        f"{output.dim(line)}  {text:{longest}}  {output.dim('# ' + why)}"
        for line, text, why in rows
    ]
    return "".join(f"{line}\n" for line in lines)


def _imports(steps: list[dict[str, Any]]) -> str:
    if not steps:
        return ""
    found = sorted({(step["line"], step["text"]) for step in steps})
    width = len(str(found[-1][0]))
    lines = [f"{output.dim(f'{line:>{width}}')}  {output.one_line(text)}\n" for line, text in found]
    return output.bold("imports") + "\n" + "".join(lines)


def _inputs(recorded: RecordedRun, inputs: list[dict[str, Any]]) -> str:
    if not inputs:
        return ""
    lines = [
        f"  {item['kind']} {output.one_line(recorded.relative(item['key']))}"
        f" {'found absent' if item['absent'] else 'read'} at line {item['line']}\n"
        for item in inputs
    ]
    return output.bold("inputs") + "\n" + "".join(lines)
