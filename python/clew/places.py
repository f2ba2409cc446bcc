"""Where in a program something was done."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Site"]


class Site(NamedTuple):
    """Where a call was made.

    Attributes
    ----------
    path
        The file, as tracebacks name it.
    line, column
        From 1, and from 0 in bytes of UTF-8; None where only the line is known.
    """

    path: str
    line: int
    column: int | None
