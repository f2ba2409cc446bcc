"""What operations say about the values that they connect: the ground of inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from clew.expressions import ExpressionGraph, Node


@dataclass(frozen=True)
class Constraint:
    """Something that an operation says of two values.

    Attributes
    ----------
    subject : Node
        The value of which it says something.
    object : Node
        What comes of it.
    operand : Node or None
        The other operand of an operator or a comparison, or the key of an item.
    name : str
        The attribute, the method, the parameter, or the operation (``add``, ``lt``, ``bool``).
    source : tuple of (str, int) or None
        File and line of the operation.
    """

    subject: Node
    object: Node
    operand: Node | None = None
    name: str = ""
    source: tuple[str, int] | None = None

    def __str__(self) -> str:
        name = f" {self.name}" if self.name else ""
        operand = f" with {self.operand}" if self.operand is not None else ""
        return f"{type(self).__name__}{name}: {self.subject}{operand} -> {self.object}"


class HasAttr(Constraint):
    """The subject has an attribute, which is the object."""


class HasInit(Constraint):
    """The subject is a class that makes the object."""


class HasItem(Constraint):
    """The subject holds the object, under the key `operand`."""


class HasCallableMethod(Constraint):
    """The subject has a method, which gives the object."""


class IsCallableFunction(Constraint):
    """The subject is a function, which gives the object."""


class ArgToContent(Constraint):
    """The subject is passed on and is the object: an argument as a parameter, a result."""


class Operator(Constraint):
    """The subject, and `operand` if there is one, give the object by an operator."""


class Comparison(Constraint):
    """The subject is compared to `operand`; the object is the result."""


class Iteration(Constraint):
    """The subject gives the object when it is iterated over."""


class Conversion(Constraint):
    """The subject becomes a plain object of Python."""


_CLASSES: Final = {
    made.__name__: made
    for made in (
        HasAttr,
        HasInit,
        HasItem,
        HasCallableMethod,
        IsCallableFunction,
        ArgToContent,
        Operator,
        Comparison,
        Iteration,
        Conversion,
    )
}
_NONE: Final = 2**32 - 1


class Constraints(Sequence[Constraint]):
    """The constraints of a graph in the order of its operations, made when they are looked at."""

    def __init__(self, graph: ExpressionGraph) -> None:
        self._graph = graph
        *columns, rules, self._names = graph._rows.constraints()
        self._columns = [memoryview(column).cast("I") for column in columns]
        self._rules = [_CLASSES[rule] for rule in rules]

    def __len__(self) -> int:
        return len(self._columns[0])

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [self._made(number) for number in range(len(self))[position]]
        return self._made(range(len(self))[position])

    def __iter__(self) -> Iterator[Constraint]:
        return map(self._made, range(len(self)))

    def _made(self, number: int) -> Constraint:
        rule, subject, result, operand, name, place = (c[number] for c in self._columns)
        graph = self._graph
        return self._rules[rule](
            graph[subject],
            graph[result],
            None if operand == _NONE else graph[operand],
            self._names[name],
            graph._rows.place(place),
        )

    def __repr__(self) -> str:
        return f"<{len(self)} constraints>"
