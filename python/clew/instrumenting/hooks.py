"""Nodes that call hooks, and which names are globals: what the other parts of a rewriting share."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from types import CodeType
from typing import Any

from clew import _core

__all__ = ["Hooks", "Place"]

# Hooks are complex constants until the code is compiled. An odd place, so that no program has them.
_BASE = 5_318_008_271_828_000

#: Line and column.
Place = tuple[int, int]


class Hooks(ast.NodeTransformer):
    """Makes hooks and the nodes that call them; see `clew.instrumenting.Instrumenter`."""

    def __init__(self, tape: _core.Tape, globals_read: set[str]) -> None:
        self._tape = tape
        self._globals_read = globals_read
        self._objects: list[Any] = []
        self.sites: list[Place] = []
        # Names of each scope around, innermost last; None for a scope that functions do not see.
        self._scopes: list[tuple[str, set[str]]] = []
        self._classes: list[str] = []

    def compile(self, tree: ast.Module, filename: str) -> CodeType:
        """Compile the tree, with hooks; the tree is changed."""
        import warnings

        changed = ast.fix_missing_locations(self.visit(tree))
        with warnings.catch_warnings():
            # The source was compiled before, with its own warnings.
            warnings.simplefilter("ignore", SyntaxWarning)
            code = compile(changed, filename, "exec", 0, True)
        return self._with_objects(code)

    def _with_objects(self, code: CodeType) -> CodeType:
        return code.replace(co_consts=tuple(map(self._constant, code.co_consts)))

    def _constant(self, constant: Any) -> Any:
        if isinstance(constant, CodeType):
            return self._with_objects(constant)
        if type(constant) is complex and constant.real == 0 and constant.imag >= _BASE:
            return self._objects[int(constant.imag) - _BASE]
        return constant

    def _object(self, value: Any) -> ast.expr:
        self._objects.append(value)
        return ast.Constant(complex(0, _BASE + len(self._objects) - 1))

    def _site(self, node: ast.AST) -> int:
        self.sites.append((getattr(node, "lineno", 0), getattr(node, "col_offset", 0)))
        return len(self.sites) - 1

    def _hook(
        self,
        node: ast.AST,
        kind: str,
        arguments: Iterable[ast.expr],
        function: Any = None,
        name: Any = None,
        keywords: Iterable[ast.keyword] = (),
    ) -> ast.expr:
        hook = self._tape.hook(kind, self._site(node), function, name)
        return self._call(node, hook, arguments, keywords)

    def _call(
        self,
        node: ast.AST,
        callee: Any,
        arguments: Iterable[ast.expr],
        keywords: Iterable[ast.keyword] = (),
    ) -> ast.expr:
        made = ast.Call(self._object(callee), list(arguments), list(keywords))
        return ast.copy_location(made, node) if hasattr(node, "lineno") else made

    def _apply(self, node: ast.AST, function: Callable[..., Any], *arguments: ast.expr) -> ast.expr:
        return self._hook(node, "apply", arguments, function)

    def _statement(self, node: ast.AST, value: ast.expr) -> ast.stmt:
        return ast.copy_location(ast.Expr(value), node)

    def _expr(self, node: ast.expr) -> ast.expr:
        visited = self.visit(node)
        assert isinstance(visited, ast.expr)
        return visited

    def _exprs(self, nodes: Iterable[ast.expr]) -> list[ast.expr]:
        return [self._expr(node) for node in nodes]

    def _body(self, nodes: list[ast.stmt]) -> list[ast.stmt]:
        new: list[ast.stmt] = []
        for node in nodes:
            visited = self.visit(node)
            new.extend(visited if isinstance(visited, list) else [visited])
        return new

    def _mangled(self, name: str) -> str:
        if not name.startswith("__") or name.endswith("__") or not self._classes:
            return name
        owner = self._classes[-1].lstrip("_")
        return f"_{owner}{name}" if owner else name

    def _is_global(self, name: str) -> bool:
        for depth, (kind, names) in enumerate(reversed(self._scopes)):
            if kind == "class" and depth > 0:
                continue
            if f"global {name}" in names:
                return True
            if name in names:
                return False
        return True

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Let a global be noted that is read."""
        plain = node.id in ("super", "__class__", "__debug__")
        if not isinstance(node.ctx, ast.Load) or plain or not self._is_global(node.id):
            return node
        name = self._mangled(node.id)
        return self._hook(node, "global", [node], name, self._globals_read)
