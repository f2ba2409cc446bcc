"""What some parts run in a process of their own; each prints one JSON object.

python benches/children.py rewriting LEVEL SECONDS
python benches/children.py commands COMMAND...
python benches/children.py operations PROGRAM
python benches/children.py effects N_CALLS
"""

from __future__ import annotations

import io
import json
import sys
import sysconfig
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any


def rewriting(level: str, seconds: float) -> dict:
    """Instrument the standard library's sources, file after file, for some seconds."""
    from clew import _clew

    _clew.start(level)

    warnings.simplefilter("ignore")
    library = Path(sysconfig.get_path("stdlib"))
    files = [
        path
        for path in sorted(library.rglob("*.py"))
        if "site-packages" not in path.parts
        and "lib2to3" not in path.parts
        and "bad" not in path.name
    ]
    n_lines, load_s, compile_s, failed = 0, 0.0, 0.0, 0
    end = time.perf_counter() + seconds
    for path in files:
        try:
            text = path.read_text()
            start = time.process_time()
            compile(text, str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError, UnicodeDecodeError):
            continue
        middle = time.process_time()
        try:
            _clew.load(text, str(path), path.stem, False, level, None)
        except Exception:
            failed += 1
            continue
        load_s += time.process_time() - middle
        compile_s += middle - start
        n_lines += text.count("\n")
        if time.perf_counter() > end:
            break
    return {
        "n_lines": n_lines,
        "compile_s": compile_s,
        "load_s": load_s,
        "failed": failed,
        "lines_per_minute": n_lines / load_s * 60,
        "lines_per_minute_beyond_compiling": n_lines / max(1e-9, load_s - compile_s) * 60,
    }


def commands(words: list[str]) -> dict:
    """Carry out one command several times in a warm process; milliseconds of each time."""
    from clew.cli import main

    times = []
    saved = sys.argv
    for _ in range(7):
        sys.argv = ["clew", *words]
        with redirect_stdout(io.StringIO()) as output, redirect_stderr(io.StringIO()) as errors:
            start = time.perf_counter()
            try:
                status = main()
            except SystemExit as stop:
                status = stop.code
            times.append((time.perf_counter() - start) * 1000)
    sys.argv = saved
    return {
        "times_ms": times,
        "status": status,
        "n_output_lines": output.getvalue().count("\n"),
        "stderr": errors.getvalue()[-200:],
    }


def operations(program: str) -> dict:
    """Run a program of pyperformance plain, with every operation recorded as a call, and under two
    others that tell of every operation and keep nothing: `sys.settrace` by opcodes, and pyccolo.
    """
    import clew

    path = Path(program)
    names = {"__name__": "__main__", "__file__": program}
    sys.argv = [program]
    sys.path.insert(0, str(path.parent))
    text = path.read_text()
    others = {"opcodes": _by_opcodes, "pyccolo": _by_pyccolo}
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        plain_s, _ = _seconds(lambda: exec(compile(text, program, "exec"), dict(names)))
        recorded_s, calls = _seconds(lambda: clew.record_calls(text, dict(names)))
        told = {name: other(text, program, dict(names)) for name, other in others.items()}
    if calls.error is not None:
        raise calls.error
    found = {
        "n_calls": len(calls),
        "ns_a_call": (recorded_s - plain_s) * 1e9 / len(calls),
        "ratio": recorded_s / plain_s,
        "plain_s": plain_s,
    }
    for name, cost in told.items():
        if cost is not None:
            seconds, n_events = cost
            ns = (seconds - plain_s) * 1e9 / n_events
            found[name] = {"ratio": seconds / plain_s, "n_events": n_events, "ns_an_event": ns}
    return found


def _seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = run()
    return time.process_time() - start, result


def _by_opcodes(text: str, program: str, names: dict) -> tuple[float, int]:
    """The interpreter's trace function, asked to tell of every instruction of the program."""
    n_events = 0

    def count(frame: Any, event: str, value: object) -> Any:
        nonlocal n_events
        if frame.f_code.co_filename != program:
            return None
        frame.f_trace_opcodes = True
        n_events += event == "opcode"
        return count

    def ignore(frame: Any, event: str, value: object) -> Any:
        if frame.f_code.co_filename != program:
            return None
        frame.f_trace_opcodes = True
        return ignore

    code = compile(text, program, "exec")
    seconds = 0.0
    for trace in (count, ignore):
        sys.settrace(trace)
        try:
            seconds, _ = _seconds(lambda: exec(code, dict(names)))
        finally:
            sys.settrace(None)
    return seconds, n_events


def _by_pyccolo(text: str, program: str, names: dict) -> tuple[float, int] | None:
    """A tracer of pyccolo that is told of what `record_calls` records, if pyccolo is installed."""
    try:
        import pyccolo as pyc
    except ImportError:
        return None
    n_events = 0

    # Counting costs a hundredth of what an event does.
    def count(self: object, *event: object, **more: object) -> None:
        nonlocal n_events
        n_events += 1

    events = """
        after_call after_binop after_unaryop after_compare after_attribute_load
        before_attribute_store after_subscript_load before_subscript_store after_for_iter
        after_list_literal after_tuple_literal after_set_literal after_dict_literal
    """
    registered = pyc.register_handler(tuple(getattr(pyc, name) for name in events.split()))
    tracer = type("Tracer", (pyc.BaseTracer,), {"told": registered(count)}).instance()
    try:
        with tracer:
            seconds, _ = _seconds(lambda: tracer.exec(text, global_env=names, filename=program))
    except Exception:
        # A program that looks its names up in `globals()` does not run under it.
        return None
    return seconds, n_events


def effects(n_calls: int) -> dict:
    """Translate the calls of a loop over lists into effects."""
    import clew

    names: dict = {"xs": [[i] for i in range(100)], "n": n_calls // 5}
    source = "for i in range(n):\n    x = xs[i % 100]\n    x[0] = i + 1\n"
    calls = clew.record_calls(source, names)
    start = time.perf_counter()
    found = clew.effects_of(calls, {"xs": names["xs"]}, names)
    return {"n_calls": len(calls), "seconds": time.perf_counter() - start, "n": len(found)}


if __name__ == "__main__":
    part, *rest = sys.argv[1:]
    parts = {
        "rewriting": lambda: rewriting(rest[0], float(rest[1])),
        "commands": lambda: commands(rest),
        "operations": lambda: operations(rest[0]),
        "effects": lambda: effects(int(rest[0])),
    }
    print(json.dumps(parts[part]()))
