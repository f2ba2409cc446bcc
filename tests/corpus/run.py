"""`make corpus`: programs that nobody here wrote, plain and recorded, and four slices of each, run
and compared.

    python tests/corpus/run.py                  all programs of programs.tsv
    python tests/corpus/run.py -k networkx      those whose name holds a text
    python tests/corpus/run.py --minimize       compare sizes with the minimized slice too (slow)
    python tests/corpus/run.py --list           what is used, what is not, and why

Every run is a process that imports what it needs itself; none is given a module that another run
loaded.
"""

from __future__ import annotations

import argparse
import ast
import csv
import itertools
import json
import os
import re
import sys
import tempfile
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from fetch import fetch  # noqa: E402
from oracle import statements  # noqa: E402
from oracle.check import Checker, Report  # noqa: E402
from oracle.program import PROGRAM, Program  # noqa: E402
from place import put  # noqa: E402
from test_slices import as_record, geometric_mean, print_report, print_summary  # noqa: E402

STAND_IN = HERE.parents[1] / "benches" / "standin"
TARGETS = 4
# Artists are described by their class only, so a value that holds nothing else tells nothing.
_ARTIST = re.compile(r"<(?:matplotlib|mpl_toolkits)\.[\w.]+>|<again \d+>")
_AROUND = re.compile(r"(?:<ndarray object \([\d, ]*\) |[\[\](){}<>, ])*")


@dataclass
class Foreign(Program):
    """A program of the corpus; the data files beside it come along."""

    origin: Path = Path()

    def write(self, directory: Path, source: str | None = None) -> Path:
        """Put the program, or another text in its place, and its data files into a directory."""
        put(self.origin, directory, self.source if source is None else source)
        path = directory / PROGRAM
        (directory / self.origin.name).rename(path)
        data = self.origin.parent / "data"
        if data.is_dir() and not (directory / "data").exists():
            (directory / "data").symlink_to(data)
        return path


def listed(text: str = "") -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    """The programs used and the programs left out, with the reason."""
    used, left_out = [], []
    with open(HERE / "programs.tsv", newline="") as lines:
        for package, path, verdict in csv.reader(lines, delimiter="\t"):
            if text not in f"{package}/{path}":
                continue
            if verdict == "use":
                used.append((package, path))
            else:
                left_out.append((package, path, verdict))
    return used, left_out


def programs(text: str) -> list[Foreign]:
    """The programs to run; one that the installed version does not ship is named and left out."""
    places = fetch()
    found = []
    for package, path in listed(text)[0]:
        origin = places.get(package, Path()) / path
        if not origin.exists():
            print(f"absent in the installed version: {package}/{path}")
            continue
        found.append(Foreign(f"{package}/{path}", origin.read_text(), [], origin=origin))
    return found


def choose_targets(checker: Checker, program: Foreign) -> str | None:
    """Set four targets spread over the program, by what two plain runs agree on; say why it does
    not run, if so.

    A program without such values has no targets, and only its output and exit code are compared.
    """
    first = checker.run_plain(program, [], all_names=True)
    if first.timed_out or first.exit:
        last = first.stderr.strip().splitlines()[-1:] or ["did not end in time"]
        return f"the plain program fails here: {last[0][:150]}"
    lines = binding_lines(program.source)
    candidates = [name for name in first.names if name in lines or len(first.names) < TARGETS]
    at_lines = [f"{name}@{lines[name][0]}" for name in candidates if len(lines.get(name, ())) > 1]
    asked = spread(candidates, 2 * TARGETS) + spread(at_lines, TARGETS)
    runs = [checker.run_plain(program, asked) for _ in range(2)]
    agreed = [
        t for t in asked if t in runs[0].values and runs[0].values[t] == runs[1].values.get(t)
    ]
    telling = [t for t in agreed if tells(runs[0].values[t])] or agreed
    named, placed = [t for t in telling if "@" not in t], [t for t in telling if "@" in t]
    program.targets = spread(named, TARGETS - min(1, len(placed))) + spread(placed, 1)
    program.targets += [t for t in [*named, *placed] if t not in program.targets][
        : TARGETS - len(program.targets)
    ]
    return None


def tells(value: str) -> bool:
    """Whether the description of a value holds more than artists of a picture."""
    return not (_ARTIST.search(value) and _AROUND.fullmatch(_ARTIST.sub("", value)))


def binding_lines(source: str) -> dict[str, list[int]]:
    """Lines of the simple top-level assignments to each name, last first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    lines: dict[str, list[int]] = {}
    for statement in tree.body:
        for node in ast.walk(statement):
            if (
                isinstance(node, ast.Name)
                and isinstance(node.ctx, ast.Store)
                and isinstance(statement, ast.Assign)
            ):
                lines.setdefault(node.id, []).insert(0, statement.lineno)
    return lines


def spread(items: list[str], number: int) -> list[str]:
    """At most so many, evenly spread, the last among them."""
    if len(items) <= number:
        return list(items)
    return [items[round((i + 1) * (len(items) - 1) / number)] for i in range(number)]


def check(checker: Checker, program: Foreign, arguments: argparse.Namespace) -> Report:
    """Everything for one program."""
    problem = choose_targets(checker, program)
    if problem:
        report = Report(program)
        report.faults.append(problem)
        return report
    report = checker.check(program, run_options=["--detail", arguments.detail])
    # What goes to stderr may hold times and addresses; it is compared by the tests of transparency.
    report.faults = [fault for fault in report.faults if not fault.startswith("stderr")]
    if arguments.minimize:
        for result in report.slices:
            if result.verdict == "sound":
                result.minimal = checker.minimized(result.target) or ""
                result.minimal_size = statements.count(result.minimal) if result.minimal else None
    return report


def main() -> int:
    """Run as a script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-k", default="", help="only programs whose name holds this text")
    parser.add_argument("--detail", default="statement")
    parser.add_argument("--minimize", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", help="write the outcomes to this file")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the slices that fail")
    arguments = parser.parse_args()
    if arguments.list:
        used, left_out = listed(arguments.k)
        for package, path in used:
            print(f"use      {package}/{path}")
        for package, path, reason in left_out:
            print(f"leave    {package}/{path}: {reason}")
        return 0
    # Before the programs, and with them whatever this process starts, lose the network.
    chosen = programs(arguments.k)
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(STAND_IN), os.environ.get("PYTHONPATH")])
    )
    os.environ.update(
        SOURCE_DATE_EPOCH="0",
        PYTHONWARNINGS="ignore",
        http_proxy="http://127.0.0.1:9",
        https_proxy="http://127.0.0.1:9",
    )
    with tempfile.TemporaryDirectory() as directory:
        reports = check_all(chosen, Path(directory), arguments)
    if arguments.json:
        Path(arguments.json).write_text(
            json.dumps([as_record(report) for report in reports], indent=1)
        )
    return print_summary(reports)


def check_all(chosen: list[Foreign], scratch: Path, arguments: argparse.Namespace) -> list[Report]:
    """Check the programs with several workers, printing as they come."""
    local, numbers, checkers = threading.local(), itertools.count(), []

    def one(program: Foreign) -> Report:
        if not hasattr(local, "checker"):
            local.checker = Checker(scratch / str(next(numbers)), timeout=120)
            checkers.append(local.checker)
        return check(local.checker, program, arguments)

    reports = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for report in pool.map(one, chosen):
            reports.append(report)
            sizes = [
                result.size / report.size for result in report.slices if result.size and report.size
            ]
            mean = f", {geometric_mean(sizes):.2f} of its {report.size} statements" if sizes else ""
            sound = sum(result.verdict == "sound" for result in report.slices)
            print(
                f"{report.program.name}: {sound} of {len(report.slices)} slices sound{mean}",
                flush=True,
            )
            print_report(report, arguments.verbose)
    for checker in checkers:
        checker.close()
    return reports


if __name__ == "__main__":
    sys.exit(main())
