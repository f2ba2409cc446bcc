"""The event log of `--detail call` and `op`: its content, cap and timeline; forks and kills."""

import collections
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CALLS = """\
import collections

class Shape:
    def __init__(self, size):
        self.size = size

    def area(self):
        return self.scaled(2) * self.size

    def scaled(self, factor):
        return self.size * factor

class Square(Shape):
    def scaled(self, factor):
        return super().scaled(factor) + 1

def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def fails(n):
    if n == 0:
        raise ValueError(n)
    fails(n - 1)

def numbers(n):
    for i in range(n):
        yield i

def total(values):
    result = 0
    for value in values:
        result += value
    return result

fib(12)
for i in range(5):
    try:
        fails(i)
    except ValueError:
        pass
sum_of = total(numbers(10))
shapes = [Shape(1), Square(2)]
areas = [shape.area() for shape in shapes]
"""

ORACLE = """\
import collections, json, sys
counts = collections.Counter()
code = compile(open("program.py").read(), "program.py", "exec")
def count(frame, event, argument):
    caller = frame.f_back
    if event == "call" and frame.f_code.co_filename == "program.py":
        if caller is not None and caller.f_code.co_filename == "program.py":
            counts[frame.f_code.co_qualname] += 1
sys.setprofile(count)
exec(code, {"__name__": "__main__"})
sys.setprofile(None)
print(json.dumps(counts))
"""

OPERATIONS = """\
class Box:
    def __init__(self):
        self.items = [1, 2]
        self.n = 5

def work(box, key):
    box.n += 3
    items = box.items
    items[key] *= 7
    a = box.n - box.items[0]
    text = f"{a:>4}"
    if 0 <= key < 9 and not box.items:
        return None
    first, second = box.items
    text += "!"
    del box.items[0]
    return [-item for item in box.items], text

def send():
    got = yield 41
    return got

result = work(Box(), 1)
sender = send()
next(sender)
"""


def clew(*words: str, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "clew", *words], cwd=cwd, capture_output=True, text=True, timeout=300
    )


def record(tmp_path: Path, source: str, *options: str) -> subprocess.CompletedProcess:
    (tmp_path / "program.py").write_text(source)
    return clew("run", *options, "program.py", cwd=tmp_path)


def calls(tmp_path: Path, *options: str) -> dict:
    done = clew("calls", "--format", "json", *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def timeline(tmp_path: Path) -> list[dict]:
    done = clew("calls", "--format", "chrome", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["traceEvents"]


def check_timeline(events: list[dict]) -> None:
    """Every begin has its end, inside the one around it, and no time goes back within a thread."""
    open_calls = collections.defaultdict(list)
    latest = collections.defaultdict(float)
    for event in events:
        assert event["ph"] in ("B", "E", "X", "i", "M")
        if event["ph"] == "M":
            continue
        thread = (event["pid"], event["tid"])
        assert event["ts"] >= latest[thread]
        latest[thread] = event["ts"]
        if event["ph"] == "B":
            assert event["name"]
            open_calls[thread].append(event["name"])
        elif event["ph"] == "E":
            open_calls[thread].pop()
    assert not any(open_calls.values())


@pytest.mark.parametrize("detail", ["call", "op"])
def test_counts_are_those_of_a_profiler(tmp_path: Path, detail: str):
    record(tmp_path, CALLS, "--detail", detail)
    found = {row["callee"]: row["count"] for row in calls(tmp_path)["callees"]}
    plain = subprocess.run(
        [sys.executable, "-c", ORACLE], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    wanted = json.loads(plain.stdout)
    # What iteration and construction call is not called by the text: a generator goes on each time
    # it is asked, and a class is what is called in place of its `__init__`.
    for name in ("fib", "fails", "total", "Shape.area", "Shape.scaled", "Square.scaled"):
        assert found[name] == wanted[name], name
    assert found["Shape"] + found["Square"] == wanted["Shape.__init__"]
    assert found["numbers"] == 1


def test_tree_and_table_agree(tmp_path: Path):
    record(tmp_path, CALLS, "--detail", "call")
    by_callee = collections.Counter()
    nodes = calls(tmp_path, "--tree")["nodes"]
    for number, node in enumerate(nodes):
        assert number == 0 or node["parent"] < number
        if node["callee"] is not None:
            by_callee[node["callee"]] += node["count"]
    rows = calls(tmp_path)["callees"]
    assert by_callee == {row["callee"]: row["count"] for row in rows}
    assert {row["callee"]: row["raised"] for row in rows}["fails"] == 15
    for row in rows:
        assert row["own_ns"] <= row["total_ns"] or row["callee"] in ("fib", "fails")


@pytest.mark.parametrize("detail", ["call", "op"])
def test_timeline_is_well_formed(tmp_path: Path, detail: str):
    threads = CALLS + "import threading\n"
    threads += "ts = [threading.Thread(target=lambda: fib(9)) for _ in range(3)]\n"
    threads += "for t in ts: t.start()\nfor t in ts: t.join()\n"
    record(tmp_path, threads, "--detail", detail)
    events = timeline(tmp_path)
    check_timeline(events)
    assert len({event["tid"] for event in events if event["ph"] == "B"}) == 4


def test_operations_have_operands_and_results(tmp_path: Path):
    record(tmp_path, OPERATIONS, "--detail", "op")
    said = collections.defaultdict(list)
    for event in timeline(tmp_path):
        if event["ph"] == "i":
            said[event["name"]].append(event["args"]["values"])
    for name, values in {
        "+=": "5, 3, 8",
        "*=": "2, 7, 14",
        "-": "8, 1, 7",
        ".n=": "<Box>, 8",
        "[]=": "<list[2]>, 1, 14",
        "[]": "<list[2]>, 1, 2",
        "<=": "0, 1, True",
        "<": "1, 9, True",
        "format": '7, "   7"',
        "truth": "<list[2]>, True",
        "unpack": "<list[2]>, 1, 14",
        "suspend": "41",
        "for": "<list_iterator>, 14",
    }.items():
        assert values in said[name], (name, said[name])
    assert '"   7", "!", "   7!"' in said["+="]
    assert "14, -14" in said["-"]
    assert said["del []"] == ["<list[2]>"]


@pytest.mark.parametrize("kept", ["first", "newest"])
def test_cap(tmp_path: Path, kept: str):
    source = "def f(i):\n    return i * 3.7\nfor i in range(200000):\n    f(i)\n"
    done = record(tmp_path, source, "--detail", "call", "--max-log", f"100K:{kept}")
    word = "last" if kept == "newest" else "first"
    said = rf"its log met the cap: the {word} \d+ of 40000\d events are kept"
    assert re.search(said, done.stderr)
    assert done.stderr.count("\n") == 1
    found = calls(tmp_path)
    # Sums are exact whatever is kept.
    assert found["callees"][0]["count"] == 200000
    assert 0 < found["n_dropped"] < 400000
    check_timeline(timeline(tmp_path))


def test_a_child_of_fork_goes_on_and_leaves_the_log_alone(tmp_path: Path):
    source = """\
import os, sys, warnings
warnings.simplefilter("error")
def f(i):
    return i + 1
for i in range(50000):
    f(i)
child = os.fork()
for i in range(50000):
    f(i)
if child == 0:
    print("child", f(1), flush=True)
    os._exit(7)
print("parent", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = record(tmp_path, source, "--detail", "call")
    assert done.stdout == "child 2\nparent 7\n", done.stderr
    assert {row["callee"]: row["count"] for row in calls(tmp_path)["callees"]}["f"] == 100000
    check_timeline(timeline(tmp_path))


def test_a_killed_run_leaves_a_readable_log(tmp_path: Path):
    (tmp_path / "program.py").write_text(
        "import time\ndef f(i):\n    return i\nfor i in range(300000):\n    f(i)\n"
        "print('ready', flush=True)\ntime.sleep(60)\n"
    )
    command = [sys.executable, "-m", "clew", "run", "--detail", "call", "program.py"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as running:
        running.stdout.readline()
        time.sleep(2.5)
        running.send_signal(signal.SIGKILL)
    found = {row["callee"]: row["count"] for row in calls(tmp_path)["callees"]}
    assert found["f"] > 290000
    check_timeline(timeline(tmp_path))


def test_memory_does_not_grow_with_events(tmp_path: Path):
    source = """\
def work(n):
    x = 0.5
    for i in range(n):
        x = x * 1.5 - x
    return x
def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1])
work(200000)
before = peak()
work(2000000)
print(peak() - before)
"""
    done = record(tmp_path, source, "--detail", "op")
    assert int(done.stdout) < 20_000, "kilobytes"
