"""The depth that a program can reach is the same, in Python and in C."""
import sys


def depth(n=0):
    try:
        return depth(n + 1)
    except RecursionError:
        return n


class Chain:
    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return f"<{self.inner!r}>"

    def __getattr__(self, name):
        return getattr(self.inner, name)


def shown(levels):
    chain = None
    for _ in range(levels):
        chain = Chain(chain)
    return len(repr(chain))


def nested(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return len(repr(value))


print(depth(), sys.getrecursionlimit())
for limit in (60, 500, 3000):
    sys.setrecursionlimit(limit)
    print(limit, depth())
try:
    sys.setrecursionlimit(1)
except RecursionError as error:
    print(error)
sys.setrecursionlimit(1000)
for function, levels in ((shown, 20), (nested, 100), (nested, 200000)):
    try:
        print(function(levels))
    except RecursionError as error:
        print(type(error), error)


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


print(fibonacci(15))


def overflow():
    return overflow()


sys.setrecursionlimit(50)
overflow()
