"""The program that runs a slice in a plain interpreter. It is a script; nothing imports it.

It reads requests from one pipe and writes replies to another, both in `marshal` with a length
before them. Until the slice has run it imports nothing but what the interpreter has imported by
itself, and it leaves ``__main__``, ``sys.argv`` and ``sys.path`` as ``python script`` would.

``once`` runs one slice and leaves as a program does, through the interpreter's own end. ``serve``
imports the heavy modules first and then forks for each slice, so that each starts from the same
state without paying for the imports again.
"""

# This file runs inside every supported interpreter and must stay free of Clew's imports.

from __future__ import annotations

import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HEAD = 8


def read(source: int) -> Any:
    """Read one message; None at the end of the pipe."""
    head = _exactly(source, _HEAD)
    body = _exactly(source, int.from_bytes(head, "big")) if head else None
    return marshal.loads(body) if body else None


def write(sink: int, message: dict[str, Any]) -> None:
    """Write one message."""
    body = marshal.dumps(message)
    data = len(body).to_bytes(_HEAD, "big") + body
    while data:
        data = data[os.write(sink, data) :]


def _exactly(source: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = os.read(source, size - len(data))
        if not piece:
            return b""
        data += piece
    return data


def quiet() -> None:
    """Give the program an empty input, and let nobody hear what it says."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)


def prepare(request: dict[str, Any]) -> dict[str, Any]:
    """Make ``__main__`` and the surroundings that the program would find."""
    main = type(sys)("__main__")
    space = main.__dict__
    space["__builtins__"] = sys.modules["builtins"]
    space["__annotations__"] = {}
    if request["file"] is not None:
        space["__file__"] = request["file"]
        space["__cached__"] = None
        machinery = sys.modules["_frozen_importlib_external"]
        space["__loader__"] = machinery.SourceFileLoader("__main__", request["file"])
    if request["package"] is not None:
        space["__package__"] = request["package"]
    sys.modules["__main__"] = main
    sys.argv[:] = request["argv"]
    sys.path[0] = request["path"]
    os.chdir(request["cwd"])
    return space


def run(request: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run a slice and tell how it ended and what its target is.

    Returns
    -------
    tuple
        The reply, and the namespace (to be kept until the process ends).
    """
    saved: dict[str, dict[str, Any]] = {}
    if request["target"][0] == "artifact":
        _catch_saves(request, saved)
    space = prepare(request)
    reply = {"status": "done", "message": "", "line": 0, "fingerprint": None, "summary": ""}
    try:
        code = compile(request["text"], request["name"], "exec", dont_inherit=True)
        exec(code, space)
        del code
    except SystemExit as ending:
        reply["status"] = "exited"
        reply["message"] = "" if ending.code in (None, 0) else _text(ending)
    except BaseException as error:
        reply["status"] = "raised"
        reply["message"] = _text(error)
        reply["line"] = _line(error, request["name"])
    _settle()
    kind, name = request["target"]
    try:
        if kind == "name":
            _look_at(request, reply, space, name)
        elif kind == "artifact":
            reply.update(saved.get(name, {"missing": True}))
    except BaseException as error:
        reply["status"] = "failed"
        reply["message"] = _text(error)
    return reply, space


def _settle() -> None:
    """Wait for the threads and run what was left for the exit, as the interpreter's end does."""
    try:
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        if "atexit" in sys.modules:
            sys.modules["atexit"]._run_exitfuncs()
    except BaseException:
        pass


def _look_at(
    request: dict[str, Any], reply: dict[str, Any], space: dict[str, Any], name: str
) -> None:
    if name not in space:
        reply["missing"] = True
        return
    reply.update(_described(request, space[name]))


def _described(request: dict[str, Any], value: object) -> dict[str, Any]:
    # Only now, when the program has run, may Clew be imported.
    sys.path.insert(0, request["clew"])
    from clew.fingerprint import fingerprint
    from clew.fingerprinting.summaries import summary

    sys.path.remove(request["clew"])
    found = fingerprint(value, aliases=request["aliases"])
    return {"fingerprint": str(found), "summary": summary(value)}


def _catch_saves(request: dict[str, Any], saved: dict[str, dict[str, Any]]) -> None:
    """Let ``clew.save`` tell its value instead of keeping it."""
    sys.path.insert(1, request["clew"])
    import clew

    def save(value: Any, name: str, *args: object, **kwargs: object) -> Any:
        del args, kwargs
        saved[name] = _described(request, value)
        return value

    clew.save = save  # type: ignore[attr-defined, unused-ignore]


def _text(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:500]
    except BaseException:
        return type(error).__name__


def _line(error: BaseException, name: str) -> int:
    """Find the line of the slice that an error came through last."""
    line = getattr(error, "lineno", 0) if isinstance(error, SyntaxError) else 0
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == name:
            line = step.tb_lineno
        step = step.tb_next
    return line or 0


def serve(requests: int, replies: int) -> None:
    """Answer requests, each in a child, until there are no more."""
    import select
    import time

    while True:
        request = read(requests)
        if request is None:
            return
        source, sink = os.pipe()
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            os.close(source)
            answer_in_child(request, sink)
        os.close(sink)
        reply = None
        while reply is None and time.monotonic() - began < request["timeout"]:
            ready, _, _ = select.select([source], [], [], 0.2)
            if ready:
                reply = read(source) or {"status": "died", "message": "the process ended"}
        os.close(source)
        reply = reply or {"status": "timeout", "message": ""}
        end(child)
        reply["seconds"] = time.monotonic() - began
        write(replies, reply)


def answer_in_child(request: dict[str, Any], sink: int) -> None:
    """Run one slice in this process, reply and end."""
    try:
        os.setpgid(0, 0)
        fresh_generators()
        reply, space = run(request)
        if request["target"][0] == "file":
            write_out(space)
        write(sink, reply)
    finally:
        os._exit(0)


def fresh_generators() -> None:
    """Seed the hidden generators anew: children of one server must not draw the same numbers."""
    if "random" in sys.modules:
        sys.modules["random"].seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


def write_out(space: dict[str, Any]) -> None:
    """Close the files that the program left open, as the end of an interpreter would."""
    import gc

    space.clear()
    gc.collect()
    for candidate in gc.get_objects():
        if type(candidate).__module__ == "_io" and hasattr(candidate, "flush"):
            try:
                candidate.flush()
            except (OSError, ValueError):
                continue


def end(child: int) -> None:
    """Make sure that a child and what it started are gone."""
    import signal

    try:
        os.killpg(child, signal.SIGKILL)
    except (OSError, ProcessLookupError):
        _attempt(os.kill, child, signal.SIGKILL)
    _attempt(os.waitpid, child, 0)


def _attempt(action: Any, *args: int) -> None:
    try:
        action(*args)
    except OSError:
        return


def preload(modules: list[str]) -> None:
    """Import what the slices will import; what fails here fails in the slice as well."""
    for module in modules:
        try:
            __import__(module)
        except BaseException:
            continue


def preload_clew(packages: str) -> None:
    """Import what looks at values, so that not every child has to."""
    sys.path.insert(0, packages)
    from clew.fingerprint import preload

    preload()
    sys.path.remove(packages)


def main() -> None:
    """Run as ``driver.py MODE REQUESTS REPLIES``, the last two being descriptors."""
    mode, requests, replies = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.set_inheritable(requests, False)
    os.set_inheritable(replies, False)
    first = read(requests)
    quiet()
    if mode == "serve":
        sys.path[0] = first["path"]
        preload(first["preload"])
        preload_clew(first["clew"])
        write(replies, {"status": "ready"})
        serve(requests, replies)
        os._exit(0)
    os.close(requests)
    reply, space = run(first)
    write(replies, reply)
    os.close(replies)
    if first["target"][0] == "file":
        write_out(space)


if __name__ == "__main__":
    main()
