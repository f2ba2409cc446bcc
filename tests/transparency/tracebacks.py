"""Printed tracebacks: lines, carets, chains, groups, notes."""
import traceback


def divide(values):
    return [1 / value for value in values]


def chained():
    try:
        divide([1, 0])
    except ZeroDivisionError as error:
        raise ValueError("while dividing") from error


def context():
    try:
        {}["missing"]
    except KeyError:
        [].pop()


def suppressed():
    try:
        int("x")
    except ValueError:
        raise TypeError("alone") from None


def grouped():
    errors = []
    for text in ("a", "b"):
        try:
            int(text)
        except ValueError as error:
            error.add_note(f"while reading {text}")
            errors.append(error)
    raise ExceptionGroup("several", errors)


class Thing:
    @property
    def value(self):
        return self.absent.further

    def __getitem__(self, key):
        return key.upper()[0] + self.value


def attribute(): return Thing()[0]
def item(): return Thing()["x"]


def arithmetic(a, b, c):
    return (a + b
            * c) - len(c) + (lambda q: q.nothing)(b)


def unpack():
    first, (second, third) = 1, [2]
    return first, second, third


def in_with():
    class Manager:
        def __enter__(self): return self
        def __exit__(self, *details): raise RuntimeError("leaving")

    with Manager() as manager, open("/nonexistent/file") as file:
        print(manager, file)


def generator():
    yield 1
    raise LookupError("inside")


def use_generator():
    return sum(x for x in generator())


def call_with(*args, key): return key
def wrong_call(): return call_with(1, 2, kee=3)
def assertion(): assert [1, 2] == [1,
                                    3], f"unequal {1 + 1}"


def finallys():
    try:
        return undefined_name
    finally:
        del also_undefined


for function in (chained, context, suppressed, grouped, attribute, item, lambda: arithmetic(1, 2, 3), unpack,
                 in_with, use_generator, wrong_call, assertion, finallys, lambda: Thing().valu, lambda: "a" + 1,
                 lambda: (1).x.y, lambda: [1][5], lambda: None(), lambda: divide(3), lambda: -"a", lambda: "a" < 1,
                 lambda: f"{1:zz}", lambda: {**3}, lambda: [*4]):
    try:
        function()
    except BaseException:
        traceback.print_exc()
    else:
        print("no error", function)
