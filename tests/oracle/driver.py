"""A server that runs programs and commands, each in a child forked from a process that is already
warm.

Starting an interpreter costs twenty times as much as forking one, and these tests run thousands of
programs. The server reads one JSON request a line and answers one JSON line. The child leaves the
server's loop and ends as any interpreter ends, so that threads are joined and `atexit` functions
run.

Requests: `{"do": "program", ...}` runs a file as `__main__` and describes the values of targets;
`{"do": "module", ...}` runs `python -m MODULE ARGS`. Both take `directory`, `stdout`, `stderr`
(files), `timeout`.
"""

from __future__ import annotations

import ast
import atexit
import builtins
import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import threading
import types
from pathlib import Path
from typing import Any

_MOST_MEMORY = 6 << 30
CAPTURE = "__oracle_capture__"


def serve() -> dict[str, Any] | None:
    """Answer requests until the input ends (`None`); in a child, return the request to perform."""
    for line in sys.stdin:
        request = json.loads(line)
        process = os.fork()
        if process == 0:
            return request
        print(json.dumps(_outcome(process, request)), flush=True)
    return None


def _outcome(process: int, request: dict[str, Any]) -> dict[str, Any]:
    """Wait for the child, at most as long as the request says."""
    descriptor = os.pidfd_open(process)
    timed_out = not select.select([descriptor], [], [], request.get("timeout", 60))[0]
    os.close(descriptor)
    if timed_out:
        for kill in (os.killpg, os.kill):
            try:
                kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
    _, status = os.waitpid(process, 0)
    return {"exit": os.waitstatus_to_exitcode(status), "timed_out": timed_out}


def perform(request: dict[str, Any]) -> None:
    """Do what the request says, in a child; end by falling off the end of the interpreter."""
    os.setpgid(0, 0)
    # A program from which a statement was deleted may loop for ever and collect what it makes.
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    os.chdir(request["directory"])
    os.environ.update(request.get("environment", {}))
    _redirect(0, os.devnull, os.O_RDONLY)
    _redirect(1, request["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    _redirect(2, request["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(None)  # a fork would give every program the same "random" numbers
    if request["do"] == "module":
        _run_module(request)
    else:
        _run_program(request)


def _redirect(descriptor: int, path: str, flags: int) -> None:
    opened = os.open(path, flags, 0o644)
    os.dup2(opened, descriptor)
    os.close(opened)


def _run_module(request: dict[str, Any]) -> None:
    import runpy

    sys.path[0] = request["directory"]
    sys.argv = [request["module"], *request["arguments"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


def _run_program(request: dict[str, Any]) -> None:
    """Run the file as `__main__`; write the descriptions of the targets' values to the request's
    `values` file.
    """
    path = request["program"]
    sys.argv = [path, *request.get("arguments", [])]
    path = os.path.abspath(path)
    sys.path[0] = str(Path(path).resolve().parent)
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=builtins, __loader__=None, __spec__=None)
    sys.modules["__main__"] = main
    captured: dict[str, str] = {}
    tree = _with_captures(
        ast.parse(Path(path).read_bytes(), path), request, main.__dict__, captured
    )
    code = compile(tree, path, "exec", dont_inherit=True)
    raised: BaseException | None = None
    try:
        exec(code, main.__dict__)
    except SystemExit as exit_request:
        raised = exit_request
    except BaseException as error:
        raised = error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
        sys.excepthook(type(raised), raised, raised.__traceback__)
    if hasattr(threading, "_shutdown") and threading.active_count() > 1:
        threading._shutdown()
    _write_values(request, main.__dict__, captured, raised)
    _end(raised)


def _end(raised: BaseException | None) -> None:
    """Run the exit functions and leave; tearing the modules down would take longer than most
    programs.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    code = 0 if raised is None else 1
    if isinstance(raised, SystemExit):
        code = raised.code if isinstance(raised.code, int) else int(raised.code is not None)
        if isinstance(raised.code, str):
            print(raised.code, file=sys.stderr)
    sys.stderr.flush()
    os._exit(code)


def _with_captures(
    tree: ast.Module, request: dict, namespace: dict, captured: dict[str, str]
) -> ast.Module:
    """Insert a capture after the statement at each target's line; positions of all else stay."""
    at_line: dict[int, list[str]] = {}
    for target in request.get("targets", []):
        name, at, line = target.partition("@")
        if at:
            at_line.setdefault(int(line), []).append(name)
    spans: dict[int, list[str]] = {}
    for line in request.get("printed_by", []):
        at_line.setdefault(line, [])
    if not at_line:
        return tree

    def capture(line: int) -> None:
        for name in at_line[line]:
            if name in namespace:
                captured[f"{name}@{line}"] = _described(namespace[name])

    def mark(line: int, before: bool) -> None:
        sys.stdout.flush()
        place = os.lseek(1, 0, os.SEEK_CUR)
        spans.setdefault(line, []).append(place)
        captured[f"printed {line}"] = json.dumps(spans[line])

    setattr(builtins, CAPTURE, capture)
    setattr(builtins, CAPTURE + "mark", mark)
    for block in _blocks(tree):
        for index in range(len(block) - 1, -1, -1):
            statement = block[index]
            line = statement.lineno
            if line not in at_line or isinstance(
                statement, ast.If | ast.For | ast.While | ast.With | ast.Try
            ):
                continue
            block.insert(index + 1, _call(CAPTURE, statement, line))
            if line in request.get("printed_by", []):
                block.insert(index + 1, _call(CAPTURE + "mark", statement, line, False))
                block.insert(index, _call(CAPTURE + "mark", statement, line, True))
    return tree


def _blocks(tree: ast.AST) -> list[list[ast.stmt]]:
    found = []
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                found.append(block)
    return found


def _call(name: str, place: ast.stmt, *arguments: Any) -> ast.stmt:
    call = ast.Call(
        ast.Name(name, ast.Load()), [ast.Constant(argument) for argument in arguments], []
    )
    return ast.fix_missing_locations(ast.copy_location(ast.Expr(call), place))


def _write_values(
    request: dict, namespace: dict, captured: dict[str, str], raised: BaseException | None
) -> None:
    values = dict(captured)
    for target in request.get("targets", []):
        if "@" not in target and ":" not in target and target in namespace:
            values[target] = _described(namespace[target])
    error = None if raised is None else f"{type(raised).__name__}: {raised}"
    if request.get("all_names"):
        values["all names"] = json.dumps(
            [name for name, value in namespace.items() if _worth_asking(name, value)]
        )
    Path(request["values"]).write_text(json.dumps({"values": values, "error": error}))


def _worth_asking(name: str, value: Any) -> bool:
    """Tell whether a name holds data rather than code."""
    code = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
    return not name.startswith("_") and not isinstance(value, code)


def _described(value: Any) -> str:
    """Describe the value; in a fork of our own when describing would consume it."""
    from oracle.values import describe, holds_iterator

    if not holds_iterator(value):
        return describe(value)
    reading, writing = os.pipe()
    if os.fork() == 0:
        text = describe(value).encode()[:60_000]
        os.write(writing, text)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        return pipe.read().decode()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    for preloaded in filter(None, sys.argv[1].split(",")):
        importlib.import_module(preloaded)
    import oracle.values  # noqa: F401

    sys.path.insert(0, "")
    gc.collect()
    gc.freeze()  # so that a child does not copy the pages of what was imported
    REQUEST = serve()
    if REQUEST is not None:
        perform(REQUEST)
