"""`ExpressionGraph.reverse`: derivatives against numbers and jax, and rules of one's own."""

from __future__ import annotations

import math
import pickle
import types

import numpy as np
import pytest

import clew
from clew import errors

A = np.array([0.3, 1.2, 2.5, 0.7])
B = np.array([[1.0, 2.0, 0.5, 3.0], [0.2, 0.4, 0.6, 0.8]])


def numeric(function, values, at):
    """The derivative with respect to one argument, by differences."""
    value = np.asarray(values[at], dtype=float)
    result = np.zeros(value.shape)
    for index in np.ndindex(value.shape):
        sides = []
        for step in (1e-6, -1e-6):
            moved = value.copy()
            moved[index] += step
            arguments = list(values)
            arguments[at] = moved if value.shape else float(moved)
            sides.append(float(function(*arguments)))
        result[index] = (sides[0] - sides[1]) / 2e-6
    return result


def check(function, *values):
    """Compare the reversed graph with differences, where it was traced and with other inputs."""
    names = "xyzuvw"[: len(values)]
    arguments = [
        clew.trace(v.copy() if isinstance(v, np.ndarray) else v, n)
        for v, n in zip(values, names, strict=True)
    ]
    backward = clew.graph(function(*arguments)).reverse()
    for scale in (1.0, 1.1):
        given = [value * scale for value in values]
        found = backward.evaluate(**dict(zip(names, given, strict=True)))
        found = found if len(values) > 1 else (found,)
        for at, one in enumerate(found):
            plain = [v.copy() if isinstance(v, np.ndarray) else v for v in given]
            np.testing.assert_allclose(one, numeric(function, plain, at), rtol=1e-4, atol=1e-6)


def in_place(x, y):
    x += y
    x *= 1.0
    return x.sum()


def stored(x, y):
    made = x * 2.0
    made[1] = y
    made[2:] = made[:2] * 3.0
    return made.sum() * y


def looped(x, y):
    total = y
    for value in x:
        total = total * value + y
    return total


SCALARS = {
    "arithmetic": lambda x, y: (x + y * 2 - 3 / x) / (x * y) - -x + +y,
    "power": lambda x, y: x**y + x**2 + 2**y + x**3.5 + x**1,
    "reflected": lambda x, y: 5 - x + 3 / y + 2 * x,
    "modulo": lambda x, y: x % y + divmod(x, y)[1] + x // y,
    "abs": lambda x, y: abs(x - 10) * abs(y),
    "round": lambda x, y: round(x) * y + math.floor(y) * x,
    "branch": lambda x, y: x * y if x > y else y,
    "containers": lambda x, y: {"a": [x, (y, x)]}["a"][1][0] * [x, y][0],
    "masked": lambda x, y: x * (y > 1.8) + y * (x < 2.4),
    "shared": lambda x, y: (lambda s: s * s + s)(x * y),
    "constant": lambda x, y: x * 0 + y,
}


@pytest.mark.parametrize("name", SCALARS)
def test_derivatives_of_numbers(name):
    check(SCALARS[name], 2.3, 1.7)


MATH = [
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "atanh", "exp"),
    *("exp2", "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "fabs", "degrees"),
    *("radians", "erf"),
]


@pytest.mark.parametrize("name", MATH)
def test_derivatives_of_math(name):
    module = types.ModuleType("uses_math")
    exec(f"import math\ndef f(x): return math.{name}(x) * x", vars(module))
    plain = types.ModuleType("plain_math")
    exec(f"import math\ndef f(x): return math.{name}(x) * x", vars(plain))
    x = clew.trace(0.4, "x")
    with clew.trace_modules([module]):
        backward = clew.graph(module.f(x)).reverse()
    for value in (0.4, 0.6):
        assert backward.evaluate(x=value) == pytest.approx(
            float(numeric(plain.f, [value], 0)), rel=1e-5
        )


ARRAYS = {
    "ufuncs": lambda x: (np.sin(x) * np.exp(-x) + np.log1p(x) / np.sqrt(x)).sum(),
    "more ufuncs": lambda x: (np.tanh(x) + np.expm1(x) - np.square(x) * np.cos(x)).sum(),
    "binary ufuncs": lambda x: (np.hypot(x, 2.0) + np.arctan2(x, 3.0) + np.power(x, 2.5)).sum(),
    "functions of two": lambda x: np.add(x, np.multiply(x, np.subtract(1, np.divide(x, 3)))).sum(),
    "maximum": lambda x: (np.maximum(x, 1.0) * np.minimum(x, 2.0)).sum(),
    "mean": lambda x: x.mean() * np.mean(x * x),
    "sum of an axis": lambda x: (np.sum(np.reshape(x, (2, 2)), axis=0) ** 2).sum(),
    "kept axis": lambda x: (x.reshape(2, 2).sum(axis=1, keepdims=True) * x.reshape(2, 2)).sum(),
    "extremes": lambda x: np.max(x) * x.min(),
    "product": lambda x: np.prod(x) * x.prod(),
    "broadcasting": lambda x: (x.reshape(4, 1) * x * B.sum()).sum(),
    "matmul": lambda x: (B @ x * np.array([1.0, 2.0])).sum(),
    "dot": lambda x: np.dot(x, x) + x @ x + x.dot(x),
    "matrices": lambda x: (x.reshape(2, 2) @ x.reshape(2, 2) @ B).sum(),
    "transposed": lambda x: (np.transpose(x.reshape(2, 2)) @ x.reshape(2, 2).T)[0].sum(),
    "items": lambda x: x[0] * x[-1] + x[1:3].sum() * x[::2][1] + x[[0, 0, 1]].sum() ** 2,
    "where": lambda x: np.where(x > 1.0, x * x, x).sum(),
    "joined": lambda x: (np.concatenate([x, x * 2]) * np.stack([x, x]).ravel()).sum(),
    "cumulated": lambda x: (np.cumsum(x) * x).sum(),
    "in a loop": lambda x: looped(x, x[0]),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_derivatives_of_arrays(name):
    check(ARRAYS[name], A)


def test_derivatives_of_arrays_and_numbers():
    check(lambda x, y: (x * y + y).sum() / y, A, 2.0)
    check(looped, A, 1.5)
    check(stored, A, 1.5)
    check(lambda x, y: (x @ y).mean(), B, A)


def test_changes_in_place():
    x, y = clew.trace(A.copy(), "x"), clew.trace(2.0, "y")
    x += y
    x[0] = y * y
    backward = clew.graph((x * 3.0).sum()).reverse()
    of_x, of_y = backward.evaluate()
    np.testing.assert_allclose(of_x, [0.0, 3.0, 3.0, 3.0])
    assert of_y == pytest.approx(9.0 + 3.0 * 2 * 2.0)


def test_a_change_that_hides_what_is_needed_is_refused():
    x = clew.trace(A.copy(), "x")
    y = x * x
    x[0] = 5.0
    with pytest.raises(errors.NoRule, match=r"changed in place later .*change a copy"):
        clew.graph(y.sum() + x.sum()).reverse()


def test_against_jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy

    def network(np, x, w, v):
        hidden = np.tanh(w @ x)
        return np.sum(np.exp(-((v * hidden) ** 2))) + np.log(np.sum(np.abs(x)))

    x, v = A, np.array([0.5, -1.5])
    given = {"x": x, "w": B, "v": v}
    traced = [clew.trace(value, name) for name, value in given.items()]
    backward = clew.graph(network(np, *traced)).reverse()
    expected = jax.grad(lambda *values: network(jnp, *values), argnums=(0, 1, 2))(x, B, v)
    for found, right in zip(backward.evaluate(), expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-6)
    scalar = lambda np, x, y: np.sin(x * y) ** 3 / (1 + x**2) - y ** (x / 2)  # noqa: E731
    x, y = clew.trace(1.3, "x"), clew.trace(0.7, "y")
    found = clew.graph(scalar(np, x, y)).reverse().evaluate()
    right = jax.grad(lambda *values: scalar(jnp, *values), argnums=(0, 1))(1.3, 0.7)
    np.testing.assert_allclose(found, right, rtol=1e-6)


def test_the_result_is_a_graph():
    x, y = clew.trace(3.0, "x"), clew.trace(2.0, "y")
    backward = clew.graph(x * x * y).reverse()
    assert {node.name for node in backward.inputs} == {"x", "y", "seed"}
    assert list(backward.messages) == ["x", "y"]
    assert backward.evaluate(seed=2.0) == (24.0, 18.0)
    assert str(backward.messages["y"]) == "seed * (x * x)"
    again = pickle.loads(pickle.dumps(backward))
    assert again.evaluate(x=1.0) == (4.0, 1.0)
    assert list(again.messages) == ["x", "y"]


def test_second_derivatives():
    x = clew.trace(1.5, "x")
    first = clew.graph(x**3 * 2).reverse()
    second = first.reverse(seed="seed2")
    assert dict(zip(second.messages, second.evaluate(), strict=True))["x"] == pytest.approx(18.0)
    a = clew.trace(A, "a")
    second = clew.graph((a * a * np.sin(a)).sum()).reverse().reverse(seed="seed2")
    found = dict(zip(second.messages, second.evaluate(), strict=True))["a"]
    np.testing.assert_allclose(found, 2 * np.sin(A) + 4 * A * np.cos(A) - A * A * np.sin(A))


def test_structures_have_messages_of_their_structure():
    data = clew.trace([1.0, {"a": 2.0, "b": (3.0, 4.0)}], "data")
    backward = clew.graph(data[0] * data[1]["a"] * data[1]["b"][1]).reverse()
    assert backward.evaluate() == [8.0, {"a": 4.0, "b": (0.0, 2.0)}]
    x, y = clew.trace(3.0, "x"), clew.trace(2.0, "y")
    backward = clew.graph(x * y, [x, y + x]).reverse()
    assert backward.evaluate(seed=(1.0, 10.0)) == (22.0, 13.0)


def test_lists_that_change():
    data = clew.trace({"items": [1.0, 2.0, 3.0]}, "data")
    held = clew.trace(types.SimpleNamespace(), "held")
    x, y = clew.trace(5.0, "x"), clew.trace(7.0, "y")
    held.items = data["items"]
    held.items.append(x)
    held.items.insert(1, y)
    held.items[0:1] = [x, x]
    del held.items[3]
    last = held.items.pop()
    joined = held.items + [y]  # noqa: RUF005 - the operator is meant.
    # [5, 5, 7, 3] + [7], and 5
    backward = clew.graph(joined[0] * joined[2] * joined[-1] + joined[-2] ** 2 + last).reverse()
    found = dict(zip(backward.messages, backward.evaluate(), strict=True))
    assert (found["x"], found["y"]) == (49.0 + 1.0, 70.0)
    assert found["data"] == {"items": [0.0, 0.0, 6.0]}


def test_guards_hold_on_the_way_back():
    x = clew.trace(3.0, "x")
    backward = clew.graph(x * x if x > 0 else -x).reverse()
    assert backward.evaluate(x=2.0) == 4.0
    with pytest.raises(errors.GuardViolation):
        backward.evaluate(x=-2.0)


def test_calls_and_generators():
    module = types.ModuleType("calls")
    source = """
class Shape:
    def __init__(self, side):
        self.side = side
    def area(self):
        return self.side * self.side
def steps(n, x):
    for i in range(n):
        yield x * i
def total(x, scale=2.0):
    result = Shape(x).area() * scale
    for step in steps(3, x):
        result = result + step * step
    return result
"""
    exec(source, vars(module))
    x = clew.trace(3.0, "x")
    with clew.trace_modules([module]):
        backward = clew.graph(module.total(x)).reverse()
    assert backward.evaluate() == 2 * 2.0 * 3.0 + 2 * 3.0 * (1 + 4)
    assert backward.evaluate(x=1.0) == 14.0


def test_what_has_no_rule_is_named():
    x = clew.trace(A, "x")
    graph = clew.graph(np.sort(x).sum())
    with pytest.raises(
        errors.NoRule, match=r"untraced_call sort.* at .*test_tracing_reverse.py:\d+"
    ):
        graph.reverse()
    found = graph.reverse({np.sort: lambda node, m, inputs, result: [m[np.argsort(inputs[0])]]})
    np.testing.assert_allclose(found.evaluate(), np.ones(4))
    with pytest.raises(errors.NoRule, match="2 messages for 1 operands"):
        graph.reverse({np.sort: lambda node, m, inputs, result: [m, m]}).evaluate()


def test_rules_of_ones_own():
    class Error(clew.Rules):
        """How much an error of the result allows of the operands: half of it each."""

        def binary(self, node, message, inputs, result):
            return [message / 2, message / 2]

        def combine(self, left, right):
            return clew.tracing._core.call_untraced(min, (left, right), None, True)

    x, y = clew.trace(3.0, "x"), clew.trace(2.0, "y")
    found = clew.graph((x + y) * x).reverse(Error())
    assert found.evaluate(seed=8.0) == (2.0, 2.0)
    assert clew.graph(x + 1.0).reverse({"add": lambda *_: [7.0, None]}).evaluate() == 7.0
    found = clew.graph(x * y).reverse({("binary", "mul"): lambda n, m, i, r: [m, None]})
    assert found.evaluate() == (1.0, 0.0)


def test_what_is_unused_has_zeros():
    x, y = clew.trace(A, "x"), clew.trace(2.0, "y")
    found = clew.graph(x.size * y, x.shape[0] * y).reverse().evaluate()
    np.testing.assert_allclose(found[0], np.zeros(4))
    assert found[1] == 8.0


def test_long_chains():
    x = clew.trace(1.0, "x")
    y = x
    for _ in range(20_000):
        y = y * 1.0 + x
    assert clew.graph(y).reverse().evaluate() == 20_001.0


def test_the_seed_has_a_name_of_its_own():
    seed = clew.trace(1.0, "seed")
    with pytest.raises(errors.NoRule, match="name the seed otherwise"):
        clew.graph(seed * 2).reverse()
    assert clew.graph(seed * 2).reverse(seed="message").evaluate(message=3.0) == 6.0
