"""The rules of reverse-mode differentiation, which :meth:`ExpressionGraph.reverse` has by default.

The message of a value is the derivative of the outputs, weighted with the seed, with respect to it.
What is done with arrays is in `clew.array_gradients`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from clew import _core
from clew.expressions import ExpressionGraph, Node
from clew.reversing import Parts, Rule, Rules, called, part_of
from clew.tracing import untrace

_NUMBERS: Final = (int, float, complex)


class Gradient(Rules):
    """Rules that differentiate: arithmetic, containers, objects, calls, `math` and numpy.

    Integers count as numbers like others. What is constant almost everywhere (comparisons,
    rounding, ``//``) has no derivative.
    """

    needs_no_values = Rules.needs_no_values | frozenset(
        (
            "add", "sub", "neg", "pos", "iadd", "isub", "lt", "le", "eq", "ne", "gt", "ge",
            "floordiv", "round", "floor", "ceil", "trunc",
        )
    )  # fmt: skip

    @cached_property
    def functions(self) -> Mapping[Any, Rule]:  # type: ignore[override]
        """Rules by the function that is called."""
        table = {**_FUNCTIONS, **_MATH}
        if "numpy" in sys.modules:
            from clew import array_gradients

            table.update(array_gradients.functions())
        return table

    def wants(self, value: Any) -> bool:
        """Leave out what is no number, nor holds any."""
        return not isinstance(value, (str, bytes, bool))

    def absent(self, value: Any) -> Any:
        """Give the derivative with respect to an input that no output depends on."""
        is_number = _holds_numbers(untrace(value))
        return called(zeros_of, value) if is_number else None

    def seed(self, message: Any, result: Any) -> Any:
        """Give each element of an output the seed."""
        return message if isinstance(untrace(result), _NUMBERS) else called(spread, message, result)

    def _quickly(self, of: ExpressionGraph, seed: str) -> _core.ValueGraph | None:
        """Differentiate arithmetic on numbers by the extension, which has these rules too."""
        if type(self) is not Gradient or self._rules:
            return None
        return of._rows.gradient(seed, _QUICK)  # type: ignore[no-any-return]

    # Operators.

    def add(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Pass the message to both; each gets its part of that of joined lists."""
        if isinstance(m, Parts):
            if node.op != "add":
                self.generic(node, m, inputs, result)
            n_left = len(untrace(inputs[0]))
            left = Parts({at: one for at, one in m.items() if at < n_left})
            return [left, Parts({at - n_left: one for at, one in m.items() if at >= n_left})]
        left, right = inputs
        return [fit(m, left), fit(m, right)]

    def sub(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Pass the message on, negative to the right."""
        left, right = inputs
        return [fit(m, left), fit(-m, right)]

    def mul(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Weight the message with the other operand."""
        if isinstance(m, Parts):
            self.generic(node, m, inputs, result)
        left, right = inputs
        return [fit(m * right, left), fit(m * left, right)]

    def truediv(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Divide the message."""
        left, right = inputs
        quotient = m / right
        return [fit(quotient, left), fit(-quotient * result, right)]

    def mod(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Pass the message on; the divisor counts as often as it was taken away."""
        left, right = inputs
        return [fit(m, left), fit(-m * (left // right), right)]

    def pow(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Weight the message with the slope of the power."""
        if len(inputs) == 3:
            return self.generic(node, m, inputs, result) or ()
        left, right = inputs
        factor = _slope(left, right)
        to_right = None if _is_plain(right) else fit(m * result * called(log_of, left), right)
        return [fit(m * factor, left), to_right]

    def divmod(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Differentiate the rest; the quotient is constant almost everywhere."""
        return self.mod(node, part_of(m, 1, None), inputs, result)

    def matmul(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Multiply the message with the other matrix."""
        from clew import array_gradients

        return array_gradients.matmul(node, m, inputs, result)

    iadd, isub, imul, itruediv, imod, ipow, imatmul = add, sub, mul, truediv, mod, pow, matmul

    def neg(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Negate the message."""
        return [-m]

    def pos(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Pass the message on."""
        return [m]

    def abs(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Give the message the sign of the operand."""
        return [m * called(sign_of, inputs[0])]

    def compare(self, node: Node, m: Any, inputs: Any, result: Any) -> None:
        """Give nothing: the result is constant almost everywhere."""

    floordiv = ifloordiv = round = floor = ceil = trunc = compare

    def untraced_dispatch(self, node: Node, m: Any, inputs: Any, result: Any) -> Any:
        """Go back through a method of an array."""
        if _is_array(inputs[0]):
            from clew import array_gradients

            rule = array_gradients.METHODS.get(node.name or "")
            if rule is not None:
                return rule(node, m, inputs, result)
        return self.generic(node, m, inputs, result)

    # Arrays among the containers.

    def getattr(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Differentiate attributes of arrays; keep the message for others."""
        if _is_array(inputs[0]):
            from clew import array_gradients

            return array_gradients.attribute(self, node, m, inputs, result)
        return super().getattr(node, m, inputs, result)

    def getitem(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Put the message where the item is in its array."""
        container, key = inputs
        if _is_array(container):
            from clew.array_gradients import scattered

            return [called(scattered, m, container, key), None]
        return super().getitem(node, m, inputs, result)

    def setitem(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Take the message from where the item was stored."""
        container, key, value = inputs
        if _is_array(container):
            from clew.array_gradients import cleared, unbroadcast

            to_value = None if _is_plain(value) else called(unbroadcast, m[key], value)
            return [called(cleared, m, key), None, to_value]
        return super().setitem(node, m, inputs, result)

    def iter(self, node: Node, m: Any, inputs: Any, result: Any) -> Sequence[Any]:
        """Put the messages of items where they are in their array."""
        if _is_array(inputs[0]):
            from clew.array_gradients import scattered

            total = None
            for at, one in m.items():
                given = called(scattered, one, inputs[0], at)
                total = given if total is None else total + given
            return [total]
        return [m]


def fit(message: Any, operand: Any) -> Any:
    """Give a message the shape of the operand that it is for: sum over what was repeated."""
    if isinstance(untrace(message), _NUMBERS) or _is_plain(operand):
        return message
    from clew.array_gradients import unbroadcast

    return called(unbroadcast, message, operand)


def _is_plain(value: Any) -> bool:
    return not _core.holds_traced(value)


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(untrace(value), (numpy.ndarray, numpy.generic))


def _holds_numbers(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_holds_numbers, value))
    is_number = isinstance(value, _NUMBERS) and not isinstance(value, bool)
    numpy = sys.modules.get("numpy")
    return is_number or (numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)))


def _slope(base: Any, exponent: Any) -> Any:
    """Give the derivative of a power with respect to its base."""
    if _is_plain(exponent) and isinstance(exponent, _NUMBERS):
        if exponent == 2:
            return 2 * base
        if exponent == 1:
            return 1.0
        if exponent == 0:
            return 0.0
    return exponent * base ** (exponent - 1)


# What the rules call: plain functions, which are one operation each in the trace.


def zeros_of(value: Any) -> Any:
    """Give zeros with the structure of a value."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(zeros_of, value))
    if isinstance(value, _NUMBERS):
        return 0.0
    import numpy as np

    return np.zeros_like(value, dtype=float)


def spread(message: Any, like: Any) -> Any:
    """Give a message the structure of a value: the same for each of its elements."""
    if isinstance(like, (list, tuple)):
        is_same = isinstance(message, (list, tuple))
        return [spread(message[at] if is_same else message, one) for at, one in enumerate(like)]
    if isinstance(like, dict):
        is_same = isinstance(message, dict)
        return {key: spread(message[key] if is_same else message, like[key]) for key in like}
    if hasattr(like, "__array__") and getattr(like, "shape", None):
        import numpy as np

        return np.broadcast_to(message, np.shape(like)).astype(float)
    return message


def sign_of(value: Any) -> Any:
    """Give the derivative of the absolute value."""
    if isinstance(value, (int, float)):
        return math.copysign(1.0, value) if value else 0.0
    import numpy as np

    return np.sign(value)


def log_of(value: Any) -> Any:
    """Give the logarithm of the base of a power, zero where the power does not depend on it."""
    if isinstance(value, (int, float)):
        return math.log(value) if value > 0 else 0.0
    import numpy as np

    return np.log(np.where(value > 0, value, 1.0))


def rule_of(*slopes: Callable[..., Any]) -> Rule:
    """Make a rule of the derivatives of a function, one for each argument.

    A derivative is a function of the arguments and the result.
    """

    def rule(node: Node, m: Any, inputs: tuple[Any, ...], result: Any) -> list[Any]:
        if len(inputs) != len(slopes):
            return Rules().generic(node, m, inputs, result)  # type: ignore[return-value]
        return [
            None if _is_plain(operand) else fit(m * slope(*inputs, result), operand)
            for operand, slope in zip(inputs, slopes, strict=True)
        ]

    return rule


def _slopes(functions: Any) -> dict[str, tuple[Callable[..., Any], ...]]:
    """List the derivatives of functions of one or two numbers, by their names in `math`.

    `functions` has the functions that they are made of.
    """
    f = functions
    return {
        "sin": (lambda x, r: f.cos(x),),
        "cos": (lambda x, r: -f.sin(x),),
        "tan": (lambda x, r: 1 + r * r,),
        "asin": (lambda x, r: 1 / f.sqrt(1 - x * x),),
        "acos": (lambda x, r: -1 / f.sqrt(1 - x * x),),
        "atan": (lambda x, r: 1 / (1 + x * x),),
        "sinh": (lambda x, r: f.cosh(x),),
        "cosh": (lambda x, r: f.sinh(x),),
        "tanh": (lambda x, r: 1 - r * r,),
        "asinh": (lambda x, r: 1 / f.sqrt(x * x + 1),),
        "acosh": (lambda x, r: 1 / f.sqrt(x * x - 1),),
        "atanh": (lambda x, r: 1 / (1 - x * x),),
        "exp": (lambda x, r: r,),
        "exp2": (lambda x, r: r * math.log(2),),
        "expm1": (lambda x, r: r + 1,),
        "log": (lambda x, r: 1 / x,),
        "log1p": (lambda x, r: 1 / (1 + x),),
        "log2": (lambda x, r: 1 / (x * math.log(2)),),
        "log10": (lambda x, r: 1 / (x * math.log(10)),),
        "sqrt": (lambda x, r: 0.5 / r,),
        "cbrt": (lambda x, r: r / (3 * x),),
        "fabs": (lambda x, r: called(sign_of, x),),
        "degrees": (lambda x, r: 180 / math.pi,),
        "radians": (lambda x, r: math.pi / 180,),
        "floor": (lambda x, r: 0.0,),
        "ceil": (lambda x, r: 0.0,),
        "trunc": (lambda x, r: 0.0,),
        "erf": (lambda x, r: 2 / math.sqrt(math.pi) * f.exp(-x * x),),
        "hypot": (lambda x, y, r: x / r, lambda x, y, r: y / r),
        "atan2": (
            lambda y, x, r: x / (x * x + y * y),
            lambda y, x, r: -y / (x * x + y * y),
        ),
        "pow": (
            lambda x, y, r: _slope(x, y),
            lambda x, y, r: r * called(log_of, x),
        ),
    }


class _Called:
    """The functions of `math`, called with stand-ins."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args: called(getattr(math, name), *args)


def _log(node: Node, m: Any, inputs: tuple[Any, ...], result: Any) -> list[Any]:
    """Go back through `math.log`, which may have a base."""
    if len(inputs) == 1:
        return [m / inputs[0]]
    x, base = inputs
    scale = called(math.log, base)
    return [m / (x * scale), None if _is_plain(base) else -m * result / (base * scale)]


def _sum(node: Node, m: Any, inputs: tuple[Any, ...], result: Any) -> list[Any]:
    """Go back through a sum of the elements of a container."""
    elements = untrace(inputs[0])
    if not isinstance(elements, (list, tuple)):
        return [called(spread, m, inputs[0]), *[m] * (len(inputs) - 1)]
    return [Parts(dict.fromkeys(range(len(elements)), m)), *[m] * (len(inputs) - 1)]


_MATH: Final[dict[Any, Rule]] = {
    **{
        getattr(math, name): rule_of(*slopes)
        for name, slopes in _slopes(_Called()).items()
        if hasattr(math, name)
    },
    math.log: _log,
    math.fsum: _sum,
    sum: _sum,
}

# The functions above, so that a graph that came of reversing can be reversed again.
_FUNCTIONS: Final[dict[Any, Rule]] = {
    zeros_of: lambda node, m, inputs, result: [None],
    sign_of: lambda node, m, inputs, result: [None],
    log_of: lambda node, m, inputs, result: [m / inputs[0]],
    spread: lambda node, m, inputs, result: [fit(m, inputs[0]), None],
    float: lambda node, m, inputs, result: [m],
}

# The functions that the extension knows, in its order.
_QUICK: Final = (
    zeros_of, sign_of, log_of, math.sin, math.cos, math.exp, math.log, math.sqrt, math.tanh,
)  # fmt: skip
