"""Hunts for unsound slices among random programs, and shrinks what it finds.

    python tests/hunt.py --seconds 60 --seed 1        programs of the seeds 1, 2, ... for a minute
    python tests/hunt.py --only 17                    one seed, with its slices

Each failure is printed as a small program with the slice that was wrong; the exit code is 1 when
there was one.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from generate import generate
from oracle.check import Checker, Report
from oracle.program import Program
from oracle.shrink import shrink
from test_slices import geometric_mean

_BAD = ("unsound", "error")


def targets_of(names: list[str], source: str, seed: int) -> list[str]:
    """Up to four names spread over the program, and one at a line in its middle."""
    rng = random.Random(seed)
    names = [
        name
        for name in names
        if name not in ("Base", "Child", "contextmanager", "suppress", "error")
    ]
    names = [
        name
        for name in names
        if not name.startswith(("function", "generator", "factory", "manager", "recursive"))
    ]
    chosen = rng.sample(names, min(4, len(names)))
    lines = [
        f"{name}@{number}"
        for number, line in enumerate(source.splitlines(), 1)
        for name in names
        if line.startswith((f"{name} = ", f"{name}.", f"{name}["))
    ]
    return chosen + rng.sample(lines, min(1, len(lines)))


class Hunt:
    """Checks programs and shrinks the failing ones."""

    def __init__(
        self,
        scratch: Path,
        run_options: Sequence[str] = (),
        *,
        slicing: bool = True,
        timeout: float = 15,
    ) -> None:
        self.run_options, self.slicing = run_options, slicing
        self.checker = Checker(scratch, timeout=timeout)
        self.verdicts: Counter[str] = Counter()
        self.parts: list[float] = []

    def one(self, seed: int, *, shrinking: bool = True) -> bool:
        """Check one seed's program; tell whether it was right."""
        source, files = generate(seed)
        program = Program(f"seed {seed}", source, [], files)
        first = self.checker.run_plain(program, all_names=True)
        if first.timed_out:
            self.verdicts["does not end"] += 1
            return True
        program.targets = self._targets(program, list(first.names), seed) if self.slicing else []
        report = self.checker.check(program, run_options=self.run_options)
        for result in report.slices:
            if result.verdict == "unsound" and self._is_nondeterministic(program, result.target):
                result.verdict = "nondeterministic"
            self.verdicts[result.verdict] += 1
            if result.size:
                self.parts.append(result.size / report.size)
        self.verdicts["runs differently"] += bool(report.faults)
        if report.faults:
            self._report_fault(program, report, shrinking)
        bad = [result.target for result in report.slices if result.verdict in _BAD]
        if bad:
            self._report_slice(program, bad[0], shrinking)
        return not bad and not report.faults

    def _targets(self, program: Program, names: list[str], seed: int) -> list[str]:
        """Targets that have a value: a line may never have run to its end."""
        asked = targets_of(names, program.source, seed)
        values = self.checker.run_plain(program, asked).values
        return [target for target in asked if target in values]

    def _is_nondeterministic(self, program: Program, target: str) -> bool:
        runs = [self.checker.run_plain(program, [target]).values.get(target) for _ in range(2)]
        return runs[0] != runs[1]

    def _report_fault(self, program: Program, report: Report, shrinking: bool) -> None:
        print(f"\n### seed {program.name.split()[-1]}: {report.faults[0]}")
        kind = report.faults[0].split()[0]

        def fails(source: str, _: str) -> bool:
            faults = self.checker.check(
                Program("small", source, [], program.files), run_options=self.run_options
            ).faults
            return any(fault.startswith(kind) for fault in faults)

        source, _ = shrink(program.source, "", fails) if shrinking else (program.source, "")
        print(source)

    def _report_slice(self, program: Program, target: str, shrinking: bool) -> None:
        raises = bool(self.checker.run_plain(program).error)

        def fails(source: str, target: str) -> bool:
            small = Program("small", source, [target], program.files)
            plain = self.checker.run_plain(small)
            if plain.timed_out or (plain.error and not raises) or target not in plain.values:
                return False
            return any(result.verdict in _BAD for result in self.checker.check(small).slices)

        source, target = (
            shrink(program.source, target, fails) if shrinking else (program.source, target)
        )
        result = self.checker.check(Program("small", source, [target], program.files)).slices[0]
        print(f"\n### seed {program.name.split()[-1]} [{target}]: {result.detail}")
        print(source + "--- slice\n" + result.text, flush=True)

    def summary(self) -> str:
        """Counts of what was found."""
        part = f"; slices are {geometric_mean(self.parts):.2f} of the program" if self.parts else ""
        return f"{dict(self.verdicts)}{part}"


def main() -> int:
    """Run as a script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="one seed")
    parser.add_argument("--most", type=int, default=10, help="stop after this many failures")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument(
        "--runs-only", action="store_true", help="compare the recorded runs, slice nothing"
    )
    parser.add_argument("--detail", default="statement")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.seconds
    with tempfile.TemporaryDirectory() as directory:
        hunt = Hunt(
            Path(directory), ["--detail", arguments.detail], slicing=not arguments.runs_only
        )
        wrong = checked = 0
        seed = arguments.only if arguments.only is not None else arguments.seed
        while (
            arguments.only is None and time.monotonic() < end and wrong < arguments.most
        ) or not checked:
            wrong += not hunt.one(seed + checked, shrinking=not arguments.no_shrink)
            checked += 1
        hunt.checker.close()
    print(f"{checked} programs from seed {seed}, {wrong} wrong; {hunt.summary()}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
