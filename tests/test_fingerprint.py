"""Fingerprints: equal values are equal, any change shows, no code of the program's runs."""

from __future__ import annotations

import array
import collections
import copy
import datetime
import decimal
import enum
import fractions
import functools
import gzip
import hashlib
import io
import itertools
import pathlib
import random
import re
import sqlite3
import subprocess
import sys
import threading
import types
import uuid
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clew.fingerprint import Fingerprint, describe, fingerprint, fingerprint_file, parse
from clew.fingerprinting.summaries import summary


def same(one: object, other: object) -> None:
    assert fingerprint(one).hex == fingerprint(other).hex


def different(one: object, other: object) -> None:
    assert fingerprint(one).hex != fingerprint(other).hex


# -- properties ---------------------------------------------------------------------------------

atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.complex_numbers(),
)
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.integers(), st.text(max_size=4)), inner, max_size=5),
        st.sets(st.integers(), max_size=5),
        st.frozensets(st.text(max_size=4), max_size=5),
        st.builds(lambda items: collections.deque(items), st.lists(inner, max_size=3)),
        st.builds(lambda items: types.SimpleNamespace(a=items), inner),
    ),
    max_leaves=25,
)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=300)


@unhurried
@given(values)
def test_deep_copies_are_equal(value):
    before = fingerprint(value)
    assert fingerprint(copy.deepcopy(value)) == before
    assert fingerprint(value) == before
    assert before.exact


@unhurried
@given(values, values)
def test_equal_fingerprints_mean_equal_text(one, other):
    if not _unordered(one) and not _unordered(other):
        equal = fingerprint(one).hex == fingerprint(other).hex
        assert equal == (_spelled(one) == _spelled(other))


def _unordered(value: object) -> bool:
    return "set" in repr(value)


def _spelled(value: object) -> str:
    """Spell a value so that only equal values have one text; NaN is always the same."""
    return repr(value)


@unhurried
@given(st.lists(st.one_of(st.lists(atoms, max_size=4), atoms), min_size=1, max_size=6), st.data())
def test_one_mutation_changes_it(value, data):
    before = fingerprint(value)
    place = data.draw(st.integers(0, len(value) - 1))
    inner = value[place]
    if isinstance(inner, list):
        inner.append("new")
    else:
        value[place] = [inner]
    assert fingerprint(value).hex != before.hex


@unhurried
@given(
    st.dictionaries(st.text(max_size=3), st.lists(st.integers(), max_size=3), min_size=1), st.data()
)
def test_one_mutation_of_a_dictionary_changes_it(value, data):
    before = fingerprint(value)
    key = data.draw(st.sampled_from(sorted(value)))
    action = data.draw(st.sampled_from(["value", "inner", "remove", "add"]))
    if action == "value":
        value[key] = "new"
    elif action == "inner":
        value[key].append(1)
    elif action == "remove":
        del value[key]
    else:
        value["new key"] = 1
    assert fingerprint(value).hex != before.hex


@unhurried
@given(st.sets(st.one_of(st.integers(), st.text(max_size=3), st.tuples(st.integers())), min_size=1))
def test_order_of_sets_does_not_count(value):
    items = list(value)
    random.Random(0).shuffle(items)
    same(value, set(items))
    different(value, value | {"another one"})


@unhurried
@given(st.lists(st.lists(st.integers(), max_size=2), min_size=2, max_size=5))
def test_sharing_counts(value):
    shared = [value[0] if i == 1 else item for i, item in enumerate(value)]
    apart = [list(item) for item in shared]
    different(shared, apart)
    same(shared, copy.deepcopy(shared))


# -- what is told apart -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0, False),
        (0.0, -0.0),
        ("a", b"a"),
        ([], ()),
        ([], {}),
        ({}, set()),
        (set(), frozenset()),
        (None, False),
        ("", None),
        ([1, 2], [2, 1]),
        ([[1], 2], [[1, 2]]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1: "a"}, {True: "a"}),
        ({1: "a"}, {1.0: "a"}),
        (range(3), [0, 1, 2]),
        (bytearray(b"a"), b"a"),
        ("1", 1),
        (10**30, 10**30 + 1),
        (1 + 2j, 2 + 1j),
        (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
        (fractions.Fraction(1, 2), 0.5),
        (collections.deque([1], 2), collections.deque([1], 3)),
        (collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1)),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.Counter("ab"), {"a": 1, "b": 1}),
        (collections.defaultdict(list), collections.defaultdict(set)),
        (datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1)),
        (datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)),
        (re.compile("a"), re.compile("a", re.IGNORECASE)),
        (pathlib.Path("a"), "a"),
        (ValueError("a"), ValueError("b")),
        (ValueError("a"), TypeError("a")),
        (array.array("i", [1]), array.array("l", [1])),
        (int, float),
        (len, max),
        ([].append, [1].append),
        (functools.partial(int, base=2), functools.partial(int, base=3)),
        (hashlib.sha256(b"a"), hashlib.sha256(b"b")),
        (iter([1, 2]), iter([1])),
        (io.StringIO("a"), io.StringIO("b")),
        (slice(1), slice(2)),
        (uuid.UUID(int=1), uuid.UUID(int=2)),
    ],
)
def test_different(one, other):
    different(one, other)
    different([one], [other])


def test_nan_equals_nan():
    same(float("nan"), -float("nan"))
    same([float("nan"), 1], [-float("nan"), 1])
    same((float("nan"),), (-float("nan"),))
    same({"a": complex(1, float("nan"))}, {"a": complex(1, -float("nan"))})
    same({"a": [[float("nan")]]}, {"a": [[-float("nan")]]})


def test_sharing_and_cycles():
    inner = [1]
    different([inner, inner], [inner, [1]])
    same([inner, inner], copy.deepcopy([inner, inner]))
    cycle: list = []
    cycle.append(cycle)
    other: list = []
    other.append(other)
    same(cycle, other)
    different(cycle, [[]])
    knot: dict = {"a": []}
    knot["a"].append(knot)
    same(knot, copy.deepcopy(knot))


def test_sharing_of_what_cannot_change_does_not_count():
    text = "".join(["a", "b"])
    same([text, text], [text, "".join(["a", "b"])])
    pair = (1, ("x", 2.5))
    same([pair, pair], [pair, copy.copy((1, ("x", 2.5)))])
    same([10**40, 10**40], [10**40, int("1" + "0" * 40)])
    date = datetime.date(2020, 1, 1)
    same([date, date], [date, datetime.date(2020, 1, 1)])


def test_deep_and_wide_values_end():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert fingerprint(deep).exact or fingerprint(deep).why
    doubled: tuple = ()
    for _ in range(300):
        doubled = (doubled, doubled)
    assert fingerprint(doubled).exact
    while deep:
        deep = deep[0]


def test_limits_make_it_inexact():
    big = [[i] for i in range(2000)]
    limited = fingerprint(big, limit_objects=100)
    assert limited.exact  # a plain tree is written at once
    objects = [types.SimpleNamespace(a=i) for i in range(2000)]
    limited = fingerprint(objects, limit_objects=100)
    assert not limited.exact
    assert limited.why
    same(objects, copy.deepcopy(objects))
    assert not fingerprint(b"x" * 10_000, limit_bytes=1000).exact


# -- objects of the program's classes -----------------------------------------------------------


class Hostile:
    """Every way to run code when it is looked at ends the test."""

    def __init__(self, **state):
        self.__dict__.update(state)

    def _never(self, *args):
        raise AssertionError("code of the program's was run")

    __eq__ = __ne__ = __lt__ = __repr__ = __str__ = __getattr__ = __iter__ = __len__ = _never
    __bool__ = __getstate__ = __reduce__ = __reduce_ex__ = __contains__ = __getitem__ = _never
    __copy__ = __deepcopy__ = __sizeof__ = __format__ = __call__ = __index__ = __float__ = _never

    def __hash__(self):
        return id(self)


def test_no_code_of_the_program_runs():
    same(Hostile(a=1, b=[2]), Hostile(b=[2], a=1))
    different(Hostile(a=1), Hostile(a=2))
    same({Hostile(a=1), Hostile(a=2)}, {Hostile(a=2), Hostile(a=1)})
    different({Hostile(a=1)}, {Hostile(a=2)})
    key = Hostile(a=1)
    same({key: 1}, {Hostile(a=1): 1})
    assert summary(Hostile()) == "Hostile"
    different(Hostile(a=Hostile(a=1)), Hostile(a=Hostile(a=2)))
    one = Hostile()
    one.self = one
    other = Hostile()
    other.self = other
    same(one, other)


class HostileMeta(type):
    def __getattribute__(cls, name):
        raise AssertionError(f"the metaclass was asked for {name}")

    def __eq__(cls, other):
        raise AssertionError

    __hash__ = type.__hash__


class HostileClass(metaclass=HostileMeta):
    pass


def test_no_code_of_a_metaclass_runs():
    assert fingerprint(object.__new__(HostileClass)).hex
    assert fingerprint([HostileClass]).hex


class HostileList(list):
    def __iter__(self):
        raise AssertionError

    __len__ = __getitem__ = __reversed__ = __contains__ = __iter__


class HostileDict(dict):
    def items(self):
        raise AssertionError

    keys = values = __iter__ = __len__ = __getitem__ = items


class HostileStr(str):
    __slots__ = ()

    def __str__(self):
        raise AssertionError

    __repr__ = __len__ = __hash__ = __eq__ = __str__


class Whole(int):
    pass


@pytest.mark.parametrize(
    ("make", "plain"),
    [
        (lambda: HostileList([1, 2]), [1, 2]),
        (lambda: HostileDict(a=1), {"a": 1}),
        (lambda: HostileStr("a"), "a"),
        (lambda: Whole(3), 3),
    ],
)
def test_subclasses_of_builtins(make, plain):
    same(make(), make())
    different(make(), plain)


def test_attributes_of_subclasses_count():
    one, other = Whole(3), Whole(3)
    same(one, other)
    one.extra = 1
    different(one, other)


class Slotted:
    __slots__ = ("x", "y")


class Cached:
    def __init__(self, x):
        self.x = x

    @functools.cached_property
    def doubled(self):
        return self.x * 2


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1


Point = collections.namedtuple("Point", "x y")


def test_slots():
    one, other = Slotted(), Slotted()
    one.x = other.x = 1
    same(one, other)
    other.y = 2
    different(one, other)


def test_cached_properties_do_not_count():
    one, other = Cached(1), Cached(1)
    assert one.doubled == 2
    same(one, other)
    different(one, Cached(2))


def test_members_and_named_tuples():
    same(Colour.RED, Colour.RED)
    different(Colour.RED, Colour.BLUE)
    different(Level.LOW, 1)
    same(Point(1, [2]), Point(1, [2]))
    different(Point(1, 2), (1, 2))


def make_adder(n, *, start=0):
    def add(x):
        return x + n + start

    return add


def test_functions():
    same(make_adder(1), make_adder(1))
    different(make_adder(1), make_adder(2))
    different(make_adder, test_slots)
    same(lambda x=[1]: x, eval("lambda x=[1]: x", {"__name__": __name__}) and (lambda x=[1]: x))
    assert fingerprint(make_adder(1), code=True).hex == fingerprint(make_adder(1), code=True).hex


def test_code_counts_if_asked(tmp_path):
    def load(text: str) -> types.FunctionType:
        file = tmp_path / f"m{abs(hash(text))}.py"
        file.write_text(text)
        space: dict = {"__name__": "m"}
        exec(compile(text, str(file), "exec"), space)
        return space["f"]

    plain = load("def f(x):\n    return x + 1\n")
    moved = load("# moved\n\n\ndef f(x):\n    'documented'\n    return (x +\n        1)  # why\n")
    edited = load("def f(x):\n    return x + 2\n")
    assert fingerprint(plain, code=True) == fingerprint(moved, code=True)
    assert fingerprint(plain, code=True) != fingerprint(edited, code=True)
    assert fingerprint(plain) == fingerprint(edited)


class Registry:
    known: list = [1]  # noqa: RUF012


def test_classes_count_by_their_data():
    before = fingerprint(Registry)
    Registry.known.append(2)
    assert fingerprint(Registry) != before
    Registry.known.pop()
    assert fingerprint(Registry) == before


@pytest.mark.parametrize(
    "make",
    [
        lambda: (i for i in range(3)),
        lambda: itertools.count(3),
        lambda: open(__file__, encoding="utf-8"),  # noqa: SIM115
        lambda: sqlite3.connect(":memory:"),
    ],
)
def test_what_cannot_be_seen_is_inexact(make):
    found = fingerprint([make()])
    assert not found.exact
    assert found.why
    assert fingerprint([make()]).hex == found.hex


def test_locks_modules_and_threads():
    same(threading.Lock(), threading.Lock())
    same(threading.Event(), threading.Event())
    assert fingerprint(sys).exact
    different(sys, re)


def test_iterators_are_not_consumed():
    for make in (
        lambda: iter([1, 2]),
        lambda: zip([1], [2], strict=False),
        lambda: map(str, [1]),
        lambda: enumerate("ab"),
        lambda: reversed([1, 2]),
        lambda: iter({"a": 1}),
        lambda: iter({1, 2}),
        lambda: filter(None, [1]),
    ):
        iterator, plain = make(), make()
        fingerprint(iterator)
        assert list(iterator) == list(plain)


def test_aliases_are_read_as_what_they_mean(tmp_path):
    value = {
        "path": "/real/x",
        "deep": [["/real/y"]],
        "p": pathlib.Path("/real/z"),
        "t": ("/real",),
    }
    moved = {
        "path": "/s/real/x",
        "deep": [["/s/real/y"]],
        "p": pathlib.Path("/s/real/z"),
        "t": ("/s/real",),
    }
    different(value, moved)
    assert fingerprint(moved, aliases={"/s": ""}).hex == fingerprint(value).hex


def test_text_form():
    exact = fingerprint(1)
    assert parse(str(exact)) == exact
    inexact = fingerprint(itertools.count())
    assert parse(str(inexact)) == inexact
    assert not parse(str(inexact)).exact
    assert isinstance(parse("ab~"), Fingerprint)
    text, line = describe([1, 2])
    assert parse(text) == fingerprint([1, 2])
    assert line == "list of 2: [1, 2]"


def test_another_process_agrees():
    code = (
        "from clew.fingerprint import fingerprint;"
        "print(fingerprint([{'a', 'b', 'c', ('d', 1)}, {'x': [1, 2.5, None]}, frozenset('xyz')]))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(3)
    }
    assert len(runs) == 1


# -- arrays and frames --------------------------------------------------------------------------

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")


def frame():
    return pd.DataFrame(
        {
            "a": [1, 2],
            "b": [1.0, np.nan],
            "c": ["x", None],
            "d": pd.Categorical(["u", "v"]),
            "e": pd.to_datetime(["2020", "2021"]),
            "f": pd.array([1, None], dtype="Int64"),
            "g": pd.arrays.SparseArray([0, 1]),
            "h": pd.interval_range(0, 2),
            "i": pd.period_range("2020", periods=2, freq="M"),
            "j": pd.to_datetime(["2020", "2021"], utc=True),
        }
    )


def test_arrays_by_content_whatever_the_layout():
    x = np.arange(12.0).reshape(3, 4)
    same(x, x.copy(order="F"))
    same(x[::2], x[::2].copy())
    same(x[::-1], x[::-1].copy())
    different(x, x.T)
    different(x, x.reshape(4, 3))
    different(x, x.astype("f4"))
    different(x, x.astype(">f8"))
    different(np.float64(1), 1.0)
    same(np.array([1, "a", None], object), np.array([1, "a", None], object))
    different(np.array([[1], 2], object), np.array([[2], 2], object))
    same(np.longdouble(1) / 3, np.longdouble(1) / 3)
    same(np.array(["2020"], "M8[D]"), np.array(["2020"], "M8[D]"))
    different(np.array(["2020"], "M8[D]"), np.array(["2020"], "M8[s]"))
    same(np.ma.masked_array([1, 5], [0, 1]), np.ma.masked_array([1, 7], [0, 1]))
    different(np.matrix([[1]]), np.array([[1]]))


def test_every_nan_is_the_same():
    x = np.array([1.0, np.nan])
    y = np.array([1.0, -np.nan])
    same(x, y)
    same(x.astype(complex), y.astype(complex))


def test_padding_does_not_count():
    kind = np.dtype([("a", "u1"), ("b", "f8")], align=True)
    one, other = np.zeros(2, kind), np.zeros(2, kind)
    other.view(np.uint8)[1] = 255
    same(one, other)
    other["a"][0] = 1
    different(one, other)


@unhurried
@given(st.integers(0, 5), st.integers(0, 3), st.sampled_from(["f8", "i4", "u1", "?", "c16"]))
def test_one_element_of_an_array_changes_it(i, j, kind):
    x = np.ones((6, 4), dtype=kind)
    y = x.copy()
    y[i, j] = 0
    different(x, y)
    y[i, j] = 1
    same(x, y)


def test_random_generators_by_state():
    same(np.random.default_rng(0), np.random.default_rng(0))
    used = np.random.default_rng(0)
    used.random()
    different(used, np.random.default_rng(0))
    same(np.random.RandomState(0), np.random.RandomState(0))
    same(random.Random(0), random.Random(0))
    different(random.Random(0), random.Random(1))


def test_large_arrays_are_seen_whole():
    x = np.zeros(3_000_000)
    y = x.copy()
    y[1_234_567] = 1e-300
    different(x, y)
    assert fingerprint(x).exact


def test_frames_are_equal_to_their_copies():
    same(frame(), frame())
    same(frame(), frame().copy())
    same(frame().set_index(["a", "c"]), frame().set_index(["a", "c"]))
    assert fingerprint(frame()).exact


def test_blocks_do_not_count():
    one = frame()
    other = frame()
    other["tmp"] = other.pop("b")
    other = other.rename(columns={"tmp": "b"})[list(one.columns)]
    same(one, other)


@pytest.mark.parametrize("column", list("abcdefghij"))
def test_each_column_of_a_frame_counts(column):
    other = frame()
    other[column] = (
        other[column].iloc[::-1].to_numpy() if column != "g" else other[column].iloc[::-1].values
    )
    different(frame(), other)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.rename(columns={"a": "z"}),
        lambda f: f.set_axis([1, 0]),
        lambda f: f.rename_axis("name"),
        lambda f: f[["b", "a", *"cdefghij"]],
        lambda f: f.astype({"a": "int32"}),
        lambda f: f.iloc[::-1],
        lambda f: f.assign(a=[1, 3]),
        lambda f: f.iloc[:1],
    ],
)
def test_changes_of_a_frame_show(change):
    different(frame(), change(frame()))


def test_labels_attributes_and_series():
    with_attrs = frame()
    with_attrs.attrs["source"] = "x"
    different(frame(), with_attrs)
    different(pd.Series([1], name="a"), pd.Series([1], name="b"))
    different(pd.Series([1]), pd.Series([1.0]))
    different(pd.RangeIndex(3), pd.RangeIndex(4))
    same(pd.date_range("2020", periods=3), pd.date_range("2020", periods=3))
    different(pd.Timestamp("2020"), pd.Timestamp("2020", tz="UTC"))
    different(pd.NaT, pd.NA)
    same(frame().groupby("a"), frame().groupby("a"))


def test_estimators_by_state():
    pytest.importorskip("sklearn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    x = np.array([[0.0], [1.0], [2.0], [3.0]])
    y = np.array([0, 0, 1, 1])
    for make in (LogisticRegression, lambda: DecisionTreeClassifier(random_state=0)):
        same(make().fit(x, y), make().fit(x, y))
        different(make().fit(x, y), make().fit(x, 1 - y))
        different(make(), make().fit(x, y))
        assert fingerprint(make().fit(x, y)).exact


def test_figures_by_their_artists():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    def draw(title: str) -> Figure:
        figure = Figure()
        axes = figure.subplots()
        axes.plot([1, 2], [3, 4])
        axes.set_title(title)
        return figure

    same(draw("a"), draw("a"))
    different(draw("a"), draw("b"))
    saved = draw("a")
    saved.savefig(io.BytesIO())
    same(draw("a"), saved)
    assert not fingerprint(draw("a")).exact


# -- files --------------------------------------------------------------------------------------


def test_files_by_content(tmp_path):
    one, other = tmp_path / "a.txt", tmp_path / "b.txt"
    one.write_text("x")
    other.write_text("x")
    assert fingerprint_file(str(one)) == fingerprint_file(str(other))
    other.write_text("y")
    assert fingerprint_file(str(one)) != fingerprint_file(str(other))
    with pytest.raises(OSError):
        fingerprint_file(str(tmp_path / "none"))


def test_times_in_archives_do_not_count(tmp_path):
    def write(name: str, stamp: int, text: str) -> tuple[Fingerprint, Fingerprint]:
        packed = tmp_path / f"{name}.gz"
        with gzip.GzipFile(packed, "wb", mtime=stamp) as file:
            file.write(text.encode())
        archive = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr(zipfile.ZipInfo("a", (2000 + stamp, 1, 1, 0, 0, 0)), text)
        return fingerprint_file(str(packed)), fingerprint_file(str(archive))

    assert write("a", 1, "text") == write("b", 2, "text")
    changed = write("c", 1, "other")
    assert all(x != y for x, y in zip(write("a", 1, "text"), changed, strict=True))


def test_databases_by_what_they_hold(tmp_path):
    def write(name: str, rows: list[int]) -> Fingerprint:
        path = tmp_path / name
        connection = sqlite3.connect(path)
        connection.execute("create table t (x)")
        connection.executemany("insert into t values (?)", [(row,) for row in rows])
        connection.commit()
        connection.close()
        return fingerprint_file(str(path))

    assert write("a.db", [1, 2]) == write("b.db", [1, 2])
    assert write("c.db", [1, 2]) != write("d.db", [2])
