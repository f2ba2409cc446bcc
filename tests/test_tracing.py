"""Traced values: each operation plain and traced, its graph with other inputs, and its text."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import copy
import dataclasses
import gc
import math
import operator
import pickle
import random
import sys
import threading
import types
from typing import NamedTuple

import numpy as np
import pytest

import clew
from clew import errors


class Pair(NamedTuple):
    a: object
    b: object


@dataclasses.dataclass
class Point:
    x: object
    y: object = 1


class Matrix:
    def __init__(self, value):
        self.value = value

    def __matmul__(self, other):
        return Matrix(self.value * 10 + other.value)

    def __imatmul__(self, other):
        self.value = self.value * 100 + other.value
        return self

    def __eq__(self, other):
        return isinstance(other, Matrix) and self.value == other.value

    __hash__ = None


class Manager:
    def __init__(self):
        self.log = []

    def __enter__(self):
        self.log.append("in")
        return 5

    def __exit__(self, *error):
        self.log.append("out")


NAMES = {
    "math": math, "operator": operator, "np": np, "copy": copy, "Pair": Pair, "Point": Point,
    "Matrix": Matrix, "deque": collections.deque, "pickle": pickle, "Manager": Manager,
}  # fmt: skip


def same(left, right):
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        return np.array_equal(left, right)
    return type(left) is type(right) and left == right


def run(source, values):
    """Run statements, and give what they leave in `y`; an expression is what `y` gets."""
    names = {**NAMES, **values}
    with contextlib.suppress(SyntaxError):
        source = f"y = {compile(source, '', 'eval') and source}"
    exec(source, names)
    return names["y"]


def check(source, first, second=None):
    """Compare a program plain and traced, and its graph with other inputs with the program."""
    expected = run(source, copy.deepcopy(first))
    traced = {name: clew.trace(copy.deepcopy(value), name) for name, value in first.items()}
    result = run(source, traced)
    assert same(clew.untrace(result), expected), (clew.untrace(result), expected)
    if not clew.is_traced(result):
        return None
    graph = clew.graph(result)
    assert same(graph.evaluate(), expected)
    assert same(graph.evaluate(evaluator=clew.Evaluator), expected)
    if second is not None:
        again = run(source, copy.deepcopy(second))
        known = {node.name for node in graph.inputs}
        second = {name: value for name, value in second.items() if name in known}
        for _ in range(2):
            assert same(graph.evaluate(**copy.deepcopy(second)), again)
        assert same(graph.evaluate(evaluator=clew.Evaluator, **copy.deepcopy(second)), again)
    return result


NUMBERS = {"x": 5, "z": 3}
OTHERS = {"x": 9, "z": 4}
ARITHMETIC = ["+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^"]
COMPARISONS = ["==", "!=", "<", "<=", ">", ">="]
OPERATORS = [
    *(f"{op}x" for op in "+-~"),
    *(f"x {op} z" for op in [*ARITHMETIC, *COMPARISONS]),
    *(f"x {op} 2" for op in [*ARITHMETIC, *COMPARISONS]),
    *(f"7 {op} x" for op in [*ARITHMETIC, *COMPARISONS]),
    "abs(-x)", "round(x / z)", "round(x / z, 1)", "divmod(x, z)", "divmod(17, z)", "divmod(x, 2)",
    "pow(x, z)", "pow(x, z, 7)", "pow(x, 2, 7)", "math.floor(x / z)", "math.ceil(x / z)",
    "math.trunc(x / z)", "x.bit_length()", "x.real", "x.numerator + z.denominator",
    "operator.add(x, z)", "operator.neg(x)", "(x + z) * (x - z)", "x if z else 0",
    "[x, z][0] + z", "(x, (z, [x]))", "{'a': x, 'b': {'c': z}}", "{'k': x}['k'] * z",
    "sum([x, z, 1])", "max(x, z)", "min([x, z])", "sorted([x, z])", "Pair(x, z)", "Point(x, z)",
    "Pair(x, z).b", "Point(x).x * z", "deque([x, z])", "[x] * 2 + [z]", "-x ** 2", "(-x) ** 2",
    "x < z", "not x < z", "copy.copy(x) + 1", "copy.deepcopy(x) + 1",
    "pickle.loads(pickle.dumps(x * z)) + x",
]  # fmt: skip


@pytest.mark.parametrize("source", OPERATORS)
def test_operators(source):
    result = check(source, NUMBERS, OTHERS)
    if clew.is_traced(result) and type(result) is clew._clew.Traced and "pickle" not in source:
        names = {**NAMES, "x": 5, "z": 3, "Traced": None}
        names |= {"floor": math.floor, "ceil": math.ceil, "trunc": math.trunc}
        names |= {"add": operator.add, "copy": copy.copy, "deepcopy": copy.deepcopy}
        assert eval(str(result), names) == clew.untrace(result), str(result)


IN_PLACE = [
    *(f"y = x\ny {op}= z" for op in ARITHMETIC),
    *(f"y = 7\ny {op}= z" for op in ARITHMETIC),
    "y = x\nfor i in range(3): y += i * z",
]  # fmt: skip


@pytest.mark.parametrize("source", IN_PLACE)
def test_operators_in_place(source):
    check(source, NUMBERS, OTHERS)


CONTAINERS = [
    ("s[1]", {"s": "abc"}, {"s": "xyz"}),
    ("s[1:]", {"s": "abc"}, {"s": "xyz"}),
    ("s.upper() + s", {"s": "abc"}, {"s": "xyz"}),
    ("s + 'd'", {"s": "abc"}, {"s": "xyz"}),
    ("'d' + s", {"s": "abc"}, {"s": "xyz"}),
    ("s % 3", {"s": "a%d"}, {"s": "b%d"}),
    ("s.split(',')[1]", {"s": "a,b"}, {"s": "c,d"}),
    ("b[0] + 1", {"b": b"abc"}, {"b": b"xyz"}),
    ("l[0] + l[-1]", {"l": [1, 2]}, {"l": [3, 4]}),
    ("l[0][1][k]", {"l": [(1, {"k": 2})], "k": "k"}, {"l": [(1, {"k": 5})]}),
    ("l.append(x)\ny = l", {"l": [1, 2], "x": 3}, {"l": [3, 4], "x": 5}),
    ("l[0] = x\ny = l", {"l": [1, 2], "x": 3}, {"l": [3, 4], "x": 5}),
    ("l += [x]\ny = l", {"l": [1, 2], "x": 3}, {"l": [3, 4], "x": 5}),
    ("del l[0]\ny = l", {"l": [1, 2]}, {"l": [3, 4]}),
    ("d['a'] * d['b'][0]", {"d": {"a": 2, "b": [3]}}, {"d": {"a": 4, "b": [5]}}),
    ("d['c'] = x\ny = d", {"d": {"a": 2}, "x": 1}, {"d": {"a": 4}, "x": 5}),
    ("t[0] + t[1][0]", {"t": (1, (2,))}, {"t": (3, (4,))}),
    ("p.a * p.b", {"p": Pair(2, 3)}, {"p": Pair(4, 5)}),
    ("p.x * p.y", {"p": Point(2, 3)}, {"p": Point(4, 5)}),
    ("p.x = p.y * 2\ny = p", {"p": Point(2, 3)}, {"p": Point(4, 5)}),
    ("q.append(x)\ny = q", {"q": collections.deque([1]), "x": 3}, {"x": 5}),
    ("{x: 1}[3]", {"x": 3}, None),
    ("x in {3: 1}, x in [1, 3], x in (2,)", {"x": 3}, None),
    ("2 in l, 5 in l", {"l": [1, 2]}, None),
    ("{x, z}", {"x": 1, "z": 2}, None),
    ("frozenset([x, z])", {"x": 1, "z": 2}, None),
    ("[1, 2, 3, 4][x:z]", {"x": 1, "z": 3}, None),
    ("m @ n", {"m": Matrix(1), "n": Matrix(2)}, {"m": Matrix(3), "n": Matrix(4)}),
    ("m @= n\ny = m", {"m": Matrix(1), "n": Matrix(2)}, {"m": Matrix(3), "n": Matrix(4)}),
    ("m.value = x * 2\ny = m.value + 1", {"m": Matrix(1), "x": 2}, {"x": 7}),
    ("m.other = x\ndel m.other\ny = hasattr(m, 'other')", {"m": Matrix(1), "x": 2}, None),
    ("len(l), bool(l), list(l), tuple(l)", {"l": [1, 2]}, None),
    ("a, b = l\ny = a * b", {"l": [1, 2]}, {"l": [3, 4]}),
    ("a, *b = t\ny = b", {"t": (1, 2, 3)}, {"t": (4, 5, 6)}),
    ("y = 0\nfor v in l: y = y * 10 + v", {"l": [1, 2]}, {"l": [3, 4]}),
    ("y = [v * x for v in l]", {"l": [1, 2], "x": 2}, {"l": [3, 4], "x": 3}),
    ("y = {k: v * 2 for k, v in d.items()}", {"d": {"a": 1}}, {"d": {"a": 7}}),
    ("list(map(lambda v: v * x, l))", {"l": [1, 2], "x": 2}, {"l": [3, 4], "x": 3}),
    ("list(zip(l, l[1:]))", {"l": [1, 2, 3]}, {"l": [3, 4, 5]}),
    ("[i * v for i, v in enumerate(l)]", {"l": [1, 2]}, {"l": [3, 4]}),
    ("list(reversed(l))[0] + 1", {"l": [1, 2]}, {"l": [3, 4]}),
    ("with m as v: y = v + 1", {"m": Manager()}, None),
]  # fmt: skip


@pytest.mark.parametrize(("source", "first", "second"), CONTAINERS, ids=lambda v: str(v)[:30])
def test_containers(source, first, second):
    check(source, first, second and {**first, **second})


CONVERSIONS = [
    ("int(x)", int), ("float(x)", float), ("complex(x)", complex), ("bool(x)", bool),
    ("str(x)", str), ("f'{x:.2f}'", str), ("hash(x)", int), ("list(range(x))", list),
    ("[0] * x", list), ("'ab'[x - 3]", str), ("hex(x)", str), ("math.sqrt(x)", float),
    ("bytes(x)", bytes), ("isinstance(x, int)", bool), ("len(s)", int), ("repr(x)", str),
]  # fmt: skip


@pytest.mark.parametrize(("source", "kind"), CONVERSIONS)
def test_conversions_are_plain_values(source, kind):
    names = {"x": 3, "s": "abc"}
    traced = {name: clew.trace(value, name) for name, value in names.items()}
    found = run(source, {**traced})
    if source not in ("str(x)", "repr(x)"):  # The texts of expressions.
        assert clew.untrace(found) == run(source, names)
    assert isinstance(found, kind)


def test_none_stays_none():
    assert clew.trace(None) is None
    assert not clew.is_traced([1, (2,)])
    assert clew.is_traced([1, (2, clew.trace(1))])
    with pytest.raises(errors.NotTraced):
        clew.graph(3)
    with pytest.raises(TypeError):
        clew.meta(3)


def test_traced_keys_are_found_by_plain_ones():
    x = clew.trace("key", "x")
    table = {x: 1}
    assert table["key"] == 1
    assert x in {"key": 2}
    assert hash(x) == hash("key")


def test_deep_containers_stay_what_they_are():
    value = [1, (2, {"a": {3}}, frozenset([4])), Pair(5, [6]), Point(7, (8,))]
    value += [collections.deque([9]), slice(1, 2)]
    traced = clew.trace(value, "v")
    assert type(traced) is list
    assert [type(v) for v in traced[1:]] == [tuple, Pair, Point, collections.deque, slice]
    assert clew.untrace(traced) == value
    assert clew.is_traced(traced[1][1]["a"])
    assert clew.is_traced(traced[2].b[0])
    assert clew.is_traced(traced[3].y[0])
    assert clew.graph(traced[2].b[0] + traced[3].x).evaluate() == 13


def test_plain_parts_of_a_container_with_traced_parts_are_traced():
    x = clew.trace(1.0, "x")
    traced = clew.trace([x, 2.0, (3.0,)], "l")
    assert clew.is_traced(traced[1])
    assert clew.is_traced(traced[2][0])


# Guards.


def branching(x):
    return x * 2 if x > 0 else -x


def test_guards():
    x = clew.trace(3, "x")
    graph = clew.graph(branching(x))
    assert graph.evaluate(x=4) == 8
    with pytest.raises(errors.GuardViolation) as caught:
        graph.evaluate(x=-4)
    error = caught.value
    assert (error.expected, error.actual, error.op) == (True, False, "bool")
    assert error.source == (__file__, branching.__code__.co_firstlineno + 1)
    assert "x > 0" in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert graph.evaluate(x=-4, guards="ignore") == -8
    assert [node.op for node in graph.guards] == ["bool"]
    with pytest.raises(ValueError, match="guards"):
        graph.evaluate(guards="maybe")


@pytest.mark.parametrize(
    ("source", "first", "second"),
    [
        ("sum([x for _ in range(x)])", 3, 4),
        ("x * int(x)", 3.0, 4.0),
        ("sum(v for v in x)", [1, 2], [1, 2, 3]),
        ("x[len(x) - 1]", [1, 2], [1, 2, 3]),
        ("x * 2 if x else 1", 3, 0),
        ("x * 2 if x in (3, 4) else 1", 3, 5),
        ("x + str(len(x))", "a", "ab"),
        ("x + f'{x:s}'", "a", "b"),
    ],
)
def test_facts_are_guarded(source, first, second):
    x = clew.trace(first, "x")
    graph = clew.graph(eval(source, {"x": x}))
    assert graph.evaluate() == eval(source, {"x": first})
    with pytest.raises(errors.GuardViolation):
        graph.evaluate(x=second)


def test_unknown_inputs():
    graph = clew.graph(clew.trace(1, "width") + clew.trace(2, "height"))
    with pytest.raises(errors.UnknownInput, match="did you mean 'width'"):
        graph.evaluate(widht=3)


def test_errors_say_which_operation():
    x = clew.trace(1.0, "x")
    with pytest.raises(ZeroDivisionError) as caught:
        clew.graph(1 / x).evaluate(x=0.0)
    assert "while evaluating 1 / x" in caught.value.__notes__[0]
    with pytest.raises(ZeroDivisionError):
        x / 0
    with pytest.raises(TypeError):
        x + "a"
    with pytest.raises(AttributeError):
        x.nothing  # noqa: B018


# Iterators, generators, coroutines, context managers.

MODULE = """
import asyncio
import functools
import math
from decimal import Decimal
from math import hypot

class Base:
    kind = 3
    def __init__(self, x, *, scale=2.0):
        self.x = x * scale
    def area(self):
        return self.x * self.x
    @property
    def half(self):
        return self.x / 2
    @staticmethod
    def plus(a):
        return a + 1
    @classmethod
    def make(cls, a):
        return cls(a)
    def __add__(self, other):
        return Derived(self.x + other.x)

class Derived(Base):
    def __init__(self, x):
        super().__init__(x, scale=1.0)
        self.y = x
    class Inner:
        def __init__(self, v):
            self.v = v

class FromOutside(Decimal):
    def twice(self):
        return self + self

def f(a, b=2, *rest, k=3, **kw):
    return a * b + k + sum(rest) + sum(kw.values())

def factorial(n):
    return n * factorial(n - 1) if n > 1 else n

def steps(n, x):
    for i in range(n):
        yield x * i

def accumulate():
    total = 0
    while True:
        got = yield total
        if got is None:
            return
        total = total + got

def delegate(x):
    yield from steps(3, x)

def careful(x):
    try:
        yield x
    except ValueError:
        yield x * 100
    finally:
        x = x + 1

def outside(x):
    return math.sin(x) + hypot(x, 2)

async def later(x):
    await asyncio.sleep(0)
    return x + 1

async def asteps(x):
    for i in range(3):
        await asyncio.sleep(0)
        yield x * i

async def collect(x):
    total = 0
    async for value in asteps(x):
        total = total + value
    return total + await later(x)

def doubled(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args) * 2
    return inner

@doubled
def decorated(x):
    return x + 5

def sums(x):
    made = accumulate()
    next(made)
    made.send(x)
    return made.send(x * 2)

def throws(x):
    made = careful(x)
    first = next(made)
    second = made.throw(ValueError())
    made.close()
    return first + second

def closure(x):
    def inner(a):
        return a * x
    return inner(x) + (lambda a: a + x)(1)

def mutate(x):
    made = Base(x)
    made.x = made.x + 1
    made.z = x
    del made.z
    return made.x
"""


@pytest.fixture
def module():
    made = types.ModuleType("traced_sample")
    sys.modules[made.__name__] = made
    exec(MODULE, vars(made))
    yield made
    del sys.modules[made.__name__]


CALLS = [
    "m.f(x)", "m.f(x, 4)", "m.f(x, 4, 5, 6)", "m.f(x, k=5)", "m.f(x, other=7)", "m.f(*[x, x])",
    "m.f(**{'a': x})", "m.factorial(4) * x", "sum(m.steps(3, x))", "sum(m.delegate(x))",
    "m.sums(x)", "m.throws(x)", "m.outside(x)", "asyncio.run(m.later(x))",
    "asyncio.run(m.collect(x))", "m.decorated(x)", "m.closure(x)", "m.mutate(x)",
    "m.Base(x).area()", "m.Base(x, scale=3.0).half", "m.Base.plus(x)", "m.Base.make(x).area()",
    "m.Base(x).make(x).x", "(m.Base(x) + m.Derived(x)).area()", "m.Derived(x).y",
    "m.Derived.Inner(x).v * 2", "m.Derived(x).kind * x", "m.Derived(x).plus(x)",
    "[v for v in m.steps(4, x)][2]",
]  # fmt: skip


@pytest.mark.parametrize("source", CALLS)
def test_traced_modules(source, module):
    names = {"m": module, "asyncio": asyncio}
    expected, other = (eval(source, {**names, "x": value}) for value in (3.0, 5.0))
    with clew.trace_modules([module]):
        result = eval(source, {**names, "x": clew.trace(3.0, "x")})
    assert clew.untrace(result) == pytest.approx(expected)
    graph = clew.graph(result)
    assert graph.evaluate(x=5.0) == pytest.approx(other)
    assert graph.evaluate(x=5.0, evaluator=clew.Evaluator) == pytest.approx(other)
    assert eval(source, {**names, "x": 3.0}) == expected


def test_modules_are_restored(module):
    before = dict(vars(module))
    members = {name: dict(vars(getattr(module, name))) for name in ("Base", "Derived")}
    tracing = clew.trace_modules("traced_sample")
    assert module.f is not before["f"]
    tracing.restore()
    assert dict(vars(module)) == before
    assert {n: dict(vars(getattr(module, n))) for n in members} == members
    assert type(module.Base(1.0)) is module.Base


def test_calls_are_nested(module):
    x = clew.trace(3.0, "x")
    with clew.trace_modules([module]):
        graph = clew.graph(module.f(x, x + 1, k=x - 1))
        kinds = {node.kind for node in clew.graph(module.Derived(x).area() + module.outside(x))}
    (call,) = [node for node in graph if node.kind == "call"]
    assert call.name == "f"
    assert [n.name for n in graph if n.kind == "argument"] == ["a", "b", "k"]
    inside = [node for node in graph if node.parent == call]
    assert {node.kind for node in inside} >= {"argument", "binary", "return"}
    assert kinds >= {"new", "dispatch", "setattr", "getattr", "untraced_call", "return"}


def test_recursion_is_as_deep_as_the_program(module):
    n = clew.trace(5, "n")
    with clew.trace_modules([module]):
        y = module.factorial(n)
    assert clew.untrace(y) == 120
    assert clew.graph(y).evaluate() == 120
    with pytest.raises(errors.GuardViolation):
        clew.graph(y).evaluate(n=6)


def test_generators_run_freshly_each_time(module):
    x = clew.trace(3.0, "x")
    with clew.trace_modules([module]):
        made = module.steps(3, x)
        total = next(made) + next(made) + next(made)
        with pytest.raises(StopIteration):
            next(made)
    graph = clew.graph(total)
    assert [graph.evaluate(x=v) for v in (1.0, 2.0, 1.0)] == [3.0, 6.0, 3.0]


# Graphs.


def test_nodes():
    x, z = clew.trace(3.0, "x"), clew.trace(2.0, "z")
    line = sys._getframe().f_lineno + 1
    y = -x * z + math.pi
    graph = clew.graph(y)
    assert [node.kind for node in graph][:2] == ["input", "input"]
    assert [node.op for node in graph if node.op] == ["neg", "mul", "add"]
    assert [node.name for node in graph.inputs] == ["x", "z"]
    (output,) = graph.outputs
    assert output.source == (__file__, line)
    assert output.value == -3.0 * 2.0 + math.pi
    assert [node.op for node in output.inputs] == ["mul", ""]
    assert len(graph) == len(list(graph)) == len(graph.nodes) == 6
    assert graph[output.id] == output == graph.nodes[output.id]
    assert hash(graph[output.id]) == hash(output)
    assert output.parent is None
    with pytest.raises(IndexError):
        graph[6]
    (neg,) = [node for node in graph if node.op == "neg"]
    assert [n.kind for n in graph.upstream(neg)] == ["input", "unary"]
    assert [n.op for n in graph.downstream(neg)] == ["neg", "mul", "add"]


def test_networkx():
    nx = pytest.importorskip("networkx")
    x = clew.trace(3.0, "x")
    y = x * x - 1
    graph = clew.graph(y).to_networkx()
    assert nx.is_directed_acyclic_graph(graph)
    assert sorted(d["kind"] for _, d in graph.nodes(data=True)) == [
        "binary", "binary", "const", "input",
    ]  # fmt: skip
    (mul,) = [n for n, d in graph.nodes(data=True) if d["op"] == "mul"]
    assert sorted(d["position"] for *_, d in graph.in_edges(mul, data=True)) == [0, 1]


JSON = [
    ("x * 2 + z", {"x": 1.5, "z": 2}),
    ("np.sin(x) + math.floor(z)", {"x": 1.5, "z": 2.5}),
    ("[x, {'a': z}, (1, None, ...)]", {"x": float("inf"), "z": b"ab"}),
    ("x[1:2] + [z]", {"x": [1, 2, 3], "z": 1j}),
    ("x if z > 1 else 2", {"x": 1, "z": 2}),
]


@pytest.mark.parametrize(("source", "values"), JSON)
def test_json(source, values):
    traced = {name: clew.trace(value, name) for name, value in values.items()}
    graph = clew.graph(run(source, traced))
    again = clew.ExpressionGraph.from_json(graph.to_json())
    assert again.evaluate() == graph.evaluate() == run(source, values)
    assert clew.ExpressionGraph.from_json(again.to_json()).to_json() == again.to_json()
    assert [(n.kind, n.op, n.name, n.source) for n in again] == [
        (n.kind, n.op, n.name, n.source) for n in graph
    ]
    assert str(again) == str(graph)
    with pytest.raises(ValueError, match="no graph"):
        clew.ExpressionGraph.from_json("[]")


def test_graphs_do_not_change():
    x = clew.trace([1.0], "x")
    y = x[0] * 2
    graph = clew.graph(y)
    before = len(graph)
    y = y + 1
    assert (len(graph), graph.evaluate()) == (before, 2.0)


def texts(rng, depth):
    """A random expression, as Python text with every operation in parentheses."""
    if depth == 0 or rng.random() < 0.2:
        return rng.choice(["x", "z", "w", "2", "3"])
    left, right = texts(rng, depth - 1), texts(rng, depth - 1)
    op = rng.choice(["+", "-", "*", "/", "//", "%", "**", "<", "==", "&", "|", "^", "<<", "u", "i"])
    if op == "u":
        return f"({rng.choice('-+~')}{left})"
    if op == "i":
        return f"([{left}, {right}][{rng.choice('01')}])"
    return f"({left} {op} {right})"


def test_texts_have_pythons_precedence():
    rng, n_compared = random.Random(4), 0
    values = {"x": 3, "z": 2, "w": 1}
    traced = {name: clew.trace(value, name) for name, value in values.items()}
    for _ in range(3000):
        source = texts(rng, 4)
        if source.count("**") > 1 or source.count("<<") > 1:
            continue
        try:
            expected = eval(source, dict(values))
        except (ArithmeticError, TypeError, ValueError):
            continue
        result = eval(source, dict(traced))
        if clew.is_traced(result):
            text = str(result)
            if "\n" not in text:
                n_compared += 1
                assert eval(text, dict(values)) == expected, (source, text)
    assert n_compared > 300


# Random programs.


def programs(rng):
    """A random function of three numbers, as text."""
    lines, names = ["def program(a, b, c):", "    items = [a, b, c]"], ["a", "b", "c"]
    for at in range(rng.randint(3, 12)):
        one, two = rng.choice(names), rng.choice(names)
        new = f"v{at}"
        lines += rng.choice([
            [f"{new} = {one} {rng.choice('+-*')} {two}"],
            [f"{new} = {one} / 4 + abs({two})"],
            [f"{new} = -{one}", f"if {new} > {two}: {new} = {two} * 2"],
            [f"{new} = {one} if {one} < {two} else {two} - 1"],
            [f"{new} = 0", f"for i in range(3): {new} += {one} * i"],
            [f"items.append({one} + {two})", f"{new} = items[-1] * items[0]"],
            [f"table = {{'k': {one}, 'l': [{two}]}}", f"{new} = table['l'][0] - table['k']"],
            [f"{new} = sum([{one}, {two}, 1]) % 7"],
            [f"{new} = max({one}, {two}) + min({two}, 3)"],
            [f"{new} = (lambda p, q=2: p * q)({one}) + {two}"],
            [f"{new}, _ = divmod({one}, 5)"],
        ])  # fmt: skip
        names.append(new)
    body = [line if line.startswith(("def", "    ")) else "    " + line for line in lines]
    return "\n".join([*body, f"    return {names[-1]} + items[-1] + {rng.choice(names)}"])


def decisions(function, values):
    """What a function of numbers asks of them, in order: the truth of each comparison."""
    asked = []

    class Asks(int):
        pass

    def compared(name):
        def compare(left, right):
            asked.append(getattr(int, name)(left, right))
            return asked[-1]

        return compare

    def computed(name):
        def compute(left, *right):
            result = getattr(int, name)(left, *right)
            return Asks(result) if type(result) is int else result

        return compute

    for name in ("__lt__", "__le__", "__gt__", "__ge__"):
        setattr(Asks, name, compared(name))
    for name in ("add", "radd", "sub", "rsub", "mul", "rmul", "neg", "abs", "mod"):
        setattr(Asks, f"__{name}__", computed(f"__{name}__"))
    function(*map(Asks, values))
    return asked


@pytest.mark.parametrize("seed", range(150))
def test_random_programs(seed):
    rng = random.Random(seed)
    source = programs(rng)
    names: dict = {}
    exec(source, names)
    function = names["program"]
    first = [rng.randint(-5, 5) for _ in range(3)]
    result = function(*[clew.trace(v, n) for v, n in zip(first, "abc", strict=True)])
    assert clew.untrace(result) == function(*first), source
    if not clew.is_traced(result):
        return
    graph = clew.graph(result)
    known = {node.name for node in graph.inputs}
    compiled = graph.compile(["a", "b", "c"]) if known == set("abc") else None
    # Quotients are floats, of which `decisions` knows nothing.
    only_numbers, all_inputs = "/" not in source and "divmod" not in source, known == set("abc")
    decided = decisions(function, first)
    for _ in range(6):
        second = [rng.randint(-5, 5) for _ in range(3)]
        expected = function(*second)
        given = {n: v for n, v in zip("abc", second, strict=True) if n in known}
        try:
            found = graph.evaluate(**given)
        except errors.GuardViolation:
            with pytest.raises(errors.GuardViolation):
                graph.evaluate(evaluator=clew.Evaluator, **given)
            if only_numbers:
                assert decisions(function, second) != decided, source
            continue
        assert found == expected, (source, second)
        if only_numbers and all_inputs:
            assert decisions(function, second) == decided, source
        assert graph.evaluate(evaluator=clew.Evaluator, **given) == expected
        if compiled is not None:
            assert compiled(*second) == expected, (source, compiled.source)


def random_module(rng):
    """The text of a random module with a function of three numbers."""
    L = [
        "class Box:",
        "    def __init__(self, v, w=1):",
        "        self.v = v",
        "        self.items = [v, w]",
        "        self.table = {'k': w}",
        "    def bump(self, d):",
        "        self.v = self.v + d",
        "        self.items.append(self.v)",
        "        return self",
        "    @property",
        "    def twice(self): return self.v * 2",
        "    def __add__(self, o): return Box(self.v + o.v, self.items[0])",
        "    def __getitem__(self, i): return self.items[i]",
        "    def __call__(self, a): return self.v - a",
        "    def __iter__(self):",
        "        for i in self.items: yield i",
        "def gen(n, a):",
        "    for i in range(n):",
        "        got = yield a + i",
        "        if got is not None: a = a + got",
        "def helper(a, *r, k=2, **kw): return a * k - sum(r) + sum(kw.values())",
        "def rec(n, a): return a if n == 0 else rec(n - 1, a + n)",
        "def program(a, b, c):",
        "    box = Box(a, b)",
        "    other = Box(c)",
    ]
    names = ["a", "b", "c"]
    for at in range(rng.randint(3, 10)):
        o, t = rng.choice(names), rng.choice(names)
        n = f"v{at}"
        L += [
            "    " + line
            for line in rng.choice(
                [
                    [f"box.bump({o})", f"{n} = box.v"],
                    [f"other.bump({o}).bump({t})", f"{n} = other[-1] + other[0]"],
                    ["box = box + other", f"{n} = box.twice"],
                    [f"{n} = box({o})"],
                    [f"{n} = sum(box) - {o}"],
                    [f"{n} = sum(gen(3, {o}))"],
                    [f"g = gen(4, {o})", f"{n} = next(g)", f"{n} = {n} + g.send({t})", "g.close()"],
                    [f"{n} = helper({o}, {t}, 1, k={t})"],
                    [f"{n} = helper({o}, z={t}, **{{'q': {o}}})"],
                    [f"{n} = rec(3, {o})"],
                    [f"other.table['k'] = {o}", f"{n} = other.table['k'] * {t}"],
                    [f"other.items[0] = {o}", f"{n} = other.items[0] + box.items[0]"],
                    [f"other.extra = {o}", f"{n} = other.extra + getattr(box, 'v')"],
                    [
                        "other.items = box.items",
                        f"other.items.append({o})",
                        f"{n} = box.items[-1] + len(box.items)",
                    ],
                    [f"{n} = [q * {o} for q in box.items][-1]"],
                    ["x, *y = box.items", f"{n} = x - {t}"],
                    [f"box.items.insert(0, {o})", f"{n} = box.items[1]"],
                    [f"{n} = {o} if {o} > {t} else {t} - 1"],
                    [f"f = lambda q, p={o}: q + p", f"{n} = f({t})"],
                    [
                        "try:",
                        f"    {n} = {o} // ({t} - {t})",
                        "except ZeroDivisionError:",
                        f"    {n} = {t} * 3",
                    ],
                    [f"box.v -= {o}", f"{n} = box.v"],
                    ["del other.items[0:1]", f"other.items.append({o})", f"{n} = other.items[0]"],
                ]
            )
        ]
        names.append(n)
    L.append(f"    return {names[-1]} + {rng.choice(names)} + box.v * other.v + other.items[-1]")
    return "\n".join(L)


def loaded(seed, source, name):
    made = types.ModuleType(name)
    sys.modules[name] = made
    exec(compile(source, f"<module {seed}>", "exec"), vars(made))
    return made


@pytest.mark.parametrize("seed", range(120))
def test_random_modules(seed):
    rng = random.Random(seed)
    module = loaded(seed, random_module(rng), "random_module")
    first = [rng.randint(-5, 5) for _ in range(3)]
    expected = module.program(*first)
    with clew.trace_modules([module]):
        result = module.program(*[clew.trace(v, n) for v, n in zip(first, "abc", strict=True)])
    assert clew.untrace(result) == expected
    if not clew.is_traced(result):
        return
    graph = clew.graph(result)
    compiled = graph.compile()
    known = {node.name for node in graph.inputs}
    for _ in range(4):
        second = [rng.randint(-5, 5) for _ in range(3)]
        expected = module.program(*second)
        given = {n: v for n, v in zip("abc", second, strict=True) if n in known}
        try:
            found = graph.evaluate(**given)
        except errors.GuardViolation:
            continue
        assert found == expected
        assert graph.evaluate(evaluator=clew.Evaluator, **given) == expected
        assert compiled(**given) == expected


@pytest.mark.parametrize("seed", range(80))
def test_derivatives_of_random_modules(seed):
    rng = random.Random(seed)
    source = random_module(rng).replace("//", "/").replace("len(box.items)", "2")
    module = loaded(seed, source, "random_module")
    values = [rng.uniform(-2, 2) for _ in range(3)]
    with clew.trace_modules([module]):
        result = module.program(*[clew.trace(v, n) for v, n in zip(values, "abc", strict=True)])
    if not clew.is_traced(result):
        return
    backward = clew.graph(result).reverse()
    found = backward.evaluate()
    found = found if len(backward.messages) > 1 else (found,)
    for name, one in zip(backward.messages, found, strict=True):
        sides = []
        for step in (1e-5, -1e-5):
            moved = list(values)
            moved["abc".index(name)] += step
            sides.append(module.program(*moved))
        assert one == pytest.approx((sides[0] - sides[1]) / 2e-5, rel=1e-3, abs=1e-3)


def test_interpreters_see_calls(module):
    seen = []
    x = clew.trace(3.0, "x")
    with clew.trace_modules([module]), clew.interpreter(lambda o: seen.append(o.kind)):
        result = sum(module.steps(3, module.Base(module.f(x)).area()))
    kinds = {node.kind for node in clew.graph(result)} - {"input", "const", "convert"}
    assert kinds <= set(seen)


def test_functions_of_numpy_have_names():
    assert str(np.sort(clew.trace(ARRAY, "x"))) == "sort(x)"


# Libraries.

ARRAY = np.arange(6.0).reshape(2, 3)
NUMPY = [
    "np.sin(x)", "np.add(x, 1)", "x + np.ones(3)", "np.ones(3) * x", "np.sum(x, axis=0)", "x.T @ x",
    "x.mean(axis=1)", "np.concatenate([x, x])", "np.where(x > 2, x, 0)", "x[0]", "x[:, 1]",
    "x[x > 1]", "x[..., None]", "np.add.reduce(x)", "np.linalg.norm(x)", "np.dot(x, x.T)",
    "x.reshape(3, 2)", "np.sort(x, axis=0)", "np.stack([x, x])", "x.sum() / x.size", "x ** 2",
    "np.maximum(x, 2)", "x.astype(int)", "np.clip(x, 1, 2)", "np.einsum('ij,ij->i', x, x)",
    "np.mean(x) > 1", "np.float64(2) * x", "x.shape[0] * x", "sum(row[0] for row in x)",
    "x.max(axis=0)", "np.cumsum(x)", "np.array_equal(x, x)", "np.transpose(x)",
]  # fmt: skip


@pytest.mark.parametrize("source", NUMPY)
def test_numpy(source):
    check(source, {"x": ARRAY.copy()}, {"x": ARRAY + 1.5} if ">" not in source else None)


ARRAY_CHANGES = [
    "x += 1\ny = x.sum()", "x[0] = 5.0\ny = x * 2", "x[:, 1] *= 3\ny = x", "x.sort()\ny = x[0]",
    "np.add(x, 1, out=x)\ny = x + 1", "x[0, 0] = x[1, 1]\ny = x.mean()", "x.fill(2)\ny = x + 0",
]  # fmt: skip


@pytest.mark.parametrize("source", ARRAY_CHANGES)
def test_arrays_that_change(source):
    check(source, {"x": ARRAY.copy()}, {"x": ARRAY[::-1] + 1.5})


def test_pandas():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    other = frame * 10
    table = clew.trace(frame.copy(), "table")
    for operation in (
        lambda t: (t["a"] * t["b"] + 1).sum(),
        lambda t: (t.a - t.b).abs().max(),
        lambda t: t[t["a"] > 1]["b"].mean(),
        lambda t: t.assign(c=t.a + t.b)["c"].iloc[1],
        lambda t: t.groupby("a")["b"].sum().iloc[0],
        lambda t: (2 * t["a"]).tolist(),
    ):
        result = operation(table)
        assert clew.untrace(result) == operation(frame)
        assert clew.graph(result).evaluate(table=other.copy()) == operation(other)


# Interpreters.


def test_interpreters_see_operations():
    seen = []
    x = clew.trace(3.0, "x")
    with clew.interpreter(lambda operation: seen.append((operation.kind, operation.op))):
        y = -x * 2 + abs(x)
    z = y + 1
    assert seen == [("unary", "neg"), ("binary", "mul"), ("unary", "abs"), ("binary", "add")]
    assert clew.untrace(z) == -2.0


def test_interpreters_attach_and_refuse():
    def units(operation):
        if operation.op == "add":
            left, right = (clew.meta(i).get("unit") for i in operation.inputs)
            if left != right:
                raise TypeError(f"{left} and {right}")
            clew.meta(operation.result)["unit"] = left

    x, t = clew.trace(3.0, "x"), clew.trace(2.0, "t")
    clew.meta(x)["unit"], clew.meta(t)["unit"] = "m", "s"
    with clew.interpreter(units):
        y = x + x
        line = sys._getframe().f_lineno + 2
        with pytest.raises(TypeError, match="m and s") as caught:
            y + t
    assert caught.tb.tb_lineno == line
    assert clew.meta(y) == {"unit": "m"}
    assert clew.graph(y).outputs[0].meta == {"unit": "m"}


def test_interpreters_replace_and_nest():
    log = []

    def saturate(operation):
        log.append("inner")
        return min(clew.untrace(operation.result), 10.0) if operation.op == "mul" else None

    def outer(operation):
        log.append("outer")

    x = clew.trace(3.0, "x")
    with clew.interpreter(outer), clew.interpreter(saturate):
        assert clew.untrace(x * 5) == 10.0
        assert clew.untrace(x + 5) == 8.0
    assert log == ["inner", "inner"]

    def does_more(operation):
        return -operation.result if operation.op == "mul" else None

    log.clear()
    with clew.interpreter(outer), clew.interpreter(does_more):
        y = x * 2
    assert clew.untrace(y) == -6.0
    assert log == ["outer"]
    x * 2
    assert log == ["outer"]


# Threads and memory.


def test_threads_trace_at_once():
    x = clew.trace(1.0, "x")
    results, failures = {}, []

    def work(at):
        try:
            y = x
            for i in range(2000):
                y = y + i * at
            results[at] = y
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(at,)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for at, y in results.items():
        assert clew.graph(y).evaluate(x=2.0) == 2.0 + at * sum(range(2000))
    total = sum(results.values())
    assert clew.untrace(total) == 6.0 + sum(range(6)) * sum(range(2000))


def test_nodes_that_nobody_holds_are_freed():
    gc.collect()
    before = clew._clew.forget_unused()
    x = clew.trace(1.0, "x")
    y = x
    for _ in range(10_000):
        y = y + 1.0
    assert clew._clew.forget_unused() >= before + 10_000
    del x, y
    gc.collect()
    assert clew._clew.forget_unused() <= before + 2


def test_values_that_nobody_holds_are_freed():
    import weakref

    class Value:
        def __add__(self, other):
            return self

    value = Value()
    alive = weakref.ref(value)
    traced = clew.trace(value, "value")
    graph = clew.graph(traced + 1)
    del value, traced
    clew._clew.forget_unused()
    assert alive() is not None
    del graph
    gc.collect()
    clew._clew.forget_unused()
    assert alive() is None


def test_a_million_operations():
    x = clew.trace(1.0, "x")
    y = x
    for _ in range(1_000_000):
        y = y + x
    graph = clew.graph(y)
    assert len(graph) == 1_000_001
    assert graph.evaluate(x=2.0) == 2_000_002.0
    assert len(graph.upstream(graph.outputs[0])) == 1_000_001
    assert len(graph.downstream(graph.inputs[0])) == 1_000_001
    assert len(str(y)) < 10_000
    assert graph.compile(["x"])(3.0) == 3_000_003.0
