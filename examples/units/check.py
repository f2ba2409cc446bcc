"""Checks the units of `orbit`: over its graph, and while it runs.

python examples/units/check.py
"""

import types

import orbit
from units import KG, NEWTON, ONE, M, S, Unit, UnitError, combine

import clew

SAMPLES = {
    "mass": (500.0, KG), "speed": (7000.0, M / S), "thrust": (20.0, NEWTON),
    "duration": (60.0, S), "gravity": (3.986e14, M**3 / S**2), "radius": (7.0e6, M),
}  # fmt: skip


def run():
    """Run the program with traced values."""
    given = {name: clew.trace(value, name) for name, (value, _) in SAMPLES.items()}
    for name, value in given.items():
        clew.meta(value)["unit"] = SAMPLES[name][1]
    with clew.trace_modules([orbit]):
        craft = orbit.Craft(given.pop("mass"), given.pop("speed"))
        return orbit.plan(craft, **given)


def located(error, source):
    return UnitError(f"{source[0]}:{source[1]}: {error}") if source else error


class UnitEvaluator(clew.Evaluator):
    """Runs a graph with units in the place of numbers."""

    def input(self, node, value):
        return SAMPLES[node.name][1]

    def const(self, node, value):
        return ONE if isinstance(value, (int, float)) else value

    def new(self, node, owner, *args):
        return types.SimpleNamespace()

    def compute(self, node, *units):
        name = node.op or getattr(node.inputs[0].value, "__name__", "")
        operands = node.inputs[len(node.inputs) - len(units) :]
        try:
            return combine(name, units, [operand.value for operand in operands])
        except UnitError as error:
            raise located(error, node.source) from None

    unary = binary = compare = compute

    def untraced_call(self, node, function, *units):
        return self.compute(node, *units)


class UnitInterpreter:
    """Follows units while the program runs."""

    def __init__(self):
        self.attributes = {}

    def unit(self, value):
        """Give the unit of a value, wherever it was passed to."""
        while "unit" not in clew.meta(value):
            made = clew.Operation(value)
            if made.kind not in ("argument", "return"):
                return ONE
            value = made.inputs[-1]
        return clew.meta(value)["unit"]

    def __call__(self, operation):
        unit = self.of(operation)
        if isinstance(unit, Unit):
            clew.meta(operation.result)["unit"] = unit

    def of(self, operation):
        kind, inputs = operation.kind, operation.inputs
        if kind in ("setattr", "getattr"):
            key = id(clew.untrace(inputs[0])), operation.name
            if kind == "getattr":
                return self.attributes.get(key)
            self.attributes[key] = self.unit(inputs[1])
        elif kind in ("unary", "binary", "compare", "untraced_call"):
            name = operation.op or getattr(clew.untrace(inputs[0]), "__name__", "")
            operands = inputs[1:] if kind == "untraced_call" else inputs
            try:
                units = [self.unit(operand) for operand in operands]
                return combine(name, units, [clew.untrace(operand) for operand in operands])
            except UnitError as error:
                raise located(error, operation.source) from None
        return None


def over_the_graph():
    return clew.graph(*run()).evaluate(evaluator=UnitEvaluator, guards="ignore")


def while_tracing():
    interpreter = UnitInterpreter()
    with clew.interpreter(interpreter):
        return [interpreter.unit(result) for result in run()]


def main():
    for check in (over_the_graph, while_tracing):
        try:
            print(f"{check.__name__}: {', '.join(map(str, check()))}")
        except UnitError as error:
            print(f"{check.__name__}: {error}")


if __name__ == "__main__":
    main()
