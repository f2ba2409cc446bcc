"""Every literate program is recorded and sliced, and every slice is run and compared.

Under pytest, each program is a test. As a script it prints what failed, with minimal reproductions,
and the sizes:

    python tests/test_slices.py                 all programs
    python tests/test_slices.py -k aliasing     those whose name holds a text
    python tests/test_slices.py --minimal       compare sizes with the 1-minimal program (slow)
    python tests/test_slices.py --plain         check the programs themselves, without Clew
    python tests/test_slices.py --runs-only     compare the recorded runs with the plain ones
    python tests/test_slices.py --detail op     record operations as well
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


_outcomes: list[Report] = []


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)
def test_program(checker: Checker, program: Program) -> None:
    """The recorded run is the plain run, and every slice gives the value or is refused."""
    report = checker.check(program)
    _outcomes.append(report)
    assert not report.faults
    for result in report.slices:
        assert result.verdict not in ("unsound", "error"), (
            f"{result.target}: {result.detail}\n{result.text}"
        )


def test_few_refusals() -> None:
    """A refusal is honest, but rare."""
    slices = [result for report in _outcomes for result in report.slices]
    refused = [result for result in slices if result.verdict == "refused"]
    if len(slices) < 100:
        pytest.skip("only some of the programs were run")
    assert len(refused) <= MAX_REFUSED * len(slices)


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
        if result.verdict != "sound":
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
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", help="write the outcomes to this file")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the slices that fail")
    arguments = parser.parse_args()
    chosen = programs(arguments.k)
    if arguments.runs_only:
        for program in chosen:
            program.targets = []
    with tempfile.TemporaryDirectory() as directory:
        if arguments.plain:
            return check_plain(chosen, Path(directory))
        return check_slices(chosen, Path(directory), arguments)


if __name__ == "__main__":
    sys.exit(main())
