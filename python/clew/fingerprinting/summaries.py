"""A line about a value, for people: its type and what fits of its content."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from clew.fingerprinting.encoder import ATOMS, mro
from clew.fingerprinting.registry import key_of

if TYPE_CHECKING:
    from collections.abc import Callable

_WIDTH: Final = 60
_ITEMS: Final = 4


def summary(value: object) -> str:
    """Describe a value in one line.

    Parameters
    ----------
    value
        Anything. No code of its class is run.

    Returns
    -------
    str
        The type's name and a short text, such as ``float 0.953`` or ``ndarray (150, 4) float64``.

    Examples
    --------
    >>> summary(0.953)
    'float 0.953'
    >>> summary([1, 2, 3])
    'list of 3: [1, 2, 3]'
    """
    name = type(value).__name__
    try:
        text = _text(value)
    except Exception:
        text = ""
    return f"{name} {text}".strip() if text else name


def _text(value: Any) -> str:
    kind = type(value)
    if kind in ATOMS:
        return "" if value is None or value is Ellipsis else _cut(_atom(value))
    if kind in (list, tuple, dict, set, frozenset):
        return _container(value)
    if kind in (type(sys), type):
        return _cut(value.__name__)
    if kind is type(summary):
        return _cut(f"{value.__qualname__}()")
    for base in mro(kind):
        describe = _KNOWN.get(key_of(base))
        if describe is not None:
            return _cut(describe(value))
    return ""


def _atom(value: Any) -> str:
    if isinstance(value, (str, bytes)):
        text = repr(value[: _WIDTH + 1])
        return text if len(value) <= _WIDTH else f"{text[:-1]}..."
    if type(value) is int and value.bit_length() > 256:
        return f"of {value.bit_length()} bits"
    return repr(value)


def _container(value: Any) -> str:
    """Show the size, and the first items if they are atoms."""
    parts = []
    for i, item in enumerate(value):
        if i == _ITEMS or type(item) not in ATOMS:
            parts.append("...")
            break
        held = value[item] if type(value) is dict else None
        if type(value) is dict and type(held) not in ATOMS:
            parts.append(f"{_atom(item)}: ...")
        else:
            parts.append(f"{_atom(item)}: {_atom(held)}" if type(value) is dict else _atom(item))
    opening, closing = "[]" if type(value) is list else "()" if type(value) is tuple else "{}"
    inside = ", ".join(parts)
    if type(value) is tuple and len(value) == 1:
        inside += ","
    return _cut(f"of {len(value)}: {opening}{inside}{closing}") if len(value) else "of 0"


def _cut(text: str) -> str:
    line = text.replace("\n", " ")
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."


def _array(value: Any) -> str:
    if value.ndim == 0:
        return (
            f"{value.dtype} {value.item()!r}" if value.dtype.kind in "biufc" else str(value.dtype)
        )
    return f"{value.shape} {value.dtype}"


def _scalar(value: Any) -> str:
    return repr(value.item()) if value.dtype.kind in "biufcUS" else str(value)


def _frame(value: Any) -> str:
    n_rows, n_columns = value.shape
    return f"{n_rows} rows, {n_columns} columns"


def _series(value: Any) -> str:
    name = value.name
    named = f"{name!r} " if type(name) is str else ""
    return f"{named}{len(value)} values, {value.dtype}"


_KNOWN: Final[dict[str, Callable[[Any], str]]] = {
    "numpy:ndarray": _array,
    "numpy:generic": _scalar,
    "pandas:DataFrame": _frame,
    "pandas:Series": _series,
    "pandas:Index": lambda value: f"{len(value)} labels",
    "pandas:Timestamp": str,
    "networkx:Graph": lambda value: f"{len(value._node)} nodes",
    "datetime:date": str,
    "datetime:timedelta": str,
    "decimal:Decimal": str,
    "pathlib:PurePath": str,
    "enum:Enum": lambda value: str(value.__dict__["_name_"]),
    "builtins:str": lambda value: _atom(str.__str__(value)),
    "builtins:int": lambda value: _atom(int.__int__(value)),
    "builtins:float": lambda value: _atom(float.__float__(value)),
    "builtins:dict": lambda value: f"of {dict.__len__(value)}",
    "builtins:list": lambda value: f"of {list.__len__(value)}",
    "builtins:tuple": lambda value: f"of {tuple.__len__(value)}",
    "builtins:set": lambda value: f"of {set.__len__(value)}",
}
