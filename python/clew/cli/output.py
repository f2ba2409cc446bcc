"""How answers look: plain tables, colour only on a terminal, JSON, and files written whole."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import BinaryIO

__all__ = [
    "bold",
    "copy_bytes",
    "dim",
    "duration",
    "json_text",
    "nanoseconds",
    "one_line",
    "size",
    "table",
    "when",
    "write_bytes",
    "write_file",
    "write_json",
]


def bold(text: str) -> str:
    """Make the text bold on a terminal."""
    return f"\033[1m{text}\033[0m" if _has_colour() else text


def dim(text: str) -> str:
    """Make the text faint on a terminal."""
    return f"\033[2m{text}\033[0m" if _has_colour() else text


def _has_colour() -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> str:
    """Lay out a table with a line of headings; the last column is as wide as it is.

    Parameters
    ----------
    columns
        Headings.
    rows
        Values; None shows as `-`.
    right
        Columns of numbers.
    """
    cells = [["-" if value is None else one_line(str(value)) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    lines = []
    for row in [list(columns), *cells]:
        shown = [
            text.rjust(width) if name in right else text.ljust(width)
            for name, text, width in zip(columns, row, widths, strict=True)
        ]
        lines.append("  ".join(shown).rstrip())
    lines[0] = bold(lines[0])
    return "\n".join(lines) + "\n"


def one_line(text: str) -> str:
    """Show line ends and other control characters instead of obeying them."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def when(moment: str | None) -> str | None:
    """Turn a time of the store (UTC, ISO 8601) into local time, to the second."""
    if moment is None:
        return None
    return _parsed(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(started: str, ended: str | None) -> str | None:
    """Tell the time between two times of the store: `0.42 s`, `3 min 20 s`."""
    if ended is None:
        return None
    seconds = (_parsed(ended) - _parsed(started)).total_seconds()
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _parsed(moment: str) -> datetime:
    return datetime.fromisoformat(moment.removesuffix("Z")).replace(tzinfo=UTC)


def size(n_bytes: int) -> str:
    """Tell a number of bytes to people: `17 bytes`, `2.3 MB`."""
    if n_bytes < 1000:
        return f"{n_bytes} bytes"
    value = float(n_bytes)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"


def nanoseconds(time_ns: int) -> str:
    """Tell a time to people: `850 ns`, `12.3 ms`, `4.56 s`."""
    value = float(time_ns)
    for unit in ("ns", "us", "ms"):
        if value < 999.5:
            return (
                f"{value:.0f} {unit}" if unit == "ns" or value >= 99.95 else f"{value:.1f} {unit}"
            )
        value /= 1000
    return f"{value:.2f} s"


def json_text(value: object) -> str:
    """Give a value as JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def write_json(value: object) -> None:
    """Print a value as JSON."""
    sys.stdout.write(json_text(value))


def copy_bytes(source: BinaryIO, target: BinaryIO | None = None) -> None:
    """Copy a file to another, or print it, in pieces."""
    while piece := source.read(1 << 20):
        if target is None:
            write_bytes(piece)
        else:
            target.write(piece)


def write_bytes(content: bytes) -> None:
    """Print bytes as they are, where the output takes bytes."""
    if hasattr(sys.stdout, "buffer"):
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
    else:
        sys.stdout.write(content.decode(errors="replace"))


def write_file(path: str, content: str | bytes) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    OSError
        It cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    if not os.path.isfile(path) or os.path.islink(path):
        # A device, a pipe, a link's target, or nothing yet.
        with open(path, "wb") as file:
            file.write(data)
        return
    unfinished = f"{path}.{os.getpid()}.new"
    try:
        with open(unfinished, "wb") as file:
            file.write(data)
        os.chmod(unfinished, os.stat(path).st_mode & 0o7777)
        os.replace(unfinished, path)
    except OSError as problem:
        if os.path.exists(unfinished):
            os.remove(unfinished)
        raise OSError(problem.errno, problem.strerror, path) from None
