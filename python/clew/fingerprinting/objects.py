"""Objects of classes: their attributes and slots, and what their library says their state is.

Code of the program's classes is never run. A library's own ``__reduce__`` or ``__getstate__`` is
asked when its objects keep state that attributes do not show.
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any, Final

from clew.fingerprinting.encoder import mro, type_name
from clew.fingerprinting.origins import is_library

if TYPE_CHECKING:
    from clew.fingerprinting.encoder import Encoder, Handler

_CACHES: Final = frozenset(["_cache", "__weakref__", "_hash", "__hash"])
_MODULE: Final = type.__dict__["__module__"]
_DICT: Final = type.__dict__["__dict__"]


def extended(handler: Handler, base: type) -> Handler:
    """Make the handler of a subclass: what the base's handler writes, the type, the attributes."""
    from clew.fingerprinting.registry import is_complete, own_attributes

    own = own_attributes(base)
    complete = is_complete(base)

    def encode(encoder: Encoder, value: Any, cls: type) -> None:
        encoder.tag("of", type_name(cls))
        state: dict[str, object] = {}
        if not (complete and is_library(_MODULE.__get__(cls))):
            state = {k: v for k, v in attributes(value, cls).items() if k not in own}
        encoder.push_state(state)
        encoder.tag("with", len(state))
        handler(encoder, value, base)

    return encode


def encode_object(encoder: Encoder, value: Any, cls: type) -> None:
    """Write an object of a class that nothing special is known of."""
    encoder.tag("object", type_name(cls))
    library = is_library(_MODULE.__get__(cls))
    state = attributes(value, cls)
    hidden = has_hidden_state(cls)
    if library and (hidden or _has_own_state(cls)):
        reduced = _reduced(value, cls)
        if reduced is not None:
            encoder.push_parts(reduced)
            return
    if hidden:
        encoder.inexact(f"the state of a {type_name(cls)}")
    encoder.tag("state", len(state))
    encoder.push_state(state)


def attributes(value: Any, cls: type) -> dict[str, object]:
    """Give the attributes an object holds: its dictionary and slots, without cached properties."""
    found: dict[str, object] = {}
    bases = mro(cls)
    spaces = [_DICT.__get__(base) for base in bases]
    for space in reversed(spaces):
        if "__slots__" not in space and _is_python_class(space):
            continue
        for name, descriptor in space.items():
            if type(descriptor) is types.MemberDescriptorType and name not in _CACHES:
                try:
                    found[name] = descriptor.__get__(value)
                except AttributeError:
                    continue
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        own = {}
    if type(own) is dict:
        kind = getattr(sys.modules.get("functools"), "cached_property", None)
        found.update(
            (name, item)
            for name, item in own.items()
            if type(name) is str and name not in _CACHES and not _is_cached(name, spaces, kind)
        )
    return found


def _is_cached(name: str, spaces: list[Any], kind: type | None) -> bool:
    """Tell whether an attribute only keeps what a property of the class once gave."""
    for space in spaces:
        if name in space:
            return type(space[name]) is kind
    return False


def has_hidden_state(cls: type) -> bool:
    """Tell whether a base of the class is written in C and adds state, which no attribute shows."""
    for base in mro(cls)[:-1]:
        space = _DICT.__get__(base)
        if "__reduce_cython__" in space:
            return True
        parent = base.__base__
        grows = parent is not None and base.__basicsize__ != parent.__basicsize__
        if grows and not _is_python_class(space):
            return True
    return False


def _is_python_class(space: Any) -> bool:
    """Tell whether a class was made by a class statement, from what its namespace holds."""
    made = ("__slots__", "__dict__", "__weakref__", "__static_attributes__")
    if any(name in space for name in made):
        return True
    return any(isinstance(item, types.FunctionType) for item in space.values())


def _has_own_state(cls: type) -> bool:
    """Tell whether a library says itself what the state of its objects is."""
    names = ("__getstate__", "__reduce__", "__reduce_ex__")
    spaces = [_DICT.__get__(base) for base in mro(cls) if base is not object]
    return any(name in space for space in spaces for name in names)


def _reduced(value: Any, cls: type) -> list[object] | None:
    """Ask a library's object for its state, if none of the program's code answers for it."""
    if not all(is_library(_MODULE.__get__(base)) for base in mro(cls)):
        return None
    copyreg = sys.modules.get("copyreg")
    known = copyreg.dispatch_table.get(cls) if copyreg is not None else None
    try:
        reduced = known(value) if known is not None else value.__reduce_ex__(2)
    except Exception:
        return None
    if type(reduced) is str:
        return [reduced]
    parts = list(reduced[1:3])
    parts += [list(items) if items is not None else None for items in reduced[3:5]]
    return [_without_caches(part) for part in parts]


def _without_caches(part: object) -> object:
    if type(part) is dict:
        return {k: v for k, v in sorted_items(part) if k not in _CACHES}
    return part


def sorted_items(state: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """Give the items of a state in the order of their names, if all are texts."""
    if all(type(name) is str for name in state):
        return sorted(state.items())
    return list(state.items())
