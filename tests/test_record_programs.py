"""The literate programs under `record_calls`: they print and leave what they do without it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from pathlib import Path

import pytest

import clew

sys.path.insert(0, str(Path(__file__).resolve().parent))

from test_slices import programs

# A tape keeps the arguments of calls alive: an object that is dropped is not gone.
LIFETIMES = {
    "combined/observers-kept-weakly-dropped-in-time",
    "outside_state/garbage-collector-and-weak-callbacks",
    "special_methods/finaliser",
}


@pytest.mark.parametrize(
    "program",
    [
        program
        for program in programs()
        if program.name not in LIFETIMES and not program.name.startswith("clocks/")
    ],
    ids=lambda program: program.name,
)
def test_programs_do_the_same(program, tmp_path):
    """The literate programs print and leave the same with every operation a call."""
    outcomes = []
    for number, run in enumerate((run_plain, run_plain, run_recorded)):
        directory = tmp_path / str(number)
        directory.mkdir()
        path = program.write(directory)
        outcomes.append(in_another_process(run, path))
    if outcomes[0] != outcomes[1]:
        pytest.skip("it differs from run to run")
    assert outcomes[2] == outcomes[0]


def run_plain(source: str) -> dict:
    names: dict = {"__name__": "__main__"}
    exec(compile(source, "<string>", "exec", 0, True), names)
    return names


def run_recorded(source: str) -> dict:
    names: dict = {"__name__": "__main__"}
    calls = clew.record_calls(source, names)
    if calls.error is not None:
        raise calls.error
    assert all(call.fn is not None for call in calls)
    clew.effects_of(calls, {}, names)
    return names


def in_another_process(run, program: Path) -> str:
    """Tell what a program prints, and the plain values that it leaves, in a process of its own."""
    directory = program.parent
    source, path = program.read_text(), directory / "outcome"
    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(directory)
            sys.path.insert(0, str(directory))
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
                try:
                    names = run(source)
                    plain = {
                        name: repr(in_order_of_keys(v) if IN_PARALLEL.search(source) else v)
                        for name, v in names.items()
                        if type(v) in SIMPLE and name[:2] != "__"
                    }
                    text = out.getvalue() + repr(sorted(plain.items()))
                except BaseException as error:
                    text = out.getvalue() + repr(error)
            path.write_text(
                re.sub(
                    r"0x[0-9a-f]{6,}|\d{12,}|/\d+/| state=\w+[^>]*",
                    "",
                    text.replace(str(directory), ""),
                )
            )
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return path.read_text()


def in_order_of_keys(value):
    """Give a dictionary whose order does not tell which thread came first."""
    return dict(sorted(value.items(), key=repr)) if type(value) is dict else value


IN_PARALLEL = re.compile(r"\b(threading|concurrent)\b")
SIMPLE = (int, float, str, bool, bytes, list, tuple, dict, type(None))
