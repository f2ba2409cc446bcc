"""Objects that raise, lie, recurse or are huge when somebody looks at them."""

import copy
import gc
import json
import sys
import threading


class NoEq:
    def __eq__(self, other):
        raise RuntimeError("eq")
    __hash__ = None


class Liar:
    n = 0

    def __hash__(self):
        Liar.n += 1
        return Liar.n

    def __eq__(self, other):
        return True


class Recursing:
    def __getattr__(self, name):
        return getattr(self, name + "x")


class Getter:
    def __getattribute__(self, name):
        raise RuntimeError("getattribute " + name)


class NoRepr:
    def __repr__(self):
        raise RuntimeError("repr")
    __str__ = __repr__


class LyingClass:
    @property
    def __class__(self):
        raise RuntimeError("class")


class NoPickle:
    def __reduce_ex__(self, n):
        raise RuntimeError("reduce")
    __reduce__ = __getstate__ = lambda self: 1 / 0


class NoBool:
    def __bool__(self):
        raise RuntimeError("bool")

    def __len__(self):
        raise RuntimeError("len")

    def __iter__(self):
        raise RuntimeError("iter")

    def __contains__(self, item):
        raise RuntimeError("contains")


class Meta(type):
    def __getattribute__(cls, name):
        if name in ("__module__", "__qualname__", "__name__", "__mro__", "__dict__"):
            raise RuntimeError("meta " + name)
        return type.__getattribute__(cls, name)

    def __instancecheck__(cls, instance):
        raise RuntimeError("instancecheck")

    def __subclasscheck__(cls, other):
        raise RuntimeError("subclasscheck")

    def __eq__(cls, other):
        raise RuntimeError("meta eq")

    def __hash__(cls):
        raise RuntimeError("meta hash")

    def __repr__(cls):
        raise RuntimeError("meta repr")


class Strange(metaclass=Meta):
    pass


class BadDict(dict):
    def __getitem__(self, key):
        raise RuntimeError("getitem")

    def __iter__(self):
        raise RuntimeError("iter")

    def keys(self):
        raise RuntimeError("keys")
    items = values = __len__ = __contains__ = keys


class BadList(list):
    def __iter__(self):
        raise RuntimeError("iter")

    def __len__(self):
        return 10**9

    def __getitem__(self, index):
        raise RuntimeError("getitem")


class BadStr(str):
    def __eq__(self, other):
        raise RuntimeError("str eq")

    def __hash__(self):
        raise RuntimeError("str hash")

    def __str__(self):
        raise RuntimeError("str")


class BadInt(int):
    def __index__(self):
        raise RuntimeError("index")

    def __int__(self):
        raise RuntimeError("int")

    def __repr__(self):
        raise RuntimeError("repr")


class Called:
    __name__ = 5
    __module__ = 6
    __doc__ = 7

    def __call__(self, *args):
        return len(args)

    @property
    def __wrapped__(self):
        return self

    @property
    def __self__(self):
        raise RuntimeError("self")

    @property
    def __code__(self):
        raise RuntimeError("code")


class Slots:
    __slots__ = ("a", "__weakref__")


class Buffer(bytearray):
    pass


class Arrayish:
    @property
    def __array_interface__(self):
        raise RuntimeError("array")

    def __array__(self, *args, **kwargs):
        raise RuntimeError("array")

    @property
    def base(self):
        raise RuntimeError("base")

    @property
    def figure(self):
        raise RuntimeError("figure")


class DataFrame:
    """Has the name of another."""

    @property
    def _mgr(self):
        raise RuntimeError("mgr")


class OwnDict:
    def __init__(self):
        self.__dict__ = BadDict()


cyclic = []
cyclic.append(cyclic)
loop = {}
loop["self"] = loop
deep = []
for _ in range(5_000):
    deep = [deep]
wide = [[i] for i in range(5_000)]
huge = 10**5000
text = "x" * 100_000
things = [
    NoEq(), Liar(), Recursing(), Getter(), NoRepr(), LyingClass(), NoPickle(), NoBool(), Strange,
    Strange(), BadDict(a=1), BadList([1, 2]), BadStr("s"), BadInt(3), Called(), Slots(),
    Buffer(b"abc"), Arrayish(), DataFrame(), OwnDict(), cyclic, loop, wide, huge, text,
    threading.Lock(), (i for i in [1]), memoryview(b"x"), object(), Ellipsis, deep,
]
n = 0
for thing in things:
    held = [thing]
    table = {"key": thing}
    print(len(held), id(thing) == id(held[0]))
    held.append(thing)
    held.reverse()
    table.update(other=thing)
    copied = list(held)
    shallow = copy.copy(table)
    gc.is_tracked(thing)
    box = Slots()
    box.a = thing
    kept = box.a

    def through(value, *rest, **more):
        return value

    through(thing)
    through(*held, key=thing)
    gc.get_referents(thing)
    sys.getsizeof(held)
    thread = threading.Thread(target=through, args=(thing,))
    thread.start()
    thread.join()
    try:
        json.dumps(thing)
    except Exception as error:
        print(type(error).__name__)
    for operation in (
        lambda: thing + 1, lambda: thing == 1, lambda: hash(thing), lambda: thing.name,
        lambda: thing[0], lambda: bool(thing), lambda: [*thing][:3] and 0, lambda: str(thing)[:0],
        lambda: 1 in thing, lambda: copy.deepcopy(thing) and 0, lambda: isinstance(1, thing),
        lambda: thing(), lambda: f"{thing!r:.0}", lambda: sorted([thing, thing]) and 0,
    ):
        if thing is deep or thing is wide:
            break
        try:
            operation()
        except Exception as error:
            n += 1
    try:
        thing.attribute = 1
        thing["item"] = 2
    except Exception as error:
        n += 1
print(n)
