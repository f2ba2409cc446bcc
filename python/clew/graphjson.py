"""Graphs of traced values as JSON."""

from __future__ import annotations

import json
import math
import types
from importlib import import_module
from typing import Any, Final

from clew import _core
from clew.module_tracing import function_named

_FORMAT: Final = "clew-expression-graph"
_VERSION: Final = 1
_CONTAINERS: Final[dict[str, Any]] = {
    "tuple": tuple,
    "list": list,
    "set": set,
    "frozenset": frozenset,
}


def dumped(rows: Any) -> str:
    """Write the rows of a graph."""
    nodes = []
    for (kind, op), label, inputs, after, parent, value, source in rows.rows():
        node: dict[str, Any] = {"kind": kind}
        if op:
            node["op"] = op
        if label is not None:
            node["name"] = label[0]
            if label[1]:
                node["keywords"] = label[1]
        if inputs:
            node["inputs"] = inputs
        if after:
            node["after"] = after
        if parent is not None:
            node["parent"] = parent
        if value:
            node["value"] = _encoded(value[0], needed=kind in ("const", "input", "convert"))
        if source is not None:
            node["source"] = list(source)
        nodes.append(node)
    document = {"format": _FORMAT, "version": _VERSION, "outputs": rows.outputs, "nodes": nodes}
    return json.dumps(document, allow_nan=False)


def loaded(text: str) -> Any:
    """Make the rows of a graph again."""
    document = json.loads(text)
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ValueError("the text is no graph of traced values")
    if document.get("version") != _VERSION:
        raise ValueError(
            f"the graph has format {document.get('version')}; this Clew reads {_VERSION}"
        )
    rows = []
    for node in document["nodes"]:
        name = node.get("name")
        value = node.get("value")
        is_known = value is not None and not (type(value) is dict and "lost" in value)
        source = node.get("source")
        rows.append(
            (
                (node["kind"], node.get("op", "")),
                None if name is None else (name, node.get("keywords", [])),
                node.get("inputs", []),
                node.get("after", []),
                node.get("parent"),
                (_decoded(value),) if is_known else (),
                None if source is None else tuple(source),
            )
        )
    return _core.ValueGraph.of_rows(rows, document["outputs"])


def _encoded(value: Any, needed: bool) -> Any:
    """Write a value as JSON: numbers and texts as they are, everything else with its type."""
    kind = type(value)
    if kind in (int, bool, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if value is None:
        return {"none": True}
    if value is ...:
        return {"ellipsis": True}
    if kind is complex:
        return {"complex": [_encoded(value.real, True), _encoded(value.imag, True)]}
    if kind is bytes:
        return {"bytes": value.hex()}
    if kind is slice:
        return {"slice": [_encoded(part, needed) for part in (value.start, value.stop, value.step)]}
    if kind.__name__ in _CONTAINERS and kind is _CONTAINERS[kind.__name__]:
        return {kind.__name__: [_encoded(element, needed) for element in value]}
    if kind is dict:
        pairs = [[_encoded(k, needed), _encoded(v, needed)] for k, v in value.items()]
        return {"dict": pairs}
    if isinstance(value, types.ModuleType):
        return {"module": value.__name__}
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if module is None and callable(value):
        # Functions of numpy know their names only.
        module, name = type(value).__module__, getattr(value, "__name__", None)
    if isinstance(module, str) and isinstance(name, str) and _found(module, name) is value:
        return {"import": [module, name]}
    if needed:
        raise ValueError(f"a {kind.__name__} cannot be written as JSON; pickle takes such graphs")
    return {"lost": kind.__name__}


def _decoded(value: Any) -> Any:
    if type(value) is not dict:
        return value
    ((kind, content),) = value.items()
    if kind in _CONTAINERS:
        return _CONTAINERS[kind](_decoded(element) for element in content)
    if kind == "float":
        return float(content)
    if kind == "none":
        return None
    if kind == "ellipsis":
        return ...
    if kind == "complex":
        return complex(_decoded(content[0]), _decoded(content[1]))
    if kind == "bytes":
        return bytes.fromhex(content)
    if kind == "slice":
        return slice(*(_decoded(part) for part in content))
    if kind == "dict":
        return {_decoded(key): _decoded(element) for key, element in content}
    if kind == "module":
        return import_module(content)
    if kind == "import":
        found = _found(*content)
        if found is None:
            raise ValueError(f"{'.'.join(content)} cannot be found")
        return found
    raise ValueError(f"no value of a graph is of kind {kind!r}")


def _found(module: str, name: str) -> Any:
    try:
        return function_named(module, name)
    except (ImportError, AttributeError):
        return None
