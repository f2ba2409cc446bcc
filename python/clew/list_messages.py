"""How messages go back through what changes the positions of the elements of lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from clew.evaluating import Evaluator
from clew.reversing import Parts, part_of

if TYPE_CHECKING:
    from clew.expressions import ExpressionGraph, Node

CHANGES: Final = frozenset(("append", "insert", "extend", "pop", "reverse", "clear"))
"""Methods of lists through which messages go back."""
_KINDS: Final = frozenset(("getitem", "setitem", "delitem", "untraced_dispatch"))


class Lengths(Evaluator):
    """Runs a graph, and keeps the lengths of lists before and after each operation on them."""

    def __init__(self, graph: ExpressionGraph) -> None:
        super().__init__(graph)
        self.found: dict[int, tuple[int, int]] = {}

    def generic(self, node: Node, *values: Any, **named: Any) -> Any:
        """Do what the program did, and look at the list before and after."""
        if node.kind not in _KINDS or not isinstance(values[0], list):
            return super().generic(node, *values, **named)
        before = len(values[0])
        result = super().generic(node, *values, **named)
        self.found[node.id] = before, len(values[0])
        return result


def lengths(graph: ExpressionGraph) -> Mapping[int, tuple[int, int]]:
    """Give the lengths of lists before and after each operation on them."""
    run = Lengths(graph)
    run.evaluate(guards="ignore")
    return run.found


def moved(message: Parts, to: Callable[[int], int | None]) -> Parts:
    """Give the message of a list before its elements went elsewhere."""
    found = ((to(place), one) for place, one in message.items())
    return Parts({place: one for place, one in found if place is not None})


def item(key: Any, message: Any, length: int) -> Parts:
    """Give the message of a list, of which an item or a slice was read."""
    if isinstance(key, slice):
        places = range(length)[key]
        return Parts({place: part_of(message, at, None) for at, place in enumerate(places)})
    return Parts({range(length)[key]: message})


def deleted(key: Any, message: Parts, before: int) -> Parts:
    """Give the message of a list before items were deleted."""
    gone = range(before)[key]
    places = gone if isinstance(gone, range) else (gone,)
    left = [place for place in range(before) if place not in places]
    return moved(message, lambda place: left[place])


def stored(key: Any, message: Parts, before: int, after: int) -> tuple[Parts, Any]:
    """Give the message of a list before an item or a slice was stored, and that of what was."""
    if not isinstance(key, slice):
        rest = Parts(message)
        return rest, rest.pop(range(before)[key], None)
    places = range(before)[key]
    if places.step != 1:
        at = {place: position for position, place in enumerate(places)}
        value = Parts({at[place]: one for place, one in message.items() if place in at})
        return moved(message, lambda place: None if place in at else place), value
    end = places.start + len(places) + after - before
    value = Parts({p - places.start: m for p, m in message.items() if places.start <= p < end})
    return moved(
        message,
        lambda p: p if p < places.start else None if p < end else p - (after - before),
    ), value


def method(
    name: str, message: Parts, of_result: Any, args: Sequence[Any], before: int, after: int
) -> tuple[Parts, list[Any]]:
    """Give the message of a list before a method changed it, and those of the arguments."""
    none: list[Any] = [None] * len(args)
    if name in ("append", "extend"):
        rest, value = stored(slice(before, before), message, before, after)
        return rest, [value.get(0) if name == "append" else value]
    if name == "insert":
        at = slice(args[0], None).indices(before)[0]
        rest, value = stored(slice(at, at), message, before, after)
        return rest, [None, value.get(0)]
    if name == "pop":
        at = range(before)[args[0] if args else -1]
        rest = deleted(at, message, before)
        return rest if of_result is None else Parts({**rest, at: of_result}), none
    if name == "reverse":
        return moved(message, lambda place: before - 1 - place), none
    return Parts(), none
