"""networkx: functions read the graph that they are given; those that write are annotated."""

from __future__ import annotations

from typing import Final

from clew.effects import flags
from clew.effects.families import Callee, generators
from clew.effects.families.frames import drawing

_LAYOUTS_DRAW: Final = ("networkx.drawing.nx_pylab",)
_READERS: Final = frozenset(["apply_matplotlib_colors"])


def default(callee: Callee) -> flags.Effect | None:
    """Give the effect of a callee that no annotation names."""
    if callee.in_module(*_LAYOUTS_DRAW) and callee.name not in _READERS:
        return drawing()
    if callee.receiver_type is None:
        return flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS | flags.ALIAS
    return flags.READS | flags.ALIAS


def complete(callee: Callee, effect: flags.Effect) -> flags.Effect:
    """Add the hidden random generators."""
    return generators.complete(callee, effect)
