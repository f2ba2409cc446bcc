"""Graphs of traced values: the nodes behind a result, and what can be done with them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from clew import _core
from clew.errors import NotTraced, UnknownInput

if TYPE_CHECKING:
    from clew.constraints import Constraints
    from clew.evaluating import Evaluator
    from clew.reversing import ReversedGraph, Rule, Rules

Guards = Literal["check", "ignore"]


class Node:
    """One operation of a graph.

    Nodes are made when they are looked at; two that stand for the same operation of the same graph
    are equal.

    Attributes
    ----------
    id : int
        Its position in the graph: what it reads has smaller ones.

    Notes
    -----
    The kinds are ``input``, ``const``, ``call``, ``dispatch``, ``untraced_call``,
    ``untraced_dispatch``, ``new``, ``argument``, ``return``, ``getattr``, ``setattr``, ``delattr``,
    ``getitem``, ``setitem``, ``delitem``, ``unary``, ``binary``, ``compare``, ``iter``, ``next``,
    ``yield``, ``build`` and ``convert``.
    """

    __slots__ = ("_graph", "id")

    id: int

    def __init__(self, graph: ExpressionGraph, number: int) -> None:
        self._graph = graph
        self.id = number

    @property
    def kind(self) -> str:
        """What kind of operation it is: ``input``, ``call``, ``binary``, ..."""
        return str(self._graph._rows.kind(self.id))

    @property
    def op(self) -> str:
        """Which operation of its kind; empty when the kind says it all.

        It is the name of the function in `operator` or `builtins` that does the same: ``add``,
        ``lt``, ``neg``, ``round``, ``list``, ``bool``.
        """
        return str(self._graph._rows.op(self.id))

    @property
    def inputs(self) -> tuple[Node, ...]:
        """What it reads, in order: a call reads what is called, then the arguments."""
        return self._graph._nodes_of(self._graph._rows.inputs(self.id))

    @property
    def keywords(self) -> tuple[str, ...]:
        """The names of the last inputs of a call."""
        return tuple(self._graph._rows.keywords(self.id))

    @property
    def after(self) -> tuple[Node, ...]:
        """The operations that last changed an object that it reads."""
        return self._graph._nodes_of(self._graph._rows.after(self.id))

    @property
    def value(self) -> Any:
        """Its value when it was traced; of an operation that changes an object, the object."""
        return self._graph._rows.value(self.id)

    @property
    def name(self) -> str | None:
        """The name of an input, a parameter, an attribute or a called function."""
        return self._graph._rows.name(self.id) or None

    @property
    def source(self) -> tuple[str, int] | None:
        """File and line, if they are known."""
        source: tuple[str, int] | None = self._graph._rows.source(self.id)
        return source

    @property
    def parent(self) -> Node | None:
        """The call in which it happened."""
        number = self._graph._rows.parent(self.id)
        return None if number is None else Node(self._graph, number)

    @property
    def meta(self) -> dict[str, Any]:
        """What :func:`clew.meta` attached to it."""
        return self._graph._rows.notes(self.id) or {}

    def __index__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Node):
            return NotImplemented
        return self.id == other.id and self._graph is other._graph

    def __hash__(self) -> int:
        return hash((id(self._graph), self.id))

    def __str__(self) -> str:
        return str(self._graph._rows.text(self.id))

    def __repr__(self) -> str:
        what = " ".join(part for part in (self.kind, self.op, self.name) if part)
        return f"<Node {self.id}: {what}>"


class Nodes(Sequence[Node]):
    """Nodes of a graph in order, made when they are looked at."""

    def __init__(self, graph: ExpressionGraph, numbers: Sequence[int]) -> None:
        self._graph = graph
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return Nodes(self._graph, self._numbers[position])
        return Node(self._graph, self._numbers[position])

    def __iter__(self) -> Iterator[Node]:
        return (Node(self._graph, number) for number in self._numbers)

    def __contains__(self, node: object) -> bool:
        return isinstance(node, Node) and node._graph is self._graph and node.id in self._numbers

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Nodes, list, tuple)):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} nodes: {list(self[:_SHOWN])}{'...' if len(self) > _SHOWN else ''}>"


class ExpressionGraph:
    """What some traced values were made of: made by :func:`clew.graph`.

    It is a copy: what is traced later does not change it. It is read as a sequence of its nodes,
    in the order in which the program did them.

    """

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    @property
    def nodes(self) -> Nodes:
        """All nodes."""
        return Nodes(self, range(len(self._rows)))

    @property
    def inputs(self) -> list[Node]:
        """The values that were traced by name."""
        return list(self._nodes_of(self._rows.of_kind("input")))

    @property
    def outputs(self) -> list[Node]:
        """The nodes of the values that the graph was asked for."""
        return list(self._nodes_of(self._rows.outputs))

    @property
    def guards(self) -> list[Node]:
        """The facts that the program went on with: its conversions of traced to plain values."""
        return list(self._nodes_of(self._rows.of_kind("convert")))

    def _nodes_of(self, numbers: Sequence[int]) -> tuple[Node, ...]:
        return tuple(Node(self, number) for number in numbers)

    def _number(self, node: Node | int) -> int:
        if isinstance(node, Node) and node._graph is not self:
            source = node.source
            place = f", made at {source[0]}:{source[1]}" if source is not None else ""
            raise ValueError(
                f"{node} is a node of another graph{place}; ask that one, or trace both together"
            )
        return node.__index__()

    def _column(self, numbers: bytes) -> Nodes:
        return Nodes(self, memoryview(numbers).cast("I"))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __getitem__(self, number: int) -> Node:
        node: Node = self.nodes[number]
        return node

    def __str__(self) -> str:
        return "\n".join(str(output) for output in self.outputs)

    def __repr__(self) -> str:
        return f"<ExpressionGraph of {len(self)} nodes: {self.outputs}>"

    def upstream(self, node: Node | int) -> Nodes:
        """List the nodes that a node needs, itself included, in order.

        Parameters
        ----------
        node
            A node of the graph, or its number.

        Notes
        -----
        What counts is what it reads, what changed the objects that it reads, and the calls that
        all of this happened in. One pass over the rows, whatever the depth.
        """
        return self._column(self._rows.upstream([self._number(node)]))

    def downstream(self, node: Node | int) -> Nodes:
        """List the nodes that need a node, itself included, in order."""
        return self._column(self._rows.downstream([self._number(node)]))

    def evaluate(
        self,
        *,
        guards: Guards = "check",
        evaluator: type[Evaluator] | None = None,
        **inputs: Any,
    ) -> Any:
        """Do the operations again, with other inputs.

        Parameters
        ----------
        guards
            ``"check"`` compares each conversion (``if x > 0``, ``range(n)``) with what it gave when
            it was traced; ``"ignore"`` goes the way the traced program went.
        evaluator
            A class of evaluators that does the operations otherwise; see :class:`clew.Evaluator`.
        **inputs
            New values of inputs by name. The others have the values that they were traced with.

        Returns
        -------
        object
            The value of the output, or a tuple when the graph has several.

        Raises
        ------
        GuardViolation
            If a conversion gives something else than it gave, so that the program would not do the
            same operations.
        UnknownInput
            If a name is no input's.

        Notes
        -----
        Objects, iterators and generators are made anew at each evaluation. An object that is given
        as an input is used, and changed, as the program would; values that were traced are copied
        before the graph changes them. An exception of an operation has a note that tells which one
        it was.
        """
        self._check_names(inputs)
        if guards not in ("check", "ignore"):
            raise ValueError(f'guards must be "check" or "ignore", not {guards!r}')
        if evaluator is not None:
            return evaluator(self).evaluate(guards=guards, **inputs)
        values = self._rows.evaluate(inputs, guards == "check")
        return values[0] if len(values) == 1 else tuple(values)

    def compile(
        self,
        inputs: Sequence[str] | None = None,
        *,
        guards: Guards = "check",
        name: str = "compiled",
    ) -> Callable[..., Any]:
        """Make a plain Python function of the graph.

        Parameters
        ----------
        inputs
            The names of its parameters, in order: all inputs of the graph unless given. The others
            have the values that they were traced with.
        guards
            ``"check"`` checks the conversions of the traced program where they stood, and raises
            :class:`GuardViolation`; ``"ignore"`` leaves them out, as a compiler like that of JAX
            needs it.
        name
            The name of the function.

        Returns
        -------
        callable
            The function. Its text is in ``source``; tracebacks show its lines.

        Raises
        ------
        UnknownInput
            If a name is no input's.

        Notes
        -----
        Calls of traced functions are inlined, constants lifted, operations without readers left out
        and repeated ones done once. Runs of operations that repeat become loops.

        Examples
        --------
        >>> import clew
        >>> x = clew.trace(3.0, "x")
        >>> f = clew.graph(x * 2 + 1).compile(["x"])
        >>> f(10.0)
        21.0
        >>> print(f.source)
        def compiled(x):
            return x * 2 + 1
        <BLANKLINE>
        """
        from clew.compiling import compiled

        names = self._input_names() if inputs is None else list(inputs)
        self._check_names(names)
        return compiled(self._rows, names, guards, name)

    def reverse(
        self, rules: Rules | Mapping[Any, Rule] | None = None, *, seed: str = "seed"
    ) -> ReversedGraph:
        """Give the complementary graph: messages that go from the outputs back to the inputs.

        Parameters
        ----------
        rules
            How messages go through operations: a :class:`clew.Rules`, or a mapping from an
            operation (its name, ``(kind, op)``, or the function that is called) to a function
            ``rule(node, message, inputs, result)`` that gives a message for each of the inputs,
            ``None`` for none. What a mapping does not name is differentiated
            (:class:`clew.Gradient`).
        seed
            What the input is called that is the message of the output; it is 1.0 unless an
            evaluation gives another. Several outputs have a tuple of seeds.

        Returns
        -------
        ReversedGraph
            A graph, to evaluate, print, compile or reverse again. Its inputs are those of this
            graph and the seed, its outputs the messages of the inputs in order.

        Raises
        ------
        NoRule
            If there is no rule for an operation that a message comes to.

        Examples
        --------
        >>> import clew
        >>> x, y = clew.trace(3.0, "x"), clew.trace(2.0, "y")
        >>> clew.graph(x * x * y).reverse().evaluate(x=5.0)
        (20.0, 25.0)

        Notes
        -----
        With the rules of differentiation this is its reverse mode: one pass gives the derivatives
        with respect to all inputs (Griewank and Walther, Evaluating Derivatives, 2008, chapter 3).
        """
        from clew.gradients import Gradient
        from clew.reversing import Rules, reverse

        return reverse(self, rules if isinstance(rules, Rules) else Gradient(rules), seed)

    def _input_names(self) -> list[str]:
        return [node.name or "" for node in self.inputs]

    def _check_names(self, names: Mapping[str, Any] | Sequence[str]) -> None:
        known = set(self._input_names())
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                listed = ", ".join(sorted(known)) or "none"
                hint = f"did you mean {near[0]!r}?" if near else f"its inputs are: {listed}"
                raise UnknownInput(f"the graph has no input {name!r}", hint)

    def constraints(self) -> Constraints:
        """List what each operation says about the values that it connects, for inference.

        Returns
        -------
        Constraints
            A sequence of :class:`Constraint`, in the order of the operations: ``HasAttr``,
            ``HasInit``, ``HasItem``, ``HasCallableMethod``, ``IsCallableFunction``,
            ``ArgToContent``, ``Operator``, ``Comparison``, ``Iteration``, ``Conversion``.
        """
        from clew.constraints import Constraints

        return Constraints(self)

    def render(self, path: str | os.PathLike[str]) -> None:
        """Draw the graph into a file.

        Parameters
        ----------
        path
            Where to write. Its ending tells the format: ``.svg``, ``.html`` (a page with zoom,
            search and the source of each node; calls can be folded), ``.dot``, ``.mmd`` (Mermaid)
            or ``.json``.

        Raises
        ------
        ValueError
            If the ending stands for no format.
        """
        from clew.expression_drawing import render

        render(self._rows, os.fspath(path))

    def to_networkx(self) -> Any:
        """Give the graph as a `networkx.MultiDiGraph`.

        Nodes are numbers with the attributes ``kind``, ``op``, ``name``, ``value``, ``source`` and
        ``parent``; an edge goes from what is read to what reads it, and has its ``position`` among
        the inputs, or ``after=True``.

        Raises
        ------
        ImportError
            If networkx is not installed.
        """
        import networkx as nx

        graph = nx.MultiDiGraph()
        for node in self:
            parent = node.parent
            graph.add_node(
                node.id,
                kind=node.kind,
                op=node.op,
                name=node.name,
                value=node.value,
                source=node.source,
                parent=None if parent is None else parent.id,
            )
            for position, read in enumerate(node.inputs):
                graph.add_edge(read.id, node.id, position=position)
            for change in node.after:
                graph.add_edge(change.id, node.id, after=True)
        return graph

    def to_json(self) -> str:
        """Write the graph as JSON, from which :meth:`from_json` makes it again.

        Raises
        ------
        ValueError
            If a value has no place in JSON: it is neither a number, a text, ``None``, a builtin
            container of such, nor a function, class or module that can be imported. `pickle` takes
            graphs with such values.
        """
        from clew.graphjson import dumped

        return dumped(self._rows)

    @classmethod
    def from_json(cls, text: str) -> ExpressionGraph:
        """Make a graph of what :meth:`to_json` wrote.

        Functions and classes are imported by their names; nothing else is run.

        Raises
        ------
        ValueError
            If the text is no graph.
        """
        from clew.graphjson import loaded

        return cls(loaded(text))

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _of_rows, (list(self._rows.rows()), list(self._rows.outputs))


def _of_rows(rows: list[Any], outputs: list[int]) -> ExpressionGraph:
    return ExpressionGraph(_core.ValueGraph.of_rows(rows, outputs))


def revived(graph: ExpressionGraph) -> Any:
    """Give the stand-in that was pickled, with what made it."""
    return graph._rows.revive()[0]


def graph(*values: Any) -> ExpressionGraph:
    """Give the graph behind traced values.

    Parameters
    ----------
    *values
        Stand-ins, or containers that hold some.

    Returns
    -------
    ExpressionGraph
        All operations that the values need, and the conversions that the program went on with.

    Raises
    ------
    NotTraced
        If nothing in a value is traced.

    Examples
    --------
    >>> import clew
    >>> a, b = clew.trace(1.0, "a"), clew.trace(2.0, "b")
    >>> [node.kind for node in clew.graph(a + b * 0.375)]
    ['input', 'input', 'const', 'binary', 'binary']
    """
    for value in values:
        if not _core.holds_traced(value):
            raise NotTraced(
                f"{type(value).__name__} {_short(value)} is not traced",
                "give the result of operations on values from clew.trace",
            )
    return ExpressionGraph(_core.graph_of(*values))


_LIMIT: Final = 60
_SHOWN: Final = 5


def _short(value: object) -> str:
    try:
        text = repr(value)
    except Exception:
        return ""
    return text if len(text) <= _LIMIT else text[: _LIMIT - 3] + "..."
