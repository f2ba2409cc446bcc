"""The examples that trace programs, and the code of docs/tracing.md."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


def run(directory, script):
    done = subprocess.run(
        [sys.executable, directory / script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def repaired(name, tmp_path, program, wrong, right):
    """Copy an example with its bug mended."""
    for file in (EXAMPLES / name).glob("*.py"):
        (tmp_path / file.name).write_text(file.read_text())
    text = (tmp_path / program).read_text()
    assert text.count(wrong) == 1
    (tmp_path / program).write_text(text.replace(wrong, right))
    return tmp_path


def line_of(path, text):
    (found,) = [at for at, line in enumerate(path.read_text().splitlines(), 1) if text in line]
    return f"{path}:{found}"


@pytest.mark.parametrize("mode", ["over_the_graph", "while_tracing"])
def test_units_find_the_bug(mode):
    place = line_of(EXAMPLES / "units" / "orbit.py", "rest = missing_speed")
    lines = run(EXAMPLES / "units", "check.py").splitlines()
    assert f"{mode}: {place}: sub of m s^-1 and kg m s^-1" in lines


def test_units_of_the_mended_program(tmp_path):
    wrong, right = "radius) - total", "radius) - total / craft.mass"
    directory = repaired("units", tmp_path, "orbit.py", wrong, right)
    assert run(directory, "check.py").splitlines() == [
        "over_the_graph: 1, 1",
        "while_tracing: 1, 1",
    ]


def test_types_find_the_bug():
    lines = run(EXAMPLES / "types", "infer.py").splitlines()
    assert lines[:4] == [
        "read(line: str) -> Order",
        "Order.__init__(name: str, quantity: str) -> ?",
        "Order.label() -> str",
        "Order.total() -> str",
    ]
    assert "HasCallableMethod split" in lines[4]
    program = EXAMPLES / "types" / "orders.py"
    read, total = line_of(program, "line.split"), line_of(program, "return self.cents")
    assert lines[5].startswith(f"{read}: quantity of Order.__init__ is str, not int")
    assert lines[6].startswith(f"{total}: return of Order.total is str, not int")
    assert len(lines) == 7


def test_types_of_the_mended_program(tmp_path):
    wrong, right = "int(cents), quantity)", "int(cents), int(quantity))"
    directory = repaired("types", tmp_path, "orders.py", wrong, right)
    assert "not int" not in run(directory, "infer.py")


def test_the_tutorial(tmp_path):
    text = (ROOT / "docs" / "tracing.md").read_text()
    blocks = re.findall(r"```(python|text)\n(.*?)```", text, re.DOTALL)
    names: dict = {"__name__": "tutorial"}
    printed = ""
    for at, (language, block) in enumerate(blocks):
        if language == "text":
            assert printed.rstrip() == block.rstrip()
            printed = ""
            continue
        assert not printed, "what was printed has a block of its own"
        # Functions have their source in files, as those of users.
        path = tmp_path / f"block_{at}.py"
        path.write_text(block)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(block, path, "exec"), names)
        printed = out.getvalue()
    assert len([b for b in blocks if b[0] == "python"]) >= 8


def test_the_language_of_the_tutorial_has_100_lines():
    text = (ROOT / "docs" / "tracing.md").read_text()
    parts = text[text.index("## A formula") : text.index("## Use it")]
    code = "".join(re.findall(r"```python\n(.*?)```", parts, re.DOTALL))
    assert len(code.splitlines()) <= 100
