"""`clew slice --verify`: run the slice in a fresh interpreter and compare with the record.

When the values differ, the slice is run again and so is the original program, without recording:
a program that does not repeat itself cannot be sliced soundly, and the verdict says what is
different rather than that the slice is wrong.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from clew.checking.candidates import Outcome, Runner, Setting, recorded_fingerprint
from clew.targets import Target
from clew.targets import parse as parse_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clew.fingerprint import Fingerprint

__all__ = ["Setting", "Verdict", "verify", "verify_in"]

TIMEOUT: Final = 600.0


class Verdict(NamedTuple):
    """What verification found.

    Attributes
    ----------
    ok
        Whether the slice gives the recorded value.
    message
        A line for people.
    status
        ``same``, ``different``, ``missing`` (the target is not there), ``raised``, ``timeout``,
        ``died``, ``nondeterministic``.
    seconds
        How long the slice took.
    isolated
        Whether it ran on a scratch copy of the directory.
    """

    ok: bool
    message: str
    status: str = "same"
    seconds: float = 0.0
    isolated: bool = True


def verify(
    slice_text: str,
    target: str | Target,
    recorded: Fingerprint | str | None,
    cwd: str,
    script: str | None,
    argv: Sequence[str] = (),
    *,
    interpreter: str = sys.executable,
    timeout: float = TIMEOUT,
    original: str | None = None,
    outputs: Sequence[str] = (),
    module: str | None = None,
) -> Verdict:
    """Run a slice in a fresh interpreter and compare its target with the record.

    Parameters
    ----------
    slice_text
        The slice.
    target
        What it is a slice of.
    recorded
        The fingerprint in the record, or its text; None if it is enough that the slice runs.
    cwd
        The directory that the program ran in.
    script
        The script as it was named on the command line; None for ``-c``.
    argv
        The arguments after it.
    interpreter
        The interpreter to run with.
    timeout
        Seconds for one run.
    original
        The whole program's text, to tell a wrong slice from a program that does not repeat itself.
    outputs
        Files that the recorded run wrote; they are not there when the slice starts.
    module
        The name given to ``-m``, if it was.

    Returns
    -------
    Verdict
        Whether the slice is right, and if not, why.
    """
    setting = Setting(
        cwd, script, tuple(argv), module=module, interpreter=interpreter, outputs=tuple(outputs)
    )
    return verify_in(setting, slice_text, target, recorded, timeout=timeout, original=original)


def verify_in(
    setting: Setting,
    slice_text: str,
    target: str | Target,
    recorded: Fingerprint | str | None,
    *,
    timeout: float = TIMEOUT,
    original: str | None = None,
) -> Verdict:
    """Verify as :func:`verify` does, in a setting that is described in full."""
    wanted = recorded_fingerprint(recorded)
    aim = target_of(target)
    with Runner(setting, aim, timeout) as runner:
        outcome = runner.run(slice_text)
        verdict = _judge(outcome, aim, wanted, setting)
        if verdict.status == "different":
            at_end = not isinstance(target, Target) or target.line is None
            text = original if at_end and "@" not in str(target) else None
            verdict = _explain(runner, slice_text, outcome, wanted, text) or verdict
        verdict = verdict._replace(seconds=outcome.seconds, isolated=runner.overlay.isolated)
        if not runner.overlay.isolated:
            place = "in place, because the directory is too large to be copied"
            verdict = verdict._replace(message=f"{verdict.message} (run {place})")
        return verdict


def target_of(target: str | Target) -> tuple[str, str]:
    """Give the kind and the name of a target, as the driver reads them."""
    parsed = parse_target(target) if isinstance(target, str) else target
    return parsed.kind, parsed.name


def _judge(
    outcome: Outcome, aim: tuple[str, str], wanted: Fingerprint | None, setting: Setting
) -> Verdict:
    kind, name = aim
    if not outcome.ended(setting):
        where = f" at line {outcome.line} of the slice" if outcome.line else ""
        words = {"raised": "the slice raises", "timeout": "the slice does not end:"}
        said = words.get(outcome.status, "the slice cannot be run:")
        return Verdict(False, f"{said} {outcome.message}{where}", outcome.status)
    if wanted is None or kind == "statement":
        return Verdict(True, "the slice runs to its end")
    if outcome.fingerprint is None:
        what = {"file": "does not write", "artifact": "does not save"}.get(kind, "does not bind")
        return Verdict(False, f"the slice {what} {name}", "missing")
    if not outcome.fingerprint.matches(wanted):
        return Verdict(False, f"the slice gives another {name}: {outcome.summary}", "different")
    if wanted.exact and outcome.fingerprint.exact:
        return Verdict(True, f"{name} equals the recorded value")
    why = outcome.fingerprint.why or wanted.why
    return Verdict(True, f"{name} equals the recorded value as far as can be seen ({why})")


def _explain(
    runner: Runner,
    slice_text: str,
    first: Outcome,
    wanted: Fingerprint | None,
    original: str | None,
) -> Verdict | None:
    """Find out whether the program repeats itself at all."""
    second = runner.run(slice_text)
    repeats = _equal(first, second)
    if not repeats:
        return _nondeterministic("the slice gives another value at each run", runner, slice_text)
    if original is None or wanted is None:
        return None
    again = runner.run(original)
    if (
        again.fingerprint is None
        or not again.ended(runner.setting)
        or again.fingerprint.matches(wanted)
    ):
        return None
    return _nondeterministic("the program itself gives another value now", runner, original)


def _nondeterministic(what: str, runner: Runner, text: str) -> Verdict:
    """Say why a program does not repeat itself, as far as two more runs can tell."""
    seeded = {"PYTHONHASHSEED": "0"}
    first, second = (runner.run(text, environment=seeded) for _ in range(2))
    if _equal(first, second):
        again = runner.run(text)
        stable = _equal(first, again)
        why = (
            "something outside it has changed since (a file, the environment)"
            if stable
            else "it depends on the order of a set or on hashes of texts (set PYTHONHASHSEED)"
        )
    else:
        why = "it depends on the time, on random numbers without a seed, or on threads"
    return Verdict(False, f"{what}: {why}", "nondeterministic")


def _equal(one: Outcome, other: Outcome) -> bool:
    if one.fingerprint is None or other.fingerprint is None:
        return one.fingerprint is other.fingerprint
    return one.fingerprint.matches(other.fingerprint)
