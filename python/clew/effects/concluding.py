"""What one call did, in the recorder's terms: objects that it changed, outside state that it used.

The recorder asks here only for callees whose effect has particulars that hang on the arguments.
How those are worked out is :mod:`clew.effects.planning`'s.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, TypeAlias

from clew.effects import flags
from clew.effects.planning import plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["conclude"]

#: (kind, key, access) of one use of outside state.
Use: TypeAlias = tuple[str, str, str]

_RANDOM: Final = frozenset(["random", "numpy.random", "torch"])


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
    made = plan(effect, receiver, args, kwargs)
    uses = [_use(state, access) for state, access in made.states]
    if ("process", "identity", "read") in uses:
        made = made._replace(bits=made.bits & ~flags.NONDETERMINISTIC)
    uses += [("environment", name, access) for name, access in made.variables]
    uses += [("file", path, access) for path, access in made.files]
    written = list(made.writes)
    if made.bits & flags.STREAM:
        # There is no place for objects that were only read: the figure that is saved counts as
        # changed, so that what was drawn on it is found.
        written += made.reads
    if ("stdio", "update") in made.states and sys.stdin is not sys.__stdin__:
        # What stands for standard input is advanced.
        written.append(sys.stdin)
        uses.append(("module", "sys.stdin", "read"))
    return made.bits, written, uses


def _use(state: str, access: str) -> Use:
    """Give the kind of a hidden state."""
    kind, _, name = state.partition(".")
    if kind == "environment" and name:
        return "environment", name, access
    if state == "process.identity":
        return "process", "identity", access
    if state == "stdio" and access == "update" and sys.stdin is sys.__stdin__:
        return "stdio", "standard input", "read"
    return "random" if state in _RANDOM else "module", state, access
