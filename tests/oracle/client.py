"""The client's side of the driver: one warm process to which runs are handed one after another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaged import package_path


@dataclass(frozen=True)
class Ran:
    """What one run did."""

    exit: int
    timed_out: bool
    stdout: str
    stderr: str
    values: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    names: Sequence[str] = ()


class Driver:
    """A warm interpreter; `preload` names modules that it imports once for all its children."""

    def __init__(
        self, scratch: Path, preload: Sequence[str] = (), python: str = sys.executable
    ) -> None:
        environment = dict(os.environ)
        environment.update(
            PYTHONHASHSEED="0",
            PYTHONPATH=os.pathsep.join(
                filter(None, [package_path(), os.environ.get("PYTHONPATH")])
            ),
            PYTHONDONTWRITEBYTECODE="1",
            OMP_NUM_THREADS="1",
            OPENBLAS_NUM_THREADS="1",
            MPLBACKEND="Agg",
        )
        self._scratch = scratch
        scratch.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name("driver.py")), ",".join(preload)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def run_program(
        self,
        program: Path,
        targets: Sequence[str] = (),
        *,
        printed_by: Sequence[int] = (),
        all_names: bool = False,
        timeout: float = 60,
    ) -> Ran:
        """Run a file as `__main__` in its own directory and describe the targets' values."""
        values = self._scratch / "values.json"
        values.unlink(missing_ok=True)
        ran = self._request(
            {
                "do": "program",
                "program": program.name,
                "directory": str(program.parent),
                "targets": list(targets),
                "printed_by": list(printed_by),
                "all_names": all_names,
                "values": str(values),
                "timeout": timeout,
            }
        )
        if not values.exists():
            return ran
        written = json.loads(values.read_text())
        found = written["values"]
        names = json.loads(found.pop("all names", "[]"))
        return Ran(ran.exit, ran.timed_out, ran.stdout, ran.stderr, found, written["error"], names)

    def run_module(
        self,
        module: str,
        arguments: Sequence[str],
        directory: Path,
        environment: Mapping[str, str] = {},
        timeout: float = 60,
    ) -> Ran:
        """Run `python -m MODULE ARGUMENTS` in a directory."""
        return self._request(
            {
                "do": "module",
                "module": module,
                "arguments": list(arguments),
                "directory": str(directory),
                "environment": dict(environment),
                "timeout": timeout,
            }
        )

    def _request(self, request: dict[str, Any]) -> Ran:
        stdout, stderr = self._scratch / "stdout", self._scratch / "stderr"
        request.update(stdout=str(stdout), stderr=str(stderr))
        stdin, answers = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert answers is not None
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        answer = json.loads(answers.readline())
        return Ran(
            answer["exit"],
            answer["timed_out"],
            stdout.read_text(errors="replace"),
            stderr.read_text(errors="replace"),
        )

    def close(self) -> None:
        """End the server."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=10)

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
