"""Looking at operations while they are traced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from clew import _core
from clew.expressions import ExpressionGraph, Node


class Operation:
    """An operation that was just traced, as an interpreter sees it.

    Attributes
    ----------
    result : object
        The stand-in of its result. ``clew.meta(operation.result)`` is where to attach something.
    inputs : tuple
        Stand-ins of what it reads, in order; `clew.meta` finds what was attached to them.
    kind, op, name, keywords, value, source
        As those of :class:`Node`.
    """

    def __init__(self, traced: Any) -> None:
        self.result = traced
        self._row = _core.OperationRow(traced)

    @property
    def kind(self) -> str:
        return str(self._row.kind)

    @property
    def op(self) -> str:
        return str(self._row.op)

    @property
    def name(self) -> str | None:
        return self._row.name or None

    @property
    def keywords(self) -> tuple[str, ...]:
        return tuple(self._row.keywords)

    @property
    def inputs(self) -> tuple[Any, ...]:
        return tuple(self._row.inputs)

    @property
    def value(self) -> Any:
        return _core.untrace_value(self.result)

    @property
    def source(self) -> tuple[str, int] | None:
        source: tuple[str, int] | None = self._row.source
        return source

    def __repr__(self) -> str:
        return f"<Operation {self.kind} {self.op or self.name or ''}: {self.result}>"


@contextmanager
def interpreter(function: Callable[[Operation], Any]) -> Iterator[None]:
    """Have a function called for each operation on traced values, as it happens.

    Parameters
    ----------
    function
        Gets an :class:`Operation`. What it raises is raised where the operation stands in the
        program. What it returns, unless ``None``, takes the place of the operation's result.

    Notes
    -----
    Interpreters nest, as those of JAX do: the innermost is asked, and the operations that it does
    itself are the next outer one's.
    """
    _core.push_interpreter(function)
    try:
        yield
    finally:
        _core.pop_interpreter()
