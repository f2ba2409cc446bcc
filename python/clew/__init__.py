"""Clew records what a Python program does as one graph, and slices, explains and re-runs it.

The names below are loaded when they are first used.
"""

# Type checkers know the name; the module `typing` is not needed for it.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from clew._core import Traced, __version__
    from clew.constraints import (
        ArgToContent,
        Comparison,
        Constraint,
        Constraints,
        Conversion,
        HasAttr,
        HasCallableMethod,
        HasInit,
        HasItem,
        IsCallableFunction,
        Iteration,
        Operator,
    )
    from clew.errors import ClewError, GuardViolation, NoRule, NotTraced, UnknownInput
    from clew.evaluating import Evaluator
    from clew.expressions import ExpressionGraph, Node, graph
    from clew.gradients import Gradient
    from clew.interpreting import Operation, interpreter
    from clew.module_tracing import TracedModules, trace_modules
    from clew.places import Site
    from clew.recordings import record, recording
    from clew.results import Call, Effect, Graph, Recording
    from clew.reversing import ReversedGraph, Rules
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
    from clew.tracing import is_traced, meta, trace, untrace

_HOMES = {
    "AccessedGlobals": "sideeffects",
    "ArgToContent": "constraints",
    "Artifact": "saving",
    "Call": "results",
    "Calls": "taping",
    "ClewError": "errors",
    "Comparison": "constraints",
    "Constraint": "constraints",
    "Constraints": "constraints",
    "Conversion": "constraints",
    "Effect": "results",
    "Evaluator": "evaluating",
    "ExpressionGraph": "expressions",
    "ExternalState": "sideeffects",
    "FunctionCall": "taping",
    "Gradient": "gradients",
    "Graph": "results",
    "GuardViolation": "errors",
    "HasAttr": "constraints",
    "HasCallableMethod": "constraints",
    "HasInit": "constraints",
    "HasItem": "constraints",
    "ImplicitDependency": "sideeffects",
    "IsCallableFunction": "constraints",
    "Iteration": "constraints",
    "Mutated": "sideeffects",
    "NoRule": "errors",
    "Node": "expressions",
    "NotTraced": "errors",
    "Operation": "interpreting",
    "Operator": "constraints",
    "Recording": "results",
    "ReversedGraph": "reversing",
    "Rules": "reversing",
    "Site": "places",
    "Traced": "_core",
    "TracedModules": "module_tracing",
    "UnknownInput": "errors",
    "Variable": "sideeffects",
    "View": "sideeffects",
    "__version__": "_core",
    "artifacts": "saving",
    "effects_of": "sideeffects",
    "get": "saving",
    "graph": "expressions",
    "interpreter": "interpreting",
    "is_traced": "tracing",
    "meta": "tracing",
    "record": "recordings",
    "record_calls": "taping",
    "recording": "recordings",
    "save": "saving",
    "trace": "tracing",
    "trace_modules": "module_tracing",
    "untrace": "tracing",
}

__all__ = [
    "AccessedGlobals",
    "ArgToContent",
    "Artifact",
    "Call",
    "Calls",
    "ClewError",
    "Comparison",
    "Constraint",
    "Constraints",
    "Conversion",
    "Effect",
    "Evaluator",
    "ExpressionGraph",
    "ExternalState",
    "FunctionCall",
    "Gradient",
    "Graph",
    "GuardViolation",
    "HasAttr",
    "HasCallableMethod",
    "HasInit",
    "HasItem",
    "ImplicitDependency",
    "IsCallableFunction",
    "Iteration",
    "Mutated",
    "NoRule",
    "Node",
    "NotTraced",
    "Operation",
    "Operator",
    "Recording",
    "ReversedGraph",
    "Rules",
    "Site",
    "Traced",
    "TracedModules",
    "UnknownInput",
    "Variable",
    "View",
    "__version__",
    "artifacts",
    "effects_of",
    "get",
    "graph",
    "interpreter",
    "is_traced",
    "meta",
    "record",
    "record_calls",
    "recording",
    "save",
    "trace",
    "trace_modules",
    "untrace",
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
