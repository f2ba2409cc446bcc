"""Classes and functions of `__main__` are pickled by name, and come back as themselves."""
import copy
import dataclasses
import functools
import pickle
import pickletools


class Plain:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)

    def method(self):
        return self.value

    class Nested(int):
        pass


class Reduced:
    def __reduce__(self):
        return make_reduced, (1,)


def make_reduced(n):
    return ("reduced", n)


@dataclasses.dataclass
class Data:
    items: list
    other: "Data | None" = None


plain = Plain([1, 2])
shared = [plain, plain]
data = Data([1], Data([2]))
data.other.other = data
for value in (plain, Plain, shared, Plain.Nested(3), Reduced(), make_reduced, plain.method, functools.partial(make_reduced, 2), data.items):
    for protocol in (0, 2, 5):
        dumped = pickle.dumps(value, protocol)
        loaded = pickle.loads(dumped)
        print(protocol, len(dumped), dumped[:40], type(loaded).__name__, type(loaded).__module__)
loaded = pickle.loads(pickle.dumps(shared))
print(loaded[0] is loaded[1], loaded == shared, copy.deepcopy(shared) == shared)
cyclic = pickle.loads(pickle.dumps(data))
print(cyclic.other.other is cyclic)
pickletools.dis(pickle.dumps(plain, 2))
for bad in (lambda: 1, (x for x in "a"), open("/dev/null")):
    try:
        pickle.dumps(bad)
    except Exception as error:
        print(type(error).__name__, error)
