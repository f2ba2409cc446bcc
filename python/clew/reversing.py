"""The complementary trace of a graph: messages that go from its outputs back to its inputs.

The operations of the graph are added to the trace once more, and are then gone through from the
last to the first: a rule makes messages for the operands of the message for the result. Rules work
on stand-ins, so that the outcome is again a graph. The default rules are in `clew.gradients`.

A message waits at a node until all that reads the node has been passed. What can be changed in
place (an array, a list, an object) is not a node's but the object's own: its message waits until
the operation is reached that it came from, and each change of it in between changes the message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from types import FunctionType, ModuleType
from typing import Any, Final

from clew import _core
from clew.errors import NoRule
from clew.expressions import ExpressionGraph, Node, graph
from clew.tracing import trace, untrace

Rule = Callable[[Node, Any, tuple[Any, ...], Any], "Sequence[Any] | None"]

_CALLS: Final = frozenset(("untraced_call", "untraced_dispatch"))
_CHANGES: Final = frozenset(("setattr", "delattr", "setitem", "delitem"))
# Values that nothing can change: messages for them belong to nodes.
_FIXED: Final = (
    int, float, complex, str, bytes, tuple, frozenset, type(None), slice, type, FunctionType,
    ModuleType, type(len),
)  # fmt: skip


class Parts(dict[Any, Any]):
    """Messages for the parts of an object, by key, or by name for attributes.

    It is the message of a list, a dictionary, a tuple or an object of a class of the user.
    """


class Rules:
    """Rules that turn the message of a result into messages for the operands.

    A rule is called with the node, the message for its result, its operands, and its result, and
    gives one message for each operand, ``None`` for none. Operands that depend on no input are
    plain values. The operands of a call are its arguments, of a method the object and the
    arguments.

    A subclass may have methods that are rules: they are called as a function (``functions`` has
    them by the function itself), as a kind and an operation (``binary_mul``), an operation or
    method (``mul``, ``sum``) or a kind (``binary``), looked for in this order. Words of the
    language get an underscore (``yield_``). `generic` is asked when nothing else is found.

    Parameters
    ----------
    rules
        Rules to go before those of the class: by the name of an operation, method, attribute or
        kind, by ``(kind, operation)``, or by the function that is called.
    """

    functions: Mapping[Any, Rule] = {}
    needs_no_values: frozenset[str] = frozenset(
        (
            "getattr", "setattr", "delattr", "getitem", "setitem", "delitem", "argument", "return",
            "yield", "next", "iter", "list", "tuple", "set", "frozenset", "dict", "deque",
            "namedtuple", "dataclass",
        )
    )  # fmt: skip
    """Operations whose rules do not look at operands, which may be changed in place later."""

    def __init__(self, rules: Mapping[Any, Rule] | None = None) -> None:
        self._rules = dict(rules or {})

    def find(self, node: Node, function: Any) -> Rule:
        """Give the rule of a node; `function` is what it calls."""
        kind, op, name = node.kind, node.op, node.name
        named = () if kind in ("untraced_call", "setattr", "delattr") else (name,)
        return self._look_for([_hashable(function), (kind, op or name), op, *named, kind])

    def _look_for(self, names: Sequence[Any]) -> Rule:
        for table in (self._rules, self.functions):
            for name in names:
                if name and name in table:
                    return table[name]
        for name in names:
            if isinstance(name, tuple):
                name = "_".join(part for part in name if part)
            if isinstance(name, str) and name:
                rule = getattr(self, name + "_" if iskeyword(name) else name, None)
                if callable(rule) and name not in _RESERVED:
                    return rule  # type: ignore[no-any-return]
        return self.generic

    def generic(
        self, node: Node, message: Any, inputs: tuple[Any, ...], result: Any
    ) -> Sequence[Any] | None:
        """Give the messages of an operation that has no rule: by default that is an error."""
        what = " ".join(part for part in (node.kind, node.op, node.name) if part)
        key = _key_of(node)
        raise NoRule(
            f"no rule says how a message goes back through `{node}` ({what}){placed(node)}",
            f"give one: reverse(rules={{{key}: rule}}), where rule(node, message, inputs, result) "
            "gives a message, or None, for each of the inputs",
        )

    def combine(self, left: Any, right: Any) -> Any:
        """Make one message of two that come to the same value; by default their sum."""
        return left + right

    def wants(self, value: Any) -> bool:
        """Tell whether a value gets messages; by default every one that depends on an input."""
        return True

    def absent(self, value: Any) -> Any:
        """Give the message of an input that none came to; by default there is none."""
        return None

    def seed(self, message: Any, result: Any) -> Any:
        """Give the message of an output; by default what was given as ``seed``."""
        return message

    # How messages go through what does nothing to values.

    def argument(self, node: Node, message: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Pass the message on to what the parameter got."""
        return [None] * (len(inputs) - 1) + [message]

    return_ = argument

    def yield_(self, node: Node, message: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Pass the message on to what was yielded."""
        return [message]

    def next(self, node: Node, message: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Pass the message on to what was yielded, or keep it for the iterator by its position."""
        if len(inputs) > 1:
            return [None, message]
        return [Parts({self._position(node): message})]

    def iter(self, node: Node, message: Any, inputs: Any, result: Any) -> Sequence[Any] | None:
        """Pass the messages of the elements on."""
        return [message]

    def getattr(self, node: Node, message: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Keep the message for the attribute."""
        return [Parts({node.name: message})]

    def setattr(self, node: Node, message: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Give the message of the attribute to what was stored; what was there before has none."""
        rest = parts_of(message, node)
        return [rest, rest.pop(node.name, None)]

    def delattr(self, node: Node, message: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Drop the message of the attribute."""
        rest = parts_of(message, node)
        rest.pop(node.name, None)
        return [rest]

    def getitem(self, node: Node, message: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Keep the message for the item."""
        container, key = (untrace(one) for one in inputs)
        if isinstance(container, (list, tuple)):
            from clew.list_messages import item

            return [item(key, message, self._length(node, container)[0]), None]
        return [Parts({key: message}), None]

    def setitem(self, node: Node, message: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Give the message of the item to what was stored; what was there before has none."""
        rest = parts_of(message, node)
        if isinstance(untrace(inputs[0]), list):
            from clew.list_messages import stored

            lengths = self._length(node, inputs[0])
            rest, value = stored(untrace(inputs[1]), rest, *lengths)
            return [rest, None, value]
        return [rest, None, rest.pop(untrace(inputs[1]), None)]

    def delitem(self, node: Node, message: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Drop the message of the item."""
        rest = parts_of(message, node)
        if isinstance(untrace(inputs[0]), list):
            from clew.list_messages import deleted

            return [deleted(untrace(inputs[1]), rest, self._length(node, inputs[0])[0]), None]
        rest.pop(untrace(inputs[1]), None)
        return [rest, None]

    def build(self, node: Node, message: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Give each element its message."""
        if node.op == "dict":
            pairs = zip(inputs[::2], inputs[1::2], strict=True)
            given = [(None, part_of(message, untrace(key), value)) for key, value in pairs]
            return [one for pair in given for one in pair]
        if node.op in ("namedtuple", "dataclass"):
            names = node.keywords if node.op == "dataclass" else inputs[0]._fields
            return [None, *map(part_of, [message] * len(names), names, inputs[1:], range(10**6))]
        return [part_of(message, at, value) for at, value in enumerate(inputs)]

    def new(self, node: Node, message: Any, inputs: Any, result: Any) -> None:
        """Drop what is left: messages for attributes that the object did not have."""

    def convert(self, node: Node, message: Any, inputs: Any, result: Any) -> None:
        """Drop the message: a fact has none to give."""

    def _quickly(self, of: ExpressionGraph, seed: str) -> _core.ValueGraph | None:
        """Give the complementary graph at once, where no rule need be asked."""
        return None

    _positions: Mapping[int, int] = {}
    _lengths: Mapping[int, tuple[int, int]] = {}

    def _length(self, node: Node, container: Any) -> tuple[int, int]:
        """Give the lengths of a list before and after an operation on it."""
        length = len(untrace(container))
        return self._lengths.get(node.id, (length, length))

    def _position(self, node: Node) -> int:
        return self._positions[node.id]


_RESERVED: Final = frozenset(("find", "generic", "combine", "wants", "absent", "seed", "functions"))


class ReversedGraph(ExpressionGraph):
    """The complementary graph of a graph: made by :meth:`ExpressionGraph.reverse`.

    Its inputs are those of the graph and the seed; its outputs the messages for those of the graph.

    Attributes
    ----------
    messages : dict of (str, Node)
        The outputs by the names of the inputs. Inputs that no message came to are left out when the
        rules have nothing to say of them.
    """

    def __init__(self, rows: Any, names: Sequence[str], inputs: Sequence[str]) -> None:
        super().__init__(rows)
        self._names = list(names)
        self._known_inputs = list(inputs)

    @property
    def messages(self) -> dict[str, Node]:
        """The outputs by the names of the inputs."""
        return dict(zip(self._names, self.outputs, strict=True))

    def _input_names(self) -> list[str]:
        return self._known_inputs

    def __reduce__(self) -> Any:
        plain = ExpressionGraph(self._rows)
        return _reversed_again, (plain, self._names, self._known_inputs)


def _reversed_again(
    plain: ExpressionGraph, names: Sequence[str], inputs: Sequence[str]
) -> ReversedGraph:
    return ReversedGraph(plain._rows, names, inputs)


def reverse(of: ExpressionGraph, rules: Rules, seed: str) -> ReversedGraph:
    """Give the complementary graph; see :meth:`ExpressionGraph.reverse`."""
    # A message need not depend on the values of all inputs: those may be given all the same.
    names = of._input_names()
    inputs = [*names, seed]
    quick = rules._quickly(of, seed)
    if quick is not None:
        return ReversedGraph(quick, names, inputs)
    names, messages = _Pass(of, rules).run(seed)
    return ReversedGraph(graph(*messages)._rows, names, inputs)


class _Pass:
    """One way through the operations of a graph, from the last to the first."""

    def __init__(self, of: ExpressionGraph, rules: Rules) -> None:
        self._graph = of
        self._rules = rules
        self._found: dict[Any, Rule] = {}
        self._rows = of._rows.rows()
        numbers = range(len(self._rows))
        again = _core.ValueGraph.of_rows(self._rows, list(numbers))
        # An input's row has the value from before its first change; here the object is meant.
        self._values = [
            of._rows.value(number) if row[0][0] == "input" else row[5][0] if row[5] else None
            for number, row in enumerate(self._rows)
        ]
        self._stand_ins = again.revive()
        self._keys: list[int] = []
        self._first: dict[int, int] = {}
        self._last_change: dict[int, int] = {}
        self._depends: list[bool] = []
        self._is_active: list[bool] = []
        self._look()

    def _look(self) -> None:
        """Find which objects nodes are of, which depend on an input, and which want messages."""
        keys, depends, values = self._keys, self._depends, self._values
        positions: dict[int, int] = {}
        counts: dict[int, int] = {}
        for number, row in enumerate(self._rows):
            kind = row[0][0]
            value = values[number]
            if isinstance(value, _FIXED) or kind == "const":
                keys.append(number)
                depends.append(kind == "input" or any(depends[read] for read in row[2]))
            else:
                # A number that no node has.
                key = -id(value)
                keys.append(key)
                self._first.setdefault(key, number)
                depends.append(kind != "convert")
                if self._is_change(row, key):
                    self._last_change[key] = number
            if kind == "next" and len(row[2]) == 1:
                iterator = keys[row[2][0]]
                positions[number] = counts.get(iterator, 0)
                counts[iterator] = positions[number] + 1
        self._rules._positions = positions
        self._rules._lengths = {}
        if any(isinstance(values[row[2][0]], list) for row in self._rows if _may_move(row)):
            from clew.list_messages import lengths

            self._rules._lengths = lengths(self._graph)
        wants = self._rules.wants
        self._is_active = [
            is_it and wants(value) for is_it, value in zip(depends, values, strict=True)
        ]

    def _is_change(self, row: Any, key: int) -> bool:
        """Tell whether a node changes the object that it is of, in place."""
        kind, op = row[0]
        return kind in _CHANGES or (
            kind == "binary" and op.startswith("i") and self._keys[row[2][0]] == key
        )

    def _check_unchanged(self, number: int, row: Any) -> None:
        """Refuse to go back where an operand is needed as it was before a change."""
        kind, op = row[0]
        if not self._last_change or (op or kind) in self._rules.needs_no_values:
            return
        for read in row[2]:
            key = self._keys[read]
            change = self._last_change.get(key)
            if change is not None and change >= number and key in self._first:
                node, changed = Node(self._graph, number), Node(self._graph, change)
                raise NoRule(
                    f"`{node}`{placed(node)} reads an object that is changed in place later"
                    f"{placed(changed)}, so that its value is not known on the way back",
                    "change a copy",
                )

    def run(self, seed: str) -> tuple[list[str], list[Any]]:
        """Give the names of the inputs, and their messages."""
        messages: dict[int, Any] = {}
        combine = self._rules.combine
        self._start(messages, seed)
        keys, rows, first = self._keys, self._rows, self._first
        for number in range(len(rows) - 1, -1, -1):
            key = keys[number]
            if rows[number][0][0] == "untraced_dispatch" and self._is_list_change(number):
                self._change_list(number, messages)
                continue
            if key not in messages:
                continue
            row = rows[number]
            if row[0][0] in ("const", "input"):
                continue
            if key < 0 and first[key] != number and not self._is_change(row, key):
                # The object was there before: its message waits for where it came from.
                continue
            self._check_unchanged(number, row)
            message = messages.pop(key)
            given = self._apply(number, row, message)
            if given is None:
                continue
            for read, one in zip(row[2][len(row[2]) - len(given) :], given, strict=True):
                if one is not None and self._is_active[read]:
                    to = keys[read]
                    known = messages.get(to)
                    messages[to] = one if known is None else combined(known, one, combine)
        return self._finish(messages)

    def _is_list_change(self, number: int) -> bool:
        row = self._rows[number]
        if not isinstance(self._values[row[2][0]], list):
            return False
        from clew.list_messages import CHANGES

        return row[1][0] in CHANGES and number in self._rules._lengths

    def _change_list(self, number: int, messages: dict[int, Any]) -> None:
        """Go back through a method that moves the elements of a list."""
        from clew.list_messages import method

        row = self._rows[number]
        node = Node(self._graph, number)
        receiver, *reads = row[2]
        of_result = messages.pop(self._keys[number], None) if row[1][0] == "pop" else None
        known = parts_of(messages.pop(self._keys[receiver], Parts()), node)
        args = [self._values[read] for read in reads]
        rest, given = method(row[1][0], known, of_result, args, *self._rules._lengths[number])
        if rest:
            messages[self._keys[receiver]] = rest
        for read, one in zip(reads, given, strict=True):
            if one is not None and self._is_active[read]:
                to = self._keys[read]
                earlier = messages.get(to)
                messages[to] = (
                    one if earlier is None else combined(earlier, one, self._rules.combine)
                )

    def _apply(self, number: int, row: Any, message: Any) -> Sequence[Any] | None:
        """Ask the rule of a node."""
        node = Node(self._graph, number)
        kind = row[0][0]
        reads = row[2]
        function = None
        if kind == "untraced_call":
            function = self._values[reads[0]]
            reads = reads[1:]
        operands = tuple(
            self._stand_ins[read] if self._depends[read] else self._values[read] for read in reads
        )
        label = row[1]
        what = (row[0], label and label[0], None if function is None else id(function))
        rule = self._found.get(what)
        if rule is None:
            rule = self._found[what] = self._rules.find(node, function)
        given = rule(node, message, operands, self._stand_ins[number])
        if given is not None and len(given) != len(operands):
            raise NoRule(
                f"the rule for `{node}` gave {len(given)} messages for {len(operands)} operands",
                "give one for each operand, None where there is none",
            )
        return given

    def _start(self, messages: dict[int, Any], seed: str) -> None:
        outputs = self._graph._rows.outputs
        if any(row[0][0] == "input" and row[1][0] == seed for row in self._rows):
            raise NoRule(
                f"the graph has an input {seed!r}, as the seed is called",
                "name the seed otherwise: reverse(seed=...)",
            )
        given = trace(1.0 if len(outputs) == 1 else (1.0,) * len(outputs), seed)
        for output, one in zip(outputs, given if len(outputs) > 1 else (given,), strict=True):
            message = self._rules.seed(one, self._stand_ins[output])
            key = self._keys[output]
            known = messages.get(key)
            messages[key] = (
                message if known is None else combined(known, message, self._rules.combine)
            )

    def _finish(self, messages: dict[int, Any]) -> tuple[list[str], list[Any]]:
        names, finished = [], []
        for number, row in enumerate(self._rows):
            if row[0][0] != "input":
                continue
            stand_in = self._stand_ins[number]
            message = whole(
                stand_in, self._values[number], messages.get(self._keys[number]), self._rules
            )
            if message is None:
                continue
            if not _core.holds_traced(message):
                message = called(_as_it_is, message)
            names.append(row[1][0])
            finished.append(message)
        return names, finished


def _may_move(row: Any) -> bool:
    """Tell whether an operation may move the elements of a list, if it is of one."""
    return row[0][0] in ("setitem", "delitem", "untraced_dispatch")


def called(function: Any, *args: Any) -> Any:
    """Call a function with plain values, as one operation of the trace."""
    return _core.call_untraced(function, args, None, True)


def placed(node: Node) -> str:
    """Give where a node stands in the program, for messages."""
    return f" at {node.source[0]}:{node.source[1]}" if node.source is not None else ""


def _as_it_is(value: Any) -> Any:
    return value


def combined(left: Any, right: Any, combine: Callable[[Any, Any], Any]) -> Any:
    """Combine two messages, part by part where they have parts."""
    if isinstance(left, Parts) and isinstance(right, Parts):
        for key, message in right.items():
            left[key] = combined(left[key], message, combine) if key in left else message
        return left
    return combine(left, right)


def parts_of(message: Any, node: Node) -> Parts:
    """Give the messages of the parts of an object, to change."""
    if isinstance(message, Parts):
        return Parts(message)
    plain = untrace(message)
    if isinstance(plain, dict):
        return Parts({key: message[key] for key in plain})
    if isinstance(plain, (list, tuple)):
        return Parts({at: message[at] for at in range(len(plain))})
    raise NoRule(
        f"the message of `{node}`{placed(node)} has no parts",
        "give the graph of the attributes or items that you mean",
    )


def part_of(message: Any, key: Any, value: Any, at: int | None = None) -> Any:
    """Give the message for one part of what a message is for."""
    if isinstance(message, Parts):
        return message.get(key, None if at is None else message.get(at))
    if isinstance(untrace(message), (list, tuple, dict)):
        return message[key if at is None else at]
    # One message for the whole is one for each part.
    return message


def whole(stand_in: Any, value: Any, message: Any, rules: Rules) -> Any:
    """Give a message with the structure of the value that it is for."""
    if not isinstance(message, Parts):
        return rules.absent(stand_in) if message is None else message
    if isinstance(value, (list, tuple)):
        made = [
            whole(stand_in[at], element, message.get(at), rules) for at, element in enumerate(value)
        ]
        return made if isinstance(value, list) else tuple(made)
    if isinstance(value, dict):
        return {key: whole(stand_in[key], value[key], one, rules) for key, one in message.items()}
    return {
        name: whole(None, getattr(value, name, None), one, rules) for name, one in message.items()
    }


def _hashable(function: Any) -> Any:
    try:
        hash(function)
    except TypeError:
        return None
    return function


def _key_of(node: Node) -> str:
    if node.kind == "untraced_call":
        return node.name or "function"
    return repr(node.op or node.name or node.kind)
