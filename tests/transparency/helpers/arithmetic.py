"""A module of the user's."""
import traceback

COUNT = 0


def add(a, b):
    global COUNT
    COUNT += 1
    return a + b


def fail():
    return add("a", 1)


def where():
    return [frame.name for frame in traceback.extract_stack()]
