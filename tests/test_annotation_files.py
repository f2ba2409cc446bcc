"""Annotation files of the user: found, checked, shown, and obeyed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clew.effects import finding

GOOD = """\
- module: json
  annotations:
    - criteria: {function_name: dumps}
      side_effects:
        - mutated_value: {positional_argument_index: 0}
"""
BAD = GOOD.replace("function_name: dumps", "function_name: dumps, colour: red")
PROGRAM = "import json\nx = [1]\ny = 2\njson.dumps(x)\nz = len(x)\n"
TREE = str(Path(__file__).resolve().parents[1] / "python")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CLEW_STORE", raising=False)
    (tmp_path / "p.py").write_text(PROGRAM)
    return tmp_path


def clew(*words: str) -> subprocess.CompletedProcess[str]:
    path = os.environ.get("CLEW_TEST_PATH", TREE)
    environment = os.environ | ({"PYTHONPATH": path} if path else {})
    command = [sys.executable, "-m", "clew", *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


class TestObeyed:
    @pytest.mark.parametrize(
        "where", [".clew/annotations/mine.yaml", "settings/clew/annotations.yaml"]
    )
    def test_a_declared_change_is_kept(self, place: Path, where: str):
        clew("run", "p.py")
        assert "dumps" not in clew("slice", "z").stdout
        put(place / where, GOOD)
        assert clew("run", "p.py").returncode == 0
        assert clew("slice", "z").stdout == "import json\nx = [1]\njson.dumps(x)\nz = len(x)\n"

    def test_a_wrong_file_is_left_out_with_a_warning(self, place: Path):
        put(place / ".clew" / "annotations" / "bad.yaml", BAD)
        done = clew("run", "p.py")
        assert done.returncode == 0
        assert "bad.yaml:3: colour: unknown key" in done.stderr
        assert done.stderr.count("warning") == 1


class TestFound:
    def test_entry_points(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nothing"))
        text = "[console_scripts]\nx = y:z\n[clew.annotations]\na = kit.effects\nb = kit.more\n"
        put(tmp_path / "kit-1.0.dist-info" / "entry_points.txt", text)
        single = put(tmp_path / "kit" / "effects.yaml", GOOD)
        inside = put(tmp_path / "kit" / "more" / "x.yaml", GOOD)
        assert finding.find(None) == [(str(single), "kit"), (str(inside), "kit")]


class TestCommand:
    def test_check(self, place: Path):
        good, bad = put(place / "good.yaml", GOOD), put(place / "bad.yaml", BAD)
        done = clew("annotations", "check", str(good))
        assert (done.returncode, done.stdout) == (0, f"{good}: 1 annotation, all right\n")
        done = clew("annotations", "check", str(bad), str(place / "nowhere.yaml"))
        assert done.returncode == 2
        assert f"{bad}:3: colour: unknown key" in done.stdout
        assert "nowhere.yaml" in done.stdout
        assert done.stderr == "clew: error: 2 problems in annotation files\n"

    def test_list(self, place: Path):
        put(place / "settings" / "clew" / "annotations" / "mine.yaml", GOOD)
        rows = json.loads(clew("annotations", "list", "--format", "json").stdout)
        assert (rows[0]["origin"], rows[0]["file"], rows[0]["callables"]) == (
            "settings",
            "mine.yaml",
            1,
        )
        assert {row["origin"] for row in rows[1:]} == {"shipped"}
        rows = json.loads(clew("annotations", "list", "random", "--format", "json").stdout)
        assert [row["file"] for row in rows] == ["standard-state.yaml"]

    def test_show(self, place: Path):
        done = clew("annotations", "show", "list.append", "json.dumps")
        assert "list.append (builtin type)\n  changes its object" in done.stdout
        assert "json.dumps (annotation)\n  reads all" in done.stdout
        done = clew("annotations", "show", "json.nothing")
        assert done.returncode == 2
        assert done.stderr.startswith("clew: error: there is no json.nothing")
