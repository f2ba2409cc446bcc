"""Looking a callee up in the tables of annotations.

Tables come in layers: those of the user first, then those that are shipped. A row without a
keyword condition in one layer hides the layers below it. Nothing is imported to look up: a row
matches by the names that the callee and its class carry, or by identity with what a module that
the program has imported holds under the row's name.
"""

from __future__ import annotations

import os.path
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from clew.effects.compiling import Row, Tables
    from clew.effects.flags import Extra

#: What the tables say: the bits (None if no row without a condition matched) and particulars.
Match = tuple["int | None", "Extra"]

_NOTHING: Final[tuple[None, Extra]] = (None, {})
_COMPILED: Final = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "annotations", "compiled.json"
)
_layers: list[Tables] = []
_store: str | None = None

#: What is wrong with files of the user, which are left out: a line each.
problems: list[str] = []


def use_store(store: str | None) -> None:
    """Let the annotations in a store hold, from the next look-up on; None if there is no store."""
    global _store
    if store is None and _store is None:
        return
    _store = store
    reset()


def contradiction(file: str, callee: str) -> str:
    """Tell of an annotation that says less than what was seen."""
    return (
        f"annotations: {file}: {callee} changed what it is not said to change; what was seen holds"
    )


def layers() -> list[Tables]:
    """Give the tables in order of trust, reading them at the first call."""
    if not _layers:
        import json

        with open(_COMPILED, encoding="utf-8") as file:
            _layers.append(json.load(file))
        _layers[:0] = _of_the_user()
    return _layers


def _of_the_user() -> list[Tables]:
    """Read the files that are found; one that is wrong is left out, and `problems` says why."""
    from clew.effects.finding import find

    tables = []
    for path, _ in find(_store):
        try:
            tables.append(_of_file(path))
        except Exception as problem:
            problems.extend(str(problem).splitlines() or [f"{path}: {type(problem).__name__}"])
    return tables


def _of_file(path: str | Path, cache: str | Path | None = None) -> Tables:
    """Read a file of the user, whose rows tell where they come from."""
    from clew.effects.compiling import compile_cached

    return compile_cached(path, cache) | {"file": str(path)}


def install(files: Iterable[str | Path], cache: str | Path | None = None) -> None:
    """Let annotation files of the user take precedence over those that are shipped.

    Parameters
    ----------
    files
        YAML files; an earlier one wins over a later one.
    cache
        The directory for their compiled tables; the user's cache directory by default.

    Raises
    ------
    AnnotationError
        If a file does not follow the schema; nothing is installed then.
    """
    tables = [_of_file(file, cache) for file in files]
    layers()[:0] = tables


def reset() -> None:
    """Forget what was read, and the files that were installed."""
    _layers.clear()
    problems.clear()


def function(callee: object, name: str) -> Match:
    """Look up a function or class by its name and identity."""

    def matches(row: Row) -> bool:
        module = row[0]
        if getattr(callee, "__module__", None) == module and _qualified(callee) == name:
            return True
        return _holds(module, name, callee)

    return _combine("functions", name, matches)


def method(receiver_type: type, name: str) -> Match:
    """Look up a method by its name and the classes that the receiver belongs to."""
    mro = type.mro(receiver_type) if receiver_type is not type else [type, object]

    def matches(row: Row) -> bool:
        return any(_is_class(cls, row[0], row[1]) for cls in mro)

    return _combine("methods", name, matches)


def _is_class(cls: type, module: str, name: str) -> bool:
    if cls.__name__ != name:
        return False
    return cls.__module__ == module or _holds(module, name, cls)


def _holds(module: str, name: str, item: object) -> bool:
    """Tell whether an imported module has an object under a name."""
    loaded = sys.modules.get(module)
    if loaded is None:
        return False
    names = vars(loaded)
    if name in names:
        return names[name] is item
    # A package may fetch its names from modules inside it each time that they are asked for.
    inside = str(getattr(item, "__module__", None)).startswith(f"{module}.")
    return inside and "__getattr__" in names


def _qualified(callee: object) -> object:
    return getattr(callee, "__qualname__", None) or getattr(callee, "__name__", None)


def _combine(kind: str, name: str, matches: Callable[[Row], bool]) -> Match:
    """Join the rows that match, from the first layer that has one without a condition on."""
    bits: int | None = None
    extra: Extra = {}
    for tables in layers():
        for row in _rows(tables, kind, name):
            if not matches(row):
                continue
            _module, _owner, row_bits, row_extra, keyword = row
            if keyword is not None:
                condition = {"keyword": keyword[0], "value": keyword[1], "flags": row_bits}
                extra.setdefault("when", []).append(condition | row_extra)
            else:
                bits = row_bits if bits is None else bits | row_bits
                merge(extra, row_extra)
        if bits is not None:
            if "file" in tables:
                extra["said_by"] = tables["file"]
            break
    return (bits, extra) if bits is not None or extra else _NOTHING


def _rows(tables: Tables, kind: str, name: str) -> Iterator[Row]:
    yield from tables[kind].get(name, ())
    if kind == "methods":
        yield from tables["classes"]


def merge(into: Extra, other: Extra) -> None:
    """Add particulars to particulars: lists are joined, other values replaced."""
    for key, value in other.items():
        if isinstance(value, list):
            listed: list[Any] = list(into.get(key, ()))
            into[key] = listed + [item for item in value if item not in listed]
        else:
            into[key] = value
