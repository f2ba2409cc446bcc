"""Control flow in all its forms, printing the order of evaluation."""
import contextlib


def show(value, label=None):
    print("show", value if label is None else label)
    return value


for i in show([1, 2, 3]):
    if i == 2:
        continue
    print(i)
else:
    print("for else")
while (n := show(3, "n")) > 5:
    pass
else:
    print("while else", n)
for i in range(5):
    if show(i) == 1:
        break
else:
    print("never")


def nested():
    for i in range(3):
        try:
            if i == 0:
                continue
            if i == 1:
                break
        finally:
            print("finally", i)
    try:
        return show("returned")
    finally:
        print("and finally")


print(nested())


def overriding():
    for i in range(3):
        try:
            return i
        finally:
            if i < 2:
                continue
            return "from finally"


print(overriding())
print(show(1) < show(2) < show(1) < show(99))
print(show(0) and show(1) or show(2) and not show(3))
print(show(1) if show(0) else show(2))
print([show(a) + show(b) for a in range(2) if show(a) for b in range(2)])
print({show(k): show(v) for k, v in zip("ab", "cd")})
d = {}
show(d, "target")[show("key")] = show("value")
a = b = c = show([])
print(a is b is c)
[x, *y], z = show(([1, 2, 3], 4))
print(x, y, z)


def match_it(subject):
    match subject:
        case 0 | 1:
            return "small"
        case int(n) if show(n) > 100:
            return "big"
        case str() as s if s.isupper():
            return f"upper {s}"
        case [first, *_, last]:
            return first, last
        case {"kind": "a", **rest}:
            return rest
        case {"kind": kind}:
            return kind
        case complex(real=r, imag=i):
            return r, i
        case None | True:
            return "singleton"
        case _:
            return "other"


for subject in (0, 101, 50, "UP", "low", [1, 2, 3], (1, 2), [1], {"kind": "a", "b": 1}, {"kind": "z"}, 1 + 2j, None, True, {}):
    print(subject, match_it(subject))


@contextlib.contextmanager
def managed(name, swallow=False):
    print("enter", name)
    try:
        yield name
    except ValueError as error:
        print("saw", error)
        if not swallow:
            raise
    finally:
        print("leave", name)


with managed("a") as m, managed("b", swallow=True):
    raise ValueError(m)
try:
    with managed("c"), managed("d"):
        raise ValueError("through")
except ValueError as error:
    print("caught", error, error.__context__)
with (managed("e") as e, managed("f") as f,):
    print(e, f)


def starred():
    try:
        raise ExceptionGroup("g", [ValueError(1), TypeError(2), ExceptionGroup("h", [KeyError(3), ValueError(4)])])
    except* ValueError as group:
        print("values", group.exceptions)
    except* (TypeError, KeyError) as group:
        print("others", group.exceptions)
    else:
        print("none")
    finally:
        print("done")


starred()


def trying(kind):
    try:
        if kind:
            raise kind("x")
    except (ValueError, TypeError) as error:
        print("except", error)
    except KeyError:
        try:
            raise
        except KeyError as again:
            return repr(again)
    else:
        return "else"
    finally:
        print("f")
    return "end"


print([trying(kind) for kind in (None, ValueError, KeyError)])


def closures():
    functions = []
    for i in range(3):
        functions.append(lambda: i)
        functions.append(lambda i=i: i)
    count = 0

    def increment(by=1):
        nonlocal count
        count += by
        return count

    print([f() for f in functions], increment(), increment(5), count)
    return increment


closures()()
counter = 0


def count_up():
    global counter, made_global
    counter += 1
    made_global = counter


count_up()
count_up()
print(counter, made_global)
assert show(True), show("never evaluated")
try:
    assert show(False), show("message")
except AssertionError as error:
    print(repr(error))
if show(0): pass
elif show(1): print("elif")
else: print("else")
del a, d
try:
    a
except NameError as error:
    print(error)
x = 1; y = 2; print(x, y); z = x if y else 0
if x: print("one line"); print("two statements")
for q in "ab": print(q); print("again")
class OneLine: x = 1; y = 2
def one_line(a): b = a; return b
print(one_line(OneLine.y), (lambda *a, k=1, **kw: (a, k, kw))(1, k=2, z=3))
print("a" "b", 1_000, 0x_ff, 1e3, 3j, b"a\x00", r"\n", ..., __debug__)
