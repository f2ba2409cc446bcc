"""The parts other than `speed`.

Each part is a function `(runner, options, show) -> data`; `show` prints one line of the table.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from timing import HERE, Cost, Failed, Ratios, Runner, geometric_mean

Show = Callable[[str], None]
LEVELS = ["statement", "call", "op"]


def science(runner: Runner, options: Namespace, show: Show) -> dict:
    """Scripts that spend their time in numpy, pandas, scikit-learn: the ratio and what it adds."""
    results = {}
    for script in sorted((HERE / "science").glob("*.py")):
        collected = {level: Ratios() for level in options.levels}
        walls: dict[str, list[float]] = {level: [] for level in options.levels}
        for _ in range(options.rounds):
            for level in options.levels:
                plain, other = runner.pair(level, script, {})
                collected[level].add(plain, other)
                walls[level].append((other.wall_s - plain.wall_s) * 1000)
        results[script.stem] = {level: ratios.record() for level, ratios in collected.items()}
        for level, record in results[script.stem].items():
            record["extra_wall_ms"] = statistics.median(walls[level])
            show(
                f"{script.stem:10} {level:10} {record['ratio']:.3f}"
                f" ({record['lowest']:.3f}-{record['highest']:.3f})"
                f"  plain {record['plain_s']:.2f} s, adds {record['extra_ms']:.0f} ms CPU"
            )
    return results


def startup(runner: Runner, options: Namespace, show: Show) -> dict:
    """An empty script: what `clew run` costs before anything happens."""
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory, "empty.py")
        script.write_text("x = 1\n")
        for level in options.levels:
            pairs = [runner.pair(level, script, {}) for _ in range(max(7, options.rounds))]
            results[level] = {
                "plain_ms": _median(plain.wall_s for plain, _ in pairs),
                "extra_ms": _median(other.wall_s - plain.wall_s for plain, other in pairs),
                "extra_cpu_ms": _median(other.cpu_s - plain.cpu_s for plain, other in pairs),
            }
            one = results[level]
            show(
                f"{level:10} adds {one['extra_ms']:.0f} ms (CPU {one['extra_cpu_ms']:.0f} ms)"
                f" to {one['plain_ms']:.0f} ms"
            )
    return results


def importing(runner: Runner, options: Namespace, show: Show) -> dict:
    """`import clew`, against an interpreter that imports nothing."""
    with tempfile.TemporaryDirectory() as directory:
        pairs: list[tuple[Cost, Cost]] = []
        for _ in range(max(15, options.rounds)):
            plain = runner.cost(["-c", "pass"], {}, Path(directory))
            pairs.append((plain, runner.cost(["-c", "import clew"], {}, Path(directory))))
    result = {
        "wall_ms": _median(other.wall_s - plain.wall_s for plain, other in pairs),
        "cpu_ms": _median(other.cpu_s - plain.cpu_s for plain, other in pairs),
    }
    show(f"import clew: {result['wall_ms']:.1f} ms (CPU {result['cpu_ms']:.1f} ms); target 30 ms")
    return result


def rewriting(runner: Runner, options: Namespace, show: Show) -> dict:
    """Lines of the standard library instrumented in a minute, compiling included."""
    results = {}
    for level in options.levels:
        record = _child(runner, ["rewriting", level, str(options.rewriting_seconds)], {})
        results[level] = record
        show(
            f"{level:10} {record['lines_per_minute'] / 1e6:.2f} million lines a minute"
            f" with compiling, {record['lines_per_minute_beyond_compiling'] / 1e6:.2f} without"
            f" ({record['n_lines']} lines, {record['failed']} files failed); target 1 million"
        )
    return results


def memory(runner: Runner, options: Namespace, show: Show) -> dict:
    """Peak memory beyond the plain program's, at several numbers of operations."""
    results: dict[str, dict] = {level: {} for level in options.levels}
    for level in options.levels:
        for n_events in options.events:
            environment = {"CLEW_BENCH_TURNS": str(n_events // 10)}
            try:
                plain, other = runner.pair(level, HERE / "events" / "loop.py", environment)
            except Failed as problem:
                show(f"{level:10} {n_events:>13,} events: failed: {problem}")
                results[level][n_events] = {"failed": str(problem)}
                continue
            extra = other.peak_bytes - plain.peak_bytes
            results[level][n_events] = {
                "extra_bytes": extra,
                "plain_bytes": plain.peak_bytes,
                "ratio": other.cpu_s / plain.cpu_s,
            }
            show(
                f"{level:10} {n_events:>13,} events: {extra / 1e6:6.1f} MB"
                f" beyond {plain.peak_bytes / 1e6:.1f} MB"
                f" ({other.cpu_s / plain.cpu_s:.2f}x time); target 200 MB"
            )
    return results


def latency(runner: Runner, options: Namespace, show: Show) -> dict:
    """Commands on a recording of a million events, in a warm process and as a whole process."""
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        environment = {"CLEW_STORE": str(Path(directory, "store")), "CLEW_BENCH_TURNS": "100000"}
        for level in options.levels:
            script = str(HERE / "events" / "loop.py")
            runner.cost(runner.way(level, script), environment, Path(directory))
            for words in (["slice", "total"], ["why", "total"], ["effects"], ["calls"]):
                try:
                    record = _child(runner, ["commands", *words], environment)
                    whole = [
                        runner.cost(["-m", "clew", *words], environment, Path(directory))
                        for _ in range(3)
                    ]
                except Failed as problem:
                    show(f"{level:10} clew {' '.join(words):12} failed: {problem}")
                    continue
                record["process_ms"] = _median(cost.wall_s for cost in whole)
                record["warm_ms"] = statistics.median(record["times_ms"][1:])
                results[f"{level} {' '.join(words)}"] = record
                note = f" exit {record['status']}: {record['stderr']}" if record["status"] else ""
                show(
                    f"{level:10} clew {' '.join(words):12} warm {record['warm_ms']:7.1f} ms,"
                    f" first {record['times_ms'][0]:7.1f} ms,"
                    f" process {record['process_ms']:7.1f} ms; target 350 ms with loading{note}"
                )
    return results


def operations(runner: Runner, options: Namespace, show: Show) -> dict:
    """`record_calls` on pyperformance programs, and `effects_of` on a million calls.

    Beside them, on the same programs: tracing by opcodes, and pyccolo, which keep nothing.
    """
    import speed

    results = {}
    for name in options.programs:
        path = speed.benchmarks() / f"bm_{name}" / "run_benchmark.py"
        if not path.exists():
            continue
        try:
            loops = {"CLEW_BENCH_LOOPS": str(max(1, speed.LOOPS[name] // 50))}
            record = _child(runner, ["operations", str(path)], loops)
        except Failed as problem:
            show(f"{name:16} failed: {problem}")
            continue
        results[name] = record
        others = (
            f"; {other} {found['ratio']:.0f}x, {found['ns_an_event']:.0f} ns an event"
            for other, found in record.items()
            if other in ("opcodes", "pyccolo")
        )
        show(
            f"{name:16} {record['ns_a_call']:6.0f} ns a call recorded, {record['ratio']:.1f}x"
            f" ({record['n_calls']:,} calls); target 250 ns{''.join(others)}"
        )
    for other in ("ratio", "opcodes", "pyccolo"):
        found = [record[other] for record in results.values() if other in record]
        if found:
            ratios = [each if other == "ratio" else each["ratio"] for each in found]
            label = "record_calls" if other == "ratio" else other
            show(f"{label:16} {geometric_mean(ratios):6.1f}x, geometric mean")
    record = results["effects"] = _child(runner, ["effects", "1000000"], {})
    show(f"effects_of {record['n_calls']:,} calls: {record['seconds']:.2f} s; target 1 s")
    return results


def values(runner: Runner, options: Namespace, show: Show) -> dict:
    """Traced values: operations, graphs of one and ten million nodes, compiled functions."""
    results = {}
    for n_nodes in (1_000_000, 10_000_000):
        with tempfile.TemporaryDirectory() as directory:
            arguments = [str(HERE / "values.py"), str(n_nodes)]
            cost = runner.cost(arguments, {}, Path(directory))
        record = results[str(n_nodes)] = json.loads(cost.stdout.splitlines()[-1])
        show(f"{n_nodes:,} nodes")
        for name, (unit, scale, target) in VALUES.items():
            if name in record:
                note = f"; target {target}" if target else ""
                show(f"  {name:28} {record[name] / scale:8.3g} {unit}{note}")
    return results


# Figures of `values`: unit, scale, target.
VALUES: dict[str, tuple[str, float, str]] = {
    "arithmetic_ns": ("ns", 1, "120"),
    "arithmetic_plain_ns": ("ns", 1, ""),
    "attribute_ns": ("ns", 1, "250"),
    "item_ns": ("ns", 1, "250"),
    "call_ns": ("ns", 1, "1,000 and the body"),
    "call_of_plain_function_ns": ("ns", 1, ""),
    "bytes_a_node": ("bytes", 1, "64"),
    "evaluate_ns_a_node": ("ns", 1, "60"),
    "compile_s": ("s", 1, ""),
    "compiled_ratio": ("x hand-written", 1, "1.05"),
    "upstream_s": ("s", 1, "0.5 for a million"),
    "constraints_s": ("s", 1, "0.5 for a million"),
    "reverse_s": ("s", 1, "0.5 for a million"),
    "peak_bytes": ("MB", 1e6, "1,000 for ten million"),
    "make_jaxpr_ns": ("ns an operation", 1, ""),
    "hltpy_ns": ("ns an operation", 1, ""),
}


def _child(runner: Runner, arguments: list[str], environment: dict[str, str]) -> dict:
    with tempfile.TemporaryDirectory() as directory:
        cost = runner.cost([str(HERE / "children.py"), *arguments], environment, Path(directory))
    return json.loads(cost.stdout.splitlines()[-1])


def _median(seconds) -> float:
    """The median, in milliseconds."""
    return statistics.median(seconds) * 1000


PARTS: dict[str, Callable[[Runner, Namespace, Show], dict]] = {
    "startup": startup,
    "importing": importing,
    "rewriting": rewriting,
    "science": science,
    "memory": memory,
    "latency": latency,
    "operations": operations,
    "values": values,
}
