"""The store from Python: rows, objects, names of runs, errors, and several processes."""

from __future__ import annotations

import inspect
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from clew import errors, storing
from clew.storing import Store, open_store

SOURCE = b"x = 1\n"
# Absolute, because children start in other directories.
PATHS = [Path(storing.__file__).parents[1], Path(__file__).parent]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PATHS))}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLEW_STORE", raising=False)
    return open_store(create=True)


def begin(store: Store, script: str = "analysis.py", argv: list[str] | None = None) -> str:
    return store.begin_run(
        script=script,
        argv=argv or [],
        cwd=os.getcwd(),
        interpreter=sys.executable,
        python_version="3.13.0",
        detail="statement",
    )


def record(store: Store, text: bytes = SOURCE) -> str:
    run = begin(store)
    sources = [("analysis.py", "__main__", store.put_object(text))]
    store.finish_run(
        run, exit_status=0, trace=store.put_object(b"trace of " + text), sources=sources
    )
    return run


def child(code: str, cwd: Path, **options: object) -> subprocess.Popen[str]:
    """A process that has `begin` and `record` of this file."""
    prelude = "from test_store import *\nstore = open_store(create=True)\n"
    command = [sys.executable, "-c", prelude + code]
    settings = {"cwd": cwd, "env": ENVIRONMENT, "text": True, **options}
    return subprocess.Popen(command, **settings)  # type: ignore[call-overload]


class TestFinding:
    def test_a_store_is_found_upward(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert store.path == str(tmp_path / ".clew")
        deep = tmp_path / "a" / "b"
        deep.mkdir(parents=True)
        monkeypatch.chdir(deep)
        assert open_store().path == store.path
        assert open_store(create=True).path == store.path
        assert not (deep / ".clew").exists()

    def test_the_environment_and_the_option_name_another(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CLEW_STORE", str(tmp_path / "one"))
        assert open_store(create=True).path == str(tmp_path / "one")
        assert open_store("two", create=True).path == str(tmp_path / "two")
        assert open_store(f"file://{tmp_path}/two").path == str(tmp_path / "two")

    def test_no_store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(errors.StoreNotFound, match="clew run SCRIPT"):
            open_store()
        with pytest.raises(errors.StoreUnavailable, match="does not exist"):
            open_store("elsewhere")
        with pytest.raises(errors.StoreUnavailable, match="only paths"):
            open_store("s3://bucket/store")
        (tmp_path / "file").write_text("x")
        with pytest.raises(errors.StoreUnavailable, match="not a directory"):
            open_store("file", create=True)

    def test_a_store_is_ignored_by_version_control(self, store: Store) -> None:
        assert (Path(store.path) / ".gitignore").read_text() == "*\n"

    def test_a_removed_working_directory(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        assert open_store(store.path).path == store.path
        with pytest.raises(errors.StoreError):
            open_store()


class TestRuns:
    def test_a_run_comes_back(self, store: Store) -> None:
        run = begin(store, argv=["--password", "hunter2", "naïve\n.csv"])
        assert store.run(run).state == "open"
        log = [(store.put_object(b"events"), 7)]
        store.finish_run(
            run, exit_status=1, note="a note", log=log, n_events=9, packages={"numpy": "2.3.0"}
        )
        found = store.run()
        assert found == store.runs()[0]
        assert (found.id, found.state, found.exit_status, found.note) == (
            run,
            "finished",
            1,
            "a note",
        )
        assert found.argv == ["--password", "***", "naïve\n.csv"]
        assert found.packages == {"numpy": "2.3.0"}
        assert found.n_events == 9
        assert found.pid == os.getpid()
        assert store.run_log(run) == log
        assert found.ended is not None
        assert found.started <= found.ended
        assert b"hunter2" not in b"".join(
            path.read_bytes() for path in Path(store.path).rglob("*") if path.is_file()
        )

    def test_names(self, store: Store) -> None:
        with pytest.raises(errors.UnknownRun, match="no runs yet"):
            store.run()
        runs = [record(store, bytes([n])) for n in range(3)]
        assert [store.run(name).id for name in ("latest", "latest~1", "latest~2")] == runs[::-1]
        assert store.run(runs[0][:-1]).id == runs[0]
        with pytest.raises(errors.UnknownRun, match="3 run"):
            store.run("latest~3")
        with pytest.raises(errors.UnknownRun, match="more than one"):
            store.run(runs[0][:4])
        with pytest.raises(errors.UnknownRun, match=runs[1]):
            store.run(runs[1][-6:])

    def test_names_of_files_that_are_not_unicode(self, store: Store) -> None:
        run = begin(store, script=os.fsdecode(b"caf\xe9.py"))
        assert store.run(run).script.startswith("caf")

    def test_sources(self, store: Store) -> None:
        run = record(store)
        [(path, module, hash)] = store.run_sources(run)
        assert (path, module, store.get_object(hash)) == ("analysis.py", "__main__", SOURCE)

    def test_artifacts(self, store: Store) -> None:
        run = record(store)
        first = store.save_artifact(
            "model", type_name="Ridge", summary="Ridge()", run=run, unit=4, line=12
        )
        second = store.save_artifact(
            "model", type_name="Ridge", summary="Ridge(2)", fingerprint="ab"
        )
        assert (first, second) == (1, 2)
        assert [a.version for a in store.artifacts()] == [2]
        assert [a.version for a in store.artifacts(all_versions=True)] == [2, 1]
        assert store.artifact("model", run=run).line == 12
        assert store.artifacts_of_run(run) == [store.artifact("model", version=1)]
        with pytest.raises(errors.UnknownArtifact, match="did you mean model"):
            store.artifact("mdel")

    def test_collection(self, store: Store) -> None:
        runs = [record(store, bytes([n])) for n in range(4)]
        stray = store.put_object(b"stray")
        assert store.gc(keep=1, dry_run=True, grace_seconds=0).runs == runs[:3]
        collected = store.gc(keep=1, grace_seconds=0)
        assert (collected.runs, collected.n_objects) == (runs[:3], 7)
        assert not store.has_object(stray)
        assert [run.id for run in store.runs()] == runs[3:]

    def test_sql(self, store: Store) -> None:
        run = record(store)
        assert store.sql("SELECT id, exit_status, 0.5, NULL, x'01' FROM runs") == (
            ["id", "exit_status", "0.5", "NULL", "x'01'"],
            [[run, 0, 0.5, None, b"\x01"]],
        )
        with pytest.raises(errors.QueryError, match="only statements that read"):
            store.sql("DELETE FROM runs")
        with pytest.raises(errors.QueryError, match="syntax error"):
            store.sql("SELEC")
        assert "runs" in [name for name, _, _ in store.tables()]


class TestObjects:
    def test_bytes(self, store: Store, tmp_path: Path) -> None:
        for data in (b"", b"x", os.urandom(3_000_000), bytes(10_000_000)):
            assert store.get_object(store.put_object(data)) == data
        (tmp_path / "log").write_bytes(bytes(10_000_000))
        assert store.put_file(str(tmp_path / "log")) == store.put_object(bytes(10_000_000))

    def test_missing_and_damaged(self, store: Store) -> None:
        with pytest.raises(errors.ObjectMissing):
            store.get_object("0" * 64)
        with pytest.raises(errors.StoreError):
            store.get_object("../../../etc/passwd")
        hash = store.put_object(b"kept")
        path = Path(store.path) / "objects" / hash[:2] / hash[2:]
        path.write_bytes(path.read_bytes()[:-2])
        with pytest.raises(errors.ObjectDamaged, match="record the program again"):
            store.get_object(hash)
        store.put_object(b"kept")
        assert store.get_object(hash) == b"kept"

    def test_others_run_while_an_object_is_packed(self, store: Store) -> None:
        data = os.urandom(64_000_000)
        done = threading.Event()
        turns = 0

        def put() -> None:
            store.put_object(data)
            done.set()

        thread = threading.Thread(target=put)
        thread.start()
        while not done.wait(0.001):
            turns += 1
        thread.join()
        assert turns > 3


class TestProcesses:
    def test_two_writers(self, store: Store, tmp_path: Path) -> None:
        code = """
for n in range(50):
    store.save_artifact("a", type_name="int", summary="", run=record(store, b"%d" % n))"""
        children = [child(code, tmp_path) for _ in range(2)]
        assert [process.wait() for process in children] == [0, 0]
        assert len(store.runs()) == 100
        assert [a.version for a in store.artifacts()] == [100]

    def test_killed_writer(self, store: Store, tmp_path: Path) -> None:
        kept = record(store)
        code = "print(begin(store), flush=True)\nwhile True: record(store, os.urandom(100_000))"
        with child(code, tmp_path, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            opened = process.stdout.readline().strip()
            assert store.run(opened).state == "open"
            while len(store.runs()) < 12:
                pass
            process.kill()
        runs = {run.id: run for run in store.runs()}
        assert runs[opened].state == "interrupted"
        assert "without finishing" in (runs[opened].note or "")
        assert runs[kept].state == "finished"
        assert not [run for run in runs.values() if run.state == "open"]
        for run in runs.values():
            if run.state == "finished":
                assert run.trace is not None
                store.get_object(run.trace)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    def test_a_store_goes_through_a_fork(self, store: Store) -> None:
        run = begin(store)
        process = os.fork()
        if process == 0:
            try:
                record(store)
            finally:
                os._exit(0 if len(store.runs()) == 2 else 1)
        assert os.waitpid(process, 0)[1] == 0
        store.finish_run(run, exit_status=0)
        assert len(store.runs()) == 2

    def test_a_program_that_closes_every_file(self, tmp_path: Path) -> None:
        code = """
run = begin(store)
os.closerange(3, 256)
os.chdir("/")
store.finish_run(run, exit_status=0)"""
        assert child(code, tmp_path).wait() == 0
        assert open_store(str(tmp_path / ".clew")).run().state == "finished"

    def test_an_endless_query_is_interrupted(self, store: Store, tmp_path: Path) -> None:
        endless = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        )
        code = f"""
try:
    print('ready', flush=True)
    store.sql({endless!r})
except KeyboardInterrupt:
    sys.exit(7)"""
        with child(code, tmp_path, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 7


class TestTrouble:
    def trouble(self, store: Store, change: Callable[[Path], object]) -> None:
        record(store)
        change(Path(store.path) / "clew.db")
        for name in ("clew.db-wal", "clew.db-shm"):
            (Path(store.path) / name).unlink(missing_ok=True)

    def test_a_newer_store(self, store: Store) -> None:
        import sqlite3

        def change(path: Path) -> None:
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA user_version = 99")
            connection.close()

        self.trouble(store, change)
        with pytest.raises(errors.StoreTooNew, match=r"version 99.*upgrade Clew"):
            open_store()
        with pytest.raises(errors.StoreTooNew):
            open_store(create=True)

    def test_a_corrupt_store(self, store: Store) -> None:
        self.trouble(store, lambda path: path.write_bytes(b"\xff" * 5000))
        with pytest.raises(errors.StoreCorrupt, match="move it away"):
            open_store()

    def test_a_store_that_is_removed_while_it_is_open(self, store: Store, tmp_path: Path) -> None:
        import shutil

        run = begin(store)
        shutil.rmtree(store.path)
        with pytest.raises(errors.StoreError):
            store.finish_run(run)
        with pytest.raises(errors.StoreError):
            store.put_object(b"x")


class TestErrors:
    kinds: ClassVar = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.ClewError)
    ]

    @pytest.mark.parametrize("kind", kinds)
    def test_they_are_pickled_and_documented(self, kind: type[errors.ClewError]) -> None:
        assert kind.__doc__
        for error in (kind("what happened", "what to do"), kind("what happened")):
            copy = pickle.loads(pickle.dumps(error))
            assert (type(copy), str(copy), copy.hint) == (kind, str(error), error.hint)

    def test_their_text_says_what_to_do(self) -> None:
        assert str(errors.ClewError("it is lost", "look again")) == "it is lost; look again"


def test_the_module_loads_nothing_else() -> None:
    """It lives in the user's process."""
    loaded = "print(*sorted(set(sys.modules) - before))"
    code = f"import os, sys; before = set(sys.modules); import clew.storing; {loaded}"
    root = str(Path(storing.__file__).parents[1])
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({root!r}); {code}"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) <= {
        "__future__",
        "clew",
        "clew._clew",
        "clew._core",
        "clew.storing",
    }
