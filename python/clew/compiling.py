"""Making functions of graphs: the text comes from the extension, the function from here."""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable, Sequence
from typing import Any, Final

from clew.errors import GuardViolation

_numbers: Final = itertools.count(1)


def compiled(rows: Any, inputs: Sequence[str], guards: str, name: str) -> Callable[..., Any]:
    """Make the function of a graph's rows."""
    if guards not in ("check", "ignore"):
        raise ValueError(f'guards must be "check" or "ignore", not {guards!r}')
    if not name.isidentifier():
        raise ValueError(f"{name!r} cannot be the name of a function")
    source, constants, _ = rows.compile(name, list(inputs), guards == "check")
    file = f"<clew compiled {next(_numbers)}>"
    names = {"__name__": "clew.compiled", "_guard": _guard, **dict(constants)}
    exec(compile(source, file, "exec"), names)
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    function: Any = names[name]
    function.source = source
    return function


def _guard(now: Any, then: Any, line: int) -> Any:
    """Give a fact, or raise when it is not what it was."""
    from clew.tracing import same_fact

    if now is not then and not same_fact(then, now):
        place = f"the fact at line {line}" if line else "a fact"
        raise GuardViolation(place, then, now)
    return now
