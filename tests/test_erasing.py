"""What is taken out of running code comes back before it matters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = {
    "a unit after a heavy one reads what others wrote": (
        """\
class Box:
    def __init__(self, value):
        self.value = value

    def get(self):
        if self.value:
            return self.value
        return 0

def work(box, n):
    total = 0
    for _ in range(n):
        total += box.get()
    return total

one = Box(1)
two = Box(2)
heavy = work(one, 5000)
two.value = 7
answer = work(two, 5000)
""",
        35000,
        ["two.value = 7"],
    ),
    "a loop of units, each heavy": (
        """\
class Counter:
    def __init__(self):
        self.n = 0

    def step(self):
        self.n += 1
        return self.n

counter = Counter()
answer = 0
for turn in range(4):
    for _ in range(3000):
        counter.step()
    if turn % 2:
        counter.n += 100
    answer = counter.step()
""",
        12204,
        ["counter.n += 100", "counter.step()"],
    ),
    "iterators that searches advance": (
        """\
def skip(iterator, n):
    for _ in range(n):
        if n in iterator:
            return True
    return False

numbers = iter(range(9000))
found = skip(numbers, 6000)
answer = next(numbers)
""",
        6001,
        ["found = skip(numbers, 6000)"],
    ),
    "operands that run code while text comes and goes": (
        """\
import sys

class Chain:
    def __init__(self, rest):
        self.rest = rest

    @property
    def next(self):
        if self.rest is None:
            sys.setprofile(None)
            return self
        return self.rest

    def depth(self):
        return 0 if self.rest is None else 1 + self.next.next.rest_depth()

    def rest_depth(self):
        return 0 if self.rest is None else 1 + self.next.depth()

chain = None
for _ in range(201):
    chain = Chain(chain)
answer = sum(chain.depth() for _ in range(100))
""",
        13300,
        [],
    ),
}


@pytest.mark.parametrize("after", ["1", "50", "2000"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_as_plain_and_its_slice_holds(name: str, after: str, tmp_path: Path):
    """The program's value, and that of its slice, do not depend on when text is taken out."""
    text, expected, needed = PROGRAMS[name]
    (tmp_path / "program.py").write_text(text + "print(answer)\n")
    environment = {**os.environ, "CLEW_ERASE_AFTER": after}

    def clew(*arguments: str) -> str:
        command = [sys.executable, "-m", "clew", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert clew("run", "-q", "program.py") == f"{expected}\n"
    part = clew("slice", "answer", "--verify")
    for line in needed:
        assert line in part
