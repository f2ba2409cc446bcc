"""Hostile objects: recording never raises, and never runs what the program would not run.

That the program under `clew run` behaves as without is `test_transparency`'s.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import clew
from clew.effects import observing

SOURCE = (Path(__file__).parent / "transparency" / "hostile.py").read_text()


def plain() -> tuple[dict[str, object], str]:
    names: dict[str, object] = {"__name__": "__main__"}
    with redirect_stdout(io.StringIO()) as output:
        exec(compile(SOURCE, "<string>", "exec"), names)
    return names, output.getvalue()


def test_record_calls():
    names: dict[str, object] = {"__name__": "__main__"}
    with redirect_stdout(io.StringIO()) as output:
        calls = clew.record_calls(SOURCE, names)
    assert calls.error is None
    assert output.getvalue() == plain()[1]
    things = dict(enumerate(names["things"]))
    assert clew.effects_of(calls, things, names)
    assert clew.effects_of(calls[:2000], things, names)
    for call in calls[::50]:
        repr(call)
    calls.versions(len(calls) - 1)


@pytest.mark.parametrize("detail", ["statement", "call", "op"])
def test_record(detail):
    with redirect_stdout(io.StringIO()) as output:
        recording = clew.record(SOURCE, detail=detail)
    assert recording.exception is None
    assert output.getvalue() == plain()[1]
    assert recording.slice("n").startswith('"""') or "n = 0" in recording.slice("n")
    if detail != "statement":
        assert recording.calls
    assert recording.effects is not None


def test_snapshots():
    for thing in plain()[0]["things"]:
        assert not observing.changed(observing.snapshot(thing), thing)


def test_summaries_of_what_a_run_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with redirect_stdout(io.StringIO()):
        run = clew.record(SOURCE).keep()
    assert run
