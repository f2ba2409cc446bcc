"""Runs a script under viztracer with its default settings, without writing the report."""

import runpy
import sys

from viztracer import VizTracer

sys.argv = sys.argv[1:]
sys.path[0] = sys.argv[0].rpartition("/")[0] or "."
tracer = VizTracer(verbose=0)
tracer.start()
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    tracer.stop()
