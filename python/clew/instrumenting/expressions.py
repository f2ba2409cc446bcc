"""Expressions, but for comprehensions and functions."""

# ruff: noqa: D102 (methods are called by the names of nodes)

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from clew import ops
from clew.instrumenting.hooks import Hooks
from clew.instrumenting.operators import BINARY, COMPARE, CONVERSIONS, UNARY
from clew.interceptors import Awaited, Operand

__all__ = ["Expressions"]


class Expressions(Hooks):
    """Rewrites expressions."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if isinstance(node.operand, ast.Constant) and isinstance(node.op, ast.USub | ast.UAdd):
            # The sign of a number that is written out.
            return node
        return self._apply(node, UNARY[type(node.op)], self._expr(node.operand))

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self._expr(node.left), self._expr(node.right)
        return self._apply(node, BINARY[type(node.op)], left, right)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        operands = self._exprs([node.left, *node.comparators])
        if len(node.ops) == 1:
            return self._comparison(node, node.ops[0], *operands)
        if any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
            node.left, node.comparators = operands[0], operands[1:]
            return node
        # The interpreter evaluates the chain; operands know the operations that they take part in.
        site, tape = self._site(node), self._tape
        node.left, *node.comparators = [
            self._call(node, lambda value: Operand(tape, site, value), [operand])
            for operand in operands
        ]
        return node

    def _comparison(
        self, node: ast.Compare, op: ast.cmpop, left: ast.expr, right: ast.expr
    ) -> ast.expr:
        if isinstance(op, ast.In | ast.NotIn):
            found = self._hook(node, "swapped", [left, right], operator.contains)
            return found if isinstance(op, ast.In) else self._apply(node, operator.not_, found)
        return self._apply(node, COMPARE[type(op)], left, right)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        func = node.func
        if isinstance(func, ast.Attribute):
            name = self._mangled(func.attr)
            callee = self._hook(func, "method", [self._expr(func.value)], None, name)
        else:
            callee = self._expr(func)
        arguments = self._exprs(node.args)
        for keyword in node.keywords:
            keyword.value = self._expr(keyword.value)
        return self._hook(node, "call", [callee, *arguments], keywords=node.keywords)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        name = ast.copy_location(ast.Constant(self._mangled(node.attr)), node)
        return self._apply(node, getattr, self._expr(node.value), name)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        value = self._expr(node.value)
        return self._apply(node, operator.getitem, value, self._expr(node.slice))

    def visit_Slice(self, node: ast.Slice) -> ast.expr:
        bounds = (
            [node.lower, node.upper] if node.step is None else [node.lower, node.upper, node.step]
        )
        arguments = [ast.Constant(None) if b is None else self._expr(b) for b in bounds]
        return self._apply(node, slice, *arguments)

    def visit_Tuple(self, node: ast.Tuple) -> ast.expr:
        if _is_constant(node):
            return node
        if any(isinstance(element, ast.Starred) for element in node.elts):
            return self._apply(node, tuple, self._growing(node, ops.build_list))
        node.elts = self._exprs(node.elts)
        return self._hook(node, "built", [node], ops.build_tuple)

    def visit_List(self, node: ast.List) -> ast.expr:
        return self._growing(node, ops.build_list)

    def visit_Set(self, node: ast.Set) -> ast.expr:
        return self._growing(node, ops.build_set)

    def _growing(self, node: ast.List | ast.Set | ast.Tuple, build: Callable[..., Any]) -> ast.expr:
        """Build a display that may have starred elements, in the order in which it is written."""
        is_set = build is ops.build_set
        one, many = (ops.set_add, ops.set_update) if is_set else (ops.list_append, ops.list_extend)
        n_plain = 0
        while n_plain < len(node.elts) and not isinstance(node.elts[n_plain], ast.Starred):
            n_plain += 1
        first = self._exprs(node.elts[:n_plain])
        empty = ast.copy_location(ast.Call(self._object(set), [], []), node)
        start: ast.expr = ast.List(first, ast.Load())
        if is_set:
            start = ast.Set(first) if first else empty
        whole = self._hook(node, "built", [ast.copy_location(start, node)], build)
        for element in node.elts[n_plain:]:
            if isinstance(element, ast.Starred):
                whole = self._apply(element, many, whole, self._expr(element.value))
            else:
                whole = self._apply(element, one, whole, self._expr(element))
        return whole

    def visit_Dict(self, node: ast.Dict) -> ast.expr:
        n_plain = node.keys.index(None) if None in node.keys else len(node.keys)
        keys: list[ast.expr | None] = []
        values: list[ast.expr] = []
        for key, value in zip(node.keys[:n_plain], node.values[:n_plain], strict=True):
            keys.append(None if key is None else self._expr(key))
            values.append(self._expr(value))
        start = ast.copy_location(ast.Dict(keys, values), node)
        whole = self._hook(node, "built", [start], ops.build_dict)
        for key, value in zip(node.keys[n_plain:], node.values[n_plain:], strict=True):
            if key is None:
                whole = self._apply(value, ops.dict_update, whole, self._expr(value))
            else:
                whole = self._apply(value, ops.dict_set, whole, self._expr(key), self._expr(value))
        return whole

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        parts: list[ast.expr] = []
        for part in node.values:
            if not isinstance(part, ast.FormattedValue):
                # Some interpreters leave empty texts between the parts.
                if not isinstance(part, ast.Constant) or part.value:
                    parts.append(part)
                continue
            value = self._expr(part.value)
            if part.conversion in CONVERSIONS:
                value = self._apply(part, CONVERSIONS[part.conversion], value)
            spec = [] if part.format_spec is None else [self._expr(part.format_spec)]
            parts.append(self._apply(part, format, value, *spec))
        if not parts:
            return ast.copy_location(ast.Constant(""), node)
        if len(parts) == 1:
            return parts[0]
        return self._apply(node, ops.build_string, *parts)

    def visit_Await(self, node: ast.Await) -> ast.expr:
        site, tape = self._site(node), self._tape
        value = self._expr(node.value)
        node.value = self._call(node, lambda awaitable: Awaited(tape, site, awaitable), [value])
        return node

    def visit_Yield(self, node: ast.Yield) -> ast.expr:
        value = ast.Constant(None) if node.value is None else self._expr(node.value)
        node.value = self._hook(node, "yield", [value], ops.yield_value)
        return self._hook(node, "sent", [node])

    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.expr:
        node.value = self._hook(node, "yield", [self._expr(node.value)], ops.yield_from)
        return self._hook(node, "sent", [node])


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return all(map(_is_constant, node.elts))
    if isinstance(node, ast.UnaryOp):
        return _is_constant(node.operand)
    return isinstance(node, ast.Constant)
