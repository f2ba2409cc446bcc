"""Running one text after the other in plain interpreters, and comparing with the record."""

from __future__ import annotations

import ast
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clew.checking import driver
from clew.checking.overlay import Overlay
from clew.fingerprint import Fingerprint, fingerprint_file, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

_PACKAGES: Final = str(Path(__file__).resolve().parents[2])
_CAN_FORK: Final = hasattr(os, "fork")


class Setting(NamedTuple):
    """Where and how the recorded program ran.

    Attributes
    ----------
    cwd
        The directory it ran in.
    script
        Its script as it was named on the command line; None for ``-c``.
    argv
        ``sys.argv[1:]``.
    module
        The dotted name given to ``-m``, if it was.
    interpreter
        The interpreter to run with; ``options`` come before the script.
    environment
        Changes to the environment.
    outputs
        Files that the recorded run wrote, relative to ``cwd`` or absolute.
    raised
        Whether an exception ended the recorded run, so that it may end a text too.
    """

    cwd: str
    script: str | None
    argv: tuple[str, ...] = ()
    module: str | None = None
    interpreter: str = sys.executable
    options: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    outputs: tuple[str, ...] = ()
    raised: bool = False


class Outcome(NamedTuple):
    """How a text ended.

    Attributes
    ----------
    status
        ``done``, ``exited``, ``raised``, ``timeout``, ``died`` or ``failed``.
    message
        The error, if there was one.
    line
        The line of the text that it came from, or 0.
    fingerprint
        The target's, or None if there is no target.
    summary
        A line about the target's value.
    seconds
        How long it took.
    """

    status: str
    message: str = ""
    line: int = 0
    fingerprint: Fingerprint | None = None
    summary: str = ""
    seconds: float = 0.0

    def ended(self, setting: Setting) -> bool:
        """Tell whether it ended as a text may: also by an exception, if one ended the program."""
        return self.status in ("done", "exited") or (setting.raised and self.status == "raised")


class Runner:
    """Runs texts in place of a recorded program, each as if it were the script.

    Parameters
    ----------
    setting
        How the program ran.
    target
        ``("name", NAME)``, ``("file", PATH)``, ``("artifact", NAME)`` or ``("statement", "")``.
    timeout
        Seconds for one text.
    """

    def __init__(self, setting: Setting, target: tuple[str, str], timeout: float = 600.0) -> None:
        self.setting = setting
        self.target = target
        self.timeout = timeout
        outputs = list(setting.outputs)
        if target[0] == "file":
            outputs.append(target[1])
        self.overlay = Overlay(setting.cwd, setting.script, outputs)
        self._server: _Server | None = None

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server and remove the scratch copy."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.overlay.close()

    def run(self, text: str, *, environment: Mapping[str, str] | None = None) -> Outcome:
        """Run a text in a fresh interpreter."""
        request = self._request(text)
        began = time.monotonic()
        reply = _run_once(self.setting, request, environment or {}, self.timeout)
        reply.setdefault("seconds", time.monotonic() - began)
        return self._outcome(reply)

    def run_again(self, text: str) -> Outcome:
        """Run a text in a child of the server that :meth:`serve` started, if there is one."""
        if self._server is None:
            return self.run(text)
        request = self._request(text)
        reply = self._server.ask(request)
        if reply is None:
            self._server.close()
            self._server = None
            return self.run(text)
        return self._outcome(reply)

    def serve(self, text: str) -> None:
        """Start a server that has imported the libraries that a text imports."""
        if not _CAN_FORK or self._server is not None:
            return
        first = self._request("")
        first["preload"] = libraries(text, first["path"])
        self._server = _Server(self.setting, first)

    def _request(self, text: str) -> dict[str, Any]:
        """Put everything back, put the text where the script is, and say how to run it."""
        setting, overlay = self.setting, self.overlay
        overlay.reset()
        file = None if setting.script is None else overlay.inside(setting.script)
        if overlay.isolated and file is not None:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text(text, encoding="utf-8")
        if setting.module is not None:
            first, path = file or "-m", overlay.cwd
            package: str | None = setting.module.rpartition(".")[0]
        elif setting.script is not None:
            first = str(file) if os.path.isabs(setting.script) else setting.script
            path, package = str(Path(file or "").parent), None
        else:
            first, path, package = "-c", "", None
        return {
            "text": text,
            "file": file,
            "name": file or "<string>",
            "package": package,
            "argv": [first, *setting.argv],
            "path": path,
            "cwd": overlay.cwd,
            "target": self.target,
            "clew": _PACKAGES,
            "aliases": overlay.aliases,
            "timeout": self.timeout,
            "preload": [],
        }

    def _outcome(self, reply: dict[str, Any]) -> Outcome:
        found = reply.get("fingerprint")
        outcome = Outcome(
            reply["status"],
            reply.get("message", ""),
            reply.get("line", 0),
            parse(found) if found is not None else None,
            reply.get("summary", ""),
            reply.get("seconds", 0.0),
        )
        if self.target[0] == "file":
            path = self.overlay.inside(self.target[1])
            with contextlib.suppress(OSError):
                return outcome._replace(fingerprint=fingerprint_file(path), summary="file")
        return outcome


class Checker:
    """Answers for one text after the other whether it still gives the recorded value.

    Parameters
    ----------
    setting, target, timeout
        As for :class:`Runner`.
    recorded
        The target's fingerprint in the record; None if it is enough that the text runs.
    """

    def __init__(
        self,
        setting: Setting,
        target: tuple[str, str],
        recorded: Fingerprint | None,
        timeout: float = 600.0,
    ) -> None:
        self.runner = Runner(setting, target, timeout)
        self.recorded = recorded
        self.n_runs = 0
        self._known: dict[str, bool] = {}

    def __enter__(self) -> Checker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.runner.close()

    def start(self, text: str) -> bool:
        """Check the whole text, and make ready for parts of it."""
        began = time.monotonic()
        good = self.check_fresh(text)
        if good:
            took = time.monotonic() - began
            self.runner.timeout = min(self.runner.timeout, 3 * took + 10)
            self.runner.serve(text)
        return good

    def check(self, text: str) -> bool:
        """Tell whether a text gives the recorded value, as far as a forked process can tell."""
        if text not in self._known:
            self._known[text] = _compiles(text) and self.is_good(self.runner.run_again(text))
            self.n_runs += 1
        return self._known[text]

    def check_fresh(self, text: str) -> bool:
        """Tell whether a text gives the recorded value in an interpreter of its own."""
        self.n_runs += 1
        return self.is_good(self.runner.run(text))

    def is_good(self, outcome: Outcome) -> bool:
        """Tell whether an outcome is the recorded one."""
        if not outcome.ended(self.runner.setting):
            return False
        if self.recorded is None:
            return True
        return outcome.fingerprint is not None and outcome.fingerprint.matches(self.recorded)


def libraries(text: str, beside: str) -> list[str]:
    """List the modules that a text imports, without those that lie beside the script."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(dict.fromkeys(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names[node.module] = None
    local = {entry.partition(".")[0] for entry in _listed(beside)}
    return [name for name in names if name.partition(".")[0] not in local]


def _listed(directory: str) -> Iterable[str]:
    try:
        return os.listdir(directory or ".")
    except OSError:
        return []


def _compiles(text: str) -> bool:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<slice>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
    return True


# -- processes ------------------------------------------------------------------------------


def _start(
    setting: Setting, mode: str, environment: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], int, int]:
    """Start the driver; give the process, and the pipes to and from it."""
    there, requests = os.pipe()
    replies, here = os.pipe()
    command = [setting.interpreter, *setting.options, driver.__file__, mode, str(there), str(here)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(there, here),
        env=_environment(setting, environment),
        cwd=setting.cwd,
        start_new_session=True,
    )
    os.close(there)
    os.close(here)
    return process, requests, replies


def _environment(setting: Setting, changes: Mapping[str, str]) -> dict[str, str]:
    """Give the program's environment, with no window opened and nothing kept in the store."""
    environment = dict(os.environ)
    environment.setdefault("MPLBACKEND", "Agg")
    environment["CLEW_VERIFYING"] = "1"
    environment.update(setting.environment)
    environment.update(changes)
    return environment


def _run_once(
    setting: Setting, request: dict[str, Any], environment: Mapping[str, str], timeout: float
) -> dict[str, Any]:
    process, requests, replies = _start(setting, "once", environment)
    try:
        with contextlib.suppress(OSError):
            driver.write(requests, request)
        os.close(requests)
        reply = _read_within(replies, timeout)
        if reply is None:
            return {"status": "timeout", "message": f"it ran for more than {timeout:.0f} s"}
        if not reply:
            code = process.wait()
            return {"status": "died", "message": f"the interpreter ended with code {code}"}
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        return reply
    finally:
        os.close(replies)
        _end(process)


def _read_within(source: int, timeout: float) -> dict[str, Any] | None:
    """Read a reply: None when the time is over, empty when the other side has gone."""
    import select

    ready, _, _ = select.select([source], [], [], timeout)
    if not ready:
        return None
    reply: dict[str, Any] | None = driver.read(source)
    return reply or {}


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class _Server:
    """A driver that forks for each request."""

    def __init__(self, setting: Setting, first: dict[str, Any]) -> None:
        self._process, self._requests, self._replies = _start(setting, "serve", {})
        driver.write(self._requests, first)
        ready = _read_within(self._replies, 120)
        self._alive = bool(ready)

    def ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Have one text run; None if the server cannot."""
        if not self._alive:
            return None
        try:
            driver.write(self._requests, request)
            reply = _read_within(self._replies, request["timeout"] + 30)
        except OSError:
            reply = None
        self._alive = bool(reply)
        return reply or None

    def close(self) -> None:
        """End it."""
        for pipe in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                os.close(pipe)
        _end(self._process)


def recorded_fingerprint(recorded: Fingerprint | str | None) -> Fingerprint | None:
    """Read a recorded fingerprint, whichever way it is given."""
    return parse(recorded) if isinstance(recorded, str) else recorded
