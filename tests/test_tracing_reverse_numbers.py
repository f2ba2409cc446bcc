"""Derivatives of arithmetic on numbers: what the extension makes is what the rules make."""

from __future__ import annotations

import math
import random

import pytest

import clew
import clew.gradients


class ByRules(clew.Gradient):
    """The same rules, which the extension does not know."""


def both(graph):
    quick = graph._rows.gradient("seed", clew.gradients._QUICK)
    assert quick is not None
    return graph.reverse(), graph.reverse(ByRules())


@clew.trace
def weighted(left, right):
    return left * 0.75 - right / 3


def program(seed):
    """A random program of three numbers."""
    draw = random.Random(seed)
    values = [clew.trace(draw.uniform(0.5, 2.0), name) for name in "xy"]
    values.append(clew.trace(draw.randint(1, 3), "n"))
    for _ in range(30):
        left, right = draw.choice(values), draw.choice(values)
        match draw.randrange(12):
            case 0:
                made = left + right
            case 1:
                made = left - right * 0.5
            case 2:
                made = left * right
            case 3:
                made = left / (abs(right) + 1)
            case 4:
                made = -left
            case 5:
                made = math.sin(left) + math.cos(right)
            case 6:
                made = (abs(left) + 0.5) ** draw.choice([0, 1, 2, 3, -1, -2, 0.5])
            case 7:
                made = (abs(left) + 0.25) ** math.tanh(right)
            case 8:
                made = weighted(left, right)
            case 9:
                made = math.log(abs(left) + 1.0) * math.sqrt(abs(right) + 1.0)
            case 10:
                made = math.exp(math.tanh(left))
            case _:
                made = left if left > right else right * 1.5
        values.append(math.tanh(made) if abs(clew.untrace(made)) > 50 else made)
    return values[-1] + values[-2] * values[-3] + values[0]


@pytest.mark.parametrize("seed", range(60))
def test_extension_and_rules_agree_bit_for_bit(seed):
    graph = clew.graph(program(seed))
    quick, slow = both(graph)
    assert list(quick.messages) == list(slow.messages)
    assert [node.value for node in quick.outputs] == [node.value for node in slow.outputs]
    given = {name: node.value * 1.01 for name, node in zip("xy", graph.inputs, strict=False)}
    given = {name: value for name, value in given.items() if name in quick.messages}
    found = [one.evaluate(**given, seed=0.5, guards="ignore") for one in (quick, slow)]
    assert found[0] == found[1]


def test_chain_of_a_million():
    y = clew.trace(3.0, "x")
    for _ in range(500_000):
        y = y * 1.0000001 + 0.5
    backward = clew.graph(y).reverse()
    assert backward.evaluate(x=1.0) == backward.outputs[0].value
    assert backward.outputs[0].value == pytest.approx(1.0000001**500_000)


def test_objects_go_by_rules():
    x = clew.trace([1.0, 2.0], "x")
    graph = clew.graph(x[0] * x[1])
    assert graph._rows.gradient("seed", clew.gradients._QUICK) is None
    assert graph.reverse().evaluate(x=[3.0, 4.0]) == [4.0, 3.0]
