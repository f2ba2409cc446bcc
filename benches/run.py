"""`make bench`: what Clew costs, as ratios against the plain program in the same run.

    python benches/run.py                                  everything, this interpreter
    python benches/run.py --python /path/to/python3.13     another one
    python benches/run.py speed --programs go,nbody --ways statement --rounds 7
    python benches/run.py memory --events 10000000,100000000
    python benches/run.py --quick                         few rounds, to see that it works

Times are CPU times of whole processes (user and system, start-up included), plain and recorded in
alternating pairs; each figure is the median of the pairs' ratios, with the lowest and the highest.
Nothing is asserted: figures depend on the machine, ratios little.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import speed
from parts import LEVELS, PARTS
from timing import REPOSITORY, Runner

PROGRAMS = [
    name for name in speed.LOOPS if name not in ("mdp", "pprint", "logging", "unpack_sequence")
]
QUICK = ["richards", "nbody", "chaos", "json_dumps"]


def main() -> int:
    """Measure what was asked for; print a table and write JSON."""
    options = parse()
    runner = Runner(options.python, options.installed)
    outcome: dict = {
        "machine": machine(options.python),
        "load_average": os.getloadavg(),
        "rounds": options.rounds,
    }
    print(
        f"{outcome['machine']['python']} on {outcome['machine']['processor']},"
        f" load {os.getloadavg()[0]:.1f}, {options.rounds} rounds\n"
    )
    start = time.perf_counter()
    for part in options.parts:
        print(f"== {part}: {describe(part)}", flush=True)
        outcome[part] = (
            run_speed(runner, options) if part == "speed" else PARTS[part](runner, options, show)
        )
        print(flush=True)
    path = Path(options.json)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(outcome, indent=1))
    print(f"{time.perf_counter() - start:.0f} s; figures in {path}")
    return 0


def run_speed(runner: Runner, options: argparse.Namespace) -> dict:
    """The part with a table of its own."""
    print(f"{'':16} {'plain':>8} " + " ".join(f"{way:>18}" for way in options.ways))
    return speed.measure(
        runner,
        options.programs,
        options.ways,
        options.rounds,
        lambda name, result: print(speed.table_row(name, result, options.ways), flush=True),
    )


def show(line: str) -> None:
    print("   " + line, flush=True)


def describe(part: str) -> str:
    text = speed.__doc__ if part == "speed" else PARTS[part].__doc__
    return (text or "").strip().splitlines()[0].removeprefix("The part `speed`: ")


def machine(python: str) -> dict:
    """What the figures were taken on."""
    version = subprocess.run(
        [python, "-c", "import sys; print(sys.version.split()[0])"], capture_output=True, text=True
    )
    model = "unknown processor"
    if Path("/proc/cpuinfo").exists():
        models = [
            line
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ]
        model = models[0].partition(": ")[2] if models else model
    return {
        "python": f"CPython {version.stdout.strip()}",
        "processor": f"{model} ({os.cpu_count()} cores)",
        "system": platform.system(),
    }


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(["speed", *PARTS]))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument(
        "--installed", action="store_true", help="use the installed clew, not the working tree"
    )
    parser.add_argument("--programs", type=lambda text: text.split(","), help="of the part speed")
    parser.add_argument("--ways", type=lambda text: text.split(","), default=speed.WAYS)
    parser.add_argument("--levels", type=lambda text: text.split(","), default=LEVELS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--events",
        type=lambda text: [int(n) for n in text.split(",")],
        default=[10_000_000, 100_000_000],
    )
    parser.add_argument("--rewriting-seconds", type=float, default=20)
    parser.add_argument("--json", default=str(REPOSITORY / "build" / "bench.json"))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    unknown = set(options.parts) - {"speed", *PARTS}
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    options.parts = options.parts or [
        "startup",
        "importing",
        "rewriting",
        "science",
        "memory",
        "latency",
        "speed",
    ]
    if options.quick:
        options.rounds, options.events, options.rewriting_seconds = 1, [1_000_000, 10_000_000], 5
    options.programs = options.programs or (QUICK if options.quick else PROGRAMS)
    if bad := set(options.programs) - set(speed.LOOPS):
        parser.error(f"no such program: {', '.join(sorted(bad))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
