"""What the methods of builtin types and of the standard containers do, type by type.

The recorder has its own fast table of the commonest of these; the two are kept equal by a test of
the recorder. A method that is not listed for its type is looked up in the type's bases, then
falls to the type's default. No type here is imported for the table's sake: types are named.
"""

from __future__ import annotations

from typing import Final

from clew.effects.flags import (
    ALIAS,
    CONSUMES_ARGUMENTS,
    KEYED,
    NATIVE,
    READS,
    READS_ARGUMENTS,
    READS_RECEIVER,
    WRITES_RECEIVER,
    Effect,
)

_W = WRITES_RECEIVER
_WA = WRITES_RECEIVER | READS_ARGUMENTS
_WC = WRITES_RECEIVER | READS_ARGUMENTS | CONSUMES_ARGUMENTS
_WR = WRITES_RECEIVER | READS_RECEIVER
_R = READS_RECEIVER
_RA = READS_RECEIVER | READS_ARGUMENTS
_A = READS_ARGUMENTS
_AC = READS_ARGUMENTS | CONSUMES_ARGUMENTS

#: The flags of methods, by the names of each row.
Rows = dict[int, str]

#: Comparisons, hashing and printing use the whole content, whatever the container.
_COMMON: Final[Rows] = {
    _RA: "__contains__ __eq__ __ge__ __gt__ __le__ __lt__ __ne__ count index",
    _R: "__format__ __hash__ __reduce__ __reduce_ex__ __repr__ __str__ __sizeof__",
    NATIVE: "__bool__ __class_getitem__ __getattribute__ __len__ copy __copy__",
    ALIAS: "__iter__ __reversed__",
}

#: By type (module and name); the methods of each by their flags.
_ROWS: Final[dict[str, Rows]] = {
    "builtins.list": {
        _W: "append clear insert pop reverse __delitem__ __imul__ __setitem__",
        _WC: "extend __iadd__ __init__",
        _WR: "sort",
        _WR | READS_ARGUMENTS: "remove",
        NATIVE: "__add__ __getitem__ __mul__ __rmul__",
    },
    "builtins.tuple": {NATIVE: "__add__ __getitem__ __getnewargs__ __mul__ __rmul__"},
    "builtins.dict": {
        _W: "clear popitem __ior__",
        _W | KEYED: "pop setdefault __delitem__ __setitem__",
        _WC: "update __init__",
        KEYED | NATIVE: "get __getitem__",
        NATIVE: "__or__ __ror__",
        ALIAS: "items keys values",
        _AC: "fromkeys",
    },
    "collections.OrderedDict": {_W: "move_to_end"},
    "collections.defaultdict": {_W | KEYED: "__getitem__ __missing__"},
    "collections.Counter": {
        _WC: "subtract update",
        _W: "__iadd__ __iand__ __isub__",
        _R: "elements most_common total",
        _RA: "__add__ __and__ __sub__",
    },
    "collections.ChainMap": {ALIAS: "new_child", _W | KEYED: "pop __delitem__ __setitem__"},
    "collections.UserDict": {_W | KEYED: "pop setdefault __delitem__ __setitem__", _WC: "update"},
    "collections.UserList": {
        _W: "append clear insert pop reverse __delitem__ __setitem__",
        _WC: "extend __iadd__",
        _WR: "remove sort",
    },
    "builtins.set": {
        _WA: "add discard remove",
        _W: "clear pop",
        _WC: "difference_update intersection_update symmetric_difference_update update"
        " __iand__ __init__ __ior__ __isub__ __ixor__",
        _RA | CONSUMES_ARGUMENTS: "difference intersection isdisjoint issubset issuperset"
        " symmetric_difference union __and__ __or__ __rand__ __ror__ __rsub__ __rxor__"
        " __sub__ __xor__",
    },
    "builtins.frozenset": {
        _RA | CONSUMES_ARGUMENTS: "difference intersection isdisjoint issubset issuperset"
        " symmetric_difference union __and__ __or__ __rand__ __ror__ __rsub__ __rxor__"
        " __sub__ __xor__",
    },
    "collections.deque": {
        _W: "append appendleft clear insert pop popleft reverse rotate __delitem__ __imul__"
        " __setitem__",
        _WC: "extend extendleft __iadd__ __init__",
        _WR | READS_ARGUMENTS: "remove",
        NATIVE: "__add__ __getitem__ __mul__ __rmul__",
    },
    "builtins.bytearray": {
        _W: "append clear insert pop reverse __delitem__ __imul__ __setitem__",
        _WC: "extend __iadd__ __init__",
        _WR: "remove",
        _AC: "join",
    },
    "array.array": {
        _W: "append byteswap insert pop reverse __delitem__ __imul__ __setitem__",
        _WC: "extend fromfile frombytes fromlist fromunicode __iadd__",
        _WR: "remove",
    },
    "builtins.memoryview": {
        _W: "release __enter__ __exit__ __setitem__",
        ALIAS: "cast toreadonly __getitem__",
        _R: "hex tobytes tolist",
    },
    "builtins.str": {_AC: "join", _A: "format format_map __mod__"},
    "builtins.bytes": {_AC: "join", _A: "__mod__"},
    "builtins.range": {NATIVE: "count index"},
    "builtins.generator": {_WA: "__next__ close send throw"},
    "builtins.coroutine": {_WA: "close send throw __await__"},
    "builtins.async_generator": {_WA | ALIAS: "__anext__ aclose asend athrow"},
    "builtins.BaseException": {_W | ALIAS: "add_note with_traceback __setstate__"},
    "builtins.property": {ALIAS: "deleter getter setter"},
    "builtins.object": {
        _W | KEYED: "__delattr__ __setattr__",
        NATIVE | KEYED: "__getattribute__",
        NATIVE: "__dir__ __init__ __init_subclass__ __new__ __subclasshook__",
    },
    "builtins.type": {_W | KEYED: "__delattr__ __setattr__", NATIVE: "mro __subclasses__"},
    "types.SimpleNamespace": {_W: "__setattr__"},
    "_thread.lock": {_W: "acquire acquire_lock release release_lock __enter__ __exit__"},
    "_thread.RLock": {_W: "acquire release __enter__ __exit__"},
    "functools._lru_cache_wrapper": {_W: "cache_clear", NATIVE: "cache_info cache_parameters"},
    "types.MappingProxyType": {KEYED | NATIVE: "get __getitem__", ALIAS: "items keys values"},
    "weakref.WeakKeyDictionary": {_W: "clear pop popitem setdefault update __setitem__"},
    "weakref.WeakValueDictionary": {_W: "clear pop popitem setdefault update __setitem__"},
    "weakref.WeakSet": {_W: "add clear discard pop remove update"},
    "random.Random": {},
}

#: Types whose objects never change and hold nothing that does: any method may stay native.
_SCALARS: Final = frozenset(
    "builtins." + name
    for name in [
        "NoneType",
        "bool",
        "bytes",
        "complex",
        "ellipsis",
        "float",
        "int",
        "range",
        "slice",
        "str",
    ]
) | frozenset(
    [
        "_decimal.Decimal",
        "_struct.Struct",
        "datetime.date",
        "datetime.datetime",
        "datetime.time",
        "datetime.timedelta",
        "datetime.timezone",
        "decimal.Decimal",
        "fractions.Fraction",
        "re.Match",
        "re.Pattern",
        "time.struct_time",
        "uuid.UUID",
        "zoneinfo.ZoneInfo",
    ]
)

#: Types of which every method changes the receiver, unless its row says otherwise.
_ADVANCED: Final = frozenset(
    "builtins." + name
    for name in [
        "anext_awaitable",
        "async_generator_asend",
        "bytearray_iterator",
        "bytes_iterator",
        "callable_iterator",
        "coroutine_wrapper",
        "dict_itemiterator",
        "dict_keyiterator",
        "dict_reverseitemiterator",
        "dict_reversekeyiterator",
        "dict_reversevalueiterator",
        "dict_valueiterator",
        "enumerate",
        "filter",
        "iterator",
        "list_iterator",
        "list_reverseiterator",
        "longrange_iterator",
        "map",
        "odict_iterator",
        "range_iterator",
        "reversed",
        "set_iterator",
        "str_ascii_iterator",
        "str_iterator",
        "tuple_iterator",
        "zip",
    ]
) | frozenset(
    ["_hashlib.HASH", "_hashlib.HMAC", "_blake2.blake2b", "_blake2.blake2s", "queue.SimpleQueue"]
)

#: Names under which a type may be found that differ from its own.
_SAME: Final = {
    "_collections._deque_iterator": "builtins.list_iterator",
    "_collections._deque_reverse_iterator": "builtins.list_iterator",
    "builtins.mappingproxy": "types.MappingProxyType",
    "functools.KeyWrapper": "builtins.object",
}

_READ_ONLY = {"digest": _R, "hexdigest": _R, "copy": _R, "__iter__": ALIAS, "__length_hint__": _R}


def _expand(rows: Rows) -> dict[str, int]:
    return {name: bits for bits, names in rows.items() for name in names.split()}


_TABLE: Final[dict[str, dict[str, int]]] = {key: _expand(rows) for key, rows in _ROWS.items()}
_CONTAINERS: Final = _expand(_COMMON)
_DEFAULTS: Final = {"builtins.type": READS, "builtins.BaseException": NATIVE}


def type_key(cls: type) -> str:
    """Name a type as the tables do."""
    key = f"{cls.__module__}.{cls.__qualname__}"
    return _SAME.get(key, key)


def method_effect(owner: type, name: str, receiver_type: type | None = None) -> Effect | None:
    """Look up a method of a builtin type.

    Parameters
    ----------
    owner
        The class that defines the method (not the receiver's, whose own methods may differ).
    name
        The method's name.
    receiver_type
        The receiver's class, which may change what a method that it inherits does.

    Returns
    -------
    int or tuple or None
        None if the class is not, and does not extend, a listed type.
    """
    keys = [type_key(cls) for cls in (type.mro(owner) if owner is not type else (type, object))]
    if keys[0] in _SCALARS:
        return _TABLE.get(keys[0], {}).get(name, NATIVE)
    if keys[0] in _ADVANCED or keys[0].startswith("itertools."):
        return _READ_ONLY.get(name, _WA)
    for key in [*_between(receiver_type, owner), *keys]:
        rows = _TABLE.get(key)
        if rows is not None and name in rows:
            return rows[name]
    listed = next((key for key in keys if key in _TABLE), "builtins.object")
    if listed == "builtins.object":
        return _CONTAINERS.get(name) if keys[0] == "builtins.object" else None
    return _CONTAINERS.get(name, _DEFAULTS.get(listed, READS))


def _between(receiver_type: type | None, owner: type) -> list[str]:
    """Name the classes below the owner that the receiver belongs to."""
    if receiver_type is None or receiver_type is owner or owner not in receiver_type.__mro__:
        return []
    mro = receiver_type.__mro__
    return [type_key(cls) for cls in mro[: mro.index(owner)]]


def every_type() -> dict[str, dict[str, int]]:
    """Give the whole table, for the recorder's check of its own and for `clew annotations list`."""
    return {key: dict(rows) for key, rows in _TABLE.items()}
