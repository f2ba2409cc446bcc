"""The part `speed`: pyperformance's programs, plain against `clew run` at each level, with two
tracers for scale.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from pathlib import Path

from timing import Failed, Ratios, Runner, geometric_mean

LOOPS = {
    "richards": 20,
    "deltablue": 250,
    "nbody": 12,
    "chaos": 16,
    "raytrace": 3,
    "go": 8,
    "hexiom": 150,
    "pyflate": 2,
    "json_dumps": 100,
    "json_loads": 1800,
    "spectral_norm": 10,
    "float": 14,
    "nqueens": 12,
    "fannkuch": 3,
    "telco": 150,
    "deepcopy": 2000,
    "generators": 25,
    "comprehensions": 30000,
    "logging": 5000,
    "mdp": 1,
    "unpack_sequence": 40000,
    "pprint": 1,
}
"""How often each program's benchmark function is run: about a second of CPU time on a machine of
2024.
"""

WAYS = ["statement", "call", "op", "settrace", "viztracer"]


def benchmarks() -> Path:
    """The directory of pyperformance's programs."""
    found = importlib.util.find_spec("pyperformance")
    if found is None or found.origin is None:
        raise SystemExit("the part speed needs pyperformance: pip install pyperformance")
    return Path(found.origin).parent / "data-files" / "benchmarks"


def measure(runner: Runner, programs: list[str], ways: list[str], rounds: int, show) -> dict:
    """Time every program in every way; return medians and geometric means."""
    results: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as copies:
        for program in programs:
            place = Path(copies, program)
            shutil.copytree(
                benchmarks() / f"bm_{program}", place, ignore=shutil.ignore_patterns("__pycache__")
            )
            environment = {"CLEW_BENCH_LOOPS": str(LOOPS[program])}
            results[program] = one_program(
                runner, place / "run_benchmark.py", environment, ways, rounds
            )
            show(program, results[program])
    means = {}
    for way in ways:
        ratios = [result[way]["ratio"] for result in results.values() if "ratio" in result[way]]
        if ratios:
            means[way] = {"ratio": geometric_mean(ratios), "programs": len(ratios)}
    show("geometric mean", means)
    return {"programs": results, "geometric_mean": means}


def one_program(
    runner: Runner, script: Path, environment: dict[str, str], ways: list[str], rounds: int
) -> dict:
    """All the pairs of one program; the ways take turns, so that no way has the quiet hour."""
    collected = {way: Ratios() for way in ways}
    failed: dict[str, str] = {}
    for _ in range(rounds):
        for way in ways:
            if way in failed:
                continue
            try:
                collected[way].add(*runner.pair(way, script, environment))
            except Failed as problem:
                failed[way] = str(problem)
    return {
        way: {"failed": failed[way]} if way in failed else collected[way].record() for way in ways
    }


def table_row(name: str, result: dict, ways: list[str]) -> str:
    """One line: median and spread of each way."""
    plain = next((r["plain_s"] for r in result.values() if "plain_s" in r), None)
    cells = [f"{name:16}", f"{plain:6.2f} s" if plain else " " * 8]
    for way in ways:
        cell = result.get(way, {})
        if "failed" in cell:
            cells.append(f"{'failed':>18}")
        elif "lowest" in cell:
            cells.append(
                f"{cell['ratio']:6.2f} ({cell['lowest']:.2f}-{cell['highest']:.2f})".rjust(18)
            )
        elif cell:
            cells.append(f"{cell['ratio']:6.3f}".rjust(18))
        else:
            cells.append(" " * 18)
    failures = "".join(
        f"\n    {way}: {cell['failed']}" for way, cell in result.items() if "failed" in cell
    )
    return " ".join(cells) + failures
