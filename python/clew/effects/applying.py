"""What an effect means for one call: the reference that the recorder's fast path must agree with.

An effect is found once for a callee; some of its parts depend on the arguments. ``when`` lists
conditions, dictionaries with the bits (``flags``) and particulars that they add, and one of

- ``keyword`` (and ``position``, counted without the receiver) with ``value``: the argument is
  given and is that value; with ``default`` true, also when it is not given;
- ``keyword`` or ``position`` with ``given``: the argument is given (true) or left out or None
  (false);
- ``keyword`` or ``position`` with ``prefix``: a text that starts with one of the prefixes (with
  ``unless`` true, one that does not);
- ``attribute`` with ``value``: the receiver's instance dictionary holds that value.

``without`` lists bits that the condition takes away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clew.effects import flags
from clew.effects.index import merge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MISSING: Final = object()
_CONDITION_KEYS: Final = frozenset(
    [
        "attribute",
        "default",
        "flags",
        "given",
        "keyword",
        "position",
        "prefix",
        "unless",
        "value",
        "without",
    ]
)


def concrete(
    effect: flags.Effect,
    receiver: object = None,
    args: Sequence[object] = (),
    kwargs: Mapping[str, object] | None = None,
) -> flags.Effect:
    """Apply the conditions of an effect to one call.

    Parameters
    ----------
    effect
        What the resolver returned.
    receiver
        The receiver of a method call.
    args, kwargs
        The arguments, without the receiver.

    Returns
    -------
    int or tuple
        The effect of this call: no ``when`` and no ``seed`` is left, ``arguments`` and ``path``
        hold only arguments that were given and are not None.
    """
    bits, extra = flags.split(effect)
    if not extra:
        return bits
    kwargs = kwargs or {}
    found: flags.Extra = {}
    merge(found, {key: value for key, value in extra.items() if key != "when"})
    for condition in extra.get("when", ()):
        if holds(condition, receiver, args, kwargs):
            bits = (bits | condition.get("flags", 0)) & ~condition.get("without", 0)
            rest = {key: v for key, v in condition.items() if key not in _CONDITION_KEYS}
            merge(found, rest)
    seed = found.pop("seed", None)
    if seed is not None and all(argument(name, args, kwargs) in (_MISSING, None) for name in seed):
        # Seeding without a seed takes one from the operating system.
        bits = bits & ~flags.SEED | flags.NONDETERMINISTIC
    return _only_given(bits, found, args, kwargs)


def _only_given(
    bits: int, extra: flags.Extra, args: Sequence[object], kwargs: Mapping[str, object]
) -> flags.Effect:
    """Drop the pointers to arguments that this call does not have."""
    if "arguments" in extra:
        extra["arguments"] = [a for a in extra["arguments"] if _is_given(a, args, kwargs)]
        if not extra["arguments"]:
            del extra["arguments"]
            bits &= ~flags.WRITES_ARGUMENT
    if "path" in extra:
        extra["path"] = [p for p in extra["path"] if _is_given(p[0], args, kwargs)]
        if not extra["path"]:
            del extra["path"]
            bits &= ~flags.STREAM
    return flags.join(bits, extra)


def _is_given(pointer: int | str, args: Sequence[object], kwargs: Mapping[str, object]) -> bool:
    if pointer == "*":
        return bool(args)
    value = argument(pointer, args, kwargs)
    return pointer == "self" or (value is not _MISSING and value is not None)


def argument(
    pointer: int | str | None, args: Sequence[object], kwargs: Mapping[str, object]
) -> object:
    """Give the argument at a position or of a name, or a private marker if it is not given."""
    if isinstance(pointer, int):
        return args[pointer] if pointer < len(args) else _MISSING
    return kwargs.get(pointer, _MISSING) if pointer is not None else _MISSING


def is_missing(value: object) -> bool:
    """Tell whether :func:`argument` found none."""
    return value is _MISSING


def holds(
    condition: Mapping[str, Any],
    receiver: object,
    args: Sequence[object],
    kwargs: Mapping[str, object],
) -> bool:
    """Tell whether a condition holds for one call."""
    if "attribute" in condition:
        state = getattr(receiver, "__dict__", None)
        value = state.get(condition["attribute"], _MISSING) if type(state) is dict else _MISSING
        return value is not _MISSING and same(value, condition["value"])
    value = argument(condition.get("keyword"), args, kwargs)
    if value is _MISSING:
        value = argument(condition.get("position"), args, kwargs)
    if "given" in condition:
        return bool((value is not _MISSING and value is not None) == condition["given"])
    if "prefix" in condition:
        begins = type(value) is str and value.startswith(tuple(condition["prefix"]))
        return bool(begins != condition.get("unless", False))
    if value is _MISSING:
        return bool(condition.get("default", False))
    return same(value, condition["value"])


def same(value: object, constant: object) -> bool:
    """Compare an argument with a constant without running code of the argument's."""
    if value is constant:
        return True
    return (
        type(value) is type(constant) and type(constant) in (str, int, float) and value == constant
    )
