"""Functions, classes and comprehensions: whatever has names of its own."""

# ruff: noqa: D102 (methods are called by the names of nodes)

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from clew import ops
from clew.instrumenting.targets import Targets

__all__ = ["Scopes"]

_NAME = type.__dict__["__name__"]
_BASES = type.__dict__["__bases__"]
_NAMESPACE = type.__dict__["__dict__"]

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Scopes(Targets):
    """Rewrites scopes."""

    def _function(self, node: _Function) -> None:
        arguments = node.args
        arguments.defaults = self._exprs(arguments.defaults)
        arguments.kw_defaults = [
            None if default is None else self._expr(default) for default in arguments.kw_defaults
        ]
        self._scopes.append(("function", _bound_names(node)))
        if isinstance(node, ast.Lambda):
            node.body = self._expr(node.body)
        else:
            node.body = self._body(node.body)
        self._scopes.pop()

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
        node.decorator_list = self._decorators(node.decorator_list)
        self._function(node)
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _definition

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        self._function(node)
        return node

    def _decorators(self, nodes: list[ast.expr]) -> list[ast.expr]:
        return [self._hook(node, "decorator", [self._expr(node)]) for node in nodes]

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        node.decorator_list = self._decorators(node.decorator_list)
        node.bases = self._exprs(node.bases)
        for keyword in node.keywords:
            keyword.value = self._expr(keyword.value)
        site, tape = self._site(node), self._tape

        def made(cls: type) -> type:
            # Not by way of a metaclass, whose code the program would not run here.
            namespace = (_NAME.__get__(cls), _BASES.__get__(cls), dict(_NAMESPACE.__get__(cls)))
            tape.add(site, type(cls), namespace, {}, cls, None)
            return cls

        self._scopes.append(("class", _bound_names(node)))
        self._classes.append(node.name)
        node.body = self._body(node.body)
        self._classes.pop()
        self._scopes.pop()
        node.decorator_list.append(ast.copy_location(self._object(made), node))
        return node

    def _generators(self, generators: list[ast.comprehension]) -> None:
        names = {
            name.id
            for each in generators
            for name in ast.walk(each.target)
            if isinstance(name, ast.Name)
        }
        for i, generator in enumerate(generators):
            generator.iter = self._steps(generator, generator.iter, generator.is_async)
            if i == 0:
                # What the first one goes through belongs to the scope around.
                self._scopes.append(("function", names))
            generator.target = self._target(generator.target)
            generator.ifs = self._exprs(generator.ifs)

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp, build: Callable[..., Any]
    ) -> ast.expr:
        self._generators(node.generators)
        node.elt = self._expr(node.elt)
        self._scopes.pop()
        return self._hook(node, "built", [node], build)

    def visit_ListComp(self, node: ast.ListComp) -> ast.expr:
        return self._comprehension(node, ops.build_list)

    def visit_SetComp(self, node: ast.SetComp) -> ast.expr:
        return self._comprehension(node, ops.build_set)

    def visit_DictComp(self, node: ast.DictComp) -> ast.expr:
        self._generators(node.generators)
        node.key, node.value = self._expr(node.key), self._expr(node.value)
        self._scopes.pop()
        return self._hook(node, "built", [node], ops.build_dict)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        self._generators(node.generators)
        node.elt = self._expr(node.elt)
        self._scopes.pop()
        return node


def _bound_names(scope: _Function | ast.ClassDef) -> set[str]:
    """Give the names that a scope binds; `global x` for those that it says are the module's."""
    names: set[str] = set()
    globals_: set[str] = set()
    nonlocals: set[str] = set()
    if not isinstance(scope, ast.ClassDef):
        arguments = scope.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
        names.update(argument.arg for argument in every)
    names.update(parameter.name for parameter in getattr(scope, "type_params", ()))
    rest: list[ast.AST] = [scope.body] if isinstance(scope, ast.Lambda) else list(scope.body)
    while rest:
        node = rest.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            rest.extend(node.decorator_list)
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, _Comprehension):
            # Only assignment expressions bind outside.
            inside = [each for each in ast.walk(node) if isinstance(each, ast.NamedExpr)]
            names.update(each.target.id for each in inside)
            continue
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((each.asname or each.name.partition(".")[0]) for each in node.names)
        elif isinstance(node, ast.Global):
            globals_.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            nonlocals.update(node.names)
        else:
            for field in ("name", "rest"):
                bound = getattr(node, field, None)
                if isinstance(bound, str):
                    names.add(bound)
        rest.extend(ast.iter_child_nodes(node))
    return (names - globals_ - nonlocals) | {f"global {name}" for name in globals_}
