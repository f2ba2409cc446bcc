"""A recording is kept however the program ends; a store that cannot be used disturbs nothing."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from packaged import package_path

from clew.storing import Run, Store, open_store

WAITING = "import time\nvalue = [1]\nvalue[0] += 1\nprint('ready', flush=True)\n"
LINE = r"clew: run \d{8}-\d{6}-[0-9a-f]{6} recorded \(\d+\.\d\d s; clew slice NAME to slice\)\n"


class Place:
    """A directory with a store of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {
            **os.environ,
            "PYTHONPATH": package_path(),
            "CLEW_STORE": str(directory / "store"),
        }

    def start(self, text: str, *options: str, **how) -> "subprocess.Popen[str]":
        (self.directory / "program.py").write_text(text)
        return subprocess.Popen(
            [sys.executable, "-m", "clew", "run", *options, "program.py"],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **how,
        )

    def run(self, text: str, *options: str) -> tuple[int, str, str]:
        with self.start(text, *options) as process:
            output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors

    @property
    def store(self) -> Store:
        return open_store(str(self.directory / "store"))

    @property
    def last(self) -> Run:
        return self.store.run("latest")


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.mark.parametrize(
    ("ending", "code", "status", "note"),
    [
        ("pass", 0, 0, None),
        ("raise ValueError('x')", 1, 1, "ended by ValueError"),
        ("import sys; sys.exit()", 0, 0, "ended by SystemExit"),
        ("import sys; sys.exit(3)", 3, 3, "ended by SystemExit"),
        ("import sys; sys.exit('why')", 1, 1, "ended by SystemExit"),
        ("raise KeyboardInterrupt", -signal.SIGINT, 130, "ended by KeyboardInterrupt"),
        (
            "import sys; sys.excepthook = lambda *a: sys.exit(5); 1 / 0",
            5,
            5,
            "ended by ZeroDivisionError",
        ),
        ("import sys; sys.setrecursionlimit(30)", 0, 0, None),
        ("import sys; sys.settrace(lambda *a: 1 / 0)", 0, 0, None),
        ("import os; os.chdir('/')", 0, 0, None),
        (
            "import sys; del sys.modules['os']; sys.path[:] = sys.meta_path[:] = ()",
            0,
            0,
            None,
        ),
        ("import builtins; builtins.open = builtins.print = builtins.compile = None", 0, 0, None),
        ("import time; time.time = time.perf_counter = None", 0, 0, None),
        ("import sys; sys.modules['__main__'] = None", 0, 0, None),
        ("globals().clear()", 0, 0, None),
        (
            "import threading as t, time; t.Thread(None, time.sleep, '', (9,), daemon=1).start()",
            0,
            0,
            None,
        ),
        ("import os; os.fork() or exit(4); os.wait()", 0, 0, None),
        ("import warnings; warnings.simplefilter('error'); import gc; gc.disable()", 0, 0, None),
    ],
)
def test_kept(place, ending, code, status, note):
    found, _, errors = place.run(f"value = [1]\nvalue[0] += 1\n{ending}\n")
    run = place.last
    assert (found, run.exit_status, run.note) == (code, status, note)
    assert run.state == ("interrupted" if "Keyboard" in ending else "finished")
    assert run.trace is not None
    assert place.store.run_sources(run.id)[0][1] == "__main__"
    assert re.search(LINE, errors)
    assert len(place.store.runs()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "waiting",
    [
        "time.sleep(60)",
        "while True: pass",
        "import sys; sys.stdin = open(0); __import__('select').select([], [], [], 60)",
        "import threading; threading.Event().wait(60)",
        "sum(1 for _ in iter(int, 1))",
    ],
)
def test_terminated(place, number, waiting):
    """A termination signal keeps the recording wherever the program is; the process dies by it."""
    with place.start(WAITING + waiting) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == -number
    assert (place.last.state, place.last.exit_status) == ("interrupted", 128 + number)
    assert place.last.note == f"ended by {number.name}"
    assert place.last.trace is not None
    assert re.fullmatch(LINE, errors)


def test_terminated_in_c(place):
    """A C call that keeps the interpreter lock delays death by seconds and costs the recording."""
    with place.start(WAITING + "sum(range(10 ** 12))") as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
    assert place.last.state == "interrupted"


def test_killed(place):
    """`kill -9` leaves a run without a trace, and a store that works."""
    with place.start(WAITING + "time.sleep(60)") as process:
        assert process.stdout.readline() == "ready\n"
        process.kill()
        process.communicate(timeout=30)
    assert (place.last.state, place.last.trace) == ("interrupted", None)
    assert place.run("x = 1\n")[0] == 0
    assert place.last.state == "finished"


def test_interrupted_twice(place):
    """Ctrl-C again and again: the program's traceback, Clew's line, death by SIGINT."""
    with place.start(WAITING + "time.sleep(60)", start_new_session=True) as process:
        assert process.stdout.readline() == "ready\n"
        for _ in range(4):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.01)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    # A second Ctrl-C may meet the program still, as under plain Python: two tracebacks then.
    assert "Traceback" in errors
    assert "clew/" not in errors
    assert re.search(LINE, errors)
    assert (place.last.state, place.last.exit_status) == ("interrupted", 130)


def test_not_compiled(place):
    """A program that does not compile is no recording, and Clew has nothing to say."""
    code, _, errors = place.run("x = (\n")
    assert code == 1
    assert errors.startswith('  File "')
    assert "clew:" not in errors
    assert place.last.trace is None


def test_quiet(place):
    assert place.run("x = 1\n", "-q") == (0, "", "")
    assert place.last.state == "finished"


@pytest.mark.parametrize("problem", ["file", "corrupt", "newer", "missing directory"])
def test_store_unusable(place, problem):
    """One warning line; the program runs and keeps its exit code."""
    path = place.directory / "store"
    if problem == "file":
        path.write_text("not a directory")
    elif problem == "missing directory":
        place.environment["CLEW_STORE"] = "/proc/nowhere/store"
    else:
        place.run("x = 1\n")
        database = path / "clew.db"
        if problem == "corrupt":
            for beside in path.glob("clew.db-*"):
                beside.unlink()
            database.write_bytes(b"no database" * 1000)
        else:
            import sqlite3

            connection = sqlite3.connect(database)
            connection.execute("pragma user_version = 9999")
            connection.commit()
            connection.close()
    code, output, errors = place.run("print('ran')\nraise SystemExit(3)\n")
    assert (code, output) == (3, "ran\n")
    assert re.fullmatch(r"clew: warning: this run is not recorded: .+\n", errors)
    assert place.run("print('ran')\n", "-q") == (0, "ran\n", "")


def test_read_only(place):
    """A directory that cannot be written."""
    if os.geteuid() == 0:
        pytest.skip("nothing is read-only for root")
    place.directory.joinpath("store").mkdir(mode=0o500)
    code, output, errors = place.run("print('ran')\n")
    assert (code, output) == (0, "ran\n")
    assert re.fullmatch(r"clew: warning: this run is not recorded: .+\n", errors)


def test_two_at_once(place):
    """Two processes record into one store at once."""
    processes = [place.start(f"value = {n}\nimport time\ntime.sleep(0.2)\n") for n in range(3)]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert [run.state for run in place.store.runs()] == ["finished"] * 3


def test_child_writes_nothing(place):
    """Children of fork that run to the end leave the parent's recording alone and say nothing."""
    text = """
        import os
        for _ in range(3):
            if os.fork() == 0:
                break
        else:
            for _ in range(3):
                os.wait()
    """
    code, _, errors = place.run(textwrap.dedent(text))
    assert code == 0
    assert re.fullmatch(LINE, errors)
    assert len(place.store.runs()) == 1


def test_packages(place):
    """The versions of imported packages are recorded, and of no others."""
    assert place.run("import pytest, json\n")[0] == 0
    packages = place.last.packages
    assert packages["pytest"] == pytest.__version__
    assert "json" not in packages
    assert "mypy" not in packages
