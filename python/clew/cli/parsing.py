"""Reading options: `argparse`, whose mistakes become one line, and what subcommands share."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from clew.errors import UsageError

__all__ = ["Parser", "Shown", "add_format", "add_run", "add_store", "add_target", "duration"]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Shown(Exception):
    """Help was asked for; `text` is it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Parser(argparse.ArgumentParser):
    """A parser that raises where `argparse` would print and exit."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(**options)

    def error(self, message: str) -> NoReturn:
        """Raise the mistake."""
        raise UsageError(message, f"{self.prog} --help says more")

    def print_help(self, file: object = None) -> None:
        """Raise the help's text."""
        raise Shown(self.format_help())


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add `--store`."""
    parser.add_argument(
        "--store", metavar="URL", help="the store: a directory (default: .clew here or above)"
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add `--run` and `--store`."""
    parser.add_argument(
        "--run", metavar="RUN", help="latest (the default), latest~N, or the beginning of an id"
    )
    add_store(parser)


def add_target(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add TARGET."""
    text = "NAME, NAME@LINE, FILE:LINE, file:PATH or artifact:NAME"
    parser.add_argument("target", metavar="TARGET", nargs="?" if optional else None, help=text)


def add_format(parser: argparse.ArgumentParser, *formats: str) -> None:
    """Add `--format`; the first is the default."""
    parser.add_argument(
        "--format", choices=formats, default=formats[0], help=f"default: {formats[0]}"
    )


def duration(text: str) -> int:
    """Read a duration in seconds: `30d`, `12h`, `45m`, `10s`, `2w`.

    Raises
    ------
    argparse.ArgumentTypeError
        The text is no duration.
    """
    number, unit = text[:-1], text[-1:]
    if unit in _SECONDS and number.isascii() and number.isdecimal():
        return int(number) * _SECONDS[unit]
    raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 30d, 12h or 45m")


def natural(text: str) -> int:
    """Read a whole number from 0.

    Raises
    ------
    argparse.ArgumentTypeError
        The text is none.
    """
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
