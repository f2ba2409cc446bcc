"""Clew records what a Python program does as one graph, and slices, explains and re-runs it.

The names below are loaded when they are first used.
"""

# Type checkers know the name; the module `typing` is not needed for it.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from clew._core import __version__
    from clew.errors import ClewError
    from clew.recordings import record, record_calls, recording
    from clew.results import Call, Effect, FunctionCall, Graph, Recording
    from clew.saving import Artifact, artifacts, get, save

_HOMES = {
    "Artifact": "saving",
    "Call": "results",
    "ClewError": "errors",
    "Effect": "results",
    "FunctionCall": "results",
    "Graph": "results",
    "Recording": "results",
    "__version__": "_core",
    "artifacts": "saving",
    "get": "saving",
    "record": "recordings",
    "record_calls": "recordings",
    "recording": "recordings",
    "save": "saving",
}

__all__ = [
    "Artifact",
    "Call",
    "ClewError",
    "Effect",
    "FunctionCall",
    "Graph",
    "Recording",
    "__version__",
    "artifacts",
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
