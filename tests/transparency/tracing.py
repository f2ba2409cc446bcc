"""Trace functions see the program's own lines, calls and returns, and nothing else."""
import sys

events = []


def tracer(frame, event, arg):
    if frame.f_code.co_filename != __file__ and not frame.f_code.co_filename.startswith("<frozen"):
        events.append(("elsewhere", frame.f_code.co_filename.rsplit("/", 1)[-1], event))
        return None
    shown = arg if event == "return" and isinstance(arg, (int, str, type(None))) else ""
    events.append((event, frame.f_code.co_name, frame.f_lineno, shown))
    return tracer


class Thing:
    count = 0

    def __init__(self, n):
        self.n = n

    @property
    def double(self):
        return self.n * 2

    def __getitem__(self, key):
        return key

    def __iter__(self):
        yield self.n
        yield self.n + 1


def helper(a, b=2):
    c = a + b
    if c > 3:
        d = c
    else:
        d = 0
    return d


def program():
    thing = Thing(3)
    total = thing.double + thing["key" and 1]
    for i in range(2):
        total += helper(i)
    while total > 10:
        total -= 5
    values = [helper(x) for x in thing]
    squares = {x: x * x
               for x in values}
    try:
        raise ValueError("x")
    except ValueError as error:
        message = str(error)
    finally:
        total += 1
    with open("/dev/null") as file:
        text = file.read()
    first, *rest = values
    f = lambda q: q + 1
    thing.n += f(1)
    match first:
        case 0:
            pass
        case int():
            total += 1
    assert total
    return (total, squares,
            message,
            text)


sys.settrace(tracer)
program()
sys.settrace(None)
for event in events:
    print(event)
events.clear()


def profiler(frame, event, arg):
    name = frame.f_code.co_name if event in ("call", "return") else getattr(arg, "__qualname__", arg)
    events.append((event, name))


sys.setprofile(profiler)
program()
sys.setprofile(None)
for event in events:
    print(event)
