"""scikit-learn and packages of its manner: estimators are changed by fitting, functions read.

An estimator whose `random_state` is None draws from the hidden generator of numpy, and so may
the estimators inside it; the generator's state is compared around every fit. `copy=False` makes
a transformer change its input.
"""

from __future__ import annotations

from typing import Any, Final

from clew.effects import flags
from clew.effects.families import Callee, generators
from clew.effects.families.frames import drawing
from clew.effects.index import merge

_DRAWING: Final = frozenset(
    ["from_estimator", "from_predictions", "plot", "plot_tree", "plot_metric"]
)
_LEARNS: Final = ("fit", "partial_fit", "update", "set_")
_DRAWS_RANDOM: Final = frozenset(
    ["fit", "partial_fit", "sample", "split", "transform", "get_n_splits"]
)
#: Parameters that, when false, let the input be changed.
_COPIES: Final = ("copy", "copy_X", "copy_x", "copy_X_train")
#: Attributes with which `fit` draws a seed that it does not use.
_IDLE: Final = (("selection", "cyclic"), ("probability", False))
#: Modules whose functions fit estimators that they are given.
_FITTING: Final = ("sklearn.model_selection", "sklearn.inspection", "sklearn.utils")


def default(callee: Callee) -> flags.Effect | None:
    """Give the effect of a callee that no annotation names."""
    display = callee.owner is not None and callee.owner.__name__.endswith("Display")
    if display and callee.name.startswith(("from_", "plot")):
        return _display(callee)
    if callee.name in _DRAWING or callee.in_module("xgboost.plotting", "lightgbm.plotting"):
        return _display(callee)
    if callee.callable is callee.owner:
        # An estimator keeps its parameters, and looks at them when it is fitted.
        return flags.ALIAS
    if callee.receiver_type is None:
        return flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS | flags.ALIAS
    if callee.name.startswith(_LEARNS):
        return flags.WRITES_RECEIVER | flags.READS | flags.ALIAS
    return flags.READS


def _display(callee: Callee) -> flags.Effect:
    """Give the effect of drawing a display: one that exists keeps what it has drawn."""
    bits, extra = flags.split(drawing())
    return bits | (flags.WRITES_RECEIVER if callee.receiver_type is not None else 0), extra


def complete(callee: Callee, effect: flags.Effect) -> flags.Effect:
    """Add the hidden random generators, and inputs that are changed for want of a copy."""
    if callee.receiver_type is not None:
        if callee.name.startswith("fit") or callee.name in _DRAWS_RANDOM:
            effect = generators.observed(effect)
            bits, extra = flags.split(effect)
            effect = bits, extra | {"generators": ["random_state"]}
        if callee.name == "fit":
            idle = {"idle": ["numpy.random"]}
            effect = _with(effect, [{"attribute": a, "value": v} | idle for a, v in _IDLE])
        if callee.name.startswith(("fit", "partial_fit", "transform", "inverse_transform")):
            effect = _with(effect, [_uncopied(name) for name in _COPIES])
    elif callee.in_module(*_FITTING) and callee.owner is None:
        effect = generators.observed(effect)
    if "copy" in callee.parameters and callee.receiver_type is None and callee.owner is None:
        effect = _with(effect, [_copy_argument(callee)])
    return generators.complete(callee, effect)


def _with(effect: flags.Effect, conditions: list[dict[str, Any]]) -> flags.Effect:
    bits, extra = flags.split(effect)
    added: flags.Extra = {}
    merge(added, extra)
    merge(added, {"when": conditions})
    return bits, added


def _uncopied(attribute: str) -> dict[str, Any]:
    changed = {"flags": flags.WRITES_ARGUMENT, "arguments": [0, "X"]}
    return {"attribute": attribute, "value": False} | changed


def _copy_argument(callee: Callee) -> dict[str, Any]:
    return {
        "keyword": "copy",
        "position": callee.position("copy"),
        "value": False,
        "default": callee.defaults.get("copy") is False,
        "flags": flags.WRITES_ARGUMENT,
        "arguments": [0, "X"],
    }
