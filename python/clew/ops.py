"""The functions that syntax without a name means, as `clew.record_calls` tells it.

Operators are those of :mod:`operator`; this module has what that one lacks: displays, unpacking and
statements. Each function does what the syntax does, so that a recorded call can be made again.
"""

# ruff: noqa: D401 (the first lines are syntax)

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, MutableSequence, MutableSet
from typing import Any, NoReturn, TypeVar

__all__ = [
    "assert_true",
    "await_value",
    "build_dict",
    "build_list",
    "build_set",
    "build_string",
    "build_tuple",
    "delete_name",
    "dict_set",
    "dict_update",
    "list_append",
    "list_extend",
    "match_pattern",
    "raise_exception",
    "reraise",
    "set_add",
    "set_update",
    "unpack_ex",
    "unpack_sequence",
    "yield_from",
    "yield_value",
]

_END: Any = object()

_T = TypeVar("_T")
_List = TypeVar("_List", bound="MutableSequence[Any]")
_Set = TypeVar("_Set", bound="MutableSet[Any]")
_Dict = TypeVar("_Dict", bound="dict[Any, Any]")


def build_list(*elements: _T) -> list[_T]:
    """`[a, b]`, and a list comprehension with the elements that it gave."""
    return list(elements)


def build_tuple(*elements: _T) -> tuple[_T, ...]:
    """`(a, b)`."""
    return elements


def build_set(*elements: Hashable) -> set[Any]:
    """`{a, b}`, and a set comprehension."""
    return set(elements)


def build_dict(*items: tuple[Any, Any]) -> dict[Any, Any]:
    """`{key: value}`, from pairs, and a dictionary comprehension."""
    return dict(items)


def build_string(*parts: str) -> str:
    """Join the parts of an f-string."""
    return "".join(parts)


def list_extend(target: _List, iterable: Iterable[Any]) -> _List:
    """`[..., *iterable]`: extend a list that is being built, and give it."""
    target.extend(iterable)
    return target


def list_append(target: _List, element: Any) -> _List:
    """`[*x, element]`: append to a list that is being built, and give it."""
    target.append(element)
    return target


def set_update(target: _Set, iterable: Iterable[Any]) -> _Set:
    """`{..., *iterable}`: add to a set that is being built, and give it."""
    for element in iterable:
        target.add(element)
    return target


def set_add(target: _Set, element: Any) -> _Set:
    """`{*x, element}`: add to a set that is being built, and give it."""
    target.add(element)
    return target


def dict_update(target: _Dict, mapping: Mapping[Any, Any]) -> _Dict:
    """`{..., **mapping}`: update a dictionary that is being built, and give it."""
    if not hasattr(mapping, "keys"):
        raise TypeError(f"'{type(mapping).__name__}' object is not a mapping")
    target.update(mapping)
    return target


def dict_set(target: _Dict, key: Any, value: Any) -> _Dict:
    """`{**x, key: value}`: set an item of a dictionary that is being built, and give it."""
    target[key] = value
    return target


def unpack_sequence(iterable: Iterable[_T], n: int) -> tuple[_T, ...]:
    """`a, b = iterable`: exactly `n` elements."""
    elements: tuple[_T, ...] = ()
    if type(iterable) in (tuple, list):
        elements = tuple(iterable)
    else:
        try:
            steps = iter(iterable)
        except TypeError:
            kind = type(iterable).__name__
            raise TypeError(f"cannot unpack non-iterable {kind} object") from None
        # `for` would ask an iterator for an iterator again.
        while (element := next(steps, _END)) is not _END:
            if len(elements) == n:
                raise ValueError(f"too many values to unpack (expected {n})")
            elements += (element,)
    if len(elements) < n:
        raise ValueError(f"not enough values to unpack (expected {n}, got {len(elements)})")
    if len(elements) > n:
        raise ValueError(f"too many values to unpack (expected {n})")
    return elements


def unpack_ex(iterable: Iterable[Any], before: int, after: int = 0) -> tuple[Any, ...]:
    """`a, *b, c = iterable`: so many elements before the starred one, and so many after it.

    The element in the middle is the list of the others.
    """
    try:
        elements = list(iterable)
    except TypeError:
        if hasattr(type(iterable), "__iter__"):
            raise
        kind = type(iterable).__name__
        raise TypeError(f"cannot unpack non-iterable {kind} object") from None
    least = before + after
    if len(elements) < least:
        raise ValueError(
            f"not enough values to unpack (expected at least {least}, got {len(elements)})"
        )
    end = len(elements) - after
    return (*elements[:before], elements[before:end], *elements[end:])


def raise_exception(exception: BaseException | type[BaseException]) -> NoReturn:
    """`raise exception`."""
    raise exception


def reraise() -> NoReturn:
    """`raise` alone: the exception that is being handled."""
    raise


def assert_true(value: object) -> None:
    """`assert value`."""
    if not value:
        raise AssertionError


def yield_value(value: object) -> None:
    """`yield value`: what a generator gave; recorded with what was sent as the result."""


def yield_from(iterable: object) -> None:
    """`yield from iterable`: what a generator left the rest to; recorded with what came of it."""


async def await_value(awaitable: Any) -> Any:
    """`await awaitable`."""
    return await awaitable


def delete_name(name: str) -> None:
    """`del name`."""


def match_pattern(pattern: str, *captured: object) -> None:
    """`case pattern`: one that matched, and what its names were bound to."""
