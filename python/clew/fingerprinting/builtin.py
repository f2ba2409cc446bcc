"""Builtin and standard types whose content is plain. Subclasses are read past their overrides."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

from clew.fingerprinting.encoder import type_name

if TYPE_CHECKING:
    from clew.fingerprinting.encoder import Encoder


def encode_list(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a list: its items in order."""
    del cls
    encoder.tag("list", list.__len__(value))
    items = value if type(value) is list else [*list.__iter__(value)]
    if not encoder.atoms(items):
        encoder.push_items(items)


def encode_tuple(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a tuple: its items in order."""
    del cls
    encoder.tag("tuple", tuple.__len__(value))
    items = [*tuple.__iter__(value)]
    if not encoder.atoms(items):
        encoder.push_items(items)


def encode_dict(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a dictionary: keys and values in the order that they were put in."""
    del cls
    items = [*dict.items(value)]
    encoder.tag("dict", len(items))
    flat = [part for item in items for part in item]
    if not encoder.atoms(flat):
        encoder.push_items(flat)


def encode_ordered(encoder: Encoder, value: Any, cls: type) -> None:
    """Write an OrderedDict, whose order is not that of the dictionary that it extends."""
    items = ordered_items(value, cls)
    encoder.tag("ordered", len(items))
    encoder.push([part for item in items for part in item])


def ordered_items(value: Any, cls: Any) -> list[tuple[Any, Any]]:
    """Give the items of an OrderedDict, without looking its keys up (their hash may be code)."""
    by_identity = {id(key): item for key, item in dict.items(value)}
    return [(key, by_identity[id(key)]) for key in cls.__iter__(value)]


def encode_set(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a set: its items in no order."""
    iterate = set.__iter__ if issubclass(cls, set) else frozenset.__iter__
    items = [*iterate(value)]
    encoder.tag("set" if issubclass(cls, set) else "frozenset", len(items))
    encoder.push_set(items)


def encode_int(encoder: Encoder, value: Any, cls: type) -> None:
    """Write an integer of a subclass."""
    del cls
    encoder.tag("int", int.__int__(value))


def encode_float(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a float of a subclass."""
    del cls
    encoder.push([float.__float__(value)])


def encode_complex(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a complex number of a subclass."""
    del cls
    encoder.push([complex.__complex__(value)])


def encode_str(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a text of a subclass."""
    del cls
    encoder.push([str.__str__(value)])


def encode_bytes(encoder: Encoder, value: Any, cls: type) -> None:
    """Write bytes of a subclass."""
    del cls
    encoder.push([bytes.__getitem__(value, slice(None))])


def encode_bytearray(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a bytearray."""
    del cls
    encoder.tag("bytearray")
    encoder.buffer(bytes(memoryview(value)))


def encode_memoryview(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a memoryview: format, shape and content."""
    del cls
    encoder.tag("memoryview", value.format, value.readonly, *(value.shape or ()))
    encoder.buffer(value.tobytes())


def encode_range(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a range or a slice."""
    encoder.tag(cls.__name__)
    encoder.push([value.start, value.stop, value.step])


def encode_view(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a window on a dictionary: the dictionary."""
    encoder.tag("view", type_name(cls))
    encoder.push(gc.get_referents(value)[:1])


def encode_exception(encoder: Encoder, value: Any, cls: type) -> None:
    """Write an exception: its arguments and attributes, not where it was raised."""
    del cls
    encoder.tag("exception", type_name(type(value)))
    state = BaseException.__dict__["__dict__"].__get__(value) or {}
    encoder.push([BaseException.__dict__["args"].__get__(value)])
    encoder.push_state(state)


def encode_singleton(encoder: Encoder, value: Any, cls: type) -> None:
    """Write the only object of its type."""
    del value
    encoder.tag("the", type_name(cls))


def encode_machine_array(encoder: Encoder, value: Any, cls: type) -> None:
    """Write an ``array.array``."""
    del cls
    encoder.tag("machine array", value.typecode)
    encoder.buffer(memoryview(value).tobytes())


def encode_deque(encoder: Encoder, value: Any, cls: Any) -> None:
    """Write a deque: its items and its bound."""
    items = [*cls.__iter__(value)]
    encoder.tag("deque", len(items), cls.__dict__["maxlen"].__get__(value))
    if not encoder.atoms(items):
        encoder.push_items(items)


def encode_default(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a defaultdict: its factory and items."""
    encoder.tag("defaultdict")
    encoder.push([cls.__dict__["default_factory"].__get__(value)])
    encode_dict(encoder, value, dict)


def encode_date(encoder: Encoder, value: Any, cls: Any) -> None:
    """Write a date, a time or a duration."""
    reduced = cls.__reduce__(value) if cls.__name__ != "timezone" else (cls, (repr(value),))
    encoder.tag("date", cls.__name__, getattr(value, "fold", 0))
    encoder.push(list(reduced[1]))


def encode_decimal(encoder: Encoder, value: Any, cls: Any) -> None:
    """Write a decimal: sign, digits and exponent."""
    sign, digits, exponent = cls.as_tuple(value)
    encoder.tag("decimal", sign, "".join(map(str, digits)), exponent)


def encode_enum(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a member of an enumeration: its class, name and value."""
    del cls
    state = object.__getattribute__(value, "__dict__")
    encoder.tag("member", type_name(type(value)))
    encoder.push([state.get("_name_"), state.get("_value_")])


def encode_pattern(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a compiled regular expression."""
    del cls
    encoder.tag("pattern", value.flags)
    encoder.push([value.pattern])


def encode_path(encoder: Encoder, value: Any, cls: Any) -> None:
    """Write a path: its text."""
    encoder.tag("path", type(value).__name__)
    encoder.push([str(cls.__str__(value))])


def encode_zone(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a time zone: its key."""
    del cls
    encoder.tag("zone", value.key)
