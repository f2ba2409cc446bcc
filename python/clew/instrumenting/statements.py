"""Statements, but for those that begin a scope."""

# ruff: noqa: D102 (methods are called by the names of nodes)

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from typing import Any

from clew import ops
from clew.instrumenting.operators import IN_PLACE
from clew.instrumenting.targets import Targets, leaves
from clew.interceptors import AsyncManager, Imported

__all__ = ["Statements"]


class Statements(Targets):
    """Rewrites statements."""

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        node.value = self._expr(node.value)
        unpackings = [self._unpacking(target) for target in node.targets]
        node.targets = [self._target(target) for target in node.targets]
        if not any(unpackings):
            return node
        if len(unpackings) == 1:
            node.value = self._call(node, unpackings[0], [node.value])
            return node
        # Each target gets its own: the value itself, or the value taken apart.
        apart = [unpacking or (lambda value: value) for unpacking in unpackings]
        together = self._call(
            node, lambda value: tuple(each(value) for each in apart), [node.value]
        )
        all_targets = ast.Tuple(node.targets, ast.Store())
        return ast.copy_location(ast.Assign([ast.copy_location(all_targets, node)], together), node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if node.value is not None:
            node.value = self._expr(node.value)
            node.target = self._target(node.target)  # type: ignore[assignment]
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        function = IN_PLACE[type(node.op)]
        target = node.target
        if isinstance(target, ast.Name):
            read = ast.copy_location(ast.Name(target.id, ast.Load()), target)
            value = self._apply(node, function, self._expr(read), self._expr(node.value))
            return ast.copy_location(ast.Assign([target], value), node)
        arguments = [self._expr(target.value)]
        name = None
        if isinstance(target, ast.Attribute):
            name = self._mangled(target.attr)
        else:
            arguments.append(self._expr(target.slice))
        loaded = self._hook(target, "load", arguments, None, name)
        update = self._hook(node, "update", [loaded, self._expr(node.value)], function)
        return self._statement(node, update)

    def visit_Delete(self, node: ast.Delete) -> list[ast.stmt]:
        node.targets = [self._target(target) for target in node.targets]
        names = [target.id for target in leaves(node.targets) if isinstance(target, ast.Name)]
        marks = [
            self._statement(node, self._hook(node, "mark", [ast.Constant(name)], ops.delete_name))
            for name in names
        ]
        return [node, *marks]

    def visit_For(self, node: ast.For) -> ast.stmt:
        node.iter = self._steps(node, node.iter, False)
        node.target = self._target(node.target)
        node.body, node.orelse = self._body(node.body), self._body(node.orelse)
        return node

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.stmt:
        node.iter = self._steps(node, node.iter, True)
        node.target = self._target(node.target)
        node.body, node.orelse = self._body(node.body), self._body(node.orelse)
        return node

    def _with(self, node: ast.With | ast.AsyncWith) -> ast.stmt:
        for item in node.items:
            unpack = None if item.optional_vars is None else self._unpacking(item.optional_vars)
            arguments = [self._expr(item.context_expr)]
            if isinstance(node, ast.AsyncWith):
                item.context_expr = self._async_manager(item.context_expr, arguments, unpack)
            else:
                if unpack is not None:
                    arguments.append(self._object(unpack))
                item.context_expr = self._hook(item.context_expr, "manage", arguments)
            if item.optional_vars is not None:
                item.optional_vars = self._target(item.optional_vars)
        node.body = self._body(node.body)
        return node

    visit_With = visit_AsyncWith = _with

    def _async_manager(
        self, node: ast.expr, arguments: list[ast.expr], unpack: Callable[[Any], Any] | None
    ) -> ast.expr:
        site, tape = self._site(node), self._tape
        return self._call(node, lambda x: AsyncManager(tape, site, x, unpack), arguments)

    def visit_Raise(self, node: ast.Raise) -> list[ast.stmt]:
        if node.exc is None:
            mark = self._hook(node, "failed", [], ops.reraise)
            return [self._statement(node, mark), node]
        node.exc = self._hook(node, "raise", [self._expr(node.exc)], ops.raise_exception)
        if node.cause is not None:
            node.cause = self._expr(node.cause)
        return [node]

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        node.test = self._hook(node, "assert", [self._expr(node.test)], ops.assert_true)
        if node.msg is not None:
            node.msg = self._expr(node.msg)
        return node

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for alias in node.names:
            single = ast.copy_location(ast.Import([alias]), node)
            made.append(self._import(node, single, alias.name, 0, None))
        return made

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        if node.module == "__future__":
            return [node]
        names = tuple(alias.name for alias in node.names)
        if names == ("*",) and self._scopes:
            return [node]
        return [self._import(node, node, node.module or "", node.level, names)]

    def _import(
        self,
        node: ast.stmt,
        statement: ast.stmt,
        name: str,
        level: int,
        names: tuple[str, ...] | None,
    ) -> ast.stmt:
        """Record an import when it is done, or when it failed."""
        done = Imported(self._tape, self._site(node), name, level, names)
        failed = self._hook(node, "failed", [ast.Constant(name)], builtins.__import__)
        handler = ast.ExceptHandler(None, None, [self._statement(node, failed), ast.Raise()])
        after = self._statement(node, self._call(node, done, []))
        whole = ast.Try([statement], [handler], [after], [])
        for part in (whole, handler, handler.body[1]):
            ast.copy_location(part, node)
        return whole

    def visit_Match(self, node: ast.Match) -> ast.stmt:
        node.subject = self._expr(node.subject)
        for case in node.cases:
            names = [
                name
                for pattern in ast.walk(case.pattern)
                for name in (getattr(pattern, "name", None), getattr(pattern, "rest", None))
                if isinstance(name, str)
            ]
            text: list[ast.expr] = [ast.Constant(ast.unparse(case.pattern))]
            captured: list[ast.expr] = [ast.Name(name, ast.Load()) for name in names]
            mark = self._hook(case.pattern, "mark", text + captured, ops.match_pattern)
            if case.guard is not None:
                case.guard = self._expr(case.guard)
            case.body = [self._statement(case.pattern, mark), *self._body(case.body)]
        return node

    def visit_TypeAlias(self, node: Any) -> Any:
        return node
