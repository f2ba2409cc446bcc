"""What `random_state`, `seed` and `rng` parameters draw from: shared by the families.

A generator given as an argument is advanced like an iterator is. Left out, most libraries draw
from the hidden generator of numpy (or Python); whether one did is seen by comparing its state
before and after, which is exact and cheap beside such calls.
"""

from __future__ import annotations

from typing import Any, Final

from clew.effects import flags
from clew.effects.families import Callee
from clew.effects.index import merge

_PARAMETERS: Final = ("random_state", "seed", "rng")
#: Packages whose `rng=None` makes a generator of its own from the operating system.
_FRESH: Final = ("skimage",)
_HIDDEN: Final = ["numpy.random", "random"]


def complete(callee: Callee, effect: flags.Effect) -> flags.Effect:
    """Add what a call draws from when its generator is left out."""
    parameter = next((name for name in _PARAMETERS if name in callee.parameters), None)
    if parameter is None or callee.owner is callee.callable or _decided(effect, parameter):
        return effect
    condition: dict[str, Any] = {
        "keyword": parameter,
        "position": callee.position(parameter),
        "value": None,
        "default": callee.defaults.get(parameter) is None,
        "flags": 0,
    }
    if parameter == "rng" and callee.in_module(*_FRESH):
        condition["flags"] = flags.NONDETERMINISTIC
    else:
        condition["observe_state"] = list(_HIDDEN)
    bits, extra = flags.split(effect)
    added: flags.Extra = {}
    merge(added, extra)
    merge(added, {"when": [condition]})
    return bits, added


def _decided(effect: flags.Effect, parameter: str) -> bool:
    """Tell whether a condition on the parameter is there already."""
    conditions = flags.split(effect)[1].get("when", ())
    return any(condition.get("keyword") == parameter for condition in conditions)


def fresh(keyword: str) -> dict[str, Any]:
    """Give the condition of a constructor that seeds from the operating system by default."""
    return {"keyword": keyword, "position": 0, "given": False, "flags": flags.NONDETERMINISTIC}


def observed(effect: flags.Effect) -> flags.Effect:
    """Let the hidden generators be compared before and after every call."""
    bits, extra = flags.split(effect)
    added: flags.Extra = {}
    merge(added, extra)
    merge(added, {"observe_state": list(_HIDDEN)})
    return bits, added
