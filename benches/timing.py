"""Measures whole processes: CPU time and peak memory of a child, in alternating pairs.

CPU time (user and system, children included) is used rather than wall time, because the machine may
be shared; the plain run and the other run of a pair follow each other at once, so that both see the
same machine.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent


@dataclass(frozen=True)
class Cost:
    """What one process cost."""

    cpu_s: float
    wall_s: float
    peak_bytes: int
    exit: int
    stdout: bytes


@dataclass
class Ratios:
    """Pairs of one program in one way."""

    ratios: list[float] = field(default_factory=list)
    extra_ms: list[float] = field(default_factory=list)
    plain_s: list[float] = field(default_factory=list)

    def add(self, plain: Cost, other: Cost) -> None:
        """Take in one pair."""
        self.ratios.append(other.cpu_s / plain.cpu_s)
        self.extra_ms.append((other.cpu_s - plain.cpu_s) * 1000)
        self.plain_s.append(plain.cpu_s)

    def record(self) -> dict:
        """Medians and spread as plain data."""
        return {
            "ratio": statistics.median(self.ratios),
            "lowest": min(self.ratios),
            "highest": max(self.ratios),
            "extra_ms": statistics.median(self.extra_ms),
            "plain_s": statistics.median(self.plain_s),
            "pairs": len(self.ratios),
        }


class Failed(Exception):
    """A process did not end well, or did something else than the plain one."""


@dataclass
class Runner:
    """Runs commands with one interpreter, each in a fresh directory and store."""

    python: str = sys.executable
    installed: bool = False
    timeout_s: float = 900

    def environment(self, extra: dict[str, str]) -> dict[str, str]:
        """A small fixed environment: what is not set here is not inherited, but for paths."""
        kept = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "LANG", "TMPDIR")
            if name in os.environ
        }
        paths = [str(HERE / "standin")] + (
            [] if self.installed else [os.environ.get("CLEW_TEST_PATH", str(REPOSITORY / "python"))]
        )
        kept.update(
            PYTHONPATH=os.pathsep.join(paths),
            PYTHONHASHSEED="0",
            OMP_NUM_THREADS="1",
            OPENBLAS_NUM_THREADS="1",
            MPLBACKEND="Agg",
            PYTHONDONTWRITEBYTECODE="1",
        )
        return {**kept, **extra}

    def cost(self, arguments: Sequence[str], environment: dict[str, str], directory: Path) -> Cost:
        """Run `python ARGUMENTS` and return its cost, by the kernel's account of that child
        alone.
        """
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            start = time.perf_counter()
            process = subprocess.Popen(
                [self.python, *arguments],
                cwd=directory,
                env=self.environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            errors.seek(0)
            if process.returncode != 0:
                last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
                raise Failed(f"exit {process.returncode}: {last[0] if last else ''}")
            return Cost(
                usage.ru_utime + usage.ru_stime,
                wall,
                usage.ru_maxrss * 1024,
                process.returncode,
                output.read(),
            )

    def way(self, name: str, script: str) -> list[str]:
        """The arguments that run a script in a way: plain, a level of `clew run`, or a tracer for
        scale.
        """
        match name:
            case "plain":
                return [script]
            case "statement" | "call" | "op":
                return ["-m", "clew", "run", "-q", "--detail", name, script]
            case "settrace":
                return [str(HERE / "tracers" / "settrace_noop.py"), script]
            case "viztracer":
                return [str(HERE / "tracers" / "viztracer_unsaved.py"), script]
        raise ValueError(name)

    def pair(
        self, name: str, script: Path, environment: dict[str, str], *, same_output: bool = True
    ) -> tuple[Cost, Cost]:
        """Run plain, then in a way, each in a copy of nothing: the script's own directory is only
        read.
        """
        with tempfile.TemporaryDirectory() as directory:
            plain = self.cost(self.way("plain", str(script)), environment, Path(directory))
        with tempfile.TemporaryDirectory() as directory:
            store = {"CLEW_STORE": str(Path(directory, "store"))}
            other = self.cost(
                self.way(name, str(script)), {**environment, **store}, Path(directory)
            )
        if same_output and other.stdout != plain.stdout:
            raise Failed("prints something else than the plain program")
        return plain, other


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of positive numbers."""
    return math.exp(sum(map(math.log, values)) / len(values))
