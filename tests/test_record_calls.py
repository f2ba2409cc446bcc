"""`record_calls`: every operation as a call; and `effects_of`, what the calls did to nodes."""

from __future__ import annotations

import ast
import builtins
import contextlib
import linecache
import operator
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import clew
from clew import errors, ops


class Matrix:
    def __matmul__(self, other):
        return "product"

    def __imatmul__(self, other):
        return self


MATRIX = Matrix()
SILENT = contextlib.suppress(ValueError)


def keywords(a, b, c=0, d=0):
    return [a, b, c, d]


# Source, globals, and the calls: function, arguments, result.
OPERATIONS: list[tuple[str, dict, list[tuple]]] = [
    ("+x", {"x": -1}, [(operator.pos, (-1,), -1)]),
    ("-x", {"x": -1}, [(operator.neg, (-1,), 1)]),
    ("not x", {"x": 0}, [(operator.not_, (0,), True)]),
    ("~x", {"x": 1}, [(operator.invert, (1,), -2)]),
    ("x + y", {"x": 5, "y": 2}, [(operator.add, (5, 2), 7)]),
    ("x - y", {"x": 5, "y": 2}, [(operator.sub, (5, 2), 3)]),
    ("x * y", {"x": 5, "y": 2}, [(operator.mul, (5, 2), 10)]),
    ("x @ y", {"x": MATRIX, "y": 2}, [(operator.matmul, (MATRIX, 2), "product")]),
    ("x / y", {"x": 5, "y": 2}, [(operator.truediv, (5, 2), 2.5)]),
    ("x // y", {"x": 5, "y": 2}, [(operator.floordiv, (5, 2), 2)]),
    ("x % y", {"x": 5, "y": 2}, [(operator.mod, (5, 2), 1)]),
    ("x ** y", {"x": 5, "y": 2}, [(operator.pow, (5, 2), 25)]),
    ("x << y", {"x": 5, "y": 2}, [(operator.lshift, (5, 2), 20)]),
    ("x >> y", {"x": 5, "y": 2}, [(operator.rshift, (5, 2), 1)]),
    ("x & y", {"x": 5, "y": 3}, [(operator.and_, (5, 3), 1)]),
    ("x | y", {"x": 5, "y": 2}, [(operator.or_, (5, 2), 7)]),
    ("x ^ y", {"x": 5, "y": 1}, [(operator.xor, (5, 1), 4)]),
    ("x += y", {"x": 5, "y": 2}, [(operator.iadd, (5, 2), 7)]),
    ("x -= y", {"x": 5, "y": 2}, [(operator.isub, (5, 2), 3)]),
    ("x *= y", {"x": 5, "y": 2}, [(operator.imul, (5, 2), 10)]),
    ("x @= y", {"x": MATRIX, "y": 2}, [(operator.imatmul, (MATRIX, 2), MATRIX)]),
    ("x /= y", {"x": 5, "y": 2}, [(operator.itruediv, (5, 2), 2.5)]),
    ("x //= y", {"x": 5, "y": 2}, [(operator.ifloordiv, (5, 2), 2)]),
    ("x %= y", {"x": 5, "y": 2}, [(operator.imod, (5, 2), 1)]),
    ("x **= y", {"x": 5, "y": 2}, [(operator.ipow, (5, 2), 25)]),
    ("x <<= y", {"x": 5, "y": 2}, [(operator.ilshift, (5, 2), 20)]),
    ("x >>= y", {"x": 5, "y": 2}, [(operator.irshift, (5, 2), 1)]),
    ("x &= y", {"x": 5, "y": 3}, [(operator.iand, (5, 3), 1)]),
    ("x |= y", {"x": 5, "y": 2}, [(operator.ior, (5, 2), 7)]),
    ("x ^= y", {"x": 5, "y": 1}, [(operator.ixor, (5, 1), 4)]),
    ("x == y", {"x": 5, "y": 2}, [(operator.eq, (5, 2), False)]),
    ("x != y", {"x": 5, "y": 2}, [(operator.ne, (5, 2), True)]),
    ("x < y", {"x": 5, "y": 2}, [(operator.lt, (5, 2), False)]),
    ("x <= y", {"x": 5, "y": 2}, [(operator.le, (5, 2), False)]),
    ("x > y", {"x": 5, "y": 2}, [(operator.gt, (5, 2), True)]),
    ("x >= y", {"x": 5, "y": 2}, [(operator.ge, (5, 2), True)]),
    ("x is y", {"x": 5, "y": None}, [(operator.is_, (5, None), False)]),
    ("x is not y", {"x": 5, "y": None}, [(operator.is_not, (5, None), True)]),
    ("x in y", {"x": 5, "y": [1]}, [(operator.contains, ([1], 5), False)]),
    (
        "x not in y",
        {"x": 5, "y": [1]},
        [(operator.contains, ([1], 5), False), (operator.not_, (False,), True)],
    ),
    (
        "1 < x < y < 9",
        {"x": 5, "y": 2},
        [(operator.lt, (1, 5), True), (operator.lt, (5, 2), False)],
    ),
    ("x[y]", {"x": [1], "y": 0}, [(operator.getitem, ([1], 0), 1)]),
    ("x[y] = z", {"x": {}, "y": 1, "z": 2}, [(operator.setitem, ({1: 2}, 1, 2), None)]),
    ("del x[y]", {"x": {1: 2}, "y": 1}, [(operator.delitem, ({}, 1), None)]),
    (
        "x[y] += 2",
        {"x": [1], "y": 0},
        [
            (operator.getitem, ([3], 0), 1),
            (operator.iadd, (1, 2), 3),
            (operator.setitem, ([3], 0, 3), None),
        ],
    ),
    (
        "x[0:2]",
        {"x": [1, 2]},
        [(slice, (0, 2), slice(0, 2)), (operator.getitem, ([1, 2], slice(0, 2)), [1, 2])],
    ),
    ("x.real", {"x": 5}, [(getattr, (5, "real"), 5)]),
    (
        "x.y = z",
        {"x": SimpleNamespace(), "z": 1},
        [(setattr, (SimpleNamespace(y=1), "y", 1), None)],
    ),
    ("del x.y", {"x": SimpleNamespace(y=1)}, [(delattr, (SimpleNamespace(), "y"), None)]),
    (
        "x.y *= 3",
        {"x": SimpleNamespace(y=2)},
        [
            (getattr, (SimpleNamespace(y=6), "y"), 2),
            (operator.imul, (2, 3), 6),
            (setattr, (SimpleNamespace(y=6), "y", 6), None),
        ],
    ),
    ("[x, y]", {"x": 1, "y": 2}, [(ops.build_list, (1, 2), [1, 2])]),
    ("(x, y)", {"x": 1, "y": 2}, [(ops.build_tuple, (1, 2), (1, 2))]),
    ("{x, y}", {"x": 1, "y": 2}, [(ops.build_set, (1, 2), {1, 2})]),
    ("{x: y, y: 3}", {"x": 1, "y": 2}, [(ops.build_dict, ((1, 2), (2, 3)), {1: 2, 2: 3})]),
    (
        "[y, *x, 3]",
        {"x": [2], "y": 1},
        [
            (ops.build_list, (1,), [1, 2, 3]),
            (ops.list_extend, ([1, 2, 3], [2]), [1, 2, 3]),
            (ops.list_append, ([1, 2, 3], 3), [1, 2, 3]),
        ],
    ),
    (
        "(*x, y)",
        {"x": [2], "y": 1},
        [
            (ops.build_list, (), [2, 1]),
            (ops.list_extend, ([2, 1], [2]), [2, 1]),
            (ops.list_append, ([2, 1], 1), [2, 1]),
            (tuple, ([2, 1],), (2, 1)),
        ],
    ),
    (
        "{*x, y}",
        {"x": [2], "y": 1},
        [
            (ops.build_set, (), {1, 2}),
            (ops.set_update, ({1, 2}, [2]), {1, 2}),
            (ops.set_add, ({1, 2}, 1), {1, 2}),
        ],
    ),
    (
        "{**x, 3: 4}",
        {"x": {1: 2}},
        [
            (ops.build_dict, (), {1: 2, 3: 4}),
            (ops.dict_update, ({1: 2, 3: 4}, {1: 2}), {1: 2, 3: 4}),
            (ops.dict_set, ({1: 2, 3: 4}, 3, 4), {1: 2, 3: 4}),
        ],
    ),
    ("a, b = x", {"x": (1, 2)}, [(ops.unpack_sequence, ((1, 2), 2), (1, 2))]),
    (
        "a, *b, c = x",
        {"x": range(4)},
        [(ops.unpack_ex, (range(4), 1, 1), (0, [1, 2], 3))],
    ),
    (
        "(a, b), c = x",
        {"x": ("pq", 2)},
        [
            (ops.unpack_sequence, (("pq", 2), 2), ("pq", 2)),
            (ops.unpack_sequence, ("pq", 2), ("p", "q")),
        ],
    ),
    ("f'{x}'", {"x": 1}, [(format, (1,), "1")]),
    ("f'{x!r:>4}'", {"x": "a"}, [(repr, ("a",), "'a'"), (format, ("'a'", ">4"), " 'a'")]),
    (
        "f'{x}-{y:{x}}'",
        {"x": 2, "y": 3},
        [
            (format, (2,), "2"),
            (format, (2,), "2"),
            (format, (3, "2"), " 3"),
            (ops.build_string, ("2", "-", " 3"), "2- 3"),
        ],
    ),
    (
        "f(1, *x, c=3, **y)",
        {"f": keywords, "x": [2], "y": {"d": 4}},
        [(keywords, (1, 2), [1, 2, 3, 4])],
    ),
    ("x.append(3)", {"x": []}, [("append", (3,), None)]),
    ("x.y(3)", {"x": SimpleNamespace(y=abs)}, [(abs, (3,), 3)]),
    ("len(x)", {"x": "ab"}, [(len, ("ab",), 2)]),
    ("x = yes if x else no()", {"x": 1, "yes": 2}, []),
    ("del x", {"x": 1}, [(ops.delete_name, ("x",), None)]),
    ("assert x", {"x": 1}, [(ops.assert_true, (1,), None)]),
    ("import os.path as p", {}, [(builtins.__import__, ("os.path",), __import__("os"))]),
]


def same_function(found, expected) -> bool:
    if isinstance(expected, str):
        return found.__name__ == expected
    return found is expected


class TestOperations:
    @pytest.mark.parametrize(
        ("source", "names", "expected"), OPERATIONS, ids=[row[0] for row in OPERATIONS]
    )
    def test_syntax_is_the_function_that_it_means(self, source, names, expected):
        calls = clew.record_calls(source, dict(names))
        assert calls.error is None
        assert len(calls) == len(expected), list(calls)
        for call, (function, arguments, result) in zip(calls, expected, strict=True):
            assert same_function(call.fn, function)
            assert call.args == arguments
            assert call.res == result

    def test_keywords(self):
        (call,) = clew.record_calls("f(1, b=2)", {"f": keywords})
        assert (call.args, call.kwargs) == ((1,), {"b": 2})

    def test_loop(self):
        xs = [1, 2]
        begin, *steps = clew.record_calls("for x in xs: pass", {"xs": xs})
        assert begin.fn is iter
        assert begin.args[0] is xs
        assert [(step.fn, step.res) for step in steps] == [(next, 1), (next, 2)]
        assert all(step.args[0] is begin.res for step in steps)

    def test_loop_that_takes_apart(self):
        names: dict = {"pairs": {1: "a"}}
        calls = clew.record_calls("for k, v in pairs.items(): pass", names)
        assert (names["k"], names["v"]) == (1, "a")
        assert ops.unpack_sequence in [call.fn for call in calls]

    @pytest.mark.parametrize(
        ("source", "last", "result"),
        [
            ("[x + 1 for x in xs if x > 1]", ops.build_list, [3]),
            ("{x for x in xs}", ops.build_set, {1, 2}),
            ("{x: y for x in xs for y in xs}", ops.build_dict, {1: 2, 2: 2}),
        ],
    )
    def test_comprehension(self, source, last, result):
        calls = clew.record_calls(source, {"xs": [1, 2]})
        assert calls[0].fn is iter
        assert (calls[-1].fn, calls[-1].res) == (last, result)

    def test_generator_expression(self):
        calls = clew.record_calls("total = sum(x * x for x in xs)", {"xs": [1, 2]})
        assert [call.fn for call in calls] == [iter, next, operator.mul, next, operator.mul, sum]
        assert calls[1].parent == 5

    def test_with(self, tmp_path):
        path = tmp_path / "file"
        path.write_text("text")
        names: dict = {"file": open(path)}  # noqa: SIM115
        enter, read, leave = clew.record_calls("with file as f: f.read()", names)
        assert enter.fn == names["file"].__enter__
        assert enter.res is names["f"]
        assert read.res == "text"
        assert (leave.fn, leave.args) == (names["file"].__exit__, (None, None, None))

    def test_with_that_silences(self):
        calls = clew.record_calls("with m: raise ValueError(1)", {"m": SILENT})
        assert [call.fn.__name__ for call in calls] == [
            "__enter__", "ValueError", "raise_exception", "__exit__",
        ]  # fmt: skip
        assert calls.error is None
        assert calls[2].error is calls[1].res
        assert calls[3].args[1] is calls[1].res
        assert calls[3].res is True

    def test_class_and_decorator(self):
        source = (
            "def twice(f): return f\n"
            "@twice\nclass A(list, metaclass=type):\n    __secret = 1\n"
            "    def m(self): return super().__len__() + self.__secret\n"
            "n = A([1, 2]).m()"
        )
        names: dict = {}
        calls = clew.record_calls(source, names)
        assert calls.error is None
        assert names["n"] == 3
        made, decorated = calls[0], calls[1]
        assert (made.fn, made.args[:2], made.res) == (type, ("A", (list,)), names["A"])
        assert (decorated.fn, decorated.args) == (names["twice"], (names["A"],))
        assert (getattr, "_A__secret") in [
            (call.fn, call.args[-1:][0]) for call in calls if call.args
        ]

    def test_generators(self):
        source = "def g():\n    x = yield 1\n    yield from [x]\nit = g()\nnext(it); y = it.send(5)"
        names: dict = {}
        calls = clew.record_calls(source, names)
        assert names["y"] == 5
        marks = [call for call in calls if call.fn.__module__ == "clew.ops"]
        assert marks == [
            (ops.yield_value, (1,), {}, 5),
            (ops.build_list, (5,), {}, [5]),
            (ops.yield_from, ([5],), {}, None),
        ]

    def test_what_is_sent_to_generators(self):
        source = """
def inner():
    got = yield "first"
    return [got, (yield (yield "second"))]
def outer():
    yield (yield from inner())
a, b = outer(), outer()
next(a), next(b)
a.send("a1"), b.send("b1")
b.send("b2"), a.send("a2")
last = a.send("a3")
try:
    b.throw(KeyError("b3"))
except KeyError:
    pass
"""
        names: dict = {}
        calls = clew.record_calls(source, names)
        assert calls.error is None
        assert names["last"] == ["a1", "a3"]
        yields = [(call.args[0], call.res) for call in calls if call.fn is ops.yield_value]
        assert yields == [
            ("first", "a1"),
            ("first", "b1"),
            ("second", "a2"),
            ("second", "b2"),
            ("b2", None),
            ("a2", "a3"),
            (["a1", "a3"], None),
        ]
        delegations = [call.res for call in calls if call.fn is ops.yield_from]
        assert delegations == [["a1", "a3"], None]

    def test_yields_as_operands(self):
        source = "def g():\n    return (yield 1) + (yield 2) * (yield)\nit = g()\nnext(it)\n"
        source += (
            "for x in (3, 4): it.send(x)\ntry: it.send(5)\nexcept StopIteration as e: r = e.value"
        )
        names: dict = {}
        calls = clew.record_calls(source, names)
        assert names["r"] == 23
        assert [call.res for call in calls if call.fn is ops.yield_value] == [3, 4, 5]

    def test_what_comes_of_await(self):
        source = "import asyncio\nasync def f(): return 7\nasync def g(): return await f()\n"
        calls = clew.record_calls(source + "asyncio.run(g())")
        assert [call.res for call in calls if call.fn is ops.await_value] == [7]

    def test_async(self):
        source = """
import asyncio
class Manager:
    async def __aenter__(self): return (1, 2)
    async def __aexit__(self, *error): return False
async def numbers():
    for i in range(2):
        yield i
async def main():
    async with Manager() as (a, b):
        found = [i async for i in numbers()]
        async for i in numbers():
            found.append(await asyncio.sleep(0, a + i))
        return found
found = asyncio.run(main())
"""
        names: dict = {}
        calls = clew.record_calls(source, names)
        assert calls.error is None
        assert names["found"] == [0, 1, 1, 2]
        functions = [getattr(call.fn, "__name__", "") for call in calls]
        assert functions.count("anext") == 4
        assert functions.count("aiter") == 2
        assert [call.res for call in calls if call.fn is ops.await_value] == [1, 2]
        assert {"__aenter__", "__aexit__"} <= set(functions)

    def test_match(self):
        source = "match x:\n    case [1, *rest]: y = rest\n    case _: y = None"
        calls = clew.record_calls(source, {"x": [1, 2]})
        assert calls[0][:2] == (ops.match_pattern, ("[1, *rest]", [2]))

    def test_several_targets(self):
        names: dict = {"f": lambda: iter([1, 2])}
        clew.record_calls("x = (a, b) = y = f()", names)
        assert (names["a"], names["b"]) == (1, 2)
        assert names["x"] is names["y"]

    def test_order_of_evaluation(self):
        source = "x.total += x.grow()"
        x = SimpleNamespace(total=1)
        x.grow = lambda: setattr(x, "total", 100) or 5
        clew.record_calls(source, {"x": x})
        assert x.total == 6

    def test_deep_recursion_is_an_error_of_the_program(self):
        source = "def f(n): return f(n + 1)\nf(0)"
        assert isinstance(clew.record_calls(source, {}).error, RecursionError)


class TestRecord:
    def test_an_exception_does_not_come_out(self):
        calls = clew.record_calls("x = [1]\nx[0] / 0\nx = 3", {})
        assert isinstance(calls.error, ZeroDivisionError)
        assert (calls[-1].fn, calls[-1].args, calls[-1].res) == (operator.truediv, (1, 0), None)
        assert calls[-1].error is calls.error
        assert calls[-1].site == ("<string>", 2, 0)

    def test_parents_threads_and_times(self):
        source = (
            "import threading\ndef f(x): return abs(x)\ny = f(-1)\n"
            "t = threading.Thread(target=f, args=(-2,)); t.start(); t.join()"
        )
        calls = clew.record_calls(source, {})
        inner, other = [i for i, call in enumerate(calls) if call.fn is abs]
        outer = next(i for i, call in enumerate(calls) if call.res == 1 and call.fn is not abs)
        assert calls[inner].parent == outer
        assert calls[other].parent is None
        assert calls[other].thread != calls[inner].thread
        assert calls[outer].start_ns <= calls[inner].start_ns <= calls[inner].end_ns
        assert calls[inner].end_ns <= calls[outer].end_ns

    def test_only_what_the_code_does(self):
        calls = clew.record_calls(
            "xs = sorted(data, key=key)", {"data": [2, 1], "key": lambda x: -x}
        )
        assert [call.fn for call in calls] == [sorted]

    def test_tree(self):
        tree = ast.Module([ast.Expr(ast.UnaryOp(ast.USub(), ast.Name("x", ast.Load())))], [])
        assert [call.res for call in clew.record_calls(tree, {"x": 1})] == [-1]
        tree = ast.parse("-x")
        assert [call.res for call in clew.record_calls(tree, {"x": 1})] == [-1]
        assert ast.unparse(tree) == "-x"

    def test_function(self):
        n = 3

        def function():
            return n + 1

        calls = clew.record_calls(function)
        assert [(call.fn, call.args) for call in calls] == [(operator.add, (3, 1))]
        assert clew.record_calls(Counter(4).step)[0].fn is getattr

    def test_code(self):
        text = "y = -x\n"
        linecache.cache["<recorded>"] = (len(text), None, [text], "<recorded>")
        code = compile(text, "<recorded>", "exec")
        assert [call.fn for call in clew.record_calls(code, {"x": 1})] == [operator.neg]

    def test_code_without_source(self):
        def f(x):
            return len(x)

        code = compile("y = f([1])", "<nowhere>", "exec")
        calls = clew.record_calls(code, {"f": f})
        assert [(call.fn, call.args, call.res) for call in calls] == [(f, ([1],), 1)]
        assert "source" in calls.notes[0]
        assert sys.getprofile() is None

    def test_trace_function_stays(self):
        former = sys.gettrace()

        def trace(*_):
            return None

        sys.settrace(trace)
        try:
            clew.record_calls("x = -1 + 2", {})
            assert sys.gettrace() is trace
        finally:
            sys.settrace(former)

    def test_what_is_no_code(self):
        with pytest.raises(errors.UsageError, match="int"):
            clew.record_calls(3)  # type: ignore[arg-type]
        with pytest.raises(SyntaxError):
            clew.record_calls("x = (", {})

    def test_functions_go_on_afterwards(self):
        names: dict = {}
        calls = clew.record_calls("def f(xs): return [x + 1 for x in xs]", names)
        before = len(calls)
        assert names["f"]([1]) == [2]
        assert len(calls) == before

    def test_versions_do_not_hang_on_the_clock(self):
        source = "xs = []\nfor i in range(3000):\n    xs.append(i)\n    n = len(xs)\n"
        calls = clew.record_calls(source)
        lengths = [i for i, call in enumerate(calls) if call.fn is len]
        assert [calls.versions(i) for i in lengths] == [(n + 1,) for n in range(3000)]

    def test_versions_inside_a_call(self):
        source = "xs = []\ndef f(ys):\n    ys.append(1)\n    return len(ys)\nf(xs)\nf(xs)\n"
        names: dict = {}
        calls = clew.record_calls(source, names)
        asked = [i for i, call in enumerate(calls) if call.fn in (len, names["f"])]
        assert [calls.versions(i) for i in asked] == [(1,), (0,), (2,), (1,)]

    def test_versions(self):
        calls = clew.record_calls("xs.append(1)\nlen(xs)\nxs.append(2)\nlen(xs)", {"xs": []})
        assert [calls.versions(i) for i, call in enumerate(calls) if call.fn is len] == [(1,), (2,)]

    def test_sequence(self):
        calls = clew.record_calls("-x\n+x", {"x": 1})
        assert calls == [(operator.neg, (1,), {}, -1), (operator.pos, (1,), {}, 1)]
        assert calls[-1] == calls[1]
        assert [call.res for call in calls[:1]] == [-1]
        with pytest.raises(IndexError):
            calls[2]


class Counter:
    def __init__(self, n):
        self.n = n

    def step(self):
        return self.n + 1


def effects(source: str, names: dict, inputs: dict) -> list:
    calls = clew.record_calls(source, names)
    assert calls.error is None
    found = clew.effects_of(calls, inputs, names)
    assert isinstance(found.pop(), clew.AccessedGlobals)
    return found


class TestEffects:
    def test_iteration_gives_views(self):
        xs = [[1]]
        view = clew.View(("xs", clew.Variable("x")))
        assert effects("for x in xs: pass", {"xs": xs}, {"xs": xs}) == [view]
        view = clew.View(("xs", clew.Variable("y")))
        assert effects("y = [x for x in xs]", {"xs": xs}, {"xs": xs}) == [view]

    def test_unpacking_and_names(self):
        z: list = [[], ()]
        view = clew.View(("z", clew.Variable("x")))
        assert effects("x, y = z", {"z": z}, {"z": z}) == [view]
        assert effects("x = z", {"z": z}, {"z": z}) == [view]

    def test_changes(self):
        inner: list = []
        outer, other = [inner], [1]
        names = {"outer": outer, "inner": inner, "other": other}
        assert effects("inner.append(1)", dict(names), names) == [
            clew.Mutated("outer"), clew.Mutated("inner"), clew.View(("outer", "inner")),
        ]  # fmt: skip
        assert effects("other[0] += 1", dict(names), {"o": other}) == [clew.Mutated("o")]
        assert effects("x = len(other)", dict(names), {"o": other}) == []

    def test_change_inside_a_function(self):
        xs: list = []
        assert effects("def f(y): y.append(1)\nf(xs)", {"xs": xs}, {1: xs}) == [clew.Mutated(1)]

    def test_arrays_share_memory(self):
        a = np.arange(4.0)
        assert effects("v = a[1:]; v[0] = 9", {"a": a}, {"a": a}) == [
            clew.Mutated("a"), clew.View(("a", clew.Variable("v"))),
        ]  # fmt: skip

    def test_frames(self):
        frame = pd.DataFrame({"a": [2, 1]})
        names = {"df": frame}
        assert effects("d = df.sort_values('a', inplace=True)", dict(names), names) == [
            clew.Mutated("df")
        ]
        assert effects("d = df.sort_values('a')", dict(names), names) == []

    def test_files(self, tmp_path):
        path = str(tmp_path / "file")
        state = clew.ExternalState("file", str(Path(path).resolve()))
        found = effects("with open(path, 'w') as f: f.write('x')", {"path": path}, {})
        view = clew.View((clew.Variable("f"), state))
        assert found == [clew.ImplicitDependency(state), clew.Mutated(state), view]
        found = effects("with open(path) as f: x = f.read()", {"path": path}, {})
        assert found == [clew.ImplicitDependency(state), view]

    def test_random_and_environment(self):
        random = clew.ExternalState("random", "random")
        assert effects("import random; x = random.random()", {}, {}) == [
            clew.ImplicitDependency(random), clew.Mutated(random),
        ]  # fmt: skip
        home = clew.ExternalState("environment", "HOME")
        assert effects("import os; x = os.environ.get('HOME')", {}, {}) == [
            clew.ImplicitDependency(home)
        ]

    def test_globals(self):
        names = {"x": 1, "y": 2, "z": 3}
        calls = clew.record_calls("a = x + 1\ny = 5\nif False: z\ndef f(): return z\n", names)
        (found,) = clew.effects_of(calls, {}, names)
        assert found == clew.AccessedGlobals(("x",), ("y", "a", "f"))

    def test_plain_list_of_calls(self):
        xs: list = []
        calls = [clew.FunctionCall(xs.append, (1,), {}, None)]
        assert clew.effects_of(calls, {"xs": xs}, {}) == [clew.Mutated("xs")]

    def test_hostile_objects(self):
        class Hostile:
            __hash__ = None  # type: ignore[assignment]

            def __eq__(self, other):
                raise ValueError

            def __getattr__(self, name):
                raise RecursionError

        names = {"h": Hostile()}
        found = effects("x = [h]; y = x[0]", names, {"h": names["h"]})
        assert found == [clew.View(("h", clew.Variable("x"), clew.Variable("y")))]
