"""Targets: what is stored to, deleted, and taken apart."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from clew import ops
from clew.instrumenting.hooks import Hooks
from clew.interceptors import AsyncSteps

__all__ = ["Targets", "leaves"]


class Targets(Hooks):
    """Rewrites targets, and iterables for the sake of the targets of their loops."""

    def _target(self, node: ast.expr) -> ast.expr:
        """Give a target of which stores and deletions are recorded, and unpacking is done."""
        if isinstance(node, ast.Attribute):
            node.value = self._hook(node, "place", [self._expr(node.value)])
        elif isinstance(node, ast.Subscript):
            node.value = self._hook(node, "place", [self._expr(node.value)])
            node.slice = self._expr(node.slice)
        elif isinstance(node, ast.Tuple | ast.List):
            node.elts = [self._target(element) for element in node.elts]
        elif isinstance(node, ast.Starred):
            return self._target(node.value)
        return node

    def _unpacking(self, node: ast.expr) -> Callable[[Any], Any] | None:
        """Give what takes a value apart as a target does; None for a target that does not."""
        if not isinstance(node, ast.Tuple | ast.List):
            return None
        inner = [
            self._unpacking(element.value if isinstance(element, ast.Starred) else element)
            for element in node.elts
        ]
        starred = [isinstance(element, ast.Starred) for element in node.elts]
        n = len(node.elts)
        numbers: tuple[int, ...]
        function: Callable[..., Any]
        if any(starred):
            at = starred.index(True)
            function, numbers = ops.unpack_ex, (at, n - at - 1)
        else:
            function, numbers = ops.unpack_sequence, (n,)
        unpack = self._tape.hook("apply", self._site(node), function)

        def take_apart(value: Any) -> Any:
            elements = unpack(value, *numbers)
            return tuple(
                element if deeper is None else deeper(element)
                for element, deeper in zip(elements, inner, strict=True)
            )

        return take_apart

    def _steps(self, node: ast.AST, iterable: ast.expr, is_async: int) -> ast.expr:
        assert isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)
        unpack = self._unpacking(node.target)
        arguments = [self._expr(iterable)]
        if is_async:
            site, tape = self._site(iterable), self._tape
            return self._call(iterable, lambda x: AsyncSteps(tape, site, x, unpack), arguments)
        if unpack is not None:
            arguments.append(self._object(unpack))
        return self._hook(iterable, "iterate", arguments)


def leaves(targets: Iterable[ast.expr]) -> list[ast.expr]:
    """Give the targets inside tuples and lists of targets."""
    found: list[ast.expr] = []
    for target in targets:
        if isinstance(target, ast.Tuple | ast.List):
            found.extend(leaves(target.elts))
        else:
            found.append(target)
    return found
