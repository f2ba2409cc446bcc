"""pandas: methods of frames, series, indexes and groups read; those that write are annotated.

Plotting draws on the current figure, or on the axes that are given.
"""

from __future__ import annotations

from typing import Final

from clew.effects import flags
from clew.effects.families import Callee, generators

_KEYED: Final = frozenset(["__getitem__", "get", "__getattr__", "xs"])
_KEYED_WRITES: Final = frozenset(["__setitem__", "__delitem__", "pop", "insert"])
_PLOTS: Final = frozenset(["boxplot", "hist", "plot"])
_HANDLES: Final = frozenset(
    [
        "ewm",
        "expanding",
        "groupby",
        "items",
        "iterrows",
        "itertuples",
        "resample",
        "rolling",
        "__iter__",
    ]
)
_STYLE: Final = ["matplotlib.rcParams"]


def default(callee: Callee) -> flags.Effect | None:
    """Give the effect of a callee that no annotation names."""
    if callee.in_module("pandas.plotting", "pandas.core.groupby") and callee.name in _PLOTS:
        return drawing()
    if callee.in_module("pandas.plotting") or callee.name in _PLOTS:
        return drawing()
    if callee.name in _HANDLES:
        return flags.READS | flags.ALIAS
    if callee.receiver_type is None:
        return flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS | flags.ALIAS
    return flags.READS


def complete(callee: Callee, effect: flags.Effect) -> flags.Effect:
    """Add the access by column name and the hidden random generators."""
    if callee.receiver_type is not None and callee.name in (_KEYED | _KEYED_WRITES):
        bits, extra = flags.split(effect)
        effect = flags.join(bits | flags.KEYED, extra)
    return generators.complete(callee, effect)


def drawing() -> flags.Effect:
    """Give the effect of a function that draws on the current figure, or on the axes given."""
    bits = flags.FIGURE | flags.READS | flags.WRITES_ARGUMENT
    extra: flags.Extra = {"state": ["matplotlib.pyplot"], "figure": "draw"}
    extra |= {"arguments": ["ax"], "artists": True}
    return bits, extra | {"reads_state": list(_STYLE)}
