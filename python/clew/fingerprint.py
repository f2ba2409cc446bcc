"""Fingerprints of values: equal for equal values, in any process, however the value was made.

A fingerprint tells apart what a program could tell apart by looking: ``1``, ``True`` and ``1.0``;
``-0.0`` and ``0.0``; ``[a, a]`` and ``[a, b]`` with equal parts; dictionaries in another order.
NaN equals NaN, arrays are equal whatever their strides, sets whatever their order. Addresses take
no part, nor does the identity of what cannot change (numbers, texts, tuples of these).

It never raises, never changes the value, runs no code of the user's (no ``__eq__``, ``__hash__``,
``__repr__``, ``__getattr__`` of a class that the program defines) and stops at limits. What it
could not look into makes it inexact, and it says what that was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "LIMIT_BYTES",
    "LIMIT_OBJECTS",
    "Fingerprint",
    "describe",
    "fingerprint",
    "fingerprint_file",
    "parse",
    "preload",
]

#: How many bytes of texts and buffers are looked at, and how many objects. A recorded fingerprint
#: can only be compared with one made under the same limits, so they are the same everywhere.
LIMIT_BYTES: Final = 256 * 1024 * 1024
LIMIT_OBJECTS: Final = 100_000


class Fingerprint(NamedTuple):
    """A value's fingerprint.

    Attributes
    ----------
    hex
        32 hexadecimal digits.
    exact
        Whether all of the value took part; if not, equal fingerprints mean "equal as far as can
        be seen".
    why
        What did not take part, in a few words; None if exact.
    """

    hex: str
    exact: bool = True
    why: str | None = None

    def __str__(self) -> str:
        return self.hex if self.exact else f"{self.hex}~{self.why or ''}"

    def matches(self, other: Fingerprint) -> bool:
        """Tell whether the two values are equal, as far as the fingerprints can tell."""
        return self.hex == other.hex


def fingerprint(
    value: object,
    *,
    limit_bytes: int = LIMIT_BYTES,
    limit_objects: int = LIMIT_OBJECTS,
    code: bool = False,
    aliases: Mapping[str, str] | None = None,
) -> Fingerprint:
    """Take the fingerprint of a value.

    Parameters
    ----------
    value
        Anything.
    limit_bytes, limit_objects
        Where to stop; beyond them buffers are sampled and the rest is left out.
    code
        Whether functions and classes count by what they do (their syntax tree) and not only by
        their name, defaults, and captured values. A slice may drop statements of a function, so
        verification does not ask for it.
    aliases
        Texts to be read as other texts, wherever they occur: the directory that a slice ran in
        as the one that was recorded.

    Returns
    -------
    Fingerprint
        Equal for equal values. It never raises.

    Examples
    --------
    >>> fingerprint([1, 2]).hex == fingerprint([1, 2]).hex
    True
    >>> fingerprint([1, 2]).hex == fingerprint([1, 2.0]).hex
    False
    """
    from clew.fingerprinting.encoder import Encoder

    encoder = Encoder(limit_bytes, limit_objects, code=code, aliases=aliases)
    digest = encoder.run(value)
    why = "; ".join(sorted(encoder.why)) or None
    return Fingerprint(digest.hex(), why is None, why)


def describe(value: object) -> tuple[str, str]:
    """Give what a recording keeps of a value: its fingerprint as text, and a summary for people.

    Parameters
    ----------
    value
        Anything.

    Returns
    -------
    tuple
        The text of the :class:`Fingerprint` (see :func:`parse`), and a line such as
        ``float 0.953`` or ``DataFrame 150 rows, 5 columns``.
    """
    from clew.fingerprinting.summaries import summary

    return str(fingerprint(value)), summary(value)


def preload() -> None:
    """Import all that taking fingerprints may need, before a program changes the import system."""
    import importlib

    for name in (
        "builtin",
        "callables",
        "drawings",
        "encoder",
        "frames",
        "numeric",
        "objects",
        "origins",
        "registry",
        "streams",
        "summaries",
        "trees",
    ):
        importlib.import_module(f"clew.fingerprinting.{name}")


def parse(text: str) -> Fingerprint:
    """Read a fingerprint from the text that ``str`` makes of it."""
    digest, inexact, why = text.partition("~")
    return Fingerprint(
        digest, not inexact, (why or "not all of it can be seen") if inexact else None
    )


def fingerprint_file(path: str) -> Fingerprint:
    """Take the fingerprint of a file's content.

    Parameters
    ----------
    path
        A file, or a directory (its files by name).

    Returns
    -------
    Fingerprint
        Of the bytes; where a format writes the time or a random name into each file (gzip, zip
        and the office formats, PDF, SVG, SQLite), of what is left without them.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    from clew.fingerprinting.files import fingerprint_path

    digest, why = fingerprint_path(path)
    return Fingerprint(digest, why is None, why)
