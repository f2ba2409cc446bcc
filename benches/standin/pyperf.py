"""Stands in for pyperf while pyperformance's programs are timed as whole processes.

The programs' sources are used as they are; this module runs their benchmark function a fixed number
of times, set by `CLEW_BENCH_LOOPS`, in the process itself, and measures nothing.
"""

import argparse
import os
from time import perf_counter

__all__ = ["Runner", "perf_counter"]
VERSION = (2, 0, 0)


class Runner:
    def __init__(self, add_cmdline_args=None, **_):
        self.metadata = {}
        self.argparser = argparse.ArgumentParser()
        self.loops = int(os.environ.get("CLEW_BENCH_LOOPS", "1"))
        self.args = None

    def parse_args(self, args=None):
        if self.args is None:
            self.args = self.argparser.parse_args(args)
        return self.args

    def bench_func(self, name, func, *args, inner_loops=None, metadata=None):
        self.parse_args()
        for _ in range(self.loops):
            func(*args)

    def bench_time_func(self, name, func, *args, inner_loops=None, metadata=None):
        self.parse_args()
        func(self.loops, *args)
