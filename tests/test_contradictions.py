"""Annotations of the user that are wrong: told once, and what was seen holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import clew
from clew import storing

TREE = str(Path(__file__).resolve().parents[1] / "python")

LIBRARY = """\
class Box:
    def __init__(self):
        self.items = []

    def peek(self):
        self.items.append(0)
        return len(self.items)

    def add(self, item):
        self.items.append(item)


class Taker:
    def __init__(self, xs):
        xs.append(2)


def quiet(xs):
    return len(xs)


def loud(xs):
    xs.append(1)


def other(a, b):
    b.append(2)


def late(xs, n):
    if n == 16:
        xs.append(n)


def each(function, xs):
    return [function(x) for x in xs]


def names(thing):
    return sorted(vars(thing))


def inside(frame):
    frame.loc[0, "a"] = 9
"""
ANNOTATIONS = """\
- module: library
  annotations:
    - criteria: {function_names: [quiet, loud, late, each, names, inside]}
      side_effects: []
    - criteria: {function_name: Taker}
      side_effects: []
    - criteria: {function_name: other}
      side_effects:
        - mutated_value: {positional_argument_index: 0}
    - criteria: {class_instance: Box, class_method_name: peek}
      side_effects:
        - dependency: {self_ref: SELF_REF}
    - criteria: {class_instance: Box, class_method_name: add}
      side_effects:
        - mutated_value: {self_ref: SELF_REF}
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CLEW_STORE", raising=False)
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "library.py").write_text(LIBRARY)
    (tmp_path / ".clew" / "annotations").mkdir(parents=True)
    (tmp_path / ".clew" / "annotations" / "mine.yaml").write_text(ANNOTATIONS)
    return tmp_path


def clew_command(*words: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [os.environ.get("CLEW_TEST_PATH", TREE), "site-packages"]))
    environment = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, "-m", "clew", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def run(program: str, detail: str = "statement") -> list[str]:
    """Run a program with the annotations; give the callees that are told to be wrong."""
    Path("p.py").write_text("import library\n" + program)
    done = clew_command("run", "--detail", detail, "p.py")
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if "warning" in line]
    for line in warnings:
        assert line.startswith("clew: warning: annotations: ")
        assert "mine.yaml: " in line
    return [line.partition("mine.yaml: ")[2].split()[0] for line in warnings]


@pytest.mark.parametrize("detail", ["statement", "call", "op"])
@pytest.mark.parametrize(
    ("program", "callee", "target"),
    [
        ("xs = []\nfor i in range(9):\n    library.loud(xs)\nn = len(xs)\n", "loud", "n"),
        ("a, b = [], []\nlibrary.other(a, b)\nn = b[0]\n", "other", "n"),
        ("box = library.Box()\nbox.peek()\nn = box.items\n", "Box.peek", "n"),
        ("xs = []\nlibrary.Taker(xs)\nlibrary.Taker(xs)\nn = list(xs)\n", "Taker", "n"),
        ("xs = []\nfor i in range(17):\n    library.late(xs, i + 1)\nn = len(xs)\n", "late", "n"),
        (
            "import pandas as pd\nf = pd.DataFrame({'a': [1, 2]})\n"
            "library.inside(f)\nn = int(f['a'].sum())\n",
            "inside",
            "n",
        ),
    ],
)
def test_what_was_seen_holds(place, program, callee, target, detail):
    if "pandas" in program:
        pytest.importorskip("pandas")
    assert run(program, detail) == [f"library.{callee}"]
    assert clew_command("slice", target, "--verify").stdout == "import library\n" + program


@pytest.mark.parametrize(
    "program",
    [
        "xs = [1]\nn = library.quiet(xs)\n",
        "ys = []\ndef keep(x):\n    ys.append(x)\nlibrary.each(keep, [1, 2])\n",
        "ys = []\nlibrary.each(ys.append, [1, 2])\n",
        "class T: pass\nt = T()\nt.x = 1\nlibrary.names(t)\n",
        "box = library.Box()\nbox.add(1)\n",
        "n = library.each(str, iter([1, 2]))\n",
    ],
)
def test_right_annotations_are_not_blamed(place, program):
    assert run(program) == []


def test_parts_of_what_is_changed(place):
    program = "box = library.Box()\nitems = box.items\nbox.add(1)\nbox.add(2)\nn = len(items)\n"
    assert run(program) == []
    assert clew_command("slice", "n", "--verify").stdout == "import library\n" + program


def test_effects_lists_them(place):
    run("library.loud([])\nlibrary.loud([])\n")
    done = clew_command("effects")
    assert done.stdout.count("warning: annotations: .clew/annotations/mine.yaml: library.loud") == 1
    rows = json.loads(clew_command("effects", "--format", "json").stdout)
    assert [row["key"] for row in rows if row["access"] == "contradicted"] == [
        f"{place}/.clew/annotations/mine.yaml: library.loud"
    ]


def test_recordings_tell_in_their_notes(place, monkeypatch):
    monkeypatch.syspath_prepend(str(place / "site-packages"))
    storing.open_store(create=True)
    program = "import library\nxs = []\nlibrary.loud(xs)\nn = len(xs)\n"
    done = clew.record(program, detail="statement")
    (note,) = done.notes
    assert note.startswith(f"annotations: {place}/.clew/annotations/mine.yaml: library.loud ")
    assert done.slice("n") == program
    del sys.modules["library"]
