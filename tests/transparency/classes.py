"""Classes in all their forms."""
import abc
import collections
import dataclasses
import enum
import functools
import typing


class Meta(type):
    def __prepare__(name, bases, **kwargs):
        print("prepare", name, kwargs)
        return collections.OrderedDict()

    def __new__(meta, name, bases, namespace, **kwargs):
        print("new", name, list(namespace))
        return super().__new__(meta, name, bases, dict(namespace))

    def __call__(cls, *args):
        print("call", cls.__name__)
        return super().__call__(*args)


class Base(metaclass=Meta, option=1):
    registry = []

    def __init_subclass__(cls, /, tag=None, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.registry.append((cls.__name__, tag))

    def __init__(self, x=1):
        self.__secret = x
        self._x = x

    def reveal(self):
        return self.__secret, __class__.__name__

    def __set_name__(self, owner, name):
        print("set name", name)


class Child(Base, tag="c"):
    def __init__(self):
        super().__init__(2)
        self.__secret = 3

    def reveal(self):
        return super().reveal(), self.__secret, super(Child, self).reveal()

    @classmethod
    def make(cls):
        return cls()

    @staticmethod
    def helper():
        return "static"

    @functools.cached_property
    def heavy(self):
        print("computed")
        return self._x * 10


child = Child.make()
print(child.reveal(), Child.helper(), child.heavy, child.heavy, sorted(vars(child)), Base.registry)


class Descriptor:
    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner):
        return self if instance is None else getattr(instance, self.name, 0) + 1

    def __set__(self, instance, value):
        setattr(instance, self.name, value)

    def __delete__(self, instance):
        delattr(instance, self.name)


class Slotted:
    __slots__ = ("a", "_d", "__weakref__")
    d = Descriptor()


slotted = Slotted()
slotted.d = 5
slotted.d += 10
print(slotted.d, slotted._d)
del slotted.d
print(slotted.d)
try:
    slotted.zzz = 1
except AttributeError as error:
    print(error)


@dataclasses.dataclass(order=True, frozen=True, kw_only=False)
class Point:
    x: int
    y: int = 0
    tags: list = dataclasses.field(default_factory=list, compare=False)

    def __post_init__(self):
        object.__setattr__(self, "y", self.y or self.x)


print(Point(1), sorted([Point(3, 1), Point(2)]), dataclasses.asdict(Point(1, 2, [3])), dataclasses.replace(Point(1), x=9))
try:
    Point(1).x = 2
except dataclasses.FrozenInstanceError as error:
    print(error)


class Colour(enum.Enum):
    RED = 1
    GREEN = enum.auto()
    ALIAS = 1

    @property
    def shout(self):
        return self.name + "!"


class Flag(enum.Flag):
    A = enum.auto()
    B = enum.auto()
    AB = A | B


print(list(Colour), Colour(2).shout, Colour.ALIAS is Colour.RED, Flag.A | Flag.B, Flag.AB in (Flag.AB,))


class Record(typing.NamedTuple):
    name: str
    size: int = 3

    def doubled(self):
        return self.size * 2


class Options(typing.TypedDict, total=False):
    key: int


class Shape(abc.ABC):
    @property
    @abc.abstractmethod
    def area(self): ...


class Square(Shape):
    side = 2
    area = property(lambda self: self.side**2)


print(Record("a").doubled(), Record.__annotations__, Options(key=1), Options.__total__, Square().area)
try:
    Shape()
except TypeError as error:
    print(error)


class Proxy:
    def __init__(self, target):
        object.__setattr__(self, "target", target)

    def __getattr__(self, name):
        print("getattr", name)
        return getattr(self.target, name)

    def __setattr__(self, name, value):
        print("setattr", name)
        setattr(self.target, name, value)

    def __getitem__(self, key):
        print("getitem", key)
        return self.target[key] if hasattr(self.target, "__getitem__") else key

    def __setitem__(self, key, value):
        print("setitem", key, value)

    def __delitem__(self, key):
        print("delitem", key)

    def __contains__(self, key):
        print("contains", key)
        return True

    def __bool__(self):
        print("bool")
        return False

    def __len__(self):
        print("len")
        return 3

    def __eq__(self, other):
        print("eq")
        return NotImplemented

    def __lt__(self, other):
        print("lt")
        return True

    def __hash__(self):
        print("hash")
        return 1

    def __format__(self, spec):
        print("format", spec)
        return "formatted"

    def __call__(self, *args, **kwargs):
        print("called", args, kwargs)
        return self

    def __iter__(self):
        print("iter")
        yield from (1, 2)


proxy = Proxy(Point(1))
print(proxy.x, proxy[1:2], proxy[..., None], 1 in proxy, not proxy, proxy == 1, proxy != 1, 0 > proxy < 2, f"{proxy:>{3}}")
proxy[0] = 1
proxy["k"] += "v"
del proxy[0]
proxy(1, a=2)(3)
first, second = proxy
print([*proxy], {proxy: 1} is None, "yes" if proxy else "no", proxy and 1, proxy or 2, hash(proxy))
while proxy:
    break
assert not proxy
if proxy is proxy: print("is")
