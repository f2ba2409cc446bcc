"""The whole path on small programs: record, slice, verify in a fresh interpreter."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """\
xs = []
unused = 3
for i in range(4):
    xs.append(i)
ys = xs
ys.append(10)
total = sum(xs)
print(total)


class A:
    def __init__(self, v):
        self.v = v

    def get(self):
        return self.v * 2


a = A(3)
b = A(4)
a.v = 7
z = a.get() + 1
with open("o.txt", "w") as fh:
    fh.write("hi")
text = open("o.txt").read()
try:
    q = int("x")
except ValueError:
    q = 5
"""


def clew(*words: str, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "clew", *words], cwd=cwd, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("program")
    (place / "program.py").write_text(PROGRAM)
    done = clew("run", "program.py", cwd=place)
    assert (done.returncode, done.stdout) == (0, "16\n")
    assert "recorded" in done.stderr
    return place


@pytest.mark.parametrize("target", ["total", "z", "text", "q", "ys"])
def test_slices_verify(place: Path, target: str):
    done = clew("slice", target, "--verify", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "unused" not in done.stdout
    assert "b = A(4)" not in done.stdout
    namespace: dict[str, object] = {}
    exec(compile(PROGRAM.replace("o.txt", str(place / "o.txt")), "program", "exec"), namespace)
    sliced: dict[str, object] = {}
    exec(compile(done.stdout.replace("o.txt", str(place / "o.txt")), "slice", "exec"), sliced)
    assert sliced[target] == namespace[target]


def test_an_unknown_name_is_an_error(place: Path):
    done = clew("slice", "totl", cwd=place)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "total" in done.stderr
    assert "Traceback" not in done.stderr
