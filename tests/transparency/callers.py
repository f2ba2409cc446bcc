"""A program that looks at its callers finds its own module at the bottom."""
import inspect
import logging
import sys
import traceback
import warnings

print(len(inspect.stack()), sys._getframe().f_back, inspect.currentframe().f_lineno)


def outer():
    return inner()


def inner():
    traceback.print_stack()
    print([(frame.function, frame.lineno, frame.code_context) for frame in inspect.stack()])
    warnings.warn("of the caller", stacklevel=2)
    warnings.warn("of nobody", stacklevel=9)
    logging.warning("from here")
    return [frame.f_code.co_name for frame in iter_frames()]


def iter_frames():
    frame = sys._getframe()
    while frame is not None:
        yield frame
        frame = frame.f_back


logging.basicConfig(format="%(filename)s:%(lineno)d:%(funcName)s:%(message)s")
print(outer())
print([(lambda: sys._getframe().f_code.co_name)() for _ in range(1)])
try:
    sys._getframe(1)
except ValueError as error:
    print(error)
logging.warning("module level", stack_info=True)
