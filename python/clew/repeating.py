"""Running a recorded program again: how it was run, and what the record says that its value was."""

from __future__ import annotations

import ast
import os
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from clew import slicing
from clew.errors import Refused, UnknownTarget
from clew.targets import Target

if TYPE_CHECKING:
    from clew.checking.candidates import Setting
    from clew.fingerprint import Fingerprint
    from clew.recorded import RecordedRun
    from clew.storing import Store

__all__ = ["recorded_fingerprint", "setting_of"]

# A file system may know times to the second or two only.
_CLOCK_SLACK = timedelta(seconds=2)


def setting_of(recorded: RecordedRun) -> Setting:
    """Tell how a recorded program ran, so that a slice of it can be run the same way."""
    from clew.checking.candidates import Setting

    run = recorded.run
    script: str | None = run.script
    module = None
    if run.script.startswith("-m "):
        module, script = run.script[3:], recorded.sources[0].path
    elif run.script == "-" or run.script.startswith("-c "):
        script = None
    known = os.access(run.interpreter, os.X_OK)
    return Setting(
        run.cwd,
        script,
        tuple(run.argv),
        module=module,
        interpreter=run.interpreter if known else sys.executable,
        outputs=tuple(slicing.written_files(recorded)),
        raised=recorded.described()["ended_by"] is not None,
    )


def recorded_fingerprint(
    store: Store, recorded: RecordedRun, target: Target, setting: Setting
) -> Fingerprint | str | None:
    """Find the fingerprint that a target's value had in the run; None if nothing tells.

    Raises
    ------
    UnknownTarget
        The run has no such artifact or file.
    Refused
        A file was changed after the run.
    """
    if target.kind == "artifact":
        return store.artifact(target.name, run=recorded.run.id).fingerprint
    if target.kind == "file":
        return _of_file(recorded, target.name)
    if target.kind == "name" and target.line is None:
        bindings = recorded.described()["bindings"]
        return next((found for name, _, found in bindings if name == target.name), None)
    if target.kind == "name":
        return _by_prefix(recorded, target, setting)
    return None


def _of_file(recorded: RecordedRun, path: str) -> Fingerprint:
    """Take the fingerprint of a file that the run left, if nothing has touched it since."""
    from clew.fingerprint import fingerprint_file

    try:
        changed = datetime.fromtimestamp(os.stat(path).st_mtime).astimezone()
        found = fingerprint_file(path)
    except OSError as problem:
        raise UnknownTarget(
            f"cannot read {path}: {problem.strerror}", "run the program again"
        ) from None
    ended = recorded.run.ended
    if ended is not None and changed > datetime.fromisoformat(ended) + _CLOCK_SLACK:
        hint = "run the program again, or slice without --verify"
        raise Refused(f"{path} was changed after the run, so a slice cannot be verified", hint)
    return found


def _by_prefix(recorded: RecordedRun, target: Target, setting: Setting) -> Fingerprint | None:
    """Run the program up to the line, which gives the value just after it."""
    from clew.checking.candidates import Runner

    prefix = _prefix(recorded.sources[0].text, target.line or 0)
    if prefix is None:
        return None
    with Runner(setting, (target.kind, target.name)) as runner:
        outcome = runner.run(prefix)
    return outcome.fingerprint if outcome.ended(setting) else None


def _prefix(text: str, line: int) -> str | None:
    """Cut a program after the statement on a line; None if that stands in a block."""
    for statement in ast.parse(text).body:
        if statement.lineno <= line <= (statement.end_lineno or statement.lineno):
            simple = not hasattr(statement, "body")
            lines = text.splitlines(keepends=True)
            return "".join(lines[: statement.end_lineno]) if simple else None
    return None
