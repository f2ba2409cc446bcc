"""Runs candidate programs under the plain interpreter and says which of them can serve, and why
others cannot.

    python tests/corpus/choose.py networkx 60 >candidates.tsv

The list `programs.tsv` was chosen from its output. A program serves when it ends by itself,
offline, in time, with the same output twice.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fetch import fetch
from place import environment, put

SECONDS = 40.0


def main() -> None:
    """Print one line a program: package, path, seconds, verdict."""
    package, number = sys.argv[1], int(sys.argv[2])
    root = fetch()[package]
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*.py"))
    random.Random(0).shuffle(names)
    for name in names[:number]:
        seconds, verdict = judge(root / name)
        print(f"{package}\t{name}\t{seconds:.1f}\t{verdict}", flush=True)


def judge(program: Path) -> tuple[float, str]:
    """Run twice; return the seconds of the first run and a verdict."""
    outputs = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as directory:
            path = put(program, Path(directory))
            start = time.perf_counter()
            try:
                ran = subprocess.run(
                    [sys.executable, path.name],
                    cwd=directory,
                    env=environment(),
                    capture_output=True,
                    text=True,
                    timeout=SECONDS,
                    stdin=subprocess.DEVNULL,
                )
            except subprocess.TimeoutExpired:
                return SECONDS, "too slow"
            seconds = time.perf_counter() - start
        if ran.returncode:
            lines = ran.stderr.strip().splitlines() or [""]
            return seconds, "fails: " + lines[-1][:100].replace("\t", " ")
        outputs.append(ran.stdout)
    return seconds, "serves" if outputs[0] == outputs[1] else "prints something else each time"


if __name__ == "__main__":
    main()
