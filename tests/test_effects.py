"""Effects: annotation files, what callees resolve to, one call, observation."""

from __future__ import annotations

import array
import collections
import csv
import datetime
import decimal
import functools
import gzip
import heapq
import importlib
import io
import itertools
import json
import logging
import math
import operator
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import time
import uuid
import warnings
import zipfile

import pytest

from clew.effects import (
    applying,
    compiling,
    concluding,
    containers,
    figures,
    flags,
    index,
    observing,
    owners,
    planning,
    resolver,
    schema,
    states,
    streams,
)
from clew.effects.flags import (
    ALIAS,
    CLOCK,
    CONSUMES_ARGUMENTS,
    ENVIRONMENT,
    FIGURE,
    KEYED,
    MODULE_STATE,
    NATIVE,
    NONDETERMINISTIC,
    OBSERVE,
    OUTPUT,
    RANDOM,
    READS_ARGUMENTS,
    READS_RECEIVER,
    SEED,
    STREAM,
    WRITES_ARGUMENT,
    WRITES_RECEIVER,
)

SHIPPED = compiling.shipped_files()

# -- annotation files ---------------------------------------------------------------------------

GOOD = """
- module: here
  annotations:
    - criteria: {function_name: change}
      side_effects:
        - mutated_value: {positional_argument_index: 1}
        - views: [{positional_argument_index: 2}, {result: RESULT}]
    - criteria: {class_instance: Box, class_method_names: [put, take]}
      side_effects:
        - mutated_value: {self_ref: SELF_REF}
    - criteria: {class_instance: Box, keyword_arg_name: inplace, keyword_arg_value: true}
      side_effects:
        - mutated_value: {self_ref: SELF_REF}
    - criteria:
        any_of:
          - {function_names: [pure, clean]}
          - {class_instance: Box, class_method_name: look}
      side_effects: []
    - criteria: {function_name: save}
      side_effects:
        - mutated_value: {external_state: {kind: file, key: {argument_keyword: path}}}
        - dependency: {all_positional_arguments: ALL_POSITIONAL_ARGUMENTS}
"""


def test_a_good_file_is_read():
    annotations, problems = schema.parse(GOOD, "good.yaml")
    assert not problems
    assert [a.line for a in annotations] == [4, 8, 11, 14, 14, 19]
    assert annotations[0].criterion.functions == ("change",)
    assert annotations[2].criterion.keyword == ("inplace", True)
    assert annotations[-1].side_effects[0].pointers[0].key == schema.Pointer("keyword", "path")


@pytest.mark.parametrize(
    ("text", "line", "key", "message"),
    [
        ("- modul: a\n  annotations: []\n", 1, "modul", "unknown key"),
        ("- module: a\n", 1, "annotations", "missing"),
        (
            "- module: a\n  annotations:\n    - criteria: {function_name: f}\n",
            3,
            "side_effects",
            "missing",
        ),
        (
            GOOD.replace("mutated_value: {p", "mutates: {p"),
            6,
            "mutates",
            "unknown key in side effect",
        ),
        (
            GOOD.replace("function_name: save", "funtion_name: save"),
            19,
            "funtion_name",
            "unknown key in criteria",
        ),
        (GOOD.replace("_index: 1}", "_index: one}"), 6, "positional_argument_index", "a number"),
        (GOOD.replace("_index: 1}", "_index: -1}"), 6, "positional_argument_index", "a number"),
        (GOOD.replace("RESULT}", "result}"), 7, "result", "is written RESULT"),
        (GOOD.replace("kind: file,", "kind: disk,"), 21, "kind", "is one of"),
        (
            GOOD.replace("class_instance: Box, class_method_names", "class_method_names"),
            8,
            "class_method_name",
            "needs",
        ),
        (GOOD.replace(", keyword_arg_value: true", ""), 11, "keyword_arg_name", "goes together"),
        (
            GOOD.replace("kind: file, key: {argument_keyword: path}", "kind: file"),
            21,
            "key",
            "needed for file",
        ),
        ("- module: a\n  annotations: [\n", 3, "yaml", ""),
        ("module: a\n", 1, "file", "a list"),
        (
            GOOD.replace("{function_name: change}", "{class_instance: Box}"),
            4,
            "criteria",
            "neither",
        ),
        (
            "- module: a\n  annotations:\n    - criteria: {function_name: f}\n"
            "      side_effects:\n        - mutated_value: {self_ref: SELF_REF}\n",
            5,
            "self_ref",
            "no receiver",
        ),
    ],
)
def test_problems_name_file_line_and_key(text, line, key, message):
    _, problems = schema.parse(text, "bad.yaml")
    assert problems, "no problem was found"
    first = problems[0]
    assert (first.file, first.line, first.key) == ("bad.yaml", line, key), str(first)
    assert message in first.message


def test_a_bad_file_raises_with_all_its_problems(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("- modul: a\n- module: b\n")
    with pytest.raises(schema.AnnotationError) as caught:
        schema.load(file)
    assert len(caught.value.problems) > 1
    assert f"{file}:1: modul" in str(caught.value)
    with pytest.raises(schema.AnnotationError, match="cannot be read"):
        schema.load(tmp_path / "none.yaml")


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_files_are_right(file):
    assert schema.check(file)[1] == []


def test_the_compiled_tables_are_fresh():
    committed = compiling.COMPILED.read_text(encoding="utf-8")
    assert committed == compiling.compiled_text(), "run: python -m clew.effects.compiling"


#: Names that only some versions of a library have, or that classes get when they are extended.
_ELSEWHERE = set(
    """_thread acquire binomialvariate full_match getconfig heapify_max heappop_max heappush_max
    itemset release replace set_string_function shutdown splitroot translate walk
    with_segments""".split()  # noqa: SIM905
)
_OPEN_CLASSES = {
    "BaseEstimator",
    "_IOBase",
    "_TemporaryFileWrapper",
    "writer",
    "reader",
    "Compress",
}


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_annotated_names_exist(file):
    missing = []
    for annotation in schema.load(file):
        try:
            module = importlib.import_module(annotation.module)
        except ImportError:
            continue
        owner = annotation.criterion.class_instance
        names = [n for n in annotation.criterion.functions if not hasattr(module, n)]
        if owner is not None and owner not in _OPEN_CLASSES:
            cls = getattr(module, owner, None)
            names += [owner] if cls is None else _unknown_methods(cls, annotation.criterion.methods)
        missing += [f"{file.name}:{annotation.line} {n}" for n in names if n not in _ELSEWHERE]
    assert not missing


def _unknown_methods(cls: type, names: tuple[str, ...]) -> list[str]:
    family = [cls]
    for member in family:
        family.extend(member.__subclasses__())
    return [name for name in names if not any(hasattr(member, name) for member in family)]


def test_files_of_the_user_come_first(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "- module: heapq\n  annotations:\n"
        "    - criteria: {function_name: heappush}\n      side_effects: []\n"
    )
    try:
        index.install([file], cache=tmp_path / "cache")
        assert resolver.resolve(heapq.heappush) == (NATIVE, {"said_by": str(file)})
        assert len(list((tmp_path / "cache").glob("*.json"))) == 1
        assert bits(heapq.heappop) & WRITES_ARGUMENT
    finally:
        index.reset()
    assert bits(heapq.heappush) & WRITES_ARGUMENT


def test_resolving_imports_nothing_of_the_program():
    code = (
        "import sys, json; from clew.effects import resolver; resolver.resolve(json.dumps);"
        "resolver.resolve([].append); resolver.resolve(None, dict, 'get');"
        "names = ('yaml', 'numpy', 'pandas', 'matplotlib', 'inspect', 'hashlib');"
        "print([name for name in names if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


# -- what callees resolve to --------------------------------------------------------------------


def bits(callee: object, receiver: object = None, name: str | None = None) -> int:
    return flags.split(effect(callee, receiver, name))[0]


def effect(callee: object, receiver: object = None, name: str | None = None) -> flags.Effect:
    if name is not None:
        cls = receiver if isinstance(receiver, type) else type(receiver)
        return resolver.resolve(getattr(cls, name, None), cls, name)
    return resolver.resolve(callee)


def call(callee: object, *args: object, **kwargs: object) -> tuple[int, flags.Extra]:
    return flags.split(applying.concrete(resolver.resolve(callee), None, args, kwargs))


def method(receiver: object, name: str, *args: object, **kwargs: object) -> tuple[int, flags.Extra]:
    found = effect(None, receiver, name)
    return flags.split(applying.concrete(found, receiver, args, kwargs))


@pytest.mark.parametrize(
    ("receiver", "name", "expected"),
    [
        ([], "append", WRITES_RECEIVER),
        ([], "sort", WRITES_RECEIVER | READS_RECEIVER),
        ([], "extend", WRITES_RECEIVER | READS_ARGUMENTS | CONSUMES_ARGUMENTS),
        ([], "index", READS_RECEIVER | READS_ARGUMENTS),
        ([], "copy", NATIVE),
        ({}, "get", KEYED | NATIVE),
        ({}, "setdefault", WRITES_RECEIVER | KEYED),
        ({}, "items", ALIAS),
        (set(), "add", WRITES_RECEIVER | READS_ARGUMENTS),
        (set(), "union", READS_RECEIVER | READS_ARGUMENTS | CONSUMES_ARGUMENTS),
        ("", "upper", NATIVE),
        ("", "join", READS_ARGUMENTS | CONSUMES_ARGUMENTS),
        (1, "bit_length", NATIVE),
        (1.5, "hex", NATIVE),
        (b"", "decode", NATIVE),
        (bytearray(), "append", WRITES_RECEIVER),
        (collections.deque(), "rotate", WRITES_RECEIVER),
        (collections.OrderedDict(), "move_to_end", WRITES_RECEIVER),
        (collections.OrderedDict(), "pop", WRITES_RECEIVER | KEYED),
        (collections.defaultdict(list), "__getitem__", WRITES_RECEIVER | KEYED),
        (collections.Counter(), "update", WRITES_RECEIVER | READS_ARGUMENTS | CONSUMES_ARGUMENTS),
        (array.array("i"), "append", WRITES_RECEIVER),
        (iter([]), "__next__", WRITES_RECEIVER | READS_ARGUMENTS),
        ((i for i in ()), "send", WRITES_RECEIVER | READS_ARGUMENTS),
        (itertools.count(), "__next__", WRITES_RECEIVER | READS_ARGUMENTS),
        (datetime.date(2020, 1, 1), "strftime", NATIVE),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_methods_of_builtin_types(receiver, name, expected):
    assert flags.describe(effect(None, receiver, name)) == flags.describe(expected)


@pytest.mark.parametrize(
    ("callee", "has", "has_not"),
    [
        (math.sqrt, NATIVE, READS_ARGUMENTS | OBSERVE),
        (len, READS_ARGUMENTS, WRITES_ARGUMENT | OBSERVE),
        (print, OUTPUT | READS_ARGUMENTS, RANDOM),
        (setattr, WRITES_ARGUMENT, OBSERVE),
        (next, WRITES_ARGUMENT, OBSERVE),
        (heapq.heappush, WRITES_ARGUMENT, OBSERVE),
        (operator.setitem, WRITES_ARGUMENT, OBSERVE),
        (random.shuffle, WRITES_ARGUMENT | RANDOM, SEED),
        (random.random, RANDOM, SEED | NONDETERMINISTIC),
        (random.seed, RANDOM | SEED, 0),
        (time.time, CLOCK | NONDETERMINISTIC, 0),
        (uuid.uuid4, NONDETERMINISTIC, 0),
        (os.urandom, NONDETERMINISTIC, 0),
        (datetime.datetime.now, CLOCK | NONDETERMINISTIC, 0),
        (os.getenv, ENVIRONMENT, WRITES_RECEIVER),
        (os.chdir, MODULE_STATE, 0),
        (warnings.simplefilter, MODULE_STATE, 0),
        (warnings.warn, OUTPUT, MODULE_STATE),
        (logging.info, OUTPUT | STREAM, 0),
        (logging.basicConfig, MODULE_STATE, 0),
        (json.dump, WRITES_ARGUMENT | STREAM, 0),
        (json.dumps, READS_ARGUMENTS, WRITES_ARGUMENT | OBSERVE),
        (csv.writer, ALIAS, OBSERVE),
        (functools.reduce, READS_ARGUMENTS | CONSUMES_ARGUMENTS, OBSERVE),
        (itertools.chain, ALIAS | CONSUMES_ARGUMENTS, OBSERVE | WRITES_RECEIVER),
        (itertools.chain.from_iterable, ALIAS | CONSUMES_ARGUMENTS, OBSERVE | WRITES_RECEIVER),
        (dict.fromkeys, READS_ARGUMENTS, WRITES_RECEIVER),
        (ValueError, ALIAS, OBSERVE),
        (lambda: None, OBSERVE, 0),
    ],
)
def test_functions(callee, has, has_not):
    found = bits(callee)
    assert found & has == has, flags.describe(resolver.resolve(callee))
    assert not found & has_not, flags.describe(resolver.resolve(callee))


def test_a_method_called_through_its_class_writes_its_first_argument():
    assert effect(list.append) == (WRITES_ARGUMENT, {"arguments": [0]})
    assert bits([].append) == WRITES_RECEIVER
    found, extra = flags.split(effect(dict.pop))
    assert found == WRITES_ARGUMENT
    assert extra["arguments"] == [0]


def test_unknown_callees_are_observed():
    assert resolver.resolve(object()) == flags.UNKNOWN
    assert resolver.resolve(functools.partial(lambda x: x, 1)) & OBSERVE


class Broken:
    @property
    def __module__(self):
        raise RuntimeError

    def __getattr__(self, name):
        raise RuntimeError


def test_resolving_never_raises():
    assert flags.split(resolver.resolve(Broken()))[0] & OBSERVE
    assert resolver.resolve(None) == flags.UNKNOWN
    assert flags.split(resolver.resolve(None, Broken, "anything"))[0] & OBSERVE
    assert resolver.explain(Broken())[1]


def test_files_and_streams_of_the_standard_library():
    path = pathlib.Path("x")
    assert method(path, "exists")[1]["path"] == [["self", "read"]]
    assert method(path, "write_text", "a")[1]["path"] == [["self", "write"]]
    assert call(os.path.exists, "x")[1]["path"] == [[0, "read"]]
    found, extra = call(json.dump, {}, io.StringIO())
    assert extra["arguments"] == [1]
    assert found & STREAM
    found, extra = method(io.StringIO(), "write", "a")
    assert found & WRITES_RECEIVER
    assert found & STREAM
    assert bits(None, os.environ, "get") & ENVIRONMENT


# -- one call -----------------------------------------------------------------------------------


def test_print_writes_a_file_only_if_it_is_given():
    assert not call(print, 1)[0] & (STREAM | WRITES_ARGUMENT)
    found, extra = call(print, 1, file=sys.stderr)
    assert found & STREAM
    assert extra["arguments"] == ["file"]
    assert not call(print, 1, file=None)[0] & STREAM


def test_seeds():
    assert call(random.seed, 1)[0] & SEED
    assert call(random.seed, a=1)[0] & SEED
    for without in (call(random.seed), call(random.seed, None)):
        assert not without[0] & SEED
        assert without[0] & NONDETERMINISTIC
    assert call(random.Random)[0] & NONDETERMINISTIC
    assert not call(random.Random, 3)[0] & NONDETERMINISTIC


def test_clocks_that_are_given_a_time():
    assert call(time.strftime, "%Y")[0] & CLOCK
    assert not call(time.strftime, "%Y", time.gmtime(0))[0] & CLOCK
    assert not call(time.gmtime, 0)[0] & (CLOCK | NONDETERMINISTIC)


def test_conditions():
    effect = (
        NATIVE,
        {
            "when": [
                {"keyword": "inplace", "position": 2, "value": True, "flags": WRITES_RECEIVER},
                {"keyword": "copy", "value": False, "default": True, "flags": ALIAS},
                {"keyword": "t", "position": 0, "given": False, "flags": CLOCK, "without": NATIVE},
                {"position": 0, "prefix": ["a."], "state": ["a"], "flags": MODULE_STATE},
                {"attribute": "copy", "value": False, "flags": OUTPUT},
            ]
        },
    )

    class Receiver:
        pass

    receiver = Receiver()
    assert applying.concrete(effect, receiver, (1,), {"copy": True}) == NATIVE
    assert applying.concrete(effect, receiver, (1,)) == NATIVE | ALIAS
    assert (
        applying.concrete(effect, receiver, (1, 2, True), {"copy": 1}) == NATIVE | WRITES_RECEIVER
    )
    assert applying.concrete(effect, receiver, (), {"copy": True}) == CLOCK
    assert applying.concrete(effect, receiver, ("a.b",), {"copy": True}) == (
        NATIVE | MODULE_STATE,
        {"state": ["a"]},
    )
    receiver.copy = False
    assert applying.concrete(effect, receiver, (1,), {"copy": True}) == NATIVE | OUTPUT


# -- the scientific packages --------------------------------------------------------------------

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")


def test_numpy():
    a = np.arange(3.0)
    assert call(np.sort, a)[0] & (WRITES_ARGUMENT | OBSERVE) == 0
    assert call(np.copyto, a, 1)[1]["arguments"] == [0]
    assert call(np.copyto, dst=a, src=1)[1]["arguments"] == ["dst"]
    assert call(np.add, a, a)[0] & WRITES_ARGUMENT == 0
    assert call(np.add, a, a, a)[1]["arguments"] == [2]
    assert call(np.add, a, a, out=a)[1]["arguments"] == ["out"]
    assert call(np.clip, a, 0, 1, a)[1]["arguments"] == [3]
    assert call(np.nan_to_num, a)[0] & WRITES_ARGUMENT == 0
    assert call(np.nan_to_num, a, False)[1]["arguments"][0] == 0
    assert call(np.nan_to_num, a, copy=False)[1]["arguments"][0] == 0
    assert method(a, "sort")[0] & WRITES_RECEIVER
    assert not method(a, "mean")[0] & (WRITES_RECEIVER | WRITES_ARGUMENT)
    assert method(a, "mean", out=a)[0] & WRITES_ARGUMENT
    assert method(a, "reshape", 3, 1)[0] & ALIAS
    assert method(a, "byteswap", inplace=True)[0] & WRITES_RECEIVER
    assert call(np.add.at, a, [0], 1)[1]["arguments"] == [0]
    assert bits(np.set_printoptions) & MODULE_STATE


def test_numpy_random():
    assert call(np.random.rand, 3)[1]["state"] == ["numpy.random"]
    assert call(np.random.seed, 0)[0] & SEED
    assert call(np.random.seed)[0] & NONDETERMINISTIC
    assert call(np.random.shuffle, [1])[0] & (RANDOM | WRITES_ARGUMENT) == RANDOM | WRITES_ARGUMENT
    assert call(np.random.default_rng)[0] & NONDETERMINISTIC
    assert not call(np.random.default_rng, 1)[0] & (NONDETERMINISTIC | RANDOM)
    rng = np.random.default_rng(0)
    assert method(rng, "normal")[0] & WRITES_RECEIVER
    assert (
        method(rng, "shuffle", [1])[0] & (WRITES_RECEIVER | WRITES_ARGUMENT)
        == WRITES_RECEIVER | WRITES_ARGUMENT
    )


def test_pandas():
    frame = pd.DataFrame({"a": [1]})
    for name in ("drop", "fillna", "sort_values", "merge", "head", "describe", "rename"):
        assert not method(frame, name)[0] & (WRITES_RECEIVER | OBSERVE), name
    for name in ("drop", "fillna", "sort_values", "rename", "reset_index"):
        assert method(frame, name, inplace=True)[0] & WRITES_RECEIVER, name
        assert not method(frame, name, inplace=False)[0] & WRITES_RECEIVER, name
    for name in ("insert", "pop", "update", "__setitem__"):
        assert method(frame, name)[0] & WRITES_RECEIVER, name
    assert bits(None, frame.loc, "__setitem__") & WRITES_RECEIVER
    assert bits(None, frame, "__getitem__") & KEYED
    assert method(frame, "to_csv", "x.csv")[1]["path"] == [[0, "write"]]
    assert not method(frame, "to_csv")[0] & STREAM
    assert call(pd.read_csv, "x.csv")[1]["path"] == [[0, "read"]]
    assert method(frame, "plot")[0] & FIGURE
    assert "numpy.random" in method(frame, "sample")[1]["observe_state"]
    assert "observe_state" not in method(frame, "sample", random_state=1)[1]
    assert call(pd.DataFrame.insert, frame, 0, "b", 1)[1]["arguments"] == [0]


def test_options_of_pandas_by_their_name():
    assert call(pd.set_option, "display.width", 1)[1]["state"] == ["pandas.display"]
    assert call(pd.set_option, "mode.chained_assignment", None)[1]["state"] == ["pandas.options"]


def test_estimators():
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler, scale

    model = LinearRegression()
    assert method(model, "fit", [[1]], [1])[0] & WRITES_RECEIVER
    assert not method(model, "predict", [[1]])[0] & (WRITES_RECEIVER | OBSERVE)
    assert method(model, "set_params")[0] & WRITES_RECEIVER
    assert "numpy.random" in method(model, "fit", [[1]], [1])[1]["observe_state"]
    assert not method(StandardScaler(), "fit_transform", [[1]])[0] & WRITES_ARGUMENT
    assert method(StandardScaler(copy=False), "fit_transform", [[1]])[0] & WRITES_ARGUMENT
    assert call(scale, [[1]], copy=False)[0] & WRITES_ARGUMENT
    assert "numpy.random" in call(train_test_split, [1])[1]["observe_state"]
    assert bits(LinearRegression) == ALIAS


def test_figures():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.close("all")
    figure, axes = plt.subplots()
    assert bits(None, axes, "plot") & WRITES_RECEIVER
    assert not bits(None, axes, "get_xlim") & WRITES_RECEIVER
    assert method(figure, "savefig", "x.png")[1]["path"] == [[0, "write"]]
    for function, kind in [
        (plt.plot, "draw"),
        (plt.title, "draw"),
        (plt.figure, "new"),
        (plt.subplots, "new"),
        (plt.close, "close"),
        (plt.savefig, "read"),
    ]:
        found, extra = flags.split(resolver.resolve(function))
        assert found & FIGURE
        assert extra["figure"] == kind
    plt.close("all")
    figures.after("close")
    plt.plot([1])
    made = figures.after("draw")
    assert (made.state, made.changed) == ("write", (plt.gcf(),))
    plt.title("a")
    assert figures.after("draw") == ("read", (plt.gcf(),), ())
    first = plt.gcf()
    second = plt.figure()
    assert figures.after("new") == ("write", (second,), ())
    plt.sca(first.axes[0])
    assert figures.after("draw") == ("update", (first,), ())
    plt.close()
    assert figures.after("close").state == "update"
    plt.close("all")
    assert figures.after("close").state == "write"


def test_networks():
    nx = pytest.importorskip("networkx")
    graph = nx.path_graph(3)
    assert method(graph, "add_edge", 0, 2)[0] & WRITES_RECEIVER
    assert not method(graph, "neighbors", 0)[0] & (WRITES_RECEIVER | OBSERVE)
    assert call(nx.set_node_attributes, graph, 1, "a")[1]["arguments"] == [0]
    assert not call(nx.pagerank, graph)[0] & (WRITES_ARGUMENT | OBSERVE)
    assert not call(nx.relabel_nodes, graph, {})[0] & WRITES_ARGUMENT
    assert call(nx.relabel_nodes, graph, {}, copy=False)[0] & WRITES_ARGUMENT
    assert bits(nx.draw) & FIGURE


def test_scipy():
    linalg = pytest.importorskip("scipy.linalg")
    a = np.eye(2)
    assert not call(linalg.inv, a)[0] & WRITES_ARGUMENT
    assert call(linalg.inv, a, overwrite_a=True)[1]["arguments"] == [0]


# -- owners, observation, hidden states, streams ------------------------------------------------


def test_owners():
    a = np.arange(8.0)
    assert owners.canonical(a[2:].reshape(2, 3).T) is a
    raw = bytearray(8)
    assert owners.canonical(memoryview(raw)[2:]) is raw
    assert owners.canonical(np.frombuffer(raw, "u1")[1:]) is raw
    frame = pd.DataFrame({"a": [1], "b": ["x"]})
    for part in (frame.loc, frame.iloc, frame.at, frame.groupby("a"), frame.rolling(2)):
        assert owners.canonical(part) is frame
    connection = sqlite3.connect(":memory:")
    assert owners.canonical(connection.cursor()) is connection
    values: list = []
    assert owners.canonical(values.append) is values
    assert owners.canonical(3) == 3


def test_artists_belong_to_their_figure():
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    for part in (
        axes,
        axes.plot([1])[0],
        axes.xaxis,
        axes.bar([1], [1]),
        axes.title,
        figure.canvas,
        figure,
    ):
        assert owners.canonical(part) is figure


class Thing:
    def __init__(self):
        self.items = [1]
        self.table = {"a": np.zeros(3)}

    def __eq__(self, other):
        raise AssertionError

    __hash__ = None


class Slots:
    __slots__ = ("p",)


CHANGES = [
    (Thing, lambda o: o.items.append(2)),
    (Thing, lambda o: o.table["a"].__setitem__(1, 5)),
    (Thing, lambda o: setattr(o, "new", 1)),
    (Thing, lambda o: delattr(o, "items")),
    (Slots, lambda o: setattr(o, "p", 1)),
    (lambda: [3, 1, 2], lambda o: o.sort()),
    (lambda: [1, [2]], lambda o: o[1].append(1)),
    (lambda: {1: 2}, lambda o: o.update({1: 3})),
    (lambda: {1}, lambda o: o.add(2)),
    (lambda: bytearray(3), lambda o: o.__setitem__(0, 1)),
    (lambda: collections.deque([1, 2]), lambda o: o.rotate()),
    (lambda: collections.OrderedDict(a=1, b=2), lambda o: o.move_to_end("a")),
    (lambda: array.array("i", [1]), lambda o: o.__setitem__(0, 2)),
    (lambda: list(range(100_000)), lambda o: o.reverse()),
    (lambda: np.arange(10), lambda o: o.__setitem__(3, 99)),
    (lambda: np.arange(1_000_000), lambda o: o.__imul__(2)),
    (lambda: np.zeros((3, 3)), lambda o: o.T.__setitem__((1, 1), 1)),
    (lambda: np.array([[], [1]], object), lambda o: o[0].append(1)),
    (lambda: np.array([1, 2, 3])[::-1], lambda o: o.sort()),
    (lambda: pd.DataFrame({"a": [1, 2]}), lambda o: o.__setitem__("b", 1)),
    (lambda: pd.DataFrame({"a": [1, 2]}), lambda o: o.loc.__setitem__((0, "a"), 9)),
    (lambda: pd.DataFrame({"a": [1, 2]}), lambda o: o.drop(columns="a", inplace=True)),
    (lambda: pd.DataFrame({"a": [1, 2]}), lambda o: setattr(o, "columns", ["z"])),
    (lambda: pd.DataFrame({"a": [1, 2]}), lambda o: o.attrs.update(x=1)),
    (
        lambda: pd.DataFrame({"a": pd.Categorical(["a", "b"])}),
        lambda o: o.loc.__setitem__((0, "a"), "b"),
    ),
    (lambda: pd.Series(["a", "b"]), lambda o: o.__setitem__(0, "q")),
    (lambda: pd.Series([1, 2], index=[1, 0]), lambda o: o.sort_index(inplace=True)),
]


@pytest.mark.parametrize(("make", "change"), CHANGES, ids=range(len(CHANGES)))
def test_changes_are_seen(make, change):
    value = make()
    before = observing.snapshot(value)
    assert not observing.changed(before, value)
    change(value)
    assert observing.changed(before, value)


def test_a_snapshot_keeps_nothing_alive():
    import weakref

    thing = Thing()
    before = observing.snapshot([thing])
    alive = weakref.ref(thing)
    del thing
    assert alive() is None
    assert before


@pytest.mark.parametrize(
    ("state", "change"),
    [
        ("random", random.random),
        ("numpy.random", np.random.rand),
        (
            "decimal.context",
            lambda: setattr(decimal.getcontext(), "prec", decimal.getcontext().prec + 1),
        ),
        ("environment", lambda: os.environ.update(CLEW_TEST_STATE=str(time.monotonic()))),
        (
            "numpy.printoptions",
            lambda: np.set_printoptions(precision=np.get_printoptions()["precision"] + 1),
        ),
        (
            "pandas.display",
            lambda: pd.set_option("display.max_rows", pd.get_option("display.max_rows") + 1),
        ),
    ],
)
def test_hidden_states(state, change):
    before = states.token(state)
    assert before is not None
    assert states.token(state) == before
    change()
    assert states.token(state) != before
    assert states.objects(state) is not None
    assert states.token("unknown") is None
    assert state in states.names()


def test_where_streams_lead(tmp_path):
    path = tmp_path / "x.txt"
    with open(path, "w", encoding="utf-8") as file:
        assert streams.targets(file) == [str(path)]
        assert streams.targets(csv.writer(file)) == [str(path)]
        assert streams.targets(csv.DictWriter(file, ["a"])) == [str(path)]
    assert streams.targets(io.StringIO()) == []
    assert streams.targets(path) == [str(path)]
    packed = tmp_path / "x.gz"
    with gzip.open(packed, "wt") as file:
        assert streams.targets(file) == [str(packed)]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        assert streams.targets(archive) == [str(tmp_path / "x.zip")]
    connection = sqlite3.connect(tmp_path / "x.db")
    assert streams.targets(connection.cursor()) == [str(tmp_path / "x.db")]
    connection.close()
    assert streams.targets(sys.__stdout__) == [streams.TERMINAL]
    logger = logging.getLogger("clew.test.streams")
    handler = logging.FileHandler(tmp_path / "x.log")
    logger.addHandler(handler)
    try:
        assert str(tmp_path / "x.log") in streams.targets(logger)
    finally:
        logger.removeHandler(handler)
        handler.close()


def test_the_table_of_builtin_types_names_methods_that_exist():
    known = {
        f"builtins.{cls.__name__}": cls
        for cls in (list, dict, set, frozenset, bytearray, memoryview)
    }
    known["collections.deque"] = collections.deque
    known["array.array"] = array.array
    for key, cls in known.items():
        missing = [name for name in containers.every_type()[key] if not hasattr(cls, name)]
        assert not missing, key
        for name in dir(cls):
            assert containers.method_effect(cls, name) is not None


def test_the_bits_are_those_of_the_recorder():
    source = pathlib.Path(__file__).parents[1] / "crates/clew-py/src/hooks/effects.rs"
    if not source.exists():
        pytest.skip("the recorder's source is not here")
    import re

    mirrored = dict(
        re.findall(r"pub const ([A-Z_]+): u32 = (\d+);", source.read_text(encoding="utf-8"))
    )
    for name, value in flags.NAMES.items():
        if name in mirrored:
            assert int(mirrored[name]) == value, name


# -- plans of calls -----------------------------------------------------------------------------


def plan(callee: object, *args: object, receiver: object = None, **kwargs: object) -> planning.Plan:
    """Make a call and give its plan."""
    cls = None if receiver is None else type(receiver)
    found = resolver.resolve(callee, cls, getattr(callee, "__name__", None))
    callee(*args, **kwargs)
    return planning.plan(found, receiver, args, kwargs)


def test_plans_of_files(tmp_path, monkeypatch):
    frame = pd.DataFrame({"a": [1]})
    path = tmp_path / "x.csv"
    assert plan(frame.to_csv, path, receiver=frame).files == ((str(path), "write"),)
    assert plan(pd.read_csv, path).files == ((str(path), "read"),)
    monkeypatch.chdir(tmp_path)
    assert plan(os.path.exists, "none").files == (("none", "read"),)
    with open(path, "w", encoding="utf-8") as file:
        done = plan(print, "text", file=file)
        assert done.files == ((str(path), "update"),)
        assert done.writes == (file,)
        assert not done.terminal
        assert plan(file.write, "text", receiver=file).files == ((str(path), "update"),)
    assert plan(print, "text", file=sys.__stderr__).terminal
    assert plan(print, "text").terminal
    memory = io.StringIO()
    assert plan(json.dump, [1], memory).writes == (memory,)


def test_plans_of_states(monkeypatch):
    assert plan(random.seed, 1).states == (("random", "write"),)
    assert plan(random.seed).states == (("random", "update"),)
    assert plan(pd.set_option, "display.width", 90).states == (("pandas.display", "update"),)
    assert plan(os.getenv, "HOME").variables == (("HOME", "read"),)
    monkeypatch.setenv("CLEW_PLAN", "1")
    environ = os.environ
    assert plan(environ.get, "CLEW_PLAN", receiver=environ).variables == (("CLEW_PLAN", "read"),)
    assert plan(environ.pop, "CLEW_PLAN", receiver=environ).variables == (("CLEW_PLAN", "write"),)


def test_plans_of_estimators():
    pytest.importorskip("sklearn")
    from sklearn.cluster import KMeans

    points = np.arange(8.0).reshape(4, 2)
    generator = np.random.RandomState(0)
    for seed, written in ((None, ()), (0, ()), (generator, (generator,))):
        model = KMeans(2, random_state=seed, n_init=1)
        assert plan(model.fit, points, receiver=model).writes == written


def test_plans_of_figures():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.close("all")
    figures.after("close")
    done = plan(plt.plot, [1, 2])
    assert ("matplotlib.pyplot", "write") in done.states
    assert done.writes == (plt.gcf(),)
    done = plan(plt.title, "a")
    assert ("matplotlib.pyplot", "read") in done.states
    assert done.writes == (plt.gcf(),)
    done = plan(plt.savefig, io.BytesIO())
    assert done.reads == (plt.gcf(),)
    effect = resolver.resolve(plt.savefig)
    memory = io.BytesIO()
    bits, written, uses = concluding.conclude(effect, None, (memory,), {})
    assert bits & FIGURE
    assert plt.gcf() in written
    assert memory in written
    assert ("module", "matplotlib.pyplot", "read") in uses
    _, axes = plt.subplots()
    frame = pd.DataFrame({"a": [1, 2]})
    done = plan(frame.plot, receiver=frame, ax=axes)
    assert axes.figure in done.writes
    norm = matplotlib.colors.Normalize()
    assert norm in plan(axes.imshow, [[1, 2]], receiver=axes, norm=norm).writes
    plt.close("all")


#: Library, what makes an object (or None), the callable on it, and a bit that its effect has.
_OTHERS = [
    ("polars", "lambda m: m.DataFrame({'a': [1]})", "drop_in_place", flags.WRITES_RECEIVER),
    ("polars", "lambda m: m.DataFrame({'a': [1]})", "write_csv", flags.STREAM),
    ("polars", "lambda m: m.Series([1])", "append", flags.WRITES_RECEIVER),
    ("polars", None, "read_csv", flags.STREAM | flags.READS_ARGUMENTS),
    ("polars", None, "set_random_seed", flags.SEED),
    ("pyarrow.parquet", None, "write_table", flags.STREAM),
    ("dask.config", None, "set", flags.MODULE_STATE),
    (
        "sqlalchemy",
        "lambda m: m.create_engine('sqlite://').connect()",
        "execute",
        flags.MODULE_STATE,
    ),
    ("sqlalchemy.orm", "lambda m: m.Session()", "add", flags.WRITES_ARGUMENT),
    ("lightgbm", "lambda m: m.Dataset([[1.0]])", "set_label", flags.WRITES_RECEIVER),
    ("lightgbm", None, "train", flags.WRITES_ARGUMENT),
    ("keras", "lambda m: m.Sequential()", "add", flags.WRITES_RECEIVER),
    ("keras", "lambda m: m.Sequential()", "fit", flags.WRITES_RECEIVER | flags.RANDOM),
    ("keras.utils", None, "set_random_seed", flags.RANDOM),
    ("tensorflow", "lambda m: m.Variable(1.0)", "assign_add", flags.WRITES_RECEIVER),
    ("tensorflow", "lambda m: m.GradientTape()", "watch", flags.WRITES_RECEIVER),
    (
        "tensorflow",
        "lambda m: m.random.Generator.from_seed(1)",
        "normal",
        flags.WRITES_RECEIVER,
    ),
    ("tensorflow.python.framework.random_seed", None, "set_seed", flags.RANDOM | flags.SEED),
    ("tensorflow.python.ops.random_ops", None, "random_normal", flags.RANDOM),
]


@pytest.mark.parametrize(("library", "make", "name", "bits"), _OTHERS)
def test_libraries_where_they_are_installed(library, make, name, bits):
    module = pytest.importorskip(library)
    owner = module if make is None else eval(make)(module)
    effect, origin = resolver.explain(
        getattr(owner, name), None if make is None else type(owner), None if make is None else name
    )
    assert origin in ("annotation", "family")
    assert flags.split(effect)[0] & bits, flags.describe(effect)
