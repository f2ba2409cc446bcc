"""Questions to recordings from the command line: slice, why, graph, calls, effects, show."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from test_cli import answer, clew, complaint, python

from clew.storing import Store, open_store

PROGRAM = '''\
"""What a person wrote."""
import json
import os
import random

import helper

numbers = [3, 1, 2]  # the data
numbers.append(4)
label = os.environ.get("LABEL_OF_RUN", "none")
noise = random.random()
unused = helper.twice(noise)
total = 0
for number in numbers:
    total += helper.twice(number)
    if number > 2:
        print("large", number)
if total > 100:
    never = 1
temporary = total
del temporary
with open("result.json", "w") as file:
    json.dump({"total": total}, file)
first = total
total = -1
'''
HELPER = """\
def twice(x):
    return 2 * x
"""
SLICE_OF_FIRST = """\
import helper

numbers = [3, 1, 2]  # the data
numbers.append(4)
total = 0
for number in numbers:
    total += helper.twice(number)
first = total
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a recorded program."""
    directory = tmp_path_factory.mktemp("recorded")
    (directory / "program.py").write_text(PROGRAM)
    (directory / "helper.py").write_text(HELPER)
    done = clew("run", "program.py", "in.csv", "--token", "hunter2", cwd=directory)
    assert (done.returncode, done.stdout) == (0, "large 3\nlarge 4\n"), done.stderr
    assert "recorded" in done.stderr
    return directory


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    monkeypatch.delenv("CLEW_STORE", raising=False)
    return place


@pytest.fixture
def store(here: Path) -> Store:
    return open_store()


def test_show(here: Path) -> None:
    text = answer("show")
    assert "program.py in.csv --token '***'" in text
    assert "program.py (__main__): 22 of 23 statements ran" in text
    assert "helper.py (helper): 2 of 2 statements ran, imported at line 6" in text
    assert "total = int -1" in text
    assert "file result.json: " in text
    data = json.loads(answer("show", "latest", "--format", "json"))
    assert data["exit_status"] == 0
    assert {"name", "summary", "fingerprint"} == set(data["bindings"][0])


def test_effects(here: Path) -> None:
    lines = answer("effects").splitlines()
    assert lines[0].split() == ["LINE", "DOES", "KIND", "WHAT", "CODE"]
    [written] = [line for line in lines if "writes" in line and "result.json" in line]
    assert written.split()[:4] == ["22", "writes", "file", "result.json"]
    assert written.endswith('with open("result.json", "w") as file:')
    assert any("random" in line and line.split()[0] == "11" for line in lines)
    rows = json.loads(answer("effects", "--format", "json"))
    assert {"line": 22, "kind": "file", "key": str(here / "result.json"), "access": "write"} in rows


class TestSlice:
    def test_a_name(self, here: Path) -> None:
        assert answer("slice", "first") == SLICE_OF_FIRST
        assert answer("slice", "first", "--run", "latest") == SLICE_OF_FIRST
        assert answer("slice", "total") == "total = -1\n"

    def test_a_name_at_a_line(self, here: Path) -> None:
        lines = SLICE_OF_FIRST.splitlines(keepends=True)
        assert answer("slice", "total@15") == "".join(lines[:-1])
        assert answer("slice", "numbers@8") == "numbers = [3, 1, 2]  # the data\n"

    def test_a_statement(self, here: Path) -> None:
        assert answer("slice", "program.py:24") == SLICE_OF_FIRST
        assert answer("slice", str(here / "program.py") + ":24") == SLICE_OF_FIRST

    def test_a_statement_of_a_module(self, here: Path) -> None:
        """All that called it is needed, and one of the calls drew a random number."""
        assert "random" in complaint("slice", "helper.py:2", status=3)

    @pytest.mark.parametrize("name", ["result.json", "./result.json", "../{0}/result.json"])
    def test_a_file(self, here: Path, name: str) -> None:
        text = answer("slice", "file:" + name.format(here.name))
        assert 'json.dump({"total": total}, file)' in text
        assert "noise" not in text

    def test_verification(self, here: Path) -> None:
        for target in ("first", "total@15", "numbers@8", "program.py:24", "file:result.json"):
            done = clew("slice", target, "--verify", "-o", "out.py")
            assert (done.returncode, done.stdout) == (0, "")
            assert done.stderr.startswith("clew: verified: ")
            assert done.stderr.count("\n") == 1
        done = clew("slice", "first", "--minimize")
        assert (done.returncode, done.stdout) == (0, SLICE_OF_FIRST)
        assert "left out" in done.stderr

    def test_json(self, here: Path) -> None:
        data = json.loads(answer("slice", "first", "--format", "json"))
        assert (data["text"], data["target"]) == (SLICE_OF_FIRST, "first")
        assert data["lines"] == [6, 8, 9, 13, 14, 15, 24]
        assert data["n_statements"] == 7

    def test_explain(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("CLEW_STORE", raising=False)
        (tmp_path / "p.py").write_text(
            "import sched\nxs = [1]\nn = 2\nif xs:\n    xs.append(3)\n"
            "d = sched.scheduler()\nout = (xs, d)\n"
        )
        clew("run", "-q", "p.py")
        done = clew("slice", "out", "--explain")
        assert done.stdout == answer("slice", "out")
        table = [line.split(maxsplit=1) for line in done.stderr.splitlines()]
        reasons = {line[0]: line[1] for line in table[1:]}
        assert reasons["2"].endswith("gives xs, which line 7 uses")
        assert reasons["4"].endswith("decides whether line 5 runs")
        assert reasons["5"].endswith("changes what the target holds")
        assert reasons["7"].endswith("is the target")
        assert "3" not in reasons
        assert "assumed at line 6: sched.scheduler" in done.stderr

    def test_mistakes(self, here: Path) -> None:
        assert "did you mean `total`" in complaint("slice", "totl")
        assert "never bound" in complaint("slice", "never")
        assert "deleted at line 21" in complaint("slice", "temporary")
        assert "name the variable that holds it: numbers" in complaint("slice", "numbers[0]")
        assert "its sources are program.py, helper.py" in complaint("slice", "other.py:3")
        assert "holds no statement" in complaint("slice", "program.py:999")
        assert "did not run" in complaint("slice", "program.py:19")
        assert "did not write" in complaint("slice", "file:other.json")
        assert "clew.save" in complaint("slice", "artifact:model")
        assert "the following arguments are required: TARGET" in complaint("slice")

    def test_refusals(self, here: Path) -> None:
        line = complaint("slice", "noise", status=3)
        assert "differs from run to run" in line
        assert complaint("slice", "unused", "--verify", status=3).count("\n") == 1
        assert not (here / "refused.py").exists()
        complaint("slice", "noise", "-o", "refused.py", status=3)
        assert not (here / "refused.py").exists()

    def test_a_file_that_changed_since(self, here: Path) -> None:
        before = (here / "result.json").read_bytes()
        later = 4_000_000_000
        try:
            (here / "result.json").write_text("{}")
            os.utime("result.json", (later, later))
            line = complaint("slice", "file:result.json", "--verify", status=3)
            assert "changed after the run" in line
        finally:
            (here / "result.json").write_bytes(before)

    def test_outputs(self, here: Path) -> None:
        (here / "keep.py").write_text("old")
        os.chmod("keep.py", 0o755)
        assert answer("slice", "first", "-o", "keep.py") == ""
        assert (here / "keep.py").read_text() == SLICE_OF_FIRST
        assert stat.S_IMODE(os.stat("keep.py").st_mode) == 0o755
        assert "nowhere" in complaint("slice", "first", "-o", "nowhere/out.py")
        assert answer("slice", "first", "-o", "-") == SLICE_OF_FIRST
        assert not [name for name in os.listdir(".") if name.endswith(".new")]

    def test_an_encoding(self, tmp_path: Path) -> None:
        text = "# -*- coding: latin-1 -*-\nname = 'café'\nother = 1\n"
        (tmp_path / "old.py").write_bytes(text.encode("latin-1"))
        assert clew("run", "-q", "old.py", cwd=tmp_path).returncode == 0
        answer("slice", "name", "-o", "out.py", cwd=tmp_path)
        code = "import out; assert out.name == 'caf\\xe9'"
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


class TestWhy:
    def test_the_chain(self, here: Path) -> None:
        lines = answer("why", "first").splitlines()
        assert lines[0] == "first = int 20"
        assert lines[1].startswith("7 of the 22 statements that ran, in run ")
        chain = [line.partition("#")[0].split(None, 1) for line in lines if "# " in line]
        shown = {number: text.strip() for number, text in chain}
        assert shown["24"] == "first = total"
        assert shown["9"] == "numbers.append(4)"
        assert "imports" in lines

    def test_inputs(self, tmp_path: Path) -> None:
        (tmp_path / "data.csv").write_text("1,2")
        (tmp_path / "read.py").write_text(
            "with open('data.csv') as file:\n    text = file.read()\n"
        )
        assert clew("run", "-q", "read.py", cwd=tmp_path).returncode == 0
        lines = answer("why", "text", cwd=tmp_path).splitlines()
        assert "  file data.csv read at line 1" in lines[lines.index("inputs") :]

    def test_json(self, here: Path) -> None:
        data = json.loads(answer("why", "file:result.json", "--format", "json"))
        assert data["target"] == "file:result.json"
        assert {"line", "text", "because", "depth"} <= set(data["steps"][0])

    def test_mistakes(self, here: Path) -> None:
        assert "did you mean `first`" in complaint("why", "firs")


class TestGraph:
    def test_formats(self, here: Path) -> None:
        assert answer("graph").startswith("digraph")
        assert "flowchart" in answer("graph", "first", "--format", "mermaid")
        ElementTree.fromstring(answer("graph", "--format", "svg"))
        assert json.loads(answer("graph", "--format", "json"))["nodes"]
        for name, start in (("g.svg", "<"), ("g.html", "<!"), ("g.md", "---"), ("g.json", "{")):
            assert answer("graph", "-o", name) == ""
            assert (here / name).read_text().lstrip().startswith(start)

    def test_behind_a_target(self, here: Path) -> None:
        def labels(*words: str) -> list[str]:
            graph: dict[str, Any] = json.loads(answer("graph", *words, "--format", "json"))
            return [node["label"] for node in graph["nodes"]]

        behind = labels("first")
        assert "first = total" in behind
        assert "noise = random.random()" not in behind
        assert set(behind) < set(labels())
        assert "result.json" in " ".join(labels("file:result.json"))

    def test_mistakes(self, here: Path) -> None:
        assert "invalid choice" in complaint("graph", "--format", "png")
        assert "did you mean" in complaint("graph", "totl")


LOGGED = """
from clew import _clew
from clew.storing import open_store
from test_store import begin

store = open_store(create=True)
run = begin(store)
_clew.start("call", store.log_path(run))
text = "def double(x):\\n    return 2 * x\\nfor n in range(5):\\n    double(n)\\n"
namespace = {"__name__": "__main__"}
exec(_clew.load(text, "program.py", "__main__", True, "call"), namespace)
found = _clew.finish(namespace)
counts = {"n_events": found.n_events, "n_dropped": found.n_dropped}
store.finish_run(run, exit_status=0, trace=store.put_object(found.trace), **counts)
"""


class TestCalls:
    def test_a_run_with_a_log(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("CLEW_STORE", raising=False)
        assert python(LOGGED).returncode == 0
        [row] = [line.split() for line in answer("calls").splitlines() if line.endswith("double")]
        assert row[0] == "5"
        assert "program.py:4" in answer("calls", "--tree", "--sort", "count")
        rows = json.loads(answer("calls", "--format", "json"))["callees"]
        assert {r["callee"]: r["count"] for r in rows if r["callee"] == "double"} == {"double": 5}
        assert answer("calls", "--format", "chrome", "-o", "timeline.json") == ""
        timeline = json.loads((tmp_path / "timeline.json").read_text())
        assert json.loads(answer("calls", "--format", "chrome")) == timeline
        assert not list((tmp_path / ".clew" / "logs").iterdir())

    def test_a_run_without_a_log(self, here: Path) -> None:
        assert "--detail call" in complaint("calls")
