"""Checks one program: plain run, recorded run, a slice for each target, every slice run and
compared.

Each run starts from the same files in the same directory, so paths in values agree.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaged import package_path

from oracle import statements
from oracle.client import Driver, Ran
from oracle.program import PROGRAM, Program

REFUSED = 3
_IGNORED = {"__pycache__", ".clew"}
# The plain program runs inside the driver, whose frames count for the limit of recursion.
_REPEATED = re.compile(r"\[Previous line repeated \d+ more times\]")


@dataclass
class Slice:
    """What became of one target.

    `verdict` is `sound`, `unsound`, `refused` or `error`; `declined` is a refusal of a value that
    no slice can give; `large` and `short` are right values from slices that hold a line that should
    go, or lack one that was thought to matter.
    """

    target: str
    verdict: str
    detail: str = ""
    text: str = ""
    size: int = 0
    minimal_size: int | None = None
    minimal: str = ""
    seconds: float = 0.0


@dataclass
class Report:
    """What became of one program; `faults` are differences between the plain and the recorded
    run.
    """

    program: Program
    size: int = 0
    plain: Ran | None = None
    faults: list[str] = field(default_factory=list)
    slices: list[Slice] = field(default_factory=list)


class Checker:
    """Warm drivers (bare, with the scientific packages, for the command) and a scratch directory;
    one program at a time.
    """

    def __init__(
        self,
        scratch: Path,
        preload: Sequence[str] = (),
        python: str = sys.executable,
        timeout: float = 60,
    ) -> None:
        self._scratch = scratch
        self._timeout = timeout
        self._bare = Driver(scratch / "bare", [], python)
        self._scientific = (
            Driver(scratch / "scientific", preload, python) if preload else self._bare
        )
        self._clew = Driver(scratch / "clew", ["clew.cli"] if _have_clew() else [], python)

    def close(self) -> None:
        """End the drivers."""
        self._bare.close()
        self._scientific.close()
        self._clew.close()

    def run_plain(
        self, program: Program, targets: Sequence[str] | None = None, **options: bool
    ) -> Ran:
        """Run the program itself in a fresh directory."""
        path = program.write(self._fresh())
        asked = program.targets if targets is None else targets
        return self._driver(program).run_program(
            path, asked, printed_by=_printed_by(asked), timeout=self._timeout, **options
        )

    def files(self) -> dict[str, str]:
        """The files of the directory after the latest run, by content hash."""
        return _files(self._directory())

    def check(
        self, program: Program, *, minimal: bool = False, run_options: Sequence[str] = ()
    ) -> Report:
        """Run everything once for one program."""
        report = Report(program, statements.count(program.source))
        plain = report.plain = self.run_plain(program)
        expected = _Expected(program, plain, self._directory(), self.files())
        if plain.timed_out:
            report.faults.append("the plain program did not end in time")
            return report
        self._record(program, report, expected, run_options)
        for target in program.targets:
            result = self._slice(program, target, expected)
            if result.verdict == "sound" and minimal:
                self._minimize(program, result, expected)
            report.slices.append(result)
        return report

    def _record(
        self, program: Program, report: Report, expected: _Expected, options: Sequence[str]
    ) -> None:
        shutil.rmtree(self._store(), ignore_errors=True)
        program.write(self._fresh())
        arguments = ["run", "-q", *options, PROGRAM]
        recorded = self._command(arguments)
        plain = expected.plain
        if recorded.timed_out:
            report.faults.append("the recorded run did not end in time")
        elif recorded.exit != plain.exit:
            report.faults.append(
                f"exit code {recorded.exit} instead of {plain.exit}: {_last(recorded.stderr)}"
            )
        if recorded.stdout != plain.stdout:
            report.faults.append(f"stdout differs: {_difference(plain.stdout, recorded.stdout)}")
        wanted, got = (_REPEATED.sub("", text) for text in (plain.stderr, recorded.stderr))
        if got != wanted and not recorded.timed_out:
            report.faults.append(f"stderr differs: {_difference(wanted, got)}")
        files = self.files()
        if files != expected.files:
            changed = {
                name
                for name in files.keys() | expected.files.keys()
                if files.get(name) != expected.files.get(name)
            }
            report.faults.append(f"files differ: {sorted(changed)}")

    def _slice(self, program: Program, target: str, expected: _Expected) -> Slice:
        start = time.perf_counter()
        printed = self._command(["slice", target])
        seconds = time.perf_counter() - start
        if printed.exit == REFUSED:
            leak = "" if not printed.stdout else " (and printed something)"
            verdict = "declined" if target in program.refuse and not leak else "refused"
            return Slice(target, verdict, _last(printed.stderr) + leak, seconds=seconds)
        if target in program.refuse:
            return Slice(target, "unsound", "not refused", printed.stdout, seconds=seconds)
        if printed.exit != 0 or printed.timed_out:
            return Slice(
                target, "error", f"exit {printed.exit}: {_last(printed.stderr)}", seconds=seconds
            )
        text = printed.stdout
        try:
            size = statements.count(text)
        except SyntaxError as error:
            return Slice(target, "unsound", f"not valid Python: {error}", text, seconds=seconds)
        problem = self._compare(program, target, text, expected)
        verdict = "sound" if problem is None else "unsound"
        result = Slice(target, verdict, problem or "", text, size, seconds=seconds)
        if problem is None:
            lines = {line.strip() for line in text.splitlines()}
            missing = [line for line in program.keep.get(target, []) if line not in lines]
            surplus = [line for line in program.drop.get(target, []) if line in lines]
            if missing:
                result.verdict, result.detail = (
                    "short",
                    f"right, but lines that matter are missing: {missing}",
                )
            elif surplus:
                result.verdict, result.detail = (
                    "large",
                    f"lines that have nothing to do with it: {surplus}",
                )
        return result

    def _compare(self, program: Program, target: str, text: str, expected: _Expected) -> str | None:
        """Run the text in place of the program; say how the target's value differs, or `None`."""
        path = program.write(self._fresh(), text)
        name = target.partition("@")[0]
        printed_by = _printed_by([target])
        kind, _, file = target.partition(":")
        asked = [] if kind == "file" or printed_by else [name]
        ran = self._driver(program).run_program(path, asked, timeout=self._timeout)
        if ran.timed_out:
            return "the slice did not end in time"
        if kind == "file":
            got = self.files().get(file)
            if got is None:
                return f"the slice did not write {file}: {_last(ran.stderr)}"
            return None if got == expected.files.get(file) else f"{file} differs"
        if printed_by:
            wanted = expected.printed(printed_by[0])
            return (
                None if wanted in ran.stdout else f"{wanted!r} was not printed: {_last(ran.stderr)}"
            )
        wanted = expected.plain.values.get(target)
        if wanted is None:
            return "the oracle has no value for this target"
        if name not in ran.values:
            return f"the slice does not bind {name}: {_last(ran.stderr)}"
        if ran.values[name] != wanted:
            return f"value differs: {_difference(wanted, ran.values[name])}"
        return None

    def _minimize(self, program: Program, result: Slice, expected: _Expected) -> None:
        patience, self._timeout = self._timeout, 5

        def good(text: str) -> bool:
            return self._compare(program, result.target, text, expected) is None

        result.minimal = statements.one_minimal(result.text, good)
        result.minimal_size = statements.count(result.minimal)
        self._timeout = patience

    def minimized(self, target: str) -> str | None:
        """What `clew slice --minimize` prints for a target of the latest recording."""
        printed = self._command(["slice", target, "--minimize"], 20)
        return printed.stdout if printed.exit == 0 else None

    def _command(self, arguments: list[str], patience: int = 3) -> Ran:
        environment = {"CLEW_STORE": str(self._store())}
        return self._clew.run_module(
            "clew", arguments, self._directory(), environment, self._timeout * patience
        )

    def _driver(self, program: Program) -> Driver:
        return self._scientific if program.requires else self._bare

    def _store(self) -> Path:
        return self._scratch / "store"

    def _directory(self) -> Path:
        return self._scratch / "work"

    def _fresh(self) -> Path:
        directory = self._directory()
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        return directory


@dataclass
class _Expected:
    """What the plain run gave."""

    program: Program
    plain: Ran
    directory: Path
    files: dict[str, str]

    def printed(self, line: int) -> str:
        """What the statement at a line printed when it last ran."""
        import json

        places = json.loads(self.plain.values.get(f"printed {line}", "[]"))
        if len(places) < 2:
            return ""
        return self.plain.stdout.encode()[places[-2] : places[-1]].decode()


def _have_clew() -> bool:
    return not package_path() or Path(package_path(), "clew", "cli").exists()


def _printed_by(targets: Sequence[str]) -> list[int]:
    return [int(target.partition(":")[2]) for target in targets if target.startswith(f"{PROGRAM}:")]


def _files(directory: Path) -> dict[str, str]:
    found = {}
    for path in sorted(directory.rglob("*")):
        relative = path.relative_to(directory)
        if _IGNORED & set(relative.parts) or not path.is_file() or path.name == PROGRAM:
            continue
        found[relative.as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "(nothing on stderr)"


def _difference(wanted: str, got: str, around: int = 60) -> str:
    """The first place at which two texts differ."""
    pairs = enumerate(zip(wanted, got, strict=False))
    same = next((n for n, (a, b) in pairs if a != b), min(len(wanted), len(got)))
    start = max(0, same - around // 2)
    return f"expected ...{wanted[start : start + around]!r}, got ...{got[start : start + around]!r}"
