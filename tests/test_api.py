"""The Python interface: `record`, `recording`, `record_calls`, `save`, `get`, `artifacts`."""

from __future__ import annotations

import doctest
import importlib
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from types import ModuleType

import pytest
from test_store import ENVIRONMENT

import clew
from clew import errors

HELPERS = """\
import threading

SEEN = []


def helper(x):
    return x + 1


def fails(x):
    raise KeyError(x)


def recursive(n):
    return 1 if n < 2 else n * recursive(n - 1)


def makes():
    def inner(x):
        return helper(x)
    return inner


def remembers(x):
    SEEN.append(x)
    return len(SEEN)


def reads(path):
    with open(path) as file:
        return file.read()


def in_thread(x):
    found = []
    thread = threading.Thread(target=lambda: found.append(helper(x)))
    thread.start()
    thread.join()
    return found[0]


class Counter:
    def __init__(self, start):
        self.n = start

    def add(self, by=1):
        self.n += by
        return self.n

    @staticmethod
    def double(x):
        return helper(x) * 2
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLEW_STORE", raising=False)
    return tmp_path


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of the user's, imported before anything is recorded."""
    (tmp_path / "api_helpers.py").write_text(HELPERS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "api_helpers", raising=False)
    importlib.invalidate_caches()
    return importlib.import_module("api_helpers")


def callees(recording: clew.Recording) -> list[str]:
    return [call.callee for call in recording.calls]


def python(code: str, **options: object) -> str:
    """Run a text in a process of its own, which must succeed; give its output."""
    settings: dict = {"capture_output": True, "text": True, "env": ENVIRONMENT, "timeout": 120}
    done = subprocess.run([sys.executable, *code.split("\0")], **{**settings, **options})
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestImport:
    def test_nothing_is_loaded(self):
        code = (
            "import sys; before = set(sys.modules); import clew;"
            " print(sorted(set(sys.modules) - before))"
        )
        assert python(f"-c\0{code}") == "['clew']\n"

    def test_every_name_is_there(self):
        for name in clew.__all__:
            assert getattr(clew, name) is not None
            assert name in dir(clew)

    def test_no_other_name_is(self):
        with pytest.raises(AttributeError, match="no attribute 'records'"):
            clew.records  # noqa: B018

    @pytest.mark.parametrize("name", ["recordings", "results", "saving", "targets"])
    def test_examples_run(self, name: str):
        module = importlib.import_module(f"clew.{name}")
        failed, tried = doctest.testmod(module)
        assert (failed, tried > 0) == (0, True)

    def test_the_errors_are_clews(self):
        raised = [value for value in vars(errors).values() if isinstance(value, type)]
        assert all(issubclass(kind, clew.ClewError) for kind in raised)


class TestSource:
    def test_the_result_is_the_last_value(self):
        assert clew.record("x = 2\nx * 3").result == 6
        assert clew.record("x = 2").result is None
        assert clew.record("x = 2\n'text'").result == "text"
        assert clew.record("").result is None
        assert clew.record("for i in range(3):\n    i\n").result is None

    @pytest.mark.parametrize("detail", ["statement", "call", "op"])
    def test_slices(self, detail: str):
        recording = clew.record("a = 1\nb = 2\nc = [a]\nc.append(a)\n", detail=detail)
        text = recording.slice("c")
        assert text == "a = 1\nc = [a]\nc.append(a)\n"
        assert (text.lines, text.n_statements, text.n_executed) == ([1, 3, 4], 3, 4)
        namespace: dict[str, object] = {}
        exec(text, namespace)
        assert namespace["c"] == [1, 1]

    def test_slices_of_what_is_not_there(self):
        recording = clew.record("a = 1")
        with pytest.raises(errors.UnknownTarget):
            recording.slice("b")
        with pytest.raises(errors.InvalidTarget):
            recording.slice("a +")

    def test_a_value_that_differs_is_refused(self):
        recording = clew.record("import time\nt = time.time()\n")
        with pytest.raises(errors.Refused):
            recording.slice("t")

    def test_the_namespace_is_a_new_one(self):
        recording = clew.record("x = __name__\n")
        assert recording.namespace is not None
        assert recording.namespace["x"] == "__main__"
        assert "x" not in globals()

    def test_a_given_namespace_is_used(self, helpers: ModuleType):
        names = {"helper": helpers.helper, "xs": [1], "other": object()}
        recording = clew.record("y = helper(2)\nxs.append(y)\n", globals=names, detail="call")
        assert recording.namespace is names
        assert (names["xs"], names["y"]) == ([1, 3], 3)
        assert callees(recording) == ["helper", "list.append"]
        assert recording.slice("xs") == "y = helper(2)\nxs.append(y)\n"

    def test_nested_definitions(self):
        text = "def f(x):\n    def g(y):\n        return x + y\n    return g\nz = f(1)(2)\n"
        recording = clew.record(text, detail="call")
        assert recording.namespace is not None
        assert recording.namespace["z"] == 3
        # What was defined in it goes on working when the recording is over, and in another one.
        assert recording.namespace["f"](3)(4) == 7
        again = clew.record("w = f(5)(6)", globals=recording.namespace, detail="call")
        assert again.namespace is not None
        assert again.namespace["w"] == 11
        assert again.slice("w") == "w = f(5)(6)\n"

    def test_a_syntax_error_is_the_compilers(self):
        with pytest.raises(SyntaxError) as caught:
            clew.record("a = = 1")
        assert caught.value.filename == "<string>"
        assert clew.record("a = 1").exception is None

    def test_warnings_are_the_compilers(self):
        with pytest.warns(SyntaxWarning, match='"is" with'):
            clew.record("a = 1\nb = a is 1\n")

    def test_a_file(self, place: Path):
        (place / "data.txt").write_text("3")
        path = place / "program.py"
        path.write_text(
            "# -*- coding: latin-1 -*-\nx = int(open('data.txt').read())\ny = __file__\n"
        )
        recording = clew.record(path, detail="statement")
        assert recording.namespace is not None
        assert (recording.namespace["x"], recording.namespace["y"]) == (3, str(path))
        effect = clew.Effect(2, "file", str((place / "data.txt").resolve()), "read")
        assert effect in recording.effects

    def test_modules_imported_by_it_are_recorded(self, place: Path, monkeypatch):
        (place / "api_imported.py").write_text("def twice(x):\n    return sum([x, x])\n")
        monkeypatch.syspath_prepend(place)
        text = "import api_imported\nx = api_imported.twice(2)\n"
        recording = clew.record(text, detail="call")
        assert "twice" in callees(recording)
        assert any(call.path.endswith("api_imported.py") for call in recording.calls)

    def test_arguments_are_for_functions(self):
        with pytest.raises(errors.UsageError, match="only a function"):
            clew.record("x = 1", 2)
        with pytest.raises(errors.UsageError, match="detail is one of"):
            clew.record("x = 1", detail="all")  # type: ignore[arg-type]
        with pytest.raises(errors.UsageError, match="type int"):
            clew.record(3)  # type: ignore[arg-type]

    def test_code(self, place: Path):
        path = place / "program.py"
        path.write_text("a = 1\nb = a + 1\n")
        code = compile(path.read_text(), str(path), "exec")
        recording = clew.record(code)
        assert recording.slice("b") == "a = 1\nb = a + 1\n"

    def test_code_without_a_source(self):
        code = compile("xs = sorted([2, 1])\n", "<nowhere>", "exec")
        recording = clew.record(code, detail="call")
        assert recording.namespace is not None
        assert recording.namespace["xs"] == [1, 2]
        assert "sorted" in callees(recording)
        assert any("source" in note for note in recording.notes)
        with pytest.raises(errors.Refused):
            recording.slice("xs")


class TestFunction:
    def test_result_and_calls(self, helpers: ModuleType):
        recording = clew.record(helpers.Counter.double, 4, detail="call")
        assert recording.result == 10
        assert callees(recording) == ["Counter.double", "helper"]
        outer, inner = recording.calls
        assert (outer.parent, inner.parent) == (None, 0)
        assert (inner.arguments, inner.result) == (["4"], "5")
        assert inner.path == helpers.__file__
        assert outer.path == __file__

    def test_methods_classes_and_others(self, helpers: ModuleType):
        from functools import partial

        counter = clew.record(helpers.Counter, 3).result
        assert counter.n == 3
        assert clew.record(counter.add, by=4).result == 7
        assert clew.record(partial(helpers.helper, 1)).result == 2
        assert clew.record(sorted, [2, 1], reverse=True).result == [2, 1]
        assert clew.record(lambda x: x * 2, 4).result == 8
        assert clew.record(helpers.makes()(3).__add__, 1).result == 5

    def test_recursion(self, helpers: ModuleType):
        recording = clew.record(helpers.recursive, 5, detail="call")
        assert recording.result == 120
        assert [call.arguments for call in recording.calls] == [["5"], ["4"], ["3"], ["2"], ["1"]]
        assert [call.parent for call in recording.calls] == [None, 0, 1, 2, 3]

    def test_the_functions_are_left_as_they_were(self, helpers: ModuleType):
        before = {name: f.__code__ for name, f in vars(helpers).items() if hasattr(f, "__code__")}
        closure = helpers.makes()
        clew.record(closure, 1)
        inner = clew.record(helpers.makes).result
        after = {name: f.__code__ for name, f in vars(helpers).items() if hasattr(f, "__code__")}
        assert all(before[name] is after[name] for name in before)
        assert inner.__code__ is closure.__code__

    def test_effects(self, helpers: ModuleType, place: Path):
        (place / "in.txt").write_text("hello")
        recording = clew.record(helpers.reads, "in.txt", detail="statement")
        assert recording.result == "hello"
        kinds = [
            (effect.kind, Path(effect.key).name, effect.access) for effect in recording.effects
        ]
        assert ("file", "in.txt", "read") in kinds
        assert recording.effects[0].line == HELPERS[: HELPERS.index("def reads")].count("\n") + 1

    def test_slices_are_refused(self, helpers: ModuleType):
        recording = clew.record(helpers.helper, 1)
        with pytest.raises(errors.Refused, match="only functions were recorded"):
            recording.slice("x")

    def test_a_level_without_calls(self, helpers: ModuleType):
        recording = clew.record(helpers.helper, 1, detail="statement")
        with pytest.raises(errors.NotRecorded, match="no calls"):
            recording.calls  # noqa: B018

    def test_a_source_that_has_changed_is_not_used(self, helpers: ModuleType):
        path = Path(str(helpers.__file__))
        path.write_text("# another\n" + HELPERS.replace("x + 1", "x + 2"))
        recording = clew.record(helpers.Counter.double, 4, detail="call")
        assert recording.result == 10
        assert any("not available" in note for note in recording.notes)
        assert callees(recording)[:2] == ["Counter.double", "helper"]


class TestExceptions:
    def test_it_is_in_the_recording(self, helpers: ModuleType):
        recording = clew.record(helpers.fails, "key", detail="call")
        assert isinstance(recording.exception, KeyError)
        with pytest.raises(KeyError, match="key"):
            recording.result  # noqa: B018
        assert recording.calls[0].raised == "KeyError"
        assert "KeyError" in repr(recording)

    def test_no_frame_of_clews_is_in_the_traceback(self, helpers: ModuleType):
        error = clew.record(helpers.fails, 1).exception
        assert error is not None
        assert error.__traceback__ is not None
        assert error.__traceback__.tb_frame.f_code.co_name == "fails"

    def test_of_a_source(self):
        recording = clew.record("a = 1\nb = a / 0\nc = 2\n")
        assert isinstance(recording.exception, ZeroDivisionError)
        assert recording.slice("a") == "a = 1\n"

    def test_a_request_to_exit_too(self):
        assert isinstance(clew.record("import sys\nsys.exit(3)").exception, SystemExit)

    def test_but_not_an_interruption(self, helpers: ModuleType):
        with pytest.raises(KeyboardInterrupt):
            clew.record("raise KeyboardInterrupt")
        assert clew.record(helpers.helper, 1, detail="call").result == 2


class TestBlock:
    def test_calls(self, helpers: ModuleType):
        with clew.recording() as recording:
            first = helpers.helper(1)
            second = helpers.Counter(2).add(3)
            total = sum([first, second])
        assert total == 7
        names = ["helper", "Counter.__init__", "Counter.add", "sum"]
        assert callees(recording) == names
        assert all(call.path == __file__ for call in recording.calls)
        assert recording.calls[0].result == "2"
        assert any("with block" in note for note in recording.notes)

    def test_functions_called_by_functions(self, helpers: ModuleType):
        with clew.recording(detail="call") as recording:
            helpers.Counter.double(3)
        assert callees(recording) == ["Counter.double", "helper"]
        assert recording.calls[1].parent == 0

    def test_it_cannot_be_asked_before_its_end(self):
        with clew.recording() as recording:
            with pytest.raises(errors.NotRecorded, match="not over"):
                recording.effects  # noqa: B018
            assert "not over" in repr(recording)
        assert recording.result is None

    def test_an_exception_comes_out(self, helpers: ModuleType):
        with pytest.raises(KeyError), clew.recording() as recording:
            helpers.fails(1)
        assert isinstance(recording.exception, KeyError)
        assert "fails" in callees(recording)

    def test_slices_are_refused(self):
        with clew.recording() as recording:
            x = 1
        with pytest.raises(errors.Refused, match="with block"):
            recording.slice("x")
        assert x == 1

    def test_effects(self, place: Path):
        with clew.recording(detail="statement") as recording:
            (place / "out.txt").write_text("text")
        assert [(e.kind, e.access) for e in recording.effects] == [("file", "write")]

    def test_another_profiler_is_left_alone(self):
        def profiler(*_: object) -> None:
            return None

        sys.setprofile(profiler)
        try:
            with clew.recording() as recording:
                len([])
            assert sys.getprofile() is profiler
        finally:
            sys.setprofile(None)
        assert any("profiler" in note for note in recording.notes)

    def test_the_level_is_checked(self):
        with pytest.raises(errors.UsageError):
            clew.recording(detail="calls")  # type: ignore[arg-type]


class TestNesting:
    def test_a_recording_in_a_block(self, helpers: ModuleType):
        with clew.recording() as outer:
            helpers.helper(1)
            inner = clew.record(helpers.helper, 5, detail="call")
            helpers.Counter(1)
        assert (inner.result, callees(inner)) == (6, ["helper"])
        assert callees(outer)[0] == "helper"
        assert "Counter.__init__" in callees(outer)
        assert any("recording inside this one" in note for note in outer.notes)

    def test_a_recording_in_a_source(self):
        text = "import clew\ninner = clew.record('a = 1\\nb = a')\nx = inner.slice('b')\ny = 1\n"
        outer = clew.record(text)
        assert outer.exception is None
        assert outer.namespace is not None
        assert outer.namespace["x"] == "a = 1\nb = a\n"
        with pytest.raises(errors.Refused, match="recording inside this one"):
            outer.slice("x")

    def test_under_clew_run(self, place: Path):
        (place / "program.py").write_text(
            "import clew\n\n\ndef f(x):\n    return len([x])\n\n\nrec = clew.record(f, 1)\n"
            "print(rec.result, [call.callee for call in rec.calls])\n"
            "with clew.recording() as block:\n    f(2)\n"
            "print([call.callee for call in block.calls])\nz = 3\n"
        )
        out = python("-m\0clew\0run\0program.py", cwd=place)
        assert out == "1 ['f', 'len']\n['f', 'len']\n"

    def test_threads_one_after_the_other(self, helpers: ModuleType):
        found: list[clew.Recording] = []

        def work(n: int) -> None:
            found.append(clew.record(helpers.recursive, n, detail="call"))

        for n in range(1, 4):
            thread = threading.Thread(target=work, args=(n,))
            thread.start()
            thread.join()
        assert [len(recording.calls) for recording in found] == [1, 2, 3]

    def test_threads_at_once(self, helpers: ModuleType):
        # The first recording ends while the second, begun after it, goes on.
        began, ended = threading.Event(), threading.Event()
        found: list[clew.Recording] = []

        def other() -> None:
            with clew.recording() as second:
                began.set()
                assert ended.wait(60)
                helpers.helper(2)
            found.append(second)

        thread = threading.Thread(target=other)
        with clew.recording() as first:
            thread.start()
            assert began.wait(60)
        ended.set()
        thread.join()
        assert "helper" in callees(found[0])
        assert any("recording inside this one" in note for note in first.notes)
        code = helpers.helper.__code__
        assert clew.record(helpers.helper, 1, detail="call").result == 2
        assert helpers.helper.__code__ is code

    def test_threads_in_a_recording(self, helpers: ModuleType):
        recording = clew.record(helpers.in_thread, 4, detail="call")
        assert recording.result == 5
        assert {call.thread for call in recording.calls if call.callee == "helper"} == {1}

    def test_a_child_process_records_for_itself(self, place: Path):
        (place / "program.py").write_text(
            "import os, clew\n"
            "with clew.recording() as rec:\n"
            "    pid = os.fork()\n"
            "    if pid == 0:\n"
            "        inner = clew.record('a = len([1])', detail='call')\n"
            "        os._exit(len(inner.calls))\n"
            "    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        )
        assert python("program.py", cwd=place) == "1\n"


class TestMany:
    def test_nothing_is_kept_alive(self, helpers: ModuleType):
        counter = helpers.Counter(1)
        gone = weakref.ref(counter)
        recording = clew.record(counter.add, 2)
        assert recording.result == 3
        del counter
        assert gone() is None

    def test_a_hundred(self, helpers: ModuleType):
        for n in range(100):
            recording = clew.record(f"x = [{n}]\nx.append({n})\ny = 2\n", detail="call")
            assert recording.slice("x") == f"x = [{n}]\nx.append({n})\n"

    def test_logs_go_with_the_recordings(self, helpers: ModuleType):
        recording = clew.record(helpers.helper, 1, detail="call")
        log = recording._captured.log
        assert log is not None
        assert os.path.exists(log)
        del recording
        assert not os.path.exists(log)


class TestGraphAndTables:
    TEXT = "import random\nrandom.seed(1)\nxs = [random.random()]\nxs.append(2)\nn = len(xs)\n"

    def test_graph(self, place: Path):
        graph = clew.record(self.TEXT).graph
        assert len(graph.nodes) >= 5
        assert {"from", "to", "kind"} <= set(graph.edges[0])
        assert graph.render().startswith("<svg")
        graph.render(place / "graph.dot")
        assert "digraph" in (place / "graph.dot").read_text()
        with pytest.raises(errors.UsageError):
            graph.render(format="png")

    def test_tables(self, place: Path):
        recording = clew.record(self.TEXT, detail="call")
        recording.to_sql(place / "tables.db")
        connection = sqlite3.connect(place / "tables.db")
        recording.to_sql(connection, prefix="more_")

        def ask(query: str) -> list[tuple]:
            return connection.execute(query).fetchall()

        assert ("len",) in ask("SELECT callee FROM clew_calls")
        assert ask("SELECT kind FROM more_effects") == [(e.kind,) for e in recording.effects]
        n_edges = len(recording.graph.edges)
        assert ask("SELECT count(*) FROM clew_dependencies") == [(n_edges,)]
        assert ask("SELECT count(DISTINCT recording) FROM clew_statements") == [(1,)]
        connection.close()

    def test_a_prefix_is_a_name(self, place: Path):
        with pytest.raises(errors.UsageError):
            clew.record("a = 1").to_sql(place / "x.db", prefix='"; --')

    def test_keeping(self, place: Path):
        recording = clew.record("a = 1\nb = len([a])\n", detail="call")
        assert not (place / ".clew").exists()
        run = recording.keep()
        assert python(f"-m\0clew\0slice\0b\0--run\0{run}", cwd=place) == "a = 1\nb = len([a])\n"
        assert "len" in python("-m\0clew\0calls", cwd=place)


class TestArtifacts:
    def test_outside_a_recording(self):
        saved = clew.save({"a": [1, 2]}, "table")
        assert (saved.version, saved.run, saved.type_name) == (1, None, "dict")
        assert clew.get("table").value == {"a": [1, 2]}
        with pytest.raises(errors.NotRecorded, match="outside a recording"):
            clew.get("table").slice()

    def test_versions(self):
        clew.save(1, "n")
        clew.save(2, "n")
        assert [a.version for a in clew.artifacts()] == [2]
        assert [a.value for a in clew.artifacts(all_versions=True)] == [2, 1]
        assert clew.get("n", version=1).value == 1

    def test_what_is_not_there(self):
        with pytest.raises(errors.StoreNotFound):
            clew.get("n")
        clew.save(1, "n")
        with pytest.raises(errors.UnknownArtifact):
            clew.get("m")
        with pytest.raises(errors.UsageError):
            clew.save(1, "")

    def test_in_a_recorded_run(self, place: Path):
        text = "import clew\nunused = 1\nxs = [3, 1]\nxs.sort()\nclew.save(xs, 'sorted')\nxs = 0\n"
        (place / "program.py").write_text(text)
        python("-m\0clew\0run\0program.py", cwd=place)
        artifact = clew.get("sorted")
        assert artifact.value == [1, 3]
        assert artifact.run is not None
        assert artifact.run.script == "program.py"
        sliced = artifact.slice()
        assert "xs.sort()" in sliced
        assert "unused" not in sliced
        assert python("-m\0clew\0slice\0artifact:sorted", cwd=place) == sliced
        effects = python("-m\0clew\0effects", cwd=place)
        assert ".clew" not in effects

    def test_in_a_recording(self, place: Path):
        recording = clew.record("import clew\na = 1\nb = [a]\nclew.save(b, 'b')\n")
        assert recording.exception is None
        artifact = clew.get("b")
        assert artifact.run is not None
        assert "b = [a]" in artifact.slice()
        assert recording.slice("artifact:b") == artifact.slice()

    def test_what_cannot_be_serialised(self, capfd: pytest.CaptureFixture[str]):
        saved = clew.save(threading.Lock(), "lock")
        assert saved.fingerprint is not None
        said = capfd.readouterr().err
        assert said.startswith("clew: warning: the value of 'lock' is not kept")
        assert said.count("\n") == 1
        with pytest.raises(errors.ValueUnavailable, match="could not be serialised"):
            clew.get("lock").value  # noqa: B018

    def test_closures_and_classes(self):
        def scale(factor: int) -> object:
            return lambda x: x * factor

        clew.save(scale(3), "triple")
        assert clew.get("triple").value(4) == 12

    def test_stores_of_others_are_not_trusted(self, monkeypatch: pytest.MonkeyPatch):
        clew.save([1], "n")
        monkeypatch.setattr("clew.storing.Store.owned", property(lambda _: False))
        with pytest.raises(errors.ValueUnavailable, match="another user"):
            clew.get("n").value  # noqa: B018
        assert clew.get("n", trust=True).value == [1]

    def test_what_cannot_be_loaded(self, monkeypatch: pytest.MonkeyPatch):
        clew.save([1], "n")

        def fail(_: bytes) -> object:
            raise pickle.UnpicklingError("no")

        monkeypatch.setattr(pickle, "loads", fail)
        with pytest.raises(errors.ValueUnavailable, match="cannot be loaded here"):
            clew.get("n").value  # noqa: B018


class TestWhereItRuns:
    def test_a_command(self):
        code = (
            "import clew\ndef f(x): return len([x])\n"
            "rec = clew.record(f, 1, detail='call')\nprint(rec.result, rec.calls[0].callee)"
        )
        assert python(f"-c\0{code}") == "1 f\n"

    def test_a_prompt(self):
        lines = "import clew\ndef f(x): return len([x])\n\nprint(clew.record(f, 1).result)\n"
        assert "1\n" in python("-i\0-q", input=lines)

    def test_a_script(self, place: Path):
        (place / "program.py").write_text(
            "import clew\n\n\ndef f(x):\n    return len([x])\n\n\nrec = clew.record(f, 1)\n"
            "print([call.callee for call in rec.calls], rec.notes[0][:14])\n"
        )
        assert python("program.py", cwd=place) == "['f', 'len'] only functions\n"

    def test_where_nothing_can_be_written(self, place: Path):
        code = "import clew; print(clew.record('a = 1\\nb = a').slice('b'), end='')"
        os.chmod(place, 0o500)
        try:
            assert python(f"-c\0{code}", cwd=place) == "a = 1\nb = a\n"
        finally:
            os.chmod(place, 0o700)
        assert not (place / ".clew").exists()


def test_saving_in_a_process_that_never_recorded(tmp_path: Path) -> None:
    """There is no state of a recording to look at."""
    program = "import clew; clew.save([1, 2], 'numbers'); print(clew.get('numbers').value)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "[1, 2]\n"), done.stderr
