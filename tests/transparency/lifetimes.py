"""Objects die at the same moment, and are referred to as often."""
import gc
import sys
import weakref


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("del", self.name)

    def method(self):
        return sys.getrefcount(self)

    def __add__(self, other):
        return Noisy(self.name + other.name)

    def __iadd__(self, other):
        print("in place", sys.getrefcount(self), sys.getrefcount(other))
        return self

    def __enter__(self):
        return self

    def __exit__(self, *details):
        print("exit", self.name)

    def __iter__(self):
        return iter([self, self])


def temporary():
    Noisy("temporary").name
    print("after temporary")


def rebinding():
    value = Noisy("first")
    value = Noisy("second")
    print("after rebinding", value.name, sys.getrefcount(value))
    del value
    print("after del")


def arguments(a, b):
    return sys.getrefcount(a), sys.getrefcount(b)


def raising():
    held = Noisy("in a raising frame")
    raise ValueError(held.name)


def looping():
    for item in [Noisy("loop 1"), Noisy("loop 2")]:
        print(item.name)
    print("after loop")
    item = None
    print([n.name for n in map(Noisy, "ab")])


temporary()
rebinding()
print(arguments(Noisy("a"), Noisy("b")), Noisy("c").method(), [sys.getrefcount(x) for x in [object()]])
try:
    raising()
except ValueError as error:
    print("caught", error)
print("after except")
looping()
total = Noisy("x") + Noisy("y")
total += Noisy("z")
print(sys.getrefcount(total))
with Noisy("managed") as m:
    print(sys.getrefcount(m))
first, second = m
print(first is second, sys.getrefcount(m))
del m, first, second
reference = weakref.ref(total, lambda r: print("weakref cleared"))
finalizer = weakref.finalize(total, print, "finalized")
total = None
print(reference())
cycle = Noisy("cycle")
cycle.self = cycle
cycle = None
print("collected", gc.collect() > 0)
print(Noisy("expression") and "value", (Noisy("a tuple"), 1)[1], {"k": Noisy("in dict")}.get("z"))
values = [Noisy("p"), Noisy("q")]
values[0] = None
print("item replaced")
values.pop().name
print("popped")
generator = (n.name for n in [Noisy("in generator")])
print(next(generator))
del generator
print("generator deleted")
text = "abc"
text += "def"
other = text
text += "g"
print(other, text, sys.getrefcount(other) < 10)
closure = (lambda n: lambda: n.name)(Noisy("closed over"))
print(closure())
del closure
print("is", (x := Noisy("walrus")) is x)
print("end")
