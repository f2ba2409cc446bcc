"""What traced values cost: run in a process of its own, prints one JSON object.

    python benches/values.py [N_NODES]

Times are CPU times; each figure of an operation is the best of several, less that of the empty
loop.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
import types
from collections.abc import Callable

import clew
from clew import _clew

N = 200_000


def best(run: Callable[[], object], rounds: int = 7) -> float:
    """Give the least time of some runs, in seconds."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
        _clew.forget_unused()
    return min(times)


def once(run: Callable[[], object]) -> tuple[float, object]:
    start = time.process_time()
    value = run()
    return time.process_time() - start, value


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def chain(value, n):
    for _ in range(n):
        value = value * 1.0000001 + 0.5
    return value


def adding(value, n):
    for _ in range(n):
        value = value + 1.5
    return value


def reading(value, n):
    for _ in range(n):
        _ = value.part
    return value


def indexing(value, n):
    for _ in range(n):
        _ = value[1]
    return value


def calling(function, value, n):
    for _ in range(n):
        function(value, value)
    return value


def empty(n):
    for _ in range(n):
        pass


def product(a, b):
    return a * b


def operations() -> dict:
    """Nanoseconds of one operation, in loops of Python."""
    x = clew.trace(3.0, "x")
    holder = clew.trace(types.SimpleNamespace(part=2.0), "holder")
    items = clew.trace(types.SimpleNamespace(items=[1.0, 2.0]), "items").items
    loop = best(lambda: empty(N))
    traced = clew.trace(product)

    def each(run) -> float:
        return (best(run) - loop) / N * 1e9

    return {
        "arithmetic_ns": each(lambda: adding(x, N)),
        "arithmetic_plain_ns": each(lambda: adding(3.0, N)),
        "attribute_ns": each(lambda: reading(holder, N)),
        "item_ns": each(lambda: indexing(items, N)),
        "call_ns": each(lambda: calling(traced, x, N)),
        "call_of_plain_function_ns": each(lambda: calling(product, x, N)),
    }


def big(n: int) -> dict:
    """A chain of n nodes: traced, evaluated, compiled, freed."""
    result: dict = {"n_nodes": n}
    before = resident()
    x = clew.trace(3.0, "x")
    result["trace_s"], y = once(lambda: adding(x, n))
    result["bytes_a_node"] = (resident() - before) / n
    result["graph_s"], graph = once(lambda: clew.graph(y))
    seconds, value = once(lambda: graph.evaluate(x=1.0))
    result["evaluate_ns_a_node"] = seconds / len(graph) * 1e9
    assert value == adding(1.0, n)
    result["compile_s"], function = once(lambda: graph.compile(["x"]))
    result["compiled_lines"] = function.source.count("\n")
    result["peak_bytes"] = peak() - before
    result["upstream_s"], found = once(lambda: graph.upstream(len(graph) - 1))
    assert len(found) == len(graph)
    result["constraints_s"], _ = once(graph.constraints)
    result["reverse_s"], _ = once(graph.reverse)

    def free() -> None:
        nonlocal y, graph, found
        del y, graph, found
        _clew.forget_unused()

    result["free_s"], _ = once(free)
    return result


def compiled() -> dict:
    """A compiled function against the hand-written one."""
    x = clew.trace(1.0, "x")
    function = clew.graph(chain(x, 1000)).compile(["x"])
    hand = best(lambda: [chain(1.0, 1000) for _ in range(200)])
    made = best(lambda: [function(1.0) for _ in range(200)])
    return {"compiled_ratio": made / hand}


def peers() -> dict:
    """What others take for the same expression, where they install."""
    result: dict = {}
    with contextlib.suppress(Exception):
        import jax

        seconds, _ = once(lambda: jax.make_jaxpr(lambda v: chain(v, 1000))(1.0))
        seconds, _ = once(lambda: jax.make_jaxpr(lambda v: chain(v, 1000) + 0)(1.0))
        result["make_jaxpr_ns"] = seconds / 2000 * 1e9
    with contextlib.suppress(Exception):
        import hlt

        traced = hlt.trace(1.0)
        seconds, _ = once(lambda: chain(traced, 1000))
        result["hltpy_ns"] = seconds / 2000 * 1e9
    return result


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(json.dumps({**operations(), **compiled(), **big(n), **peers()}))


if __name__ == "__main__":
    main()
