"""The fast path: plain lists, dictionaries and tuples of atoms, in which nothing is shared.

Such a value is written by `marshal` at once instead of step by step. Whether a value is one is
seen from its structure alone, so that equal values always take the same path.
"""

from __future__ import annotations

import marshal
import re
from typing import Any, Final

from clew.fingerprinting.encoder import ATOMS

_PLAIN: Final = frozenset([list, dict, tuple])
_MAX_DEPTH: Final = 100
#: A float whose exponent is all ones: infinite or NaN. NaNs are not all alike in memory.
_UNUSUAL: Final = re.compile(rb"(?:g|y|y.{8}).{6}[\xf0-\xff][\x7f\xff]", re.DOTALL)


def containers(root: Any, limit: int) -> tuple[list[Any] | None, int]:
    """List the containers of a plain tree.

    Parameters
    ----------
    root
        A list or a dictionary.
    limit
        How many containers may be looked at.

    Returns
    -------
    tuple
        The lists and dictionaries in the tree, or None if it is not plain or shares one of them;
        and how many containers were looked at.
    """
    mutable: list[Any] = []
    level = [root]
    n_seen = 0
    for _ in range(_MAX_DEPTH):
        n_seen += len(level)
        if n_seen > limit:
            return None, n_seen
        inner: list[Any] = []
        for container in level:
            kind = type(container)
            if kind is dict:
                items: Any = [*container, *container.values()]
            else:
                items = container
            if not ATOMS.issuperset(map(type, items)):
                inner += [item for item in items if type(item) not in ATOMS]
            if kind is not tuple:
                mutable.append(container)
        if not inner:
            shared = len(set(map(id, mutable))) != len(mutable)
            return (None if shared else mutable), n_seen
        if not _PLAIN.issuperset(map(type, inner)):
            return None, n_seen
        level = inner
    return None, n_seen


def dump(root: Any) -> bytes | None:
    """Write a plain tree; None if it holds a float that needs a closer look."""
    data = marshal.dumps(root, 2)
    return None if _UNUSUAL.search(data) else data


def replaced(value: Any, aliases: dict[str, str]) -> Any:
    """Copy a plain tree with texts read as others."""
    kind = type(value)
    if kind is str:
        for found, meant in aliases.items():
            value = value.replace(found, meant)
        return value
    if kind is dict:
        return {replaced(k, aliases): replaced(v, aliases) for k, v in value.items()}
    if kind in (list, tuple):
        return kind(replaced(item, aliases) for item in value)
    return value
