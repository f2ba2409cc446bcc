"""Looking at operations while they are traced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from clew import _core


class Operation:
    """An operation that was just traced, as an interpreter sees it.

    Attributes
    ----------
    result : object
        The stand-in of its result. ``clew.meta(operation.result)`` is where to attach something.
    """

    def __init__(self, traced: Any) -> None:
        self.result = traced
        self._row = _core.OperationRow(traced)

    @property
    def kind(self) -> str:
        """What kind of operation it is, as that of :class:`Node`."""
        return str(self._row.kind)

    @property
    def op(self) -> str:
        """Which operation of its kind."""
        return str(self._row.op)

    @property
    def name(self) -> str | None:
        """The name of an attribute, a parameter or a called function."""
        return self._row.name or None

    @property
    def keywords(self) -> tuple[str, ...]:
        """The names of the last inputs of a call."""
        return tuple(self._row.keywords)

    @property
    def inputs(self) -> tuple[Any, ...]:
        """Stand-ins of what it reads, in order; `clew.meta` finds what was attached to them."""
        return tuple(self._row.inputs)

    @property
    def value(self) -> Any:
        """The plain value of its result."""
        return _core.untrace_value(self.result)

    @property
    def source(self) -> tuple[str, int] | None:
        """File and line, if they are known."""
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
