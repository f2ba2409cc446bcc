"""Infers the types of `orders` from one run, and compares them with its annotations.

python examples/types/infer.py
"""

import inspect

import orders

import clew


def type_name(value):
    """Name the type of a value, with the types of its elements."""
    name = type(value).__name__
    if isinstance(value, (list, tuple, set)):
        return f"{name}[{' | '.join(sorted({type_name(element) for element in value}))}]"
    return name


def called(node):
    """Give the function that a call is of."""
    if node.kind == "dispatch":
        return getattr(type(node.inputs[0].value), node.name)
    return inspect.unwrap(getattr(orders, node.name))


def made_by(node):
    """Give the operation that made a value, before it was passed around."""
    while node.kind in ("argument", "return"):
        node = node.inputs[-1]
    return node


def infer(graph):
    """Give the types of parameters and results, and where they differ from annotations."""
    signatures, problems = {}, []
    for node in graph:
        if node.kind not in ("argument", "return") or node.name == "self":
            continue
        function = called(node.parent)
        name = node.name or "return"
        found = type_name(node.value)
        signatures.setdefault(function.__qualname__, {}).setdefault(name, set()).add(found)
        declared = function.__annotations__.get(name)
        if isinstance(declared, type) and not isinstance(node.value, declared):
            origin = made_by(node)
            file, line = origin.source
            problems.append(
                f"{file}:{line}: {name} of {function.__qualname__} is {found}, "
                f"not {declared.__name__}: {origin}"
            )
    return signatures, problems


def needs(graph):
    """Give what the inputs must offer: methods, attributes, operators."""
    found = {}
    for constraint in graph.constraints():
        origin = made_by(constraint.subject)
        if origin.kind == "input" and constraint.name:
            found.setdefault(origin.name, set()).add(
                f"{type(constraint).__name__} {constraint.name}"
            )
    return found


def main():
    line = clew.trace("fig,250,3", "line")
    with clew.trace_modules([orders]):
        order = orders.read(line)
        results = order.label(), order.total()
    graph = clew.graph(*results)
    signatures, problems = infer(graph)
    for name, types in signatures.items():
        parameters = ", ".join(
            f"{key}: {' | '.join(sorted(found))}" for key, found in types.items() if key != "return"
        )
        result = " | ".join(sorted(types.get("return", {"?"})))
        print(f"{name}({parameters}) -> {result}")
    for name, wanted in needs(graph).items():
        print(f"{name} must offer: {', '.join(sorted(wanted))}")
    for problem in problems:
        print(problem)


if __name__ == "__main__":
    main()
