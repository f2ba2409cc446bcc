"""Was an object changed by a call that nobody has described? A snapshot before and after tells.

A snapshot holds identities, sizes, atoms and checksums, and keeps no object alive. It looks
through builtin containers, arrays, frames, attributes and slots until its budget is used up, and
runs no code of the program's. The recorder has a faster one for the running program; this is the
reference that it is tested against, and the one for tools written in Python.
"""

from __future__ import annotations

import gc
import marshal
import sys
from collections import OrderedDict, deque
from typing import Any, Final, NamedTuple
from zlib import crc32

from clew.fingerprinting.builtin import ordered_items
from clew.fingerprinting.encoder import ATOMS, mro, sampled
from clew.fingerprinting.objects import attributes
from clew.fingerprinting.registry import is_complete, key_of

#: Objects that one snapshot looks at.
BUDGET: Final = 2000
#: Buffers up to this size are summed up as a whole, larger ones by pieces.
_WHOLE: Final = 64 * 1024
_SAMPLE: Final = 32 * 1024
#: Containers up to this size are looked at as a whole, larger ones at some places.
_ITEMS: Final = 100_000


class Snapshot(NamedTuple):
    """What an object was like at one moment."""

    budget: int
    marks: tuple[object, ...]


def snapshot(value: object, budget: int = BUDGET) -> Snapshot:
    """Note what an object is like, to compare it later.

    Parameters
    ----------
    value
        Anything.
    budget
        How many objects are looked at.

    Returns
    -------
    Snapshot
        To be given to :func:`changed`.
    """
    marks: list[object] = []
    waiting: deque[Any] = deque([value])
    seen: set[int] = set()
    keep: list[object] = []
    while waiting and budget > 0:
        item = waiting.popleft()
        if id(item) in seen:
            continue
        seen.add(id(item))
        keep.append(item)
        budget -= 1
        try:
            _mark(item, marks, waiting)
        except Exception:
            marks.append("unreadable")
    return Snapshot(budget + len(keep), tuple(marks))


def changed(before: Snapshot, value: object) -> bool:
    """Tell whether an object is no longer what it was.

    Parameters
    ----------
    before
        Its snapshot.
    value
        The same object now.
    """
    return snapshot(value, before.budget) != before


def worthwhile(value: object) -> bool:
    """Tell whether snapshots of a value can differ at all."""
    return type(value) not in ATOMS


def _mark(item: Any, marks: list[object], waiting: deque[Any]) -> None:
    """Note one object, and which objects it leads to."""
    cls = type(item)
    if cls in ATOMS:
        return
    marks.append(id(cls))
    for base in mro(cls):
        reader = _READERS.get(key_of(base))
        if reader is not None:
            reader(item, marks, waiting)
            if is_complete(base):
                return
            break
    else:
        _other(item, marks, waiting)
    if cls.__dictoffset__ or "__slots__" in cls.__dict__:
        state = attributes(item, cls)
        marks.append(tuple(state))
        _refer([*state.values()], marks, waiting)


def _refer(items: list[Any], marks: list[object], waiting: deque[Any]) -> None:
    """Note the items of a container: atoms by value and type, others by identity."""
    marks.append(len(items))
    shown = items
    if len(items) > _ITEMS:
        shown = [*items[:500], *items[:: len(items) // 500], *items[-500:]]
    marks.append(hash(marshal.dumps([item for item in shown if type(item) in ATOMS], 2)))
    others = [item for item in shown if type(item) not in ATOMS]
    marks.append(tuple(map(id, others)))
    waiting.extend(others)


def _buffer(data: Any, marks: list[object]) -> None:
    view = memoryview(data).cast("B") if data.nbytes else memoryview(b"")
    whole = view.nbytes <= _WHOLE
    marks.append((view.nbytes, crc32(view if whole else sampled(view, _SAMPLE))))


def _list(item: Any, marks: list[object], waiting: deque[Any]) -> None:
    _refer([*list.__iter__(item)], marks, waiting)


def _tuple(item: Any, marks: list[object], waiting: deque[Any]) -> None:
    _refer([*tuple.__iter__(item)], marks, waiting)


def _dict(item: Any, marks: list[object], waiting: deque[Any]) -> None:
    _refer([*dict.keys(item)], marks, waiting)
    _refer([*dict.values(item)], marks, waiting)


def _ordered(item: Any, marks: list[object], waiting: deque[Any]) -> None:
    items = ordered_items(item, OrderedDict)
    _refer([part for pair in items for part in pair], marks, waiting)


def _set(item: Any, marks: list[object], waiting: deque[Any]) -> None:
    iterate = set.__iter__ if isinstance(item, set) else frozenset.__iter__
    _refer([*iterate(item)], marks, waiting)


def _bytes(item: Any, marks: list[object], waiting: deque[Any]) -> None:
    del waiting
    _buffer(memoryview(item), marks)


def _deque(item: Any, marks: list[object], waiting: deque[Any]) -> None:
    _refer([*deque.__iter__(item)], marks, waiting)


def _array(item: Any, marks: list[object], waiting: deque[Any]) -> None:
    numpy = sys.modules["numpy"]
    array = item if type(item) is numpy.ndarray else numpy.ndarray.view(item, numpy.ndarray)
    place = array.__array_interface__["data"][0]
    marks.append((place, array.shape, array.strides, array.dtype.str, array.flags.writeable))
    if array.dtype.hasobject or array.dtype.kind == "T":
        _refer(array.ravel().tolist(), marks, waiting)
        return
    if not array.flags.c_contiguous:
        if array.nbytes > _WHOLE:
            array = array.flat[:: array.size // 4096 + 1]
        array = numpy.ascontiguousarray(array)
    if array.size:
        _buffer(array.reshape(-1).view(numpy.uint8), marks)


def _frame(item: Any, marks: list[object], waiting: deque[Any]) -> None:
    """Note a frame or series: its labels, and the blocks that hold its values."""
    manager = item._mgr
    parts = [*manager.axes, *(block.values for block in manager.blocks)]
    marks.append(len(parts))
    # Windows on the same memory are made anew at each look, so they are noted by content.
    for part in parts:
        _mark(getattr(part, "_values", part), marks, waiting)
    marks.append(id(item.attrs))
    waiting.append(item.attrs)


def _backed(item: Any, marks: list[object], waiting: deque[Any]) -> None:
    """Note one of pandas' own arrays by the arrays that it holds."""
    numpy = sys.modules["numpy"]
    for name in ("_ndarray", "_data", "_mask", "_codes", "_left", "_right", "_sparse_values"):
        part = getattr(item, name, None)
        if isinstance(part, numpy.ndarray):
            _array(part, marks, waiting)


def _other(item: Any, marks: list[object], waiting: deque[Any]) -> None:
    """Note an object of C code by what it refers to."""
    if not type(item).__dictoffset__:
        referents = [part for part in gc.get_referents(item) if not isinstance(part, type)]
        _refer(referents, marks, waiting)


def _nothing(item: Any, marks: list[object], waiting: deque[Any]) -> None:
    del item, marks, waiting


_READERS: Final = {
    "builtins:list": _list,
    "builtins:tuple": _tuple,
    "builtins:dict": _dict,
    "builtins:set": _set,
    "builtins:frozenset": _set,
    "builtins:bytearray": _bytes,
    "array:array": _bytes,
    "collections:OrderedDict": _ordered,
    "collections:deque": _deque,
    "numpy:ndarray": _array,
    "pandas:DataFrame": _frame,
    "pandas:Series": _frame,
    "pandas:ExtensionArray": _backed,
    "builtins:type": _nothing,
    "builtins:module": _nothing,
    "builtins:code": _nothing,
    "builtins:function": _nothing,
    "builtins:builtin_function_or_method": _nothing,
}
