"""Things that are used up or that stand for something outside: iterators, files, locks, loggers."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

from clew.fingerprinting.encoder import type_name

if TYPE_CHECKING:
    from clew.fingerprinting.encoder import Encoder


def encode_iterator(encoder: Encoder, value: Any, cls: Any) -> None:
    """Write a builtin iterator: what is left of it, as its own copying sees it."""
    reduced = cls.__reduce__(value)
    encoder.tag("iterator", cls.__name__)
    encoder.push_parts(reduced[1:])


def encode_set_iterator(encoder: Encoder, value: Any, cls: Any) -> None:
    """Write an iterator over a set: what is left of it, in no order."""
    encoder.tag("iterator", cls.__name__)
    encoder.push_set(list(cls.__reduce__(value)[1][0]))


def encode_lazy(encoder: Encoder, value: Any, cls: type) -> None:
    """Write an iterator of `itertools`: what it holds (its own copying is being retired)."""
    encoder.tag("iterator", type_name(cls))
    encoder.inexact(f"how far a {type_name(cls)} has come")
    encoder.push([part for part in gc.get_referents(value) if not isinstance(part, type)])


def encode_generator(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a generator or coroutine: its function's name, and whether it has ended."""
    prefix = {"generator": "gi", "coroutine": "cr"}.get(cls.__name__, "ag")
    code = getattr(value, f"{prefix}_code")
    frame = getattr(value, f"{prefix}_frame")
    encoder.tag(cls.__name__, code.co_qualname, frame is None)
    if frame is not None:
        encoder.inexact(f"how far the {cls.__name__} {code.co_name} has come")


def encode_memory_file(encoder: Encoder, value: Any, cls: Any) -> None:
    """Write a file in memory: its content and position."""
    encoder.tag("memory file", cls.__name__, value.closed)
    if not value.closed:
        encoder.push([cls.getvalue(value), cls.tell(value)])


def encode_file(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a file: its name, mode and whether it is closed. Its position is left alone."""
    del cls
    kind = type(value)
    encoder.tag("file", type_name(kind))
    if kind.__module__ != "_io":
        encoder.inexact(f"the state of a {type_name(kind)}")
        return
    closed = value.closed
    encoder.push([getattr(value, "name", None), getattr(value, "mode", None), closed])
    if not closed:
        encoder.inexact("the position of an open file")


def encode_lock(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a lock or thread-local storage: its type."""
    del value
    encoder.tag("lock", type_name(cls))


def encode_weak(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a weak reference: the type of what it refers to."""
    del cls
    referent = value() if type(value).__name__ in ("ReferenceType", "weakref") else None
    encoder.tag("weak", type_name(type(referent)))


def encode_logger(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a logger: its name."""
    del cls
    state = object.__getattribute__(value, "__dict__")
    name = state.get("name")
    encoder.tag("logger", name if type(name) is str else "?")


def encode_digest(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a hash under way: what it has come to."""
    del cls
    encoder.tag("digest", value.name, value.hexdigest())


def encode_struct(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a compiled format of bytes."""
    del cls
    encoder.tag("struct", value.format)


def encode_variable(encoder: Encoder, value: Any, cls: type) -> None:
    """Write a context variable: its name."""
    del cls
    encoder.tag("context variable", value.name)
