"""Clew records what a Python program does as one graph, and slices, explains and re-runs it.

The names below are loaded when they are first used.
"""

# Type checkers know the name; the module `typing` is not needed for it.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from clew._core import __version__
    from clew.errors import ClewError
    from clew.recordings import record, recording
    from clew.results import Call, Effect, Graph, Recording
    from clew.saving import Artifact, artifacts, get, save
    from clew.sideeffects import (
        AccessedGlobals,
        ExternalState,
        ImplicitDependency,
        Mutated,
        Variable,
        View,
        effects_of,
    )
    from clew.taping import Calls, FunctionCall, record_calls

_HOMES = {
    "AccessedGlobals": "sideeffects",
    "Artifact": "saving",
    "Call": "results",
    "Calls": "taping",
    "ClewError": "errors",
    "Effect": "results",
    "ExternalState": "sideeffects",
    "FunctionCall": "taping",
    "Graph": "results",
    "ImplicitDependency": "sideeffects",
    "Mutated": "sideeffects",
    "Recording": "results",
    "Variable": "sideeffects",
    "View": "sideeffects",
    "__version__": "_core",
    "artifacts": "saving",
    "effects_of": "sideeffects",
    "get": "saving",
    "record": "recordings",
    "record_calls": "taping",
    "recording": "recordings",
    "save": "saving",
}

__all__ = [
    "AccessedGlobals",
    "Artifact",
    "Call",
    "Calls",
    "ClewError",
    "Effect",
    "ExternalState",
    "FunctionCall",
    "Graph",
    "ImplicitDependency",
    "Mutated",
    "Recording",
    "Variable",
    "View",
    "__version__",
    "artifacts",
    "effects_of",
    "get",
    "record",
    "record_calls",
    "recording",
    "save",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'clew' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"clew.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
