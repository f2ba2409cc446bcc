"""What one call did, in the recorder's terms: which objects it changed, which outside state it used.

The recorder asks here only for callees whose effect has particulars that hang on the arguments.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from clew.effects import flags
from clew.effects.applying import argument, concrete

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["conclude"]

#: (kind, key, access) of one use of outside state.
Use: TypeAlias = tuple[str, str, str]

_RANDOM: Final = frozenset(["random", "numpy.random", "torch"])
_ACCESS: Final = {"read": "read", "write": "write", "update": "update", "list": "list"}


def conclude(
    effect: flags.Effect, receiver: object, args: Sequence[object], kwargs: Mapping[str, object]
) -> tuple[int, list[object], list[Use]]:
    """Tell what a call with these arguments did.

    Parameters
    ----------
    effect
        What the resolver returned for the callee.
    receiver
        The receiver of a method call, or None.
    args, kwargs
        The arguments.

    Returns
    -------
    tuple
        The bits that hold for this call, the objects that it changed besides those that the bits
        tell, and its uses of outside state.
    """
    bits, extra = flags.split(concrete(effect, receiver, args, kwargs))
    written = [found for name in extra.get("arguments", ()) for found in _named(name, args, kwargs)]
    state = getattr(receiver, "__dict__", None)
    for name in extra.get("generators", ()):
        if type(state) is dict and name in state:
            written.append(state[name])
    uses = [_state(name, "read", extra, args, kwargs) for name in extra.get("reads_state", ())]
    access = "write" if bits & flags.SEED else "update"
    uses += [_state(name, access, extra, args, kwargs) for name in extra.get("state", ())]
    for pointer, how in extra.get("path", ()):
        value = receiver if pointer == "self" else argument(pointer, args, kwargs)
        path = _path(value)
        if path is not None:
            uses.append(("file", path, _ACCESS.get(how, "update")))
        elif how != "read":
            written.append(value)
    return bits, written, uses


def _named(
    name: int | str, args: Sequence[object], kwargs: Mapping[str, object]
) -> Sequence[object]:
    return args if name == "*" else [argument(name, args, kwargs)]


def _state(
    name: str,
    access: str,
    extra: flags.Extra,
    args: Sequence[object],
    kwargs: Mapping[str, object],
) -> Use:
    if name == "environment":
        variable: Any = argument(extra.get("key"), args, kwargs)
        return "environment", variable if type(variable) is str else "*", access
    return "random" if name in _RANDOM else "module", name, access


def _path(value: object) -> str | None:
    if type(value) is str:
        return value
    if isinstance(value, os.PathLike) and type(value).__module__.startswith("pathlib"):
        return os.fspath(value)
    return None
