"""What recorded calls did to the nodes of a graph: `effects_of`.

A node is an object that went in (an input, by its id) or came out (a global, by its name). What a
function changes is known as for slices (`clew.effects`); who shares what is seen by looking at what
the objects hold.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any

from clew.effects import applying, flags, streams
from clew.effects.resolver import resolve
from clew.taping import Calls, FunctionCall

__all__ = [
    "AccessedGlobals",
    "ExternalState",
    "ImplicitDependency",
    "Mutated",
    "NodeEffect",
    "Variable",
    "View",
    "effects_of",
]


@dataclass(frozen=True, slots=True)
class Variable:
    """A global, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class ExternalState:
    """Something outside the objects.

    Attributes
    ----------
    kind
        `file`, `directory`, `random`, `environment`, `clock`, `stdio` or `module`.
    key
        Which one: a real path, the name of a variable or of a module's state; empty for all.
    """

    kind: str
    key: str = ""


#: What an effect points at: the id of an input, a global, or state outside.
Pointer = Hashable


@dataclass(frozen=True, slots=True)
class Mutated:
    """The object that was there before has changed."""

    pointer: Pointer


@dataclass(frozen=True, slots=True)
class View:
    """A change of one of them, or of something in it, may be seen in the others."""

    pointers: tuple[Pointer, ...]


@dataclass(frozen=True, slots=True)
class ImplicitDependency:
    """The calls used something that none of the nodes is."""

    pointer: ExternalState


@dataclass(frozen=True, slots=True)
class AccessedGlobals:
    """Names of globals that were there before and were read, and of those that were bound."""

    retrieved: tuple[str, ...]
    added_or_modified: tuple[str, ...]


NodeEffect = Mutated | View | ImplicitDependency | AccessedGlobals

# As the extension reads them: the function changes its receiver, its first argument, or what its
# arguments say.
_RECEIVER, _FIRST_ARGUMENT, _SEE_ARGUMENTS = 1, 2, 4

_OUTSIDE = (
    flags.OUTPUT | flags.RANDOM | flags.FIGURE | flags.MODULE_STATE | flags.CLOCK
    | flags.ENVIRONMENT | flags.STREAM | flags.NONDETERMINISTIC | flags.SEED
)  # fmt: skip
_MOST_OBJECTS = 200_000


def effects_of(
    calls: Sequence[FunctionCall],
    inputs: Mapping[Any, object],
    globals: Mapping[str, object],
) -> list[NodeEffect]:
    """Translate recorded calls into effects on nodes.

    Parameters
    ----------
    calls
        What `record_calls` gave, or a list of calls in the order in which they ended.
    inputs
        The objects that went in, by the ids of their nodes.
    globals
        The globals that the calls left: all of them, or those that are new.

    Returns
    -------
    list of ImplicitDependency, Mutated, View and AccessedGlobals
        In this order. Inputs are named by their ids, globals as `Variable`, and what is neither as
        `ExternalState`. Of globals, only those that the calls bound are named, if the calls know.

    Notes
    -----
    An input counts as changed if a recorded call changed it or something that it holds, however
    deep. Inputs and globals are views of each other if they hold the same object that can change,
    or parts of the same memory. A call of a function of which nothing is known is taken to change
    nothing: calls that recorded code makes inside are recorded themselves.

    Examples
    --------
    >>> import clew
    >>> xs = [[1]]
    >>> calls = clew.record_calls("for x in xs: pass", names := {"xs": xs})
    >>> clew.effects_of(calls, {7: xs}, names)
    [View(pointers=(7, Variable(name='x'))), AccessedGlobals(retrieved=('xs',), \
added_or_modified=('x',))]
    """
    changed, rest = _changes(calls, once=True)
    outside = _Outside()
    for index in rest:
        outside.take(calls[index], changed)
    changed_ids = {id(owner) for _, each in changed for owner in _owners(each)}
    if isinstance(calls, Calls):
        written = [name for name in globals if name in calls.globals_written]
    else:
        written = list(globals)
    nodes: list[tuple[Pointer, object]] = [*inputs.items()]
    nodes += [(Variable(name), globals[name]) for name in written]
    holders: dict[int, list[Pointer]] = {}
    mutated: list[NodeEffect] = []
    for pointer, value in nodes:
        held = _held(value)
        for each in held:
            holders.setdefault(each, []).append(pointer)
        if not isinstance(pointer, Variable) and not held.isdisjoint(changed_ids):
            mutated.append(Mutated(pointer))
    found: list[NodeEffect] = [ImplicitDependency(state) for state in outside.used]
    found += mutated
    found += [Mutated(state) for state in outside.changed]
    found += _views(holders.values(), [pointer for pointer, _ in nodes])
    found += [
        View((pointer, state))
        for pointer, value in nodes
        for state in outside.files.get(id(value), ())
    ]
    if isinstance(calls, Calls):
        retrieved = tuple(sorted(calls.globals_read & calls.globals_before))
        found.append(AccessedGlobals(retrieved, tuple(written)))
    return found


# -- what was changed -------------------------------------------------------------------------


def changes_by_object(calls: Calls) -> dict[int, list[int]]:
    """Give the indices of the calls that changed each object, by the object's address."""
    found: dict[int, list[int]] = {}
    changed, rest = _changes(calls, once=False)
    outside = _Outside()
    for index in rest:
        outside.take(calls[index], changed, index)
    for index, each in sorted(changed, key=lambda change: change[0]):
        found.setdefault(id(each), []).append(index)
    return found


def _changes(
    calls: Sequence[FunctionCall], *, once: bool
) -> tuple[list[tuple[int, object]], list[int]]:
    if isinstance(calls, Calls):
        return calls.changes(_bits, once)
    changed: list[tuple[int, object]] = []
    rest: list[int] = []
    for index, call in enumerate(calls):
        bits = _bits(call.fn)
        receiver = _receiver(call.fn)
        if bits & _RECEIVER and not _is(receiver, _UNCHANGING):
            changed.append((index, receiver))
        if bits & _FIRST_ARGUMENT and call.args and not _is(call.args[0], _UNCHANGING):
            changed.append((index, call.args[0]))
        if bits & _SEE_ARGUMENTS:
            rest.append(index)
    return changed, rest


def _bits(function: Any) -> int:
    """Tell what the extension needs to know of a function."""
    if _is(function, FunctionType) and function.__module__ == "clew.ops":
        growing = function.__name__ in _GROWING
        return _FIRST_ARGUMENT if growing else 0
    if function is open:
        return _SEE_ARGUMENTS
    bits, extra = flags.split(_effect_of(function))
    if bits & (_OUTSIDE | flags.OBSERVE) or "when" in extra or "reads_state" in extra:
        return _SEE_ARGUMENTS
    answer = _RECEIVER if bits & flags.WRITES_RECEIVER and _receiver(function) is not None else 0
    if bits & flags.WRITES_ARGUMENT:
        if extra.get("arguments") != [0]:
            return _SEE_ARGUMENTS
        answer |= _FIRST_ARGUMENT
    return answer


_GROWING = ("list_append", "list_extend", "set_add", "set_update", "dict_set", "dict_update")
_UNCHANGING = (int, float, complex, str, bytes, bool, type(None), tuple, frozenset, type)


def _effect_of(function: object) -> flags.Effect:
    receiver = _receiver(function)
    if receiver is None:
        return resolve(function)
    name = _attribute(function, "__name__")
    return resolve(function, type(receiver), name if isinstance(name, str) else None)


_METHODS = (MethodType, BuiltinFunctionType, MethodWrapperType)


def _receiver(function: Any) -> object:
    """Give the object that a bound method is bound to; None for what is no method."""
    if not _is(function, _METHODS):
        return None
    return None if _is(function.__self__, ModuleType) else function.__self__


class _Outside:
    """State outside that calls used and changed, and files by the objects that write to them."""

    def __init__(self) -> None:
        self.used: dict[ExternalState, None] = {}
        self.changed: dict[ExternalState, None] = {}
        self.files: dict[int, list[ExternalState]] = {}
        # By the function, or class of receiver and name of the method; and the functions alive.
        self._effects: dict[tuple[object, object], tuple[object, flags.Effect]] = {}

    def _effect(self, function: object, receiver: object) -> flags.Effect:
        name = _attribute(function, "__name__")
        key = (id(function), None) if receiver is None else (type(receiver), name)
        if key not in self._effects:
            self._effects[key] = (function, _effect_of(function))
        return self._effects[key][1]

    def take(self, call: FunctionCall, changed: list[tuple[int, object]], index: int = 0) -> None:
        """Add what one call did, its arguments considered."""
        if call.fn is open:
            self._opened(call)
            return
        receiver = _receiver(call.fn)
        effect = applying.concrete(
            self._effect(call.fn, receiver), receiver, call.args, call.kwargs
        )
        bits, extra = flags.split(effect)
        if bits & flags.WRITES_RECEIVER and receiver is not None:
            changed.append((index, receiver))
        for pointer in extra.get("arguments", ()):
            values = _pointed(pointer, call)
            changed += [(index, value) for value in values if not _is(value, _UNCHANGING)]
        for pointer, access in extra.get("path", ()):
            for value in [receiver] if pointer == "self" else _pointed(pointer, call):
                self._file(value, access)
        if bits & flags.ENVIRONMENT:
            key = next(iter(_pointed(extra.get("key"), call)), "")
            self._state(ExternalState("environment", str(key)), bool(bits & flags.WRITES_RECEIVER))
        else:
            for name in extra.get("state", ()):
                self._state(_named(name), True)
            for name in extra.get("reads_state", ()):
                self._state(_named(name), False)
        if bits & flags.CLOCK:
            self._state(ExternalState("clock"), False)
        if bits & flags.OUTPUT and not extra.get("path"):
            self._state(ExternalState("stdio"), True)

    def _opened(self, call: FunctionCall) -> None:
        path = call.args[0] if call.args else call.kwargs.get("file")
        mode = call.args[1] if len(call.args) > 1 else call.kwargs.get("mode", "r")
        state = _file_state(path)
        if state is not None:
            self._state(state, not streams.only_reads(mode))
            if call.res is not None:
                self.files.setdefault(id(call.res), []).append(state)

    def _file(self, value: object, access: str) -> None:
        state = _file_state(value)
        if state is not None:
            mode = _attribute(value, "mode")
            changes = access in ("write", "update") and not streams.only_reads(mode)
            self._state(state, changes)

    def _state(self, state: ExternalState, changes: bool) -> None:
        self.used[state] = None
        if changes:
            self.changed[state] = None


def _pointed(pointer: int | str | None, call: FunctionCall) -> Sequence[object]:
    if pointer == "*":
        return call.args
    found = applying.argument(pointer, call.args, call.kwargs)
    return [found] if pointer is not None and not applying.is_missing(found) else []


def _named(name: str) -> ExternalState:
    """Give the state that the effects call by a name."""
    if name in ("random", "numpy.random") or name.startswith("torch"):
        return ExternalState("random", name)
    if name == "environment":
        return ExternalState("environment")
    return ExternalState("module", name)


def _file_state(value: object) -> ExternalState | None:
    """Give the file that a path, or an open file, names."""
    try:
        is_path = _is(value, (str, bytes, os.PathLike))
        path = os.fspath(value if is_path else getattr(value, "name", ""))  # type: ignore[call-overload]
        return ExternalState("file", os.path.realpath(os.fsdecode(path))) if path else None
    except Exception:
        # An object of the program may have a name of any kind, or refuse to tell it.
        return None


def _attribute(value: object, name: str) -> Any:
    """Give an attribute; None too where the program's object raises."""
    try:
        return getattr(value, name, None)
    except Exception:
        return None


def _is(value: object, classes: type | tuple[type, ...]) -> bool:
    """Tell whether it is an instance by its type, whatever it says of its class."""
    return issubclass(type(value), classes)


# -- who holds what ---------------------------------------------------------------------------


def _held(root: object) -> set[int]:
    """Give the addresses of all objects that can change and that an object holds, itself included.

    Memory that arrays share counts as an object. Modules, classes and the globals of functions are
    not held by those who name them.
    """
    held: set[int] = set()
    seen: set[int] = set()
    stack = [root]
    while stack and len(seen) < _MOST_OBJECTS:
        value = stack.pop()
        if id(value) in seen or _is(value, _ATOMS):
            continue
        seen.add(id(value))
        if _is_label(value):
            continue
        if not _is(value, (tuple, frozenset)):
            held.update(id(owner) for owner in _owners(value))
        stack.extend(_referents(value))
    return held


_ATOMS = (
    int, float, complex, str, bytes, bool, type(None), type, ModuleType, CodeType, FrameType,
    BuiltinFunctionType,
)  # fmt: skip


def _is_frame(value: object) -> bool:
    pandas = sys.modules.get("pandas")
    if pandas is None or not hasattr(pandas, "Series"):
        return False
    return _is(value, (pandas.DataFrame, pandas.Series))


def _is_label(value: object) -> bool:
    """Tell whether it is an index of pandas, which frames share and nobody changes."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and _is(value, getattr(pandas, "Index", ()))


def _referents(value: Any) -> Iterable[object]:
    if _is(value, FunctionType):
        return [value.__closure__, value.__defaults__, value.__kwdefaults__, value.__dict__]
    numpy = sys.modules.get("numpy")
    if numpy is not None and _is(value, numpy.ndarray):
        return value.ravel().tolist() if value.dtype == object else ()
    manager = getattr(value, "_mgr", None) if _is_frame(value) else None
    if manager is not None:
        # Not the tables by which it finds its columns, which frames share; and of columns that are
        # copied before they are written only what is in them.
        copies = not sys.modules["pandas"].__version__.startswith(("0.", "1.", "2."))
        kept = [each for each in manager.arrays if not copies or each.dtype == object]
        return [*(item for each in kept for item in (each.tolist() if copies else [each]))]
    return gc.get_referents(value)


def _owners(value: object) -> Iterator[object]:
    """Give the object, or that which owns the memory that it shows."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not _is(value, numpy.ndarray):
        yield value
        return
    owner: Any = value
    while _is(getattr(owner, "base", None), numpy.ndarray):
        owner = owner.base
    yield owner if owner.base is None else owner.base


def _views(sets: Iterable[list[Pointer]], order: list[Pointer]) -> list[NodeEffect]:
    """Give the largest sets of nodes that hold an object together."""
    place = {pointer: i for i, pointer in enumerate(order)}
    groups = {frozenset(place[pointer] for pointer in pointers) for pointers in sets}
    groups = {group for group in groups if len(group) > 1}
    largest = [group for group in groups if not any(group < other for other in groups)]
    return [View(tuple(order[i] for i in sorted(group))) for group in sorted(largest, key=sorted)]
