"""Running a graph with operations of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from clew import _core
from clew.tracing import _check_fact

if TYPE_CHECKING:
    from clew.expressions import ExpressionGraph, Guards, Node

_WORDS: Final = frozenset(("return", "yield"))


class Evaluator:
    """Runs a graph: one method for each kind of node, to override.

    Each method gets the node and the values of its inputs, and gives the value of the node. As
    they are, they do what the program did. To override one is enough for another meaning of the
    operations: intervals, units, types, costs.

    Parameters
    ----------
    graph
        The graph to run.

    Examples
    --------
    >>> import clew
    >>> class Cost(clew.Evaluator):
    ...     def input(self, node, value):
    ...         return 0
    ...     def const(self, node, value):
    ...         return 0
    ...     def generic(self, node, *values):
    ...         return 1 + sum(values)
    >>> x = clew.trace(3.0, "x")
    >>> Cost(clew.graph(x * x + 1)).evaluate()
    2

    Notes
    -----
    Nodes come in the order in which the program did them, whatever the depth. Calls of traced
    functions do nothing themselves (`call`, `dispatch`): their parameters (`argument`), what
    happened in them and their results (`return_`) are nodes of their own.
    """

    def __init__(self, graph: ExpressionGraph) -> None:
        self.graph = graph

    def evaluate(self, *, guards: Guards = "check", **inputs: Any) -> Any:
        """Run the graph.

        Parameters
        ----------
        guards
            ``"check"`` calls `convert` for the facts that the program went on with, ``"ignore"``
            leaves them out.
        **inputs
            New values of inputs by name.

        Returns
        -------
        object
            The value of the output, or a tuple when the graph has several.
        """
        self.graph._check_names(inputs)
        values: list[Any] = []
        for value in self._values(inputs, guards == "check", values):
            values.append(value)  # noqa: PERF402 - what was appended is read for the next one.
        outputs = [values[number] for number in self.graph._rows.outputs]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _values(
        self, given: Mapping[str, Any], has_guards: bool, values: Sequence[Any]
    ) -> Iterator[Any]:
        """Give the values of the nodes one after the other, reading those that were given."""
        rows = self.graph._rows.rows()
        nodes = self.graph.nodes
        methods: dict[str, Callable[..., Any]] = {}
        columns = self.graph._rows
        may_change = columns.may_change()
        for number, ((kind, _), label, reads, _, _, then, _) in enumerate(rows):
            method = methods.get(kind)
            if method is None:
                method = methods[kind] = getattr(self, kind + "_" if kind in _WORDS else kind)
            if kind == "const":
                yield method(
                    nodes[number], columns.starting_value(number, may_change) if then else None
                )
            elif kind == "input":
                name = label[0]
                value = given[name] if name in given else columns.starting_value(number, may_change)
                yield method(nodes[number], value)
            elif kind == "convert" and not has_guards:
                yield None
            elif label is not None and label[1]:
                n_positional = len(reads) - len(label[1])
                operands = [values[read] for read in reads]
                named = dict(zip(label[1], operands[n_positional:], strict=True))
                if kind in ("call", "dispatch", "new", "build"):
                    yield method(nodes[number], *operands)
                else:
                    yield method(nodes[number], *operands[:n_positional], **named)
            else:
                yield method(nodes[number], *[values[read] for read in reads])

    def generic(self, node: Node, *values: Any, **named: Any) -> Any:
        """Do what the program did. Every method that is not overridden comes here."""
        return apply(node, values, named)

    def input(self, node: Node, value: Any) -> Any:
        """Give the value of an input, of what was given or traced."""
        return value

    def const(self, node: Node, value: Any) -> Any:
        """Give the value of a constant."""
        return value

    def call(self, node: Node, function: Any, *args: Any) -> Any:
        """Enter a call of a traced function; it has no value of its own."""

    def dispatch(self, node: Node, receiver: Any, *args: Any) -> Any:
        """Enter a call of a method of a traced class; it has no value of its own."""

    def argument(self, node: Node, call: Any, value: Any) -> Any:
        """Give the value of a parameter."""
        return self.generic(node, call, value)

    def return_(self, node: Node, call: Any, value: Any) -> Any:
        """Give the result of a call."""
        return self.generic(node, call, value)

    def untraced_call(self, node: Node, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a function."""
        return self.generic(node, function, *args, **kwargs)

    def untraced_dispatch(self, node: Node, receiver: Any, *args: Any, **kwargs: Any) -> Any:
        """Call the method ``node.name``."""
        return self.generic(node, receiver, *args, **kwargs)

    def new(self, node: Node, owner: Any, *args: Any) -> Any:
        """Make an object of a traced class; its ``__init__`` follows."""
        return self.generic(node, owner, *args)

    def getattr(self, node: Node, value: Any) -> Any:
        """Read the attribute ``node.name``."""
        return self.generic(node, value)

    def setattr(self, node: Node, owner: Any, value: Any) -> Any:
        """Store the attribute ``node.name``; gives the object."""
        return self.generic(node, owner, value)

    def delattr(self, node: Node, owner: Any) -> Any:
        """Delete the attribute ``node.name``; gives the object."""
        return self.generic(node, owner)

    def getitem(self, node: Node, container: Any, key: Any) -> Any:
        """Read an item."""
        return self.generic(node, container, key)

    def setitem(self, node: Node, container: Any, key: Any, value: Any) -> Any:
        """Store an item; gives the container."""
        return self.generic(node, container, key, value)

    def delitem(self, node: Node, container: Any, key: Any) -> Any:
        """Delete an item; gives the container."""
        return self.generic(node, container, key)

    def unary(self, node: Node, value: Any, *rest: Any) -> Any:
        """Do the operation ``node.op`` with one operand; `round` may have its digits."""
        return self.generic(node, value, *rest)

    def binary(self, node: Node, left: Any, right: Any, *rest: Any) -> Any:
        """Do the operation ``node.op`` with two operands; `pow` may have its modulus."""
        return self.generic(node, left, right, *rest)

    def compare(self, node: Node, left: Any, right: Any) -> Any:
        """Do the comparison ``node.op``."""
        return self.generic(node, left, right)

    def iter(self, node: Node, value: Any) -> Any:
        """Make an iterator."""
        return self.generic(node, value)

    def next(self, node: Node, iterator: Any, *rest: Any, **named: Any) -> Any:
        """Take a value from an iterator; of a traced generator, `rest` is what it yielded."""
        return self.generic(node, iterator, *rest, **named)

    def yield_(self, node: Node, value: Any) -> Any:
        """Give what a traced generator yields."""
        return self.generic(node, value)

    def build(self, node: Node, *elements: Any) -> Any:
        """Build a container, ``node.op``."""
        return self.generic(node, *elements)

    def convert(self, node: Node, *values: Any) -> Any:
        """Compare a fact with what it was when it was traced.

        Raises
        ------
        GuardViolation
            If it is another now.
        """
        now = self.generic(node, *values)
        file, line = node.source or (None, None)
        _check_fact(node.op, str(node), node.value, now, file, line)
        return now


def apply(node: Node, values: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """Do the operation of a node to values."""
    keywords = list(named) or list(node.keywords)
    return _core.apply_operation(
        node.kind, node.op, node.name or "", keywords, (*values, *named.values())
    )
