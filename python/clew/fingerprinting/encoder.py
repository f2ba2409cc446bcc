"""The walk over a value: an explicit stack, so that no depth of nesting overflows.

Every object is written as a tag, its type and its parts. An object met again is written as the
number of its first occurrence, which keeps sharing and cycles. The parts of sets are hashed one
by one and sorted. What a type holds is said in the sibling modules (``builtin``, ``objects``,
``numeric``, ``frames``, ``drawings``); this one owns order, identity, limits and the hash.
"""

from __future__ import annotations

import marshal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from zlib import adler32, crc32

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Handler: TypeAlias = Callable[["Encoder", Any, type], None]

DIGEST_SIZE: Final = 16
#: Types that cannot change and hold nothing that can: written by `marshal`, which tells them apart.
ATOMS: Final = frozenset([type(None), bool, int, float, complex, str, bytes, type(Ellipsis)])
_NOT_A_NUMBER: Final = float("nan")
#: Buffers above this size are hashed by two fast checksums and a sample.
_BULK: Final = 1024 * 1024
_SAMPLE: Final = 256 * 1024
_FROZEN_DEPTH: Final = 50
_FLUSH: Final = 1 << 16
_TREE_LIMIT: Final = 500_000
_TREE_CREDIT: Final = 10_000
_SHORT: Final = 100

_MODULE: Final = type.__dict__["__module__"]
_QUALNAME: Final = type.__dict__["__qualname__"]
_MRO: Final = type.__dict__["__mro__"]

# What a stack entry asks for.
_VALUE: Final = 0
_BYTES: Final = 1
_OPEN_PART: Final = 2
_CLOSE_PART: Final = 3
_CLOSE_SET: Final = 4
_PART: Final = 5


class Encoder:
    """One walk.

    Parameters
    ----------
    limit_bytes, limit_objects
        Where to stop looking.
    code
        Whether functions count by what they do.
    aliases
        Texts to be read as others.
    """

    def __init__(
        self,
        limit_bytes: int,
        limit_objects: int,
        *,
        code: bool = False,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.why: set[str] = set()
        self.code = code
        self._hash = blake2b(digest_size=DIGEST_SIZE)
        self._out = bytearray()
        self._outer: list[tuple[Any, dict[int, int], list[bytes], int]] = []
        self._first_number = 0
        self._memo: dict[int, int] = {}
        self._keep: list[object] = []
        self._frozen: dict[int, bytes | None] = {}
        self._stack: list[tuple[int, Any]] = []
        self._parts: list[bytes] = []
        self._bytes_left = limit_bytes
        self._objects_left = limit_objects
        self._aliases = dict(aliases or {})
        self._handlers: dict[type, Handler] = {}
        self._identity_free: set[type] = set()
        self._tree_credit = _TREE_CREDIT

    def run(self, root: object) -> bytes:
        """Walk over a value and give its digest."""
        self._stack.append((_VALUE, root))
        try:
            self._walk()
        except Exception as error:
            self.inexact(f"{type(error).__name__} while looking at it")
        while self._outer:
            self._close_part()
        self._flush()
        return bytes(self._hash.digest())

    # -- what handlers use ----------------------------------------------------------------

    def inexact(self, why: str) -> None:
        """Note that something did not take part."""
        self.why.add(why)

    def write(self, data: bytes) -> None:
        """Write bytes that stand for themselves."""
        self._out += b"%d:" % len(data)
        self._out += data

    def tag(self, name: str, *details: Any) -> None:
        """Write the kind of an object and details that are atoms."""
        self._out += marshal.dumps((name, *details), 2)

    def text(self, value: str) -> str:
        """Read a text through the aliases."""
        for found, meant in self._aliases.items():
            if found in value:
                value = value.replace(found, meant)
        return value

    def push(self, values: Sequence[object]) -> None:
        """Have the parts of an object walked next, in this order."""
        self._stack.extend([(_VALUE, value) for value in reversed(values)])

    def push_items(self, values: Sequence[object]) -> None:
        """Have the items of a container walked; of more than can be, some from all over it."""
        if len(values) > max(self._objects_left, _SHORT):
            self.inexact("a long container is compared by some of its items")
            n_items = max(self._objects_left // 2, _SHORT)
            values = [*values[:: len(values) // n_items + 1], *values[-_SHORT:]]
        self.push(values)

    def push_parts(self, values: Sequence[object]) -> None:
        """Have parts walked whose own identity does not count, only what they hold."""
        self._keep.extend(values)
        self._stack.extend([(_PART, value) for value in reversed(values)])

    def push_set(self, values: Sequence[Any]) -> None:
        """Have parts walked whose order does not count."""
        frozen = [self._frozen_item(value, 0) for value in values]
        self._parts_of_set(frozen)
        self._stack.append((_CLOSE_SET, None))
        for value, known in zip(values, frozen, strict=True):
            if known is None:
                self._stack.append((_CLOSE_PART, None))
                self._stack.append((_VALUE, value))
                self._stack.append((_OPEN_PART, None))

    def push_state(self, state: Mapping[str, object]) -> None:
        """Have attributes walked, in the order of their names."""
        names = sorted(name for name in state if type(name) is str)
        for name in reversed(names):
            self._stack.append((_VALUE, state[name]))
            self._stack.append((_BYTES, marshal.dumps(name, 2)))

    def keep(self, value: object) -> Any:
        """Keep a temporary object alive, so that its address is not met again."""
        self._keep.append(value)
        return value

    def buffer(self, data: memoryview | bytes) -> None:
        """Write the bytes of a buffer; of a very large one, checksums and a sample."""
        size = len(data) if isinstance(data, bytes) else data.nbytes
        view = memoryview(data).cast("B") if size else memoryview(b"")
        self._out += b"%d;" % size
        if size > self._bytes_left:
            self.inexact("a buffer is compared by a sample")
            self._out += sampled(view, max(self._bytes_left, _SAMPLE))
            self._bytes_left = 0
            return
        self._bytes_left -= size
        if size <= _BULK:
            self._flush()
            self._hash.update(view)
            return
        self._out += b"%x,%x;" % (crc32(view), adler32(view))
        self._out += sampled(view, _SAMPLE)

    def atoms(self, values: list[Any]) -> bool:
        """Write a sequence of atoms at once; False if it holds anything else."""
        types = set(map(type, values))
        if not types <= ATOMS:
            return False
        if float in types or complex in types:
            values = [_canonical_number(v) if v != v else v for v in values]
        if self._aliases and str in types:
            values = [self.text(v) if type(v) is str else v for v in values]
        if len(values) > self._bytes_left:
            self.inexact("a long sequence is compared by a sample")
            step = len(values) // 65536 + 1
            values = [len(values), *values[:4096], *values[::step], *values[-4096:]]
        self._dump(values)
        return True

    def _dump(self, value: Any) -> None:
        data = marshal.dumps(value, 2)
        self._bytes_left = max(self._bytes_left - len(data), 0)
        self._out += data

    def _flush(self) -> None:
        self._hash.update(self._out)
        self._out = bytearray()

    # -- the walk -------------------------------------------------------------------------

    def _walk(self) -> None:
        stack = self._stack
        while stack:
            kind, payload = stack.pop()
            if kind == _VALUE:
                if type(payload) in ATOMS:
                    self._atom(payload, type(payload))
                else:
                    self._value(payload)
                if len(self._out) > _FLUSH:
                    self._flush()
            elif kind == _BYTES:
                self._out += payload
            elif kind == _PART:
                self._part(payload)
            elif kind == _OPEN_PART:
                self._open_part()
            elif kind == _CLOSE_PART:
                self._close_part()
            else:
                self._close_set()

    def _value(self, value: Any) -> None:
        cls = type(value)
        if cls is tuple:
            frozen = self._frozen_tuple(value, 0)
            if frozen is not None:
                self._out += frozen
                return
        identity = id(value)
        number = self._memo.get(identity) if not self._outer else self._number(identity)
        if number is not None:
            self._out += b"@%d;" % number
            return
        if self._objects_left <= 0:
            self.inexact("it holds more objects than are looked at")
            self.tag("beyond", type_name(cls))
            return
        self._objects_left -= 1
        self._tree_credit += 4
        if cls not in self._identity_free:
            self._memo[identity] = self._first_number + len(self._memo)
            self._keep.append(value)
        plain = cls in (list, dict) and not self._outer and self._tree_credit > 0
        if plain and self._tree(value):
            return
        if cls is dict:
            flat: list[Any] = [part for item in value.items() for part in item]
            self._out += b"{%d" % len(flat)
            if not self.atoms(flat):
                self.push_items(flat)
        elif cls is list:
            self._out += b"[%d" % len(value)
            if not self.atoms(value):
                self.push_items(value)
        else:
            self._handle(value, cls)

    def _tree(self, value: Any) -> bool:
        """Write a plain tree of containers at once; False if it is something else.

        Looking in vain costs credit, which every object that is written otherwise restores a
        little, so that a deep structure is not looked through at each of its levels.
        """
        from clew.fingerprinting import trees

        found, n_seen = trees.containers(value, _TREE_LIMIT)
        inner = found[1:] if found is not None else []
        data = None
        if found is not None and not self._memo.keys() & map(id, inner):
            data = trees.dump(value)
        if data is None:
            self._tree_credit -= n_seen
            return False
        if any(found.encode() in data for found in self._aliases):
            data = trees.dump(trees.replaced(value, self._aliases)) or data
        first = self._first_number + len(self._memo)
        self._memo.update(zip(map(id, inner), range(first, first + len(inner)), strict=True))
        self._keep.append(value)
        self._out += b"T"
        self.buffer(data)
        return True

    def _part(self, value: Any) -> None:
        """Write a part by what it holds, even if the same object was met before."""
        cls = type(value)
        if cls in ATOMS or cls is tuple or self._objects_left <= 0:
            self._stack.append((_VALUE, value))
        else:
            self._objects_left -= 1
            self._handle(value, cls)

    def _number(self, identity: int) -> int | None:
        """Give the number of an object met before, in this part of a set or around it."""
        number = self._memo.get(identity)
        if number is None:
            found = (memo.get(identity) for _, memo, _, _ in reversed(self._outer))
            number = next((known for known in found if known is not None), None)
        return number

    def _handle(self, value: Any, cls: type) -> None:
        handler = self._handlers.get(cls)
        if handler is None:
            handler, free = _find_handler(cls)
            self._handlers[cls] = handler
            if free and self._memo.pop(id(value), None) is not None:
                self._identity_free.add(cls)
        depth = len(self._stack)
        try:
            handler(self, value, cls)
        except Exception as error:
            del self._stack[depth:]
            self.inexact(f"{type_name(cls)} cannot be looked at ({type(error).__name__})")
            self.tag("unreadable", type_name(cls))

    def _atom(self, value: Any, cls: type) -> None:
        if cls is str:
            value = self.text(value) if self._aliases else value
            if len(value) > self._bytes_left:
                self.buffer(value.encode("utf-8", "surrogatepass"))
                return
        elif cls is bytes:
            self._out += b"B"
            self.buffer(value)
            return
        elif value != value:
            value = _canonical_number(value)
        self._dump(value)

    # -- what cannot change ---------------------------------------------------------------

    def _frozen_tuple(self, value: tuple[Any, ...], depth: int) -> bytes | None:
        """Give the bytes of a tuple that holds only atoms and such tuples; else None."""
        known = self._frozen.get(id(value), b"")
        if known != b"":
            return known
        parts = [b"(%d" % len(value)]
        made: bytes | None = None
        for item in value:
            part = self._frozen_item(item, depth)
            if part is None:
                break
            parts.append(part)
        else:
            made = b"".join(parts)
            if len(made) > 64:
                made = b"(" + blake2b(made, digest_size=DIGEST_SIZE).digest()
        if len(value) > 1:
            self._keep.append(value)
            self._frozen[id(value)] = made
        return made

    def _frozen_item(self, value: Any, depth: int) -> bytes | None:
        """Give the bytes of an atom or of a tuple of them; None for anything else."""
        cls = type(value)
        if cls is tuple:
            return self._frozen_tuple(value, depth + 1) if depth < _FROZEN_DEPTH else None
        if cls not in ATOMS:
            return None
        if cls is str and self._aliases:
            value = self.text(value)
        elif value != value:
            value = _canonical_number(value)
        return marshal.dumps(value, 2)

    # -- sets -----------------------------------------------------------------------------

    def _parts_of_set(self, frozen: list[bytes | None]) -> None:
        """Write the parts of a set that need no walk."""
        parts = sorted(part for part in frozen if part is not None)
        self._out += b"%d<" % len(parts)
        self._out += b"".join(parts)

    def _open_part(self) -> None:
        self._flush()
        self._outer.append((self._hash, self._memo, self._parts, self._first_number))
        self._hash = blake2b(digest_size=DIGEST_SIZE)
        # What is met first inside one part must not be numbered by the order of the parts.
        self._first_number += len(self._memo)
        self._memo = {}
        self._parts = []

    def _close_part(self) -> None:
        self._flush()
        digest = bytes(self._hash.digest())
        self._hash, self._memo, self._parts, self._first_number = self._outer.pop()
        self._parts.append(digest)

    def _close_set(self) -> None:
        self._out += b"".join(sorted(self._parts))
        self._parts = []


def _canonical_number(value: Any) -> Any:
    """Write a NaN as the one NaN, also inside a complex number."""
    if type(value) is float:
        return _NOT_A_NUMBER
    real = _NOT_A_NUMBER if value.real != value.real else value.real
    imag = _NOT_A_NUMBER if value.imag != value.imag else value.imag
    return ("complex", real, imag)


def sampled(view: memoryview, size: int) -> bytes:
    """Give the beginning, the end and evenly spread pieces of a buffer."""
    if view.nbytes <= size:
        return bytes(view)
    piece = 256
    n_pieces = max(size // piece - 2, 1)
    step = max((view.nbytes - piece) // n_pieces, piece)
    starts = range(0, view.nbytes - piece, step)
    return b"".join([bytes(view[s : s + piece]) for s in starts] + [bytes(view[-piece:])])


def type_name(cls: type) -> str:
    """Name a type as its program does."""
    module = _MODULE.__get__(cls)
    return f"{module if type(module) is str else '?'}.{_QUALNAME.__get__(cls)}"


def mro(cls: type) -> tuple[type, ...]:
    """Give the bases of a type, whatever its metaclass says of attributes."""
    bases: tuple[type, ...] = _MRO.__get__(cls)
    return bases


def _find_handler(cls: type) -> tuple[Handler, bool]:
    """Find what knows a type, the first of its bases that anything is said of.

    Returns
    -------
    tuple
        The handler, and whether the identity of the type's objects does not count.
    """
    from clew.fingerprinting import objects
    from clew.fingerprinting.registry import handler_for, is_identity_free

    for base in mro(cls):
        handler = handler_for(base)
        if handler is not None and base is cls:
            return handler, is_identity_free(handler)
        if handler is not None:
            return objects.extended(handler, base), is_identity_free(handler) and not has_dict(cls)
    return objects.encode_object, False


def has_dict(cls: type) -> bool:
    """Tell whether objects of a type have attributes of their own."""
    return cls.__dictoffset__ != 0
