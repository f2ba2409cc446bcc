"""numpy, scipy, scikit-image and torch: functions of arrays.

They read what they are given and change nothing, except `out` and `output`, the arguments that
an `overwrite_` or `in_place` argument gives up, and what annotations name. Random generators
that are objects are advanced by every method. What a result shares with an argument shows in its
base, so ALIAS is only a reminder here.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from clew.effects import flags
from clew.effects.families import Callee, generators
from clew.effects.index import merge

_GENERATORS: Final = frozenset(["Generator", "RandomState", "SeedSequence", "BitGenerator"])
#: Constructors of generators that take a seed from the operating system if none is given.
_SEEDED: Final = frozenset(
    [
        "MT19937",
        "PCG64",
        "PCG64DXSM",
        "Philox",
        "RandomState",
        "SFC64",
        "SeedSequence",
        "default_rng",
    ]
)
_VIEWS: Final = frozenset(
    [
        "base",
        "byteswap",
        "diagonal",
        "newbyteorder",
        "ravel",
        "reshape",
        "squeeze",
        "swapaxes",
        "transpose",
        "view",
        "__array__",
        "__dlpack__",
        "__getitem__",
        "__iter__",
        "__reversed__",
        "astype",
        "get_fields",
        "getfield",
    ]
)
_OUT: Final = ("out", "output")
_READS_FUNCTION: Final = flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS | flags.ALIAS


def default(callee: Callee) -> flags.Effect | None:
    """Give the effect of a callee that no annotation names."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(callee.callable, numpy.ufunc):
        return _ufunc(callee.callable)
    if callee.receiver_type is None:
        return _function(callee)
    names = {cls.__name__ for cls in type.mro(callee.receiver_type)}
    if names & _GENERATORS and callee.in_module("numpy.random"):
        return _drawing(callee)
    if callee.in_module("torch") and callee.name.endswith("_") and callee.name[0] != "_":
        return flags.WRITES_RECEIVER | flags.READS | flags.ALIAS
    if "ndarray" in names:
        if callee.name in _VIEWS:
            return flags.READS | flags.ALIAS
        return _with_out(flags.READS, callee)
    return flags.READS | flags.ALIAS


def complete(callee: Callee, effect: flags.Effect) -> flags.Effect:
    """Add `out`, `overwrite_...`, `in_place` and the hidden random generators."""
    effect = _with_out(effect, callee) if set(_OUT) & set(callee.parameters) else effect
    conditions = [
        _condition(callee, name)
        for name in callee.parameters
        if name.startswith("overwrite_") or name in ("in_place", "inplace")
    ]
    if conditions:
        bits, extra = flags.split(effect)
        added: flags.Extra = {}
        merge(added, extra)
        merge(added, {"when": conditions})
        effect = bits, added
    if callee.name == "rvs" and callee.in_module("scipy.stats"):
        effect = generators.observed(effect)
    return generators.complete(callee, effect)


def _function(callee: Callee) -> flags.Effect:
    if callee.name in _SEEDED and callee.in_module("numpy.random"):
        keyword = "entropy" if callee.name == "SeedSequence" else "seed"
        return _READS_FUNCTION, {"when": [generators.fresh(keyword)]}
    if callee.in_module("numpy"):
        return _with_out(_READS_FUNCTION, callee)
    return _READS_FUNCTION


def _ufunc(ufunc: Any) -> flags.Effect:
    positions = list(range(ufunc.nin, ufunc.nin + ufunc.nout))
    return (
        flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS | flags.WRITES_ARGUMENT,
        {"arguments": ["out", *positions]},
    )


def _drawing(callee: Callee) -> flags.Effect:
    bits = flags.WRITES_RECEIVER | flags.READS
    return bits | flags.WRITES_ARGUMENT, {"arguments": ["out"]}


def _with_out(effect: flags.Effect, callee: Callee) -> flags.Effect:
    """Let the array given as `out` be written, by whatever means it is given."""
    given: list[int | str] = []
    for name in _OUT:
        if name == "out" or name in callee.parameters:
            given.append(name)
        position = callee.position(name)
        if position is not None:
            given.append(position)
    bits, extra = flags.split(effect)
    added: flags.Extra = {}
    merge(added, extra)
    merge(added, {"arguments": given})
    return bits | flags.WRITES_ARGUMENT, added


def _condition(callee: Callee, name: str) -> dict[str, Any]:
    """Say which argument a truthy `overwrite_x` or `in_place` gives up."""
    subject = name.removeprefix("overwrite_")
    if subject not in callee.parameters:
        subject = callee.parameters[0] if callee.parameters else ""
    given: list[int | str] = [subject]
    position = callee.position(subject)
    if position is not None:
        given.append(position)
    return {
        "keyword": name,
        "position": callee.position(name),
        "value": True,
        "default": callee.defaults.get(name) is True,
        "flags": flags.WRITES_ARGUMENT,
        "arguments": given,
    }
