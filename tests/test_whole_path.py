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


PACKAGE = {
    "__init__.py": "RATES = {}\n\n\ndef rate(name, value):\n    RATES[name] = value\n",
    "rates.py": "from . import rate\n\nrate('low', 2)\nrate('high', 5)\n",
    "__main__.py": """\
from . import RATES
from . import rates

unused = len(RATES)
price = 10 * RATES["high"]
print(price)
""",
}


def test_the_slice_of_a_package_runs_by_itself(tmp_path: Path):
    """The package is imported before its program, and its imports are relative."""
    (tmp_path / "shop").mkdir()
    for name, text in PACKAGE.items():
        (tmp_path / "shop" / name).write_text(text)
    done = clew("run", "-m", "shop", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "50\n")
    done = clew("slice", "price", "--verify", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "unused" not in done.stdout
    (tmp_path / "slice.py").write_text(done.stdout + "print(price)\n")
    alone = [sys.executable, "slice.py"]
    done = subprocess.run(alone, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.stdout == "50\n", done.stderr
