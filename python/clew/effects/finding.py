"""Where annotation files of the user are: in the store, in the user's settings, in packages.

A package offers annotations by an entry point of the group ``clew.annotations`` whose value names a
YAML file as if it were a module (`mypackage.effects` is `mypackage/effects.yaml`), or a directory
of such files. It is found by the metadata of installed distributions; nothing is imported.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["GROUP", "Found", "find"]

GROUP = "clew.annotations"


class Found(NamedTuple):
    """One annotation file.

    Attributes
    ----------
    path
        The YAML file.
    origin
        `store`, `settings`, or the name of the distribution that it came with.
    """

    path: str
    origin: str


def find(store: str | None) -> list[Found]:
    """Find the annotation files that hold for runs of a store.

    Parameters
    ----------
    store
        The directory of the store; None if there is none.

    Returns
    -------
    list of Found
        In order of trust.
    """
    settings = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    places = [(os.path.join(settings, "clew"), "settings")]
    if store is not None:
        places.insert(0, (store, "store"))
    found: list[Found] = []
    for directory, origin in places:
        single = os.path.join(directory, "annotations.yaml")
        found += [Found(single, origin)] if os.path.isfile(single) else []
        found += [Found(p, origin) for p in _files(os.path.join(directory, "annotations"))]
    return found + list(_offered())


def _files(directory: str) -> list[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []
    return [os.path.join(directory, name) for name in names if name.endswith((".yaml", ".yml"))]


def _offered() -> Iterator[Found]:
    """Give the files that installed distributions offer."""
    seen = set()
    for base in sys.path:
        try:
            names = sorted(os.listdir(base or os.curdir))
        except OSError:
            continue
        for name in names:
            if not name.endswith((".dist-info", ".egg-info")) or name in seen:
                continue
            seen.add(name)
            distribution = name.partition("-")[0]
            for value in _values(os.path.join(base, name, "entry_points.txt")):
                for path in _resolved(value):
                    yield Found(path, distribution)


def _values(path: str) -> list[str]:
    """Read the values of our group from the text of a distribution's entry points."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return []
    if GROUP not in text:
        return []
    values, inside = [], False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            inside = line == f"[{GROUP}]"
        elif inside and "=" in line:
            values.append(line.partition("=")[2].strip())
    return values


def _resolved(value: str) -> list[str]:
    """Give the files that a dotted name stands for."""
    relative = os.path.join(*value.split("."))
    for base in sys.path:
        whole = os.path.join(base, relative)
        if os.path.isfile(whole + ".yaml"):
            return [whole + ".yaml"]
        if os.path.isdir(whole):
            return _files(whole)
    return []
