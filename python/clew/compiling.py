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
    source, constants = rows.compile(name, list(inputs), guards == "check")
    file = f"<clew compiled {next(_numbers)}>"
    names: dict[str, Any] = {"__name__": "clew.compiled", "_guard": _guard_of(rows)}
    copies = ""
    for constant, value, is_changed in constants:
        if is_changed:
            # What the function changes, each call begins with anew.
            copies += f"    {constant} = deepcopy(_{constant})\n"
            names[f"_{constant}"] = value
        else:
            names[constant] = value
    if copies:
        head = f"def {name}({', '.join(inputs)}):\n"
        source = source.replace(head, f"from copy import deepcopy\n\n\n{head}{copies}", 1)
    exec(compile(source, file, "exec"), names)
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    function: Callable[..., Any] = names[name]
    function.source = source  # type: ignore[attr-defined]
    return function


def _guard_of(rows: Any) -> Callable[[Any, Any, int], Any]:
    """Give the function that compares a fact with what it was; `rows` know what it was about."""

    def guard(now: Any, then: Any, line: int) -> Any:
        from clew.tracing import same_fact

        if now is not then and not same_fact(then, now):
            for node in rows.of_kind("convert"):
                source = rows.source(node)
                if source is not None and source[1] == line and same_fact(then, rows.value(node)):
                    raise GuardViolation.of(rows.text(node), then, now, source, rows.op(node))
            raise GuardViolation.of("a fact", then, now)
        return now

    return guard
