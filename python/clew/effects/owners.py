"""The object whose state an object's state belongs to.

A view is its base, an artist its figure, an indexer its frame: what is written through one is read
through the other. Only what the garbage collector's references do not show (or do not show fast)
is here. No code of the program's classes runs: attributes are read from instance dictionaries and
from exact library types.
"""

from __future__ import annotations

import gc
import types
from typing import TYPE_CHECKING, Any, Final

from clew.fingerprinting.encoder import mro
from clew.fingerprinting.registry import key_of

if TYPE_CHECKING:
    from collections.abc import Callable

_STEPS: Final = 32
_finders: dict[type, Callable[[Any], Any] | None] = {}


def canonical(value: object) -> object:
    """Give the owner of an object's state.

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    object
        The base of a view, the figure of an artist, the frame of an indexer, accessor or group,
        the connection of a cursor, the image of a drawing, the receiver of a bound method; else
        the object itself.
    """
    for _ in range(_STEPS):
        owner = _owner(value)
        if owner is None or owner is value:
            break
        value = owner
    return value


def is_figure(value: object) -> bool:
    """Tell whether an object is a figure of matplotlib."""
    return any(key_of(base) == "matplotlib:FigureBase" for base in mro(type(value)))


def _owner(value: Any) -> Any:
    cls = type(value)
    if cls not in _finders:
        _finders[cls] = _finder(cls)
    finder = _finders[cls]
    if finder is None:
        return None
    try:
        return finder(value)
    except Exception:
        return None


def _finder(cls: type) -> Callable[[Any], Any] | None:
    for base in mro(cls):
        finder = _KNOWN.get(key_of(base))
        if finder is not None:
            return finder
    return None


def _attribute(*names: str) -> Callable[[Any], Any]:
    """Find the owner in the instance dictionary, under the first of these names."""

    def find(value: Any) -> Any:
        state = object.__getattribute__(value, "__dict__")
        return next((state[name] for name in names if state.get(name) is not None), None)

    return find


def _artist(value: Any) -> Any:
    """Give the figure at the top: figures may stand in figures."""
    state = object.__getattribute__(value, "__dict__")
    return state.get("_root_figure") or state.get("_parent_figure") or state.get("figure")


def _first_referent(value: Any) -> Any:
    return next(iter(gc.get_referents(value)), None)


def _view(value: Any) -> Any:
    base = value.base
    return base.obj if type(base) is memoryview else base


def _container(value: Any) -> Any:
    """Give the figure of a group of artists, such as the bars of one call."""
    items = [*tuple.__iter__(value)]
    return _artist(items[0]) if items else None


_KNOWN: Final[dict[str, Callable[[Any], Any]]] = {
    "builtins:memoryview": lambda value: value.obj,
    "builtins:method": lambda value: value.__self__,
    "builtins:builtin_function_or_method": lambda value: (
        None if isinstance(value.__self__, types.ModuleType) else value.__self__
    ),
    "builtins:dict_items": _first_referent,
    "builtins:dict_keys": _first_referent,
    "builtins:dict_values": _first_referent,
    "builtins:mappingproxy": _first_referent,
    "numpy:ndarray": _view,
    "numpy:flatiter": lambda value: value.base,
    "matplotlib:Artist": _artist,
    "matplotlib:BarContainer": _container,
    "matplotlib:FigureCanvasBase": _attribute("figure"),
    "matplotlib:FigureManagerBase": _attribute("canvas"),
    "matplotlib:GridSpec": _attribute("figure"),
    "pandas:NDFrameIndexerBase": lambda value: value.obj,
    "pandas:BaseGroupBy": _attribute("obj"),
    "pandas:BaseWindow": _attribute("obj"),
    "pandas:NoNewAttributesMixin": _attribute("_parent", "_orig", "_data"),
    "pandas:PlotAccessor": _attribute("_parent"),
    "pandas:StylerRenderer": _attribute("data"),
    "sqlite3:Cursor": lambda value: value.connection,
    "PIL:ImageDraw": _attribute("_image", "im"),
}
