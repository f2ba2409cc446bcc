"""Standard output and error as commands need them: open, buffered, no failure on a character."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["abandon_output", "complain", "standard_output"]


@contextmanager
def standard_output() -> Iterator[None]:
    """Put a fitting `sys.stdout` in place, and afterwards the one that was there."""
    before, made = sys.stdout, None
    try:
        if sys.stdout is None:
            # The descriptor was closed before the start.
            sys.stdout = made = open(os.devnull, "w")  # noqa: SIM115
        elif isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
            # PYTHONUNBUFFERED: a text that is written in part, as when the reader leaves, passes
            # for written.
            number, encoding = sys.stdout.fileno(), sys.stdout.encoding
            made = open(number, "w", encoding=encoding, closefd=False)  # noqa: SIM115
            sys.stdout = made
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        yield
        sys.stdout.flush()
    finally:
        sys.stdout = before
        if made is not None:
            # What could not be written was told; the stream must not tell it again when it dies.
            with suppress(OSError):
                made.close()


def abandon_output() -> None:
    """Let flushes that are still to come go nowhere: nobody reads the output any more."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
    except OSError:
        pass


def complain(kind: str, problem: object) -> None:
    """Write one line to standard error; its absence is not worth a failure of its own."""
    line = " ".join(str(problem).split())
    try:
        sys.stderr.write(f"clew: {kind}: {line}\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass
