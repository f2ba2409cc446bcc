"""TARGET: what a user asks about, as text and as a value.

    NAME            a top-level variable as it was at the end of the run
    NAME@LINE       the variable just after that line last ran
    FILE:LINE       a statement
    file:PATH       a file that the run wrote
    artifact:NAME   a value saved by `clew.save`

This is the only parser of the grammar.
"""

from __future__ import annotations

from typing import NamedTuple

from clew.errors import InvalidTarget

__all__ = ["Target", "parse"]

_GRAMMAR = "a target is NAME, NAME@LINE, FILE:LINE, file:PATH or artifact:NAME"


class Target(NamedTuple):
    """A target, taken apart.

    Attributes
    ----------
    kind
        `name`, `statement`, `file` or `artifact`.
    name
        The variable's, the file's or the artifact's name; for a statement the file that holds it.
    line
        The line of `NAME@LINE` and `FILE:LINE`, from 1; otherwise None.
    """

    kind: str
    name: str
    line: int | None = None

    def __str__(self) -> str:
        if self.kind in ("file", "artifact"):
            return f"{self.kind}:{self.name}"
        if self.line is None:
            return self.name
        return f"{self.name}{'@' if self.kind == 'name' else ':'}{self.line}"


def parse(text: str) -> Target:
    """Take a TARGET apart.

    Raises
    ------
    InvalidTarget
        The text is none.

    Examples
    --------
    >>> parse("accuracy@41")
    Target(kind='name', name='accuracy', line=41)
    >>> parse("analysis.py:12")
    Target(kind='statement', name='analysis.py', line=12)
    >>> str(parse("file:out/plot.png"))
    'file:out/plot.png'
    """
    for kind in ("file", "artifact"):
        prefix, colon, rest = text.partition(":")
        if colon and prefix == kind:
            if not rest:
                raise InvalidTarget(f"{text!r} names no {kind}", _GRAMMAR)
            return Target(kind, rest)
    if text.isidentifier():
        return Target("name", text)
    name, at, line = text.rpartition("@")
    if at and name.isidentifier():
        return Target("name", name, _line(line, text))
    name, colon, line = text.rpartition(":")
    if colon and name and (line.isdecimal() or not name.isidentifier()):
        return Target("statement", name, _line(line, text))
    variable = text.partition(".")[0].partition("[")[0].strip()
    if variable != text and variable.isidentifier():
        hint = f"name the variable that holds it: {variable}; {_GRAMMAR}"
        raise InvalidTarget(f"{text!r} is an expression, not a target", hint)
    raise InvalidTarget(f"{text!r} is not a target", _GRAMMAR)


def _line(text: str, target: str) -> int:
    if text.isascii() and text.isdecimal() and 0 < int(text) < 2**31:
        return int(text)
    raise InvalidTarget(f"{text!r} in {target!r} is not a line number", _GRAMMAR)
