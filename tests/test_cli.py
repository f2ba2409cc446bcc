"""The command `clew`: its answers, its errors (one line, no traceback), its manners with pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_store import ENVIRONMENT, begin, record

from clew.errors import InvalidTarget
from clew.storing import Store, open_store
from clew.targets import Target, parse

COMMANDS = ["run", "slice", "why", "graph", "calls", "effects"]
COMMANDS += ["runs", "show", "artifacts", "gc", "sql"]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLEW_STORE", raising=False)
    return open_store(create=True)


def clew(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command; standard output and error are in the answer."""
    settings: dict[str, Any] = {
        "capture_output": True,
        "text": True,
        "stdin": subprocess.DEVNULL,
        "env": ENVIRONMENT,
    }
    return subprocess.run([sys.executable, "-m", "clew", *words], **{**settings, **options})


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run a text in a process of its own."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=60)


def answer(*words: str, **options: object) -> str:
    """Run the command, which must succeed, and give its output."""
    done = clew(*words, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def complaint(*words: str, status: int = 2, **options: object) -> str:
    """Run the command, which must fail with one line on standard error and nothing on output."""
    done = clew(*words, **options)
    assert (done.returncode, done.stdout) == (status, ""), done
    assert done.stderr.startswith("clew: error: " if status == 2 else "clew: refused: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


class TestTheCommand:
    def test_help(self) -> None:
        text = answer("--help")
        assert all(f"\n  {name} " in text for name in COMMANDS)
        assert answer() == text
        assert answer("help") == text
        assert answer("help", "gc") == answer("gc", "--help")
        assert max(map(len, text.splitlines())) <= 100

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_command_has_help(self, name: str) -> None:
        assert answer(name, "--help").startswith(f"usage: clew {name}")

    def test_version(self) -> None:
        from clew import _core

        assert answer("--version").startswith(
            f"clew {_core.__version__} (CPython {sys.version_info[0]}."
        )

    def test_mistakes(self, store: Store) -> None:
        assert "did you mean clew runs?" in complaint("rus")
        assert "clew run analysis.py" in complaint("analysis.py")
        assert "clew --help" in complaint("frobnicate")
        assert "clew runs --help" in complaint("runs", "--nonsense")
        assert "not a whole number" in complaint("runs", "-n", "many")
        assert "invalid choice" in complaint("runs", "--format", "xml")
        assert "expected one argument" in complaint("runs", "--store")
        assert "not a duration" in complaint("gc", "--older-than", "yesterday")
        complaint("runs", "two\nlines")

    def test_no_store(self, tmp_path: Path) -> None:
        assert "clew run SCRIPT" in complaint("runs", cwd=tmp_path)
        assert "does not exist" in complaint("runs", "--store", "nowhere", cwd=tmp_path)
        assert "only paths and file: URLs" in complaint("runs", "--store", "s3://x/y", cwd=tmp_path)
        (tmp_path / "file").write_text("")
        assert "not a directory" in complaint("runs", "--store", "file", cwd=tmp_path)
        (tmp_path / "empty").mkdir()
        assert "not a store" in complaint("runs", "--store", "empty", cwd=tmp_path)

    def test_an_empty_store(self, store: Store) -> None:
        assert "clew run SCRIPT" in answer("runs")
        assert "clew.save" in answer("artifacts")
        assert "no runs yet" in complaint("show")
        assert "no runs yet" in complaint("slice", "x")

    def test_unknown_runs(self, store: Store) -> None:
        run = record(store)
        assert "1 run" in complaint("show", "latest~4")
        assert f"did you mean {run}" in complaint("show", run[-6:])
        assert "clew runs lists them" in complaint("slice", "x", "--run", "nonsense")

    def test_damaged_and_newer_stores(self, store: Store, tmp_path: Path) -> None:
        import sqlite3

        with sqlite3.connect(tmp_path / ".clew" / "clew.db") as connection:
            connection.execute("PRAGMA user_version = 77")
        connection.close()
        assert "upgrade Clew" in complaint("runs")
        for name in ("clew.db-wal", "clew.db-shm"):
            (tmp_path / ".clew" / name).unlink(missing_ok=True)
        (tmp_path / ".clew" / "clew.db").write_bytes(b"nothing like it" * 500)
        assert "damaged" in complaint("runs")


class TestPipes:
    def test_a_reader_that_leaves(self, store: Store) -> None:
        """Megabytes to a reader that takes one line."""
        numbers = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 3000)"
        query = f"{numbers} SELECT printf('%.*c', 10000, 'x') FROM n"
        command = [sys.executable, "-m", "clew", "sql", query]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, env=ENVIRONMENT, **pipes) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            assert (process.stderr.read(), process.wait()) == (b"", 141)

    def test_closed_output(self, store: Store) -> None:
        record(store)
        for redirection in (">&-", "2>&-", ">&- 2>&-"):
            line = f'"{sys.executable}" -m clew runs {redirection}'
            done = subprocess.run(
                ["sh", "-c", line], capture_output=True, text=True, env=ENVIRONMENT
            )
            assert (done.returncode, done.stderr) == (0, ""), redirection

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
    def test_full_output(self, store: Store) -> None:
        with open("/dev/full", "w") as full:
            done = clew("--help", capture_output=False, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 2
        assert done.stderr == "clew: error: cannot access the output: No space left on device\n"

    def test_an_encoding_that_lacks_characters(self, store: Store) -> None:
        begin(store, script="naïve→.py")
        text = answer("runs", env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"})
        assert "na\\xefve\\u2192.py" in text

    def test_interrupt(self, store: Store) -> None:
        endless = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        )
        code = f"""
import sys, threading, os, signal, time
from clew.cli import main
threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
sys.exit(main(["sql", {endless!r}]))"""
        done = python(code)
        assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGINT, "", "")


class TestLists:
    def test_runs(self, store: Store) -> None:
        begin(store, argv=["--token", "abc", "a b"])
        run = record(store)
        lines = answer("runs").splitlines()
        assert lines[0].split() == ["RUN", "STARTED", "TOOK", "EXIT", "STATE", "DETAIL", "PROGRAM"]
        assert lines[1].startswith(run)
        assert lines[2].endswith("analysis.py --token '***' 'a b'")
        assert len(answer("runs", "-n", "1").splitlines()) == 2
        listed = json.loads(answer("runs", "--format", "json"))
        assert listed[0]["id"] == run
        assert listed[1]["argv"] == ["--token", "***", "a b"]

    def test_a_killed_run(self, store: Store) -> None:
        code = """
from test_store import *
print(begin(open_store()), flush=True)
os.kill(os.getpid(), 9)"""
        done = python(code)
        run = done.stdout.strip()
        assert f"{run}  " in answer("runs")
        assert "interrupted" in answer("runs")
        assert "without finishing" in complaint("slice", "x", "--run", run)

    def test_artifacts(self, store: Store) -> None:
        store.save_artifact("model", type_name="Ridge", summary="Ridge()\nsecond line", line=3)
        store.save_artifact("model", type_name="Ridge", summary="Ridge(2)", line=3)
        assert "Ridge(2)" in answer("artifacts")
        assert "Ridge()" not in answer("artifacts")
        assert "Ridge()\\nsecond line" in answer("artifacts", "--all")
        assert json.loads(answer("artifacts", "--format", "json"))[0]["version"] == 2

    def test_gc_of_cached_sources(self, store: Store) -> None:
        Path("program.py").write_text("x = 1\n")
        clew("run", "-q", "program.py")
        (cached,) = Path(store.path, "cache").iterdir()
        assert answer("gc").endswith("0 objects (0 bytes)\n")
        os.utime(cached, (0, 0))
        assert "1 cached source (" in answer("gc", "--dry-run")
        clew("run", "-q", "program.py")
        assert json.loads(answer("gc", "--format", "json"))["n_cached"] == 0
        os.utime(cached, (0, 0))
        assert json.loads(answer("gc", "--format", "json"))["n_cached"] == 1
        assert not cached.exists()

    def test_gc(self, store: Store) -> None:
        for n in range(3):
            record(store, bytes([n]))
        assert answer("gc", "--keep", "1", "--dry-run").startswith(
            "would remove 2 runs and 0 objects"
        )
        assert answer("gc").startswith("removed 0 runs")
        assert json.loads(answer("gc", "--keep", "1", "--format", "json"))["runs"]
        assert len(store.runs()) == 1
        assert answer("gc", "--older-than", "0s").startswith("removed 1 run and")

    def test_sql(self, store: Store) -> None:
        run = record(store)
        assert answer("sql", "SELECT id, exit_status FROM runs").split() == [
            "id",
            "exit_status",
            run,
            "0",
        ]
        assert answer("sql", "--format", "csv", "SELECT 1 AS a, 'x,y' AS b") == 'a,b\n1,"x,y"\n'
        assert json.loads(answer("sql", "--format", "json", "SELECT NULL AS a, x'ff' AS b")) == [
            {"a": None, "b": "ff"}
        ]
        assert answer("sql", "-", input="SELECT 1 AS one", stdin=None).split() == ["one", "1"]
        assert "run_sources" in answer("sql")
        assert "only statements that read" in complaint("sql", "DELETE FROM runs")
        assert "lists the tables" in complaint("sql", "SELECT nonsense")

    def test_the_store_is_named(self, store: Store, tmp_path: Path) -> None:
        other = open_store("other", create=True)
        run = record(other)
        assert run in answer("runs", "--store", "other")
        assert run in answer("runs", env={**ENVIRONMENT, "CLEW_STORE": other.path})
        assert run not in answer("runs")


class TestTargets:
    @pytest.mark.parametrize(
        ("text", "target"),
        [
            ("accuracy", Target("name", "accuracy")),
            ("größe", Target("name", "größe")),
            ("accuracy@41", Target("name", "accuracy", 41)),
            ("analysis.py:12", Target("statement", "analysis.py", 12)),
            ("dir/a b.py:1", Target("statement", "dir/a b.py", 1)),
            ("C:\\x.py:7", Target("statement", "C:\\x.py", 7)),
            ("script:7", Target("statement", "script", 7)),
            ("file:out.csv", Target("file", "out.csv")),
            ("file:7", Target("file", "7")),
            ("file:a:b@3", Target("file", "a:b@3")),
            ("artifact:best model@2", Target("artifact", "best model@2")),
            ("file", Target("name", "file")),
        ],
    )
    def test_the_grammar(self, text: str, target: Target) -> None:
        assert parse(text) == target
        assert str(target) == text

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "not a target"),
            ("x@", "not a line number"),
            ("x@0", "not a line number"),
            ("x@-1", "not a line number"),
            ("x@three", "not a line number"),
            ("a.py:", "not a line number"),
            ("a.py:x", "not a line number"),
            (f"a.py:{10**12}", "not a line number"),
            ("file:", "names no file"),
            ("artifact:", "names no artifact"),
            ("model.coef_", "name the variable that holds it: model"),
            ("df['a']", "name the variable that holds it: df"),
            ("a + b", "not a target"),
        ],
    )
    def test_mistakes(self, text: str, message: str) -> None:
        with pytest.raises(InvalidTarget, match=message):
            parse(text)
