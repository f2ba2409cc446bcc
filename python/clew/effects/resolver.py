"""What one foreign callee does: the question that the recorder asks once for every callee.

The answer comes from, in this order: the few callees whose effect hangs on which arguments are
given, the annotations, the tables of builtin types, the family of the callee's package, and last
the statement that nothing is known and all must be observed. Nothing is imported that the program
has not imported, no code of the user's runs, and no error leaves this module.
"""

from __future__ import annotations

import functools
import sys
import types
from typing import Any, Final

from clew.effects import containers, families, flags, index
from clew.effects.families import Callee, standard
from clew.effects.index import merge

_BOUND: Final = (types.MethodType, types.BuiltinMethodType)
_DESCRIPTORS: Final = (types.MethodDescriptorType, types.WrapperDescriptorType)
_ATOMS: Final = (int, float, complex, bool, str, bytes, type(None))
_WRAPPED_LIMIT: Final = 8
_VARKEYWORDS: Final = 0x08  # inspect.CO_VARKEYWORDS, without importing inspect.


def resolve(
    callee: object, receiver_type: type | None = None, method_name: str | None = None
) -> flags.Effect:
    """Give the effect of calling a foreign callee.

    Parameters
    ----------
    callee
        The callable: for a method, what was found on the receiver or its class (it may be None,
        then the class is asked).
    receiver_type
        The class of the receiver of a method call; None (or a module's) for a plain call.
    method_name
        The name that the method was called by.

    Returns
    -------
    int or tuple of int and dict
        Bits of :mod:`clew.effects.flags`, with particulars (``flags.EXTRA_KEYS``) if there are.
        Positions in the particulars do not count the receiver. What the particulars mean for the
        arguments of one call, :func:`clew.effects.applying.concrete` says.

    Notes
    -----
    The answer holds for every call of the callee, and for a method for every receiver of that
    type, so that the caller keeps it.
    """
    try:
        effect, _ = _resolve(callee, receiver_type, method_name)
    except Exception:
        return flags.UNKNOWN
    return effect


def explain(
    callee: object, receiver_type: type | None = None, method_name: str | None = None
) -> tuple[flags.Effect, str]:
    """Give the effect together with where it comes from.

    Returns
    -------
    tuple
        The effect, and one of "arguments", "annotation", "builtin type", "family", "unknown".
    """
    try:
        return _resolve(callee, receiver_type, method_name)
    except Exception as error:
        return flags.UNKNOWN, f"unknown: {type(error).__name__}"


def _resolve(callee: Any, receiver_type: type | None, name: str | None) -> tuple[flags.Effect, str]:
    if receiver_type is not None and (
        issubclass(receiver_type, types.ModuleType) or receiver_type is type
    ):
        receiver_type = None
    if receiver_type is None and isinstance(callee, types.MethodType):
        return _bound(callee)
    if receiver_type is not None and issubclass(receiver_type, type) and isinstance(callee, _BOUND):
        return _bound(callee)
    if receiver_type is not None and name is not None:
        if isinstance(callee, _BOUND):
            # `np.random.rand` is a method of an object that nobody sees, and of others.
            known = _known_function(callee, callee.__name__)
            if known is not None:
                bits, extra = flags.split(known[0])
                return flags.join(bits | flags.WRITES_RECEIVER, extra), known[1]
        return _method(callee, receiver_type, name)
    if isinstance(callee, functools.partial):
        return _partial(callee)
    if any(base.__module__ == "_ctypes" for base in type(callee).__mro__):
        # Foreign code may write wherever an argument points; the receiver stands for that memory.
        return (flags.UPDATES | flags.WRITES_ARGUMENT, {"arguments": ["*"]}), "builtin type"
    if isinstance(callee, type):
        return _class(callee)
    return _function(callee)


# -- plain calls ----------------------------------------------------------------------------


def _function(callee: Any) -> tuple[flags.Effect, str]:
    name = getattr(callee, "__name__", None)
    if isinstance(name, str):
        known = _known_function(callee, name)
        if known is not None:
            return known
    if isinstance(callee, _DESCRIPTORS):
        defining = callee.__objclass__
        effect, why = _method(callee, defining, callee.__name__)
        return unbind(effect, looks=defining not in _ATOMS), why
    if isinstance(callee, types.BuiltinMethodType):
        owner = callee.__self__
        if owner is not None and not isinstance(owner, types.ModuleType):
            return _bound(callee)
    owner_class = _class_of_function(callee)
    if owner_class is not None and isinstance(name, str):
        effect, why = _method(callee, owner_class, name)
        return unbind(effect), why
    if not isinstance(name, str):
        return _method(callee, type(callee), "__call__")
    described = _describe(callee, str(name), None, None)
    return _by_family(described, (None, {}))


def _known_function(callee: Any, name: str) -> tuple[flags.Effect, str] | None:
    """Look a function or class up among the particular ones and the annotations."""
    module = getattr(callee, "__module__", None)
    for candidate in (module, "random", "numpy.random", "time", "pandas"):
        effect = standard.special(candidate, name) if isinstance(candidate, str) else None
        if effect is None:
            continue
        loaded = sys.modules.get(str(candidate))
        if loaded is not None and vars(loaded).get(name) is callee:
            return effect, "arguments"
    match = index.function(callee, name)
    if match[0] is None and not match[1]:
        return None
    owner = callee if isinstance(callee, type) else None
    described = _describe(callee, name, owner, None)
    return _by_family(described, match)


def _class(cls: type) -> tuple[flags.Effect, str]:
    known = _known_function(cls, cls.__name__)
    if known is not None:
        return known
    init = _python_init(cls) or cls
    described = _describe(init, cls.__name__, cls, None)._replace(callable=cls)
    simple = _plain_construction(cls)
    if simple is not None:
        return simple, "builtin type"
    if described.module == "builtins":
        return flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS | flags.ALIAS, "builtin type"
    return _by_family(described, (None, {}))


def _plain_construction(cls: type) -> int | None:
    """Give the effect of making an object by nothing but generated or inherited code."""
    if type(cls).__call__ is not type.__call__:
        is_enum = type(cls).__module__ == "enum"
        return flags.READS_ARGUMENTS if is_enum else None
    new, init = _owner(cls, "__new__"), _owner(cls, "__init__")
    if init is object and new is object:
        return flags.NATIVE
    if issubclass(cls, BaseException):
        both = [owner for owner in (new, init) if owner is not None]
        return flags.ALIAS if all(o.__module__ == "builtins" for o in both) else None
    if new is object and init is not None and "__dataclass_fields__" in init.__dict__:
        code = getattr(init.__dict__["__init__"], "__code__", None)
        generated = code is not None and code.co_filename == "<string>"
        return flags.ALIAS if generated and _owner(cls, "__post_init__") is None else None
    if init is object and new is not None and issubclass(cls, tuple) and "_fields" in new.__dict__:
        return flags.ALIAS
    return None


def _partial(callee: Any) -> tuple[flags.Effect, str]:
    """Give what the wrapped function does, its arguments counted from the partial's own on."""
    effect, why = _resolve(callee.func, None, None)
    bits, extra = flags.split(effect)
    plain = not extra.keys() - {"said_by"} and not callee.args and not bits & flags.WRITES_ARGUMENT
    if plain or bits & flags.OBSERVE:
        return bits | flags.READS_RECEIVER, why
    # Some of what it may write is inside the partial, so that all of it is looked at.
    return bits | flags.UNKNOWN, why


# -- methods --------------------------------------------------------------------------------


def _bound(callee: Any) -> tuple[flags.Effect, str]:
    receiver = callee.__self__
    name = callee.__name__
    known = _known_function(callee, name)
    if known is not None:
        return known
    if isinstance(receiver, type):
        return _class_method(callee, receiver, name)
    return _method(callee, type(receiver), name)


def _class_method(callee: Any, cls: type, name: str) -> tuple[flags.Effect, str]:
    """Give what a class method does: annotations speak of it as of a method of its class."""
    match = index.method(cls, name)
    owner = _owner(cls, name) or cls
    if match[0] is None and containers.type_key(owner) == "builtins.dict":
        return flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS, "builtin type"
    described = _describe(callee, name, owner, None)
    bits, extra = match
    effect, why = _by_family(
        described, (None if bits is None else bits & ~flags.READS_RECEIVER, extra)
    )
    return effect, why


def _method(callee: Any, receiver_type: type, name: str) -> tuple[flags.Effect, str]:
    owner = _owner(receiver_type, name)
    found = owner.__dict__.get(name) if owner is not None else None
    function = callee if callee is not None else found
    match = index.method(receiver_type, name)
    if match[0] is None and owner is not None:
        effect = containers.method_effect(owner, name, receiver_type)
        if effect is not None and not (owner is object and name in ("__call__", "__init__")):
            return _joined(effect, match[1]), "builtin type"
    described = _describe(_plain(found, function), name, owner or receiver_type, receiver_type)
    return _by_family(described, match)


def _owner(cls: type, name: str) -> type | None:
    """Find the class that defines a method, without running a metaclass's code."""
    for base in cls.__mro__:
        if name in base.__dict__:
            return base
    return None


def unbind(effect: flags.Effect, *, looks: bool = True) -> flags.Effect:
    """Turn a method's effect into that of the function called with the receiver first.

    ``list.append(xs, 1)`` writes its first argument as ``xs.append(1)`` writes its receiver. One
    that ``looks`` at its receiver reads it, as an argument, if it does nothing else.
    """
    bits, extra = flags.split(effect)
    if looks and bits & flags.NATIVE:
        bits = bits & ~flags.NATIVE | flags.READS_ARGUMENTS
    moved: flags.Extra = {key: _moved(key, value) for key, value in extra.items()}
    if bits & flags.WRITES_RECEIVER:
        moved["arguments"] = [0, *moved.get("arguments", ())]
        bits = bits & ~flags.WRITES_RECEIVER | flags.WRITES_ARGUMENT
    if bits & flags.READS_RECEIVER:
        bits = bits & ~flags.READS_RECEIVER | flags.READS_ARGUMENTS
    return flags.join(bits & ~flags.KEYED, moved)


def _moved(key: str, value: Any) -> Any:
    def pointer(p: Any) -> Any:
        return p + 1 if isinstance(p, int) else 0 if p == "self" else p

    if key in ("arguments", "seed"):
        return [pointer(item) for item in value]
    if key == "path":
        return [[pointer(item), access] for item, access in value]
    if key == "key":
        return pointer(value)
    if key == "when":
        return [_moved_condition(condition) for condition in value if "attribute" not in condition]
    return value


def _moved_condition(condition: dict[str, Any]) -> dict[str, Any]:
    moved = {key: _moved(key, value) for key, value in condition.items()}
    position = condition.get("position")
    moved["position"] = position + 1 if position is not None else None
    bits = moved.get("flags", 0)
    if bits & flags.WRITES_RECEIVER:
        moved["flags"] = bits & ~flags.WRITES_RECEIVER | flags.WRITES_ARGUMENT
        moved["arguments"] = [0, *moved.get("arguments", ())]
    return moved


# -- putting it together --------------------------------------------------------------------


def _by_family(callee: Callee, match: index.Match) -> tuple[flags.Effect, str]:
    """Join what annotations say with what the family of the package says."""
    family = families.family_of(callee.module)
    bits, extra = match
    if bits is not None:
        effect, why = flags.join(bits, extra), "annotation"
    else:
        default = family.default(callee) if family is not None else None
        why = "family" if default is not None else "unknown"
        effect = _joined(flags.UNKNOWN if default is None else default, extra)
    if family is not None:
        effect = family.complete(callee, effect)
    return _with_positions(callee, effect), why


def _joined(effect: flags.Effect, extra: flags.Extra) -> flags.Effect:
    if not extra:
        return effect
    bits, own = flags.split(effect)
    both: flags.Extra = {}
    merge(both, own)
    merge(both, extra)
    return bits, both


def _with_positions(callee: Callee, effect: flags.Effect) -> flags.Effect:
    """Tell at which positions the arguments that are named by keyword may stand."""
    bits, extra = flags.split(effect)
    if not callee.parameters or not extra:
        return effect
    both = dict(extra)
    if "arguments" in extra:
        both["arguments"] = _spelled(callee, extra["arguments"])
        if not both["arguments"]:
            del both["arguments"]
            bits &= ~flags.WRITES_ARGUMENT
    if "path" in extra:
        both["path"] = [pair for pair in extra["path"] if _may_be_given(callee, pair[0])]
    conditions = []
    for condition in extra.get("when", ()):
        if "keyword" in condition and not _may_be_given(callee, condition["keyword"]):
            continue
        complete = dict(condition)
        keyword = condition.get("keyword")
        if keyword is not None and "position" not in condition:
            complete["position"] = callee.position(keyword)
        if "arguments" in condition:
            complete["arguments"] = _spelled(callee, condition["arguments"])
        conditions.append(complete)
    both.pop("when", None)
    if conditions:
        both["when"] = conditions
    return flags.join(bits, both)


def _may_be_given(callee: Callee, pointer: int | str) -> bool:
    if isinstance(pointer, int) or pointer in ("self", "*"):
        return True
    return callee.takes_any_keyword or pointer in callee.parameters


def _spelled(callee: Callee, pointers: list[int | str]) -> list[int | str]:
    """Add to each position its parameter's name, and to each name its position."""
    spelled: list[int | str] = []
    for pointer in pointers:
        other: int | str | None = None
        if isinstance(pointer, str):
            other = callee.position(pointer)
        elif pointer < min(len(callee.parameters), callee.n_positional):
            other = callee.parameters[pointer]
        for item in (pointer, other):
            if item is not None and item not in spelled and _may_be_given(callee, item):
                spelled.append(item)
    return spelled


# -- describing a callable without running code ---------------------------------------------


def _describe(callee: Any, name: str, owner: type | None, receiver_type: type | None) -> Callee:
    module = getattr(owner if owner is not None else callee, "__module__", None)
    if not isinstance(module, str):
        own = getattr(callee, "__self__", None)
        module = own.__name__ if isinstance(own, types.ModuleType) else type(callee).__module__
    function = _unwrapped(callee)
    parameters: tuple[str, ...] = ()
    positional = 0
    defaults: dict[str, object] = {}
    any_keyword = False
    code = getattr(function, "__code__", None)
    if isinstance(code, types.CodeType):
        own = getattr(owner, "__dict__", {}).get(name)
        is_method = isinstance(callee, _BOUND) or owner is not None
        skipped = 1 if is_method and not isinstance(own, staticmethod) else 0
        total = code.co_argcount + code.co_kwonlyargcount
        parameters = code.co_varnames[skipped:total]
        positional = max(code.co_argcount - skipped, 0)
        defaults = _defaults(function, code)
        any_keyword = bool(code.co_flags & _VARKEYWORDS)
    return Callee(
        callee,
        module,
        name,
        owner,
        receiver_type,
        parameters,
        positional,
        defaults,
        any_keyword,
    )


def _defaults(function: Any, code: types.CodeType) -> dict[str, object]:
    values = getattr(function, "__defaults__", None) or ()
    names = code.co_varnames[: code.co_argcount]
    by_name: dict[str, object] = dict(zip(names[len(names) - len(values) :], values, strict=False))
    by_name.update(getattr(function, "__kwdefaults__", None) or {})
    return by_name


def _unwrapped(callee: Any) -> Any:
    """Follow ``functools.wraps`` to the function whose signature counts."""
    for _ in range(_WRAPPED_LIMIT):
        inner = getattr(callee, "__wrapped__", None)
        if inner is None or isinstance(callee, type):
            break
        callee = inner
    return callee


def _plain(found: Any, callee: Any) -> Any:
    """Give the function behind a class attribute: what static and class methods wrap."""
    if isinstance(found, (staticmethod, classmethod)):
        return found.__func__
    return found if isinstance(found, types.FunctionType) else callee


def _python_init(cls: type) -> types.FunctionType | None:
    """Find the constructor whose signature counts, if it is written in Python."""
    owner = _owner(cls, "__init__")
    init = owner.__dict__["__init__"] if owner is not None else None
    return init if isinstance(init, types.FunctionType) else None


def _class_of_function(callee: Any) -> type | None:
    """Find the class that a function was taken from, as in ``DataFrame.insert(frame, ...)``."""
    qualified = getattr(callee, "__qualname__", None)
    if not isinstance(qualified, str) or "." not in qualified or "<locals>" in qualified:
        return None
    holder: Any = sys.modules.get(getattr(callee, "__module__", None) or "")
    for part in qualified.split(".")[:-1]:
        holder = getattr(holder, "__dict__", {}).get(part)
    return holder if isinstance(holder, type) else None
