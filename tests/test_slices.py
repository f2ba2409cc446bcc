"""Every literate program is recorded and sliced, and every slice is run and compared.

Under pytest, each program is a test. As a script it prints what failed, with minimal reproductions,
and the sizes:

    python tests/test_slices.py                 all programs
    python tests/test_slices.py -k aliasing     those whose name holds a text
    python tests/test_slices.py --minimal       compare sizes with the 1-minimal program (slow)
    python tests/test_slices.py --plain         check the programs themselves, without Clew
    python tests/test_slices.py --runs-only     compare the recorded runs with the plain ones
    python tests/test_slices.py --detail op     record operations as well
    python tests/test_slices.py --write-known   write down which slices are wrong, or refused

What is wrong at present is listed in `programs/known.txt`. A slice that is wrong and not listed
fails the tests, and so does one that is listed and right: it is then to be taken off the list, by
`--write-known`. The list may only become shorter.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import itertools
import json
import math
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from oracle.check import Checker, Report
from oracle.program import Program, all_programs

PAGES = Path(__file__).with_name("programs")
PRELOAD = ["numpy", "pandas", "sklearn.linear_model", "matplotlib.pyplot"]
MAX_REFUSED = 0.03
KNOWN = PAGES / "known.txt"
# Verdicts that a slice may have only if it is listed.
LISTED = ("unsound", "error", "large", "short", "refused")


def programs(text: str = "") -> list[Program]:
    """The literate programs whose name holds a text and whose modules are installed."""
    return [
        program for program in all_programs(PAGES) if text in program.name and _runnable(program)
    ]


def _runnable(program: Program) -> bool:
    import importlib.util

    return all(importlib.util.find_spec(name.partition(".")[0]) for name in program.requires)


def preload() -> list[str]:
    """What the plain driver imports once: only what is there."""
    import importlib.util

    return [name for name in PRELOAD if importlib.util.find_spec(name.partition(".")[0])]


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    """One pair of warm drivers for all the programs."""
    with tempfile.TemporaryDirectory() as scratch:
        made = Checker(Path(scratch), preload())
        yield made
        made.close()


def known() -> dict[tuple[str, str], str]:
    """What `known.txt` says: program and target to verdict."""
    lines = [line for line in KNOWN.read_text().splitlines() if line and not line.startswith("#")]
    return {(name, target): verdict for verdict, name, target in map(str.split, lines)}


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)
def test_program(checker: Checker, program: Program) -> None:
    """The recorded run is the plain run, and every slice gives the value, but for known ones."""
    listed = known()
    report = checker.check(program)
    assert not report.faults
    for result in report.slices:
        expected = listed.get((program.name, result.target))
        if expected is None:
            text = f"{result.target}: {result.verdict}: {result.detail}\n{result.text}"
            assert result.verdict not in LISTED, text
        else:
            assert result.verdict == expected, (
                f"{result.target} is {result.verdict} and no longer {expected}:"
                " take it off the list with python tests/test_slices.py --write-known"
            )


def test_the_list_is_of_programs() -> None:
    """Nothing is listed that is not there."""
    there = {
        (program.name, target) for program in all_programs(PAGES) for target in program.targets
    }
    assert set(known()) <= there


def test_few_refusals() -> None:
    """A refusal is honest, but rare."""
    n_refused = sum(verdict == "refused" for verdict in known().values())
    assert n_refused <= MAX_REFUSED * sum(len(program.targets) for program in all_programs(PAGES))


def write_known(reports: list[Report]) -> None:
    """Write the list anew."""
    rows = [
        f"{result.verdict:8} {report.program.name} {result.target}\n"
        for report in reports
        for result in report.slices
        if result.verdict in LISTED
    ]
    heading = (
        "# Slices that are wrong or refused at present; see test_slices.py. Written by command.\n"
    )
    KNOWN.write_text(heading + "".join(rows))


@pytest.mark.parametrize("detail", ["call", "op"])
@pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)
def test_detail(checker: Checker, program: Program, detail: str) -> None:
    """The run is the plain run when calls and operations are recorded, too."""
    unsliced = dataclasses.replace(program, targets=[])
    assert not checker.check(unsliced, run_options=["--detail", detail]).faults


def check_plain(chosen: list[Program], scratch: Path) -> int:
    """Check the programs themselves: they run, bind their targets, and give the same values
    twice.
    """
    checker = Checker(scratch, preload())
    wrong = 0
    for program in chosen:
        first, files = checker.run_plain(program), checker.files()
        second, files_again = checker.run_plain(program), checker.files()
        problems = []
        if first.timed_out:
            problems.append("does not end")
        if (first.stdout, first.stderr, first.exit) != (second.stdout, second.stderr, second.exit):
            problems.append("prints something else each time")
        if first.exit != 0 and "ends" not in program.name and "raises" not in program.name:
            problems.append(f"exit {first.exit}: {first.stderr.strip().splitlines()[-1:]}")
        for target in program.targets:
            kind, _, name = target.partition(":")
            if kind == "file":
                if files.get(name) is None or files[name] != files_again.get(name):
                    problems.append(f"{target}: not written, or differs")
            elif name:
                if f"printed {name}" not in first.values:
                    problems.append(f"{target}: prints nothing")
            elif target not in first.values:
                problems.append(f"{target}: not bound")
            elif first.values[target] != second.values.get(target):
                problems.append(f"{target}: not deterministic: {first.values[target][:200]}")
        lines = {line.strip() for line in program.source.splitlines()}
        for asked in (program.keep, program.drop):
            for target, listed in asked.items():
                problems.extend(
                    f"{target}: no such line: {line}" for line in listed if line not in lines
                )
                if target not in program.targets:
                    problems.append(f"{target}: lines for what is no target")
        wrong += bool(problems)
        for problem in problems:
            print(f"{program.name}: {problem}")
    checker.close()
    print(
        f"{len(chosen)} programs, {sum(len(p.targets) for p in chosen)} targets,"
        f" {wrong} programs wrong"
    )
    return 1 if wrong else 0


def check_slices(chosen: list[Program], scratch: Path, arguments: argparse.Namespace) -> int:
    """Record and slice the programs, with several workers; print what failed and the sizes."""
    local = threading.local()
    checkers: list[Checker] = []
    numbers = itertools.count()

    def one(program: Program) -> Report:
        if not hasattr(local, "checker"):
            local.checker = Checker(scratch / str(next(numbers)), preload())
            checkers.append(local.checker)
        options = ["--detail", arguments.detail]
        return local.checker.check(program, minimal=arguments.minimal, run_options=options)

    reports = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for report in pool.map(one, chosen):
            reports.append(report)
            print_report(report, arguments.verbose)
    for checker in checkers:
        checker.close()
    if arguments.write_known:
        write_known(reports)
    if arguments.json:
        Path(arguments.json).write_text(
            json.dumps([as_record(report) for report in reports], indent=1)
        )
    return print_summary(reports)


def print_report(report: Report, verbose: bool) -> None:
    """Print what is wrong with one program, with the slices that are."""
    for fault in report.faults:
        print(f"RUN      {report.program.name}: {fault}", flush=True)
    for result in report.slices:
        if verbose or result.verdict not in ("sound", "declined"):
            print(
                f"{result.verdict.upper():8} {report.program.name} [{result.target}]:"
                f" {result.detail}",
                flush=True,
            )
            if verbose and result.text:
                print("    | " + result.text.replace("\n", "\n    | "))


def print_summary(reports: list[Report]) -> int:
    """Print counts and sizes; return the exit code."""
    slices = [result for report in reports for result in report.slices]
    verdicts = Counter(result.verdict for result in slices)
    faults = sum(bool(report.faults) for report in reports)
    print(
        f"\n{len(reports)} programs, {faults} run differently;"
        f" {len(slices)} slices: {dict(verdicts)}"
    )
    ratios = [
        result.size / max(1, result.minimal_size)
        for result in slices
        if result.minimal_size is not None and result.size
    ]
    if ratios:
        print(f"size against the 1-minimal program, geometric mean: {geometric_mean(ratios):.3f}")
    parts = [
        result.size / report.size
        for report in reports
        for result in report.slices
        if result.size and report.size
    ]
    if parts:
        print(f"size against the program, geometric mean: {geometric_mean(parts):.3f}")
        print(f"seconds for a slice, mean: {sum(r.seconds for r in slices) / len(slices):.3f}")
    wrong = verdicts["unsound"] + verdicts["error"]
    return 1 if wrong or faults or verdicts["refused"] > MAX_REFUSED * max(1, len(slices)) else 0


def geometric_mean(values: list[float]) -> float:
    """The geometric mean of positive numbers."""
    return math.exp(sum(map(math.log, values)) / len(values))


def as_record(report: Report) -> dict:
    """One program's outcome as plain data."""
    return {
        "program": report.program.name,
        "size": report.size,
        "faults": report.faults,
        "slices": [vars(result) for result in report.slices],
    }


def main() -> int:
    """Run as a script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-k", default="", help="only programs whose name holds this text")
    parser.add_argument("--plain", action="store_true", help="check the programs without Clew")
    parser.add_argument(
        "--minimal", action="store_true", help="compare sizes with the 1-minimal program"
    )
    parser.add_argument(
        "--runs-only", action="store_true", help="compare the recorded runs, slice nothing"
    )
    parser.add_argument("--detail", default="statement", help="what is recorded")
    parser.add_argument(
        "--write-known", action="store_true", help="write the list of wrong slices anew"
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", help="write the outcomes to this file")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the slices that fail")
    arguments = parser.parse_args()
    chosen = programs(arguments.k)
    if arguments.write_known and (arguments.k or arguments.runs_only or arguments.plain):
        parser.error("--write-known is for all programs")
    if arguments.runs_only:
        for program in chosen:
            program.targets = []
    with tempfile.TemporaryDirectory() as directory:
        if arguments.plain:
            return check_plain(chosen, Path(directory))
        return check_slices(chosen, Path(directory), arguments)


if __name__ == "__main__":
    sys.exit(main())
