"""Runs a script under a trace function that does nothing, lines included: the scale that everybody
knows.
"""

import runpy
import sys


def trace(frame, event, arg):
    return trace


sys.argv = sys.argv[1:]
sys.path[0] = sys.argv[0].rpartition("/")[0] or "."
sys.settrace(trace)
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    sys.settrace(None)
