"""How derivatives go back through what numpy does with arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from clew.expressions import Node
from clew.gradients import _is_plain, _slopes, fit, rule_of, sign_of
from clew.reversing import Parts, Rule, Rules, called
from clew.tracing import untrace

_Inputs = tuple[Any, ...]
_NAMES: Final = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "atan2": "arctan2", "pow": "power",
}  # fmt: skip


def functions() -> dict[Any, Rule]:
    """List the rules of functions of numpy."""
    table: dict[Any, Rule] = {}
    for name, slopes in _slopes(np).items():
        ufunc = getattr(np, _NAMES.get(name, name), None)
        if ufunc is not None:
            table[ufunc] = rule_of(*slopes)
    one, zero = (lambda *_: 1.0), (lambda *_: 0.0)
    more: dict[Any, Rule] = {
        np.add: rule_of(one, one),
        np.subtract: rule_of(one, lambda *_: -1.0),
        np.multiply: rule_of(lambda x, y, r: y, lambda x, y, r: x),
        np.true_divide: rule_of(lambda x, y, r: 1 / y, lambda x, y, r: -r / y),
        np.negative: rule_of(lambda *_: -1.0),
        np.positive: rule_of(one),
        np.absolute: rule_of(lambda x, r: called(sign_of, x)),
        np.square: rule_of(lambda x, r: 2 * x),
        np.reciprocal: rule_of(lambda x, r: -r * r),
        np.sign: rule_of(zero),
        np.rint: rule_of(zero),
        np.maximum: rule_of(lambda x, y, r: called(wins, x, y), lambda x, y, r: called(wins, y, x)),
        np.minimum: rule_of(lambda x, y, r: called(wins, y, x), lambda x, y, r: called(wins, x, y)),
        np.logaddexp: rule_of(lambda x, y, r: np.exp(x - r), lambda x, y, r: np.exp(y - r)),
        np.sum: _sum,
        np.mean: _mean,
        np.max: _extreme,
        np.min: _extreme,
        np.prod: _prod,
        np.dot: matmul,
        np.matmul: matmul,
        np.inner: matmul_checked,
        np.vdot: matmul_checked,
        np.where: _where,
        np.transpose: _transpose,
        np.concatenate: _concatenate,
        np.stack: _stack,
        np.broadcast_to: lambda node, m, i, r: [called(unbroadcast, m, i[0]), *_none(i[1:])],
        np.cumsum: _cumsum,
        **dict.fromkeys((np.reshape, np.ravel, np.squeeze, np.expand_dims), _reshape),
        # What the rules call.
        unbroadcast: lambda node, m, i, r: [called(like_shape, m, i[0]), None],
        like_shape: lambda node, m, i, r: [called(unbroadcast, m, i[0]), None],
        scattered: lambda node, m, i, r: [m[i[2]], None, None],
        cleared: lambda node, m, i, r: [called(cleared, m, i[1]), None],
        stretched: lambda node, m, i, r: [called(shrunk, m, *i[2:]), *_none(i[1:])],
        reshaped_like: lambda node, m, i, r: [called(reshaped_like, m, i[0]), None],
        wins: lambda node, m, i, r: [None, None],
    }
    return table | more


def _none(inputs: Sequence[Any]) -> list[None]:
    return [None] * len(inputs)


def _arguments(node: Node, inputs: _Inputs, *names: str) -> dict[str, Any]:
    """Give the arguments after the first by name; those that change what is done are refused."""
    n_positional = len(inputs) - len(node.keywords)
    given = dict(zip(names, inputs[1:n_positional], strict=False))
    given |= dict(zip(node.keywords, inputs[n_positional:], strict=True))
    if any(given.get(name) is not None for name in given if name not in names and name != "dtype"):
        Rules().generic(node, None, inputs, None)
    return {name: untrace(given.get(name)) for name in names}


def _sum(node: Node, m: Any, inputs: _Inputs, result: Any) -> list[Any]:
    given = _arguments(node, inputs, "axis", "dtype", "out", "keepdims")
    message = called(stretched, m, inputs[0], given["axis"], bool(given["keepdims"]))
    return [message, *_none(inputs[1:])]


def _mean(node: Node, m: Any, inputs: _Inputs, result: Any) -> list[Any]:
    message, *rest = _sum(node, m, inputs, result)
    return [message * called(share, inputs[0], result), *rest]


def _extreme(node: Node, m: Any, inputs: _Inputs, result: Any) -> list[Any]:
    given = _arguments(node, inputs, "axis", "out", "keepdims")
    axis, keeps = given["axis"], bool(given["keepdims"])
    message = called(stretched, m, inputs[0], axis, keeps)
    return [message * called(reached, inputs[0], result, axis, keeps), *_none(inputs[1:])]


def _prod(node: Node, m: Any, inputs: _Inputs, result: Any) -> list[Any]:
    given = _arguments(node, inputs, "axis", "dtype", "out", "keepdims")
    axis, keeps = given["axis"], bool(given["keepdims"])
    message = called(stretched, m * result, inputs[0], axis, keeps)
    return [message / inputs[0], *_none(inputs[1:])]


def _cumsum(node: Node, m: Any, inputs: _Inputs, result: Any) -> list[Any]:
    axis = _arguments(node, inputs, "axis")["axis"]
    return [called(summed_back, m, inputs[0], axis), *_none(inputs[1:])]


def _where(node: Node, m: Any, inputs: _Inputs, result: Any) -> list[Any]:
    condition, left, right = inputs
    return [
        None,
        None if _is_plain(left) else fit(m * called(mask, condition, True), left),
        None if _is_plain(right) else fit(m * called(mask, condition, False), right),
    ]


def _reshape(node: Node, m: Any, inputs: _Inputs, result: Any) -> list[Any]:
    return [called(reshaped_like, m, inputs[0]), *_none(inputs[1:])]


def _transpose(node: Node, m: Any, inputs: _Inputs, result: Any) -> list[Any]:
    axes = [untrace(axis) for axis in inputs[1:] if untrace(axis) is not None]
    if len(axes) == 1 and isinstance(axes[0], (tuple, list)):
        axes = list(axes[0])
    back = tuple(int(at) for at in np.argsort(axes)) if axes else None
    return [called(np.transpose, m, back), *_none(inputs[1:])]


def _concatenate(node: Node, m: Any, inputs: _Inputs, result: Any) -> list[Any]:
    arrays = inputs[0]
    axis = _arguments(node, inputs, "axis")["axis"] or 0
    n_arrays = len(untrace(arrays))
    return [
        Parts({at: called(cut, m, arrays, at, axis) for at in range(n_arrays)}),
        *_none(inputs[1:]),
    ]


def _stack(node: Node, m: Any, inputs: _Inputs, result: Any) -> list[Any]:
    axis = _arguments(node, inputs, "axis")["axis"] or 0
    n_arrays = len(untrace(inputs[0]))
    parts = {at: called(np.take, m, at, axis) for at in range(n_arrays)}
    return [Parts(parts), *_none(inputs[1:])]


def matmul(node: Node, m: Any, inputs: _Inputs, result: Any) -> list[Any]:
    """Go back through a product of matrices."""
    left, right = inputs
    return [
        None if _is_plain(left) else called(matmul_left, m, left, right),
        None if _is_plain(right) else called(matmul_right, m, left, right),
    ]


def matmul_checked(node: Node, m: Any, inputs: _Inputs, result: Any) -> list[Any]:
    """Go back through a product of vectors."""
    if any(np.ndim(untrace(one)) > 1 for one in inputs):
        return Rules().generic(node, m, inputs, result)  # type: ignore[return-value]
    return matmul(node, m, inputs, result)


def attribute(rules: Any, node: Node, m: Any, inputs: _Inputs, result: Any) -> list[Any]:
    """Go back through an attribute of an array."""
    if node.name == "T":
        return [m.T]
    if node.name in ("real", "flat"):
        return [called(reshaped_like, m, inputs[0])]
    if node.name in ("shape", "size", "ndim", "dtype"):
        return [None]
    rules.generic(node, m, inputs, result)
    return [None]


METHODS: Final[dict[str, Rule]] = {
    "sum": _sum,
    "mean": _mean,
    "max": _extreme,
    "min": _extreme,
    "prod": _prod,
    "cumsum": _cumsum,
    "dot": matmul,
    "reshape": _reshape,
    "ravel": _reshape,
    "flatten": _reshape,
    "squeeze": _reshape,
    "transpose": _transpose,
    "copy": lambda node, m, i, r: [m, *_none(i[1:])],
    "astype": lambda node, m, i, r: [m, *_none(i[1:])],
    "item": lambda node, m, i, r: [called(like_shape, m, i[0]), *_none(i[1:])],
}


# What the rules call: plain functions, which are one operation each in the trace.


def unbroadcast(message: Any, like: Any) -> Any:
    """Sum a message over what broadcasting repeated."""
    shape = np.shape(like)
    message = np.asarray(message)
    if message.shape != shape:
        message = message.sum(axis=tuple(range(message.ndim - len(shape))))
        repeated = tuple(at for at, n in enumerate(shape) if n == 1 and message.shape[at] != 1)
        message = message.sum(axis=repeated, keepdims=True)
        message = np.broadcast_to(message, shape) if message.shape != shape else message
    return message if shape else message[()]


def like_shape(message: Any, like: Any) -> Any:
    """Repeat a message as broadcasting does."""
    return np.broadcast_to(message, np.broadcast_shapes(np.shape(message), np.shape(like)))


def scattered(message: Any, like: Any, key: Any) -> Any:
    """Give the message of an array of which some items have a message."""
    made = np.zeros(np.shape(like), np.result_type(message, float))
    np.add.at(made, key, message)
    return made


def cleared(message: Any, key: Any) -> Any:
    """Give the message of an array before some of its items were stored."""
    made = np.array(message)
    made[key] = 0
    return made


def stretched(message: Any, like: Any, axis: Any, keeps: bool) -> Any:
    """Repeat a message along the axes that were summed over."""
    if axis is not None and not keeps:
        message = np.expand_dims(message, axis)
    return np.broadcast_to(message, np.shape(like))


def shrunk(message: Any, axis: Any, keeps: bool) -> Any:
    """Sum a message over axes."""
    return np.sum(message, axis=axis, keepdims=keeps)


def share(value: Any, mean: Any) -> float:
    """Give how much one element counts in a mean."""
    return float(np.size(mean) / np.size(value))


def reached(value: Any, extreme: Any, axis: Any, keeps: bool) -> Any:
    """Tell which elements are the extreme one, in equal shares."""
    is_it = (np.asarray(value) == stretched(extreme, value, axis, keeps)).astype(float)
    return is_it / is_it.sum(axis=axis, keepdims=True)


def wins(value: Any, other: Any) -> Any:
    """Tell where a value is the greater one; half where both are equal."""
    return np.greater(value, other) + 0.5 * np.equal(value, other)


def mask(condition: Any, is_met: bool) -> Any:
    """Give ones where a condition is met, or is not."""
    return (np.asarray(condition, dtype=bool) == is_met).astype(float)


def summed_back(message: Any, like: Any, axis: Any) -> Any:
    """Sum a message from the end."""
    if axis is None:
        return np.cumsum(message[::-1])[::-1].reshape(np.shape(like))
    return np.flip(np.cumsum(np.flip(message, axis), axis), axis)


def reshaped_like(message: Any, like: Any) -> Any:
    """Give a message the shape of a value."""
    return np.reshape(message, np.shape(like))


def cut(message: Any, arrays: Any, at: int, axis: int) -> Any:
    """Give the part of the message of joined arrays that is for one of them."""
    start = sum(np.shape(array)[axis] for array in arrays[:at])
    return np.take(message, range(start, start + np.shape(arrays[at])[axis]), axis)


def matmul_left(message: Any, left: Any, right: Any) -> Any:
    """Give the message of the left operand of a product."""
    if np.ndim(left) == 0 or np.ndim(right) == 0:
        return unbroadcast(message * right, left)
    if np.ndim(right) == 1:
        return unbroadcast(np.expand_dims(message, -1) * right, left)
    if np.ndim(left) == 1:
        return unbroadcast((right @ np.expand_dims(message, -1))[..., 0], left)
    return unbroadcast(message @ np.swapaxes(right, -1, -2), left)


def matmul_right(message: Any, left: Any, right: Any) -> Any:
    """Give the message of the right operand of a product."""
    if np.ndim(left) == 0 or np.ndim(right) == 0:
        return unbroadcast(message * left, right)
    if np.ndim(left) == 1:
        vector = np.expand_dims(message, -2) if np.ndim(right) > 1 else message
        column = np.expand_dims(left, -1) if np.ndim(right) > 1 else left
        return unbroadcast(column * vector, right)
    if np.ndim(right) == 1:
        both = np.expand_dims(message, -1) * left
        return unbroadcast(both.reshape(-1, both.shape[-1]).sum(axis=0), right)
    return unbroadcast(np.swapaxes(left, -1, -2) @ message, right)
