"""Makes a failing program small: takes statements away as long as it still fails in the same way.

A target `NAME@LINE` follows its statement: the line is found anew after each edit.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable

Fails = Callable[[str, str], bool]
_Block = list[ast.stmt]


def shrink(source: str, target: str, fails: Fails) -> tuple[str, str]:
    """Return a smaller program, and the target as it is named there, that still fails."""
    state = _State(source, target)
    if not fails(*state.rendered()):
        return source, target
    progress = True
    while progress:
        progress = _drop_runs(state, fails)
        for edit in (_delete, _unwrap, _flatten, _simplify):
            position = 0
            while (smaller := state.edited(edit, position)) is not None:
                if (
                    smaller.is_valid()
                    and smaller.rendered() != state.rendered()
                    and fails(*smaller.rendered())
                ):
                    state.tree, progress = smaller.tree, True
                else:
                    position += 1
    return state.rendered()


class _State:
    """A program's tree, with a mark on the statement of the target's line."""

    def __init__(self, source: str, target: str) -> None:
        self.tree = ast.parse(source)
        self.target = target
        _, at, line = target.partition("@")
        if at:
            for node in ast.walk(self.tree):
                if isinstance(node, ast.stmt) and node.lineno == int(line):
                    node.marked = True  # type: ignore[attr-defined]

    def edited(
        self, edit: Callable[[ast.Module, int], bool | None], position: int
    ) -> _State | None:
        """A copy with one edit made; `None` when there is no such position."""
        made = copy.copy(self)
        made.tree = copy.deepcopy(self.tree)
        return made if edit(made.tree, position) is not None else None

    def is_valid(self) -> bool:
        """Tell whether the text compiles and still has the target's statement."""
        try:
            compile(self.rendered()[0], "<shrunk>", "exec")
        except (SyntaxError, ValueError):
            return False
        return True

    def rendered(self) -> tuple[str, str]:
        """The text and the target in it."""
        tree = ast.fix_missing_locations(copy.deepcopy(self.tree))
        text = ast.unparse(tree) + "\n"
        if "@" not in self.target:
            return text, self.target
        lines = [n.lineno for n in _statements(ast.parse(text))]
        marks = [getattr(n, "marked", False) for n in _statements(tree)]
        if True not in marks:
            raise ValueError("the target's statement is gone")
        return text, f"{self.target.partition('@')[0]}@{lines[marks.index(True)]}"


def _statements(tree: ast.Module) -> list[ast.stmt]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]


def _drop_runs(state: _State, fails: Fails) -> bool:
    """Delete long runs of top-level statements first."""
    progress = False
    length = len(state.tree.body) // 2
    while length >= 2:
        start = 0
        while start < len(state.tree.body):
            smaller = copy.copy(state)
            smaller.tree = copy.deepcopy(state.tree)
            del smaller.tree.body[start : start + length]
            if smaller.is_valid() and fails(*smaller.rendered()):
                state.tree, progress = smaller.tree, True
            else:
                start += length
        length //= 2
    return progress


def _blocks(tree: ast.AST) -> list[_Block]:
    found = []
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                found.append(block)
    return found


def _places(tree: ast.AST) -> list[tuple[_Block, int]]:
    return [(block, at) for block in _blocks(tree) for at in range(len(block))]


def _delete(tree: ast.Module, position: int) -> bool | None:
    places = _places(tree)
    if position >= len(places):
        return None
    block, at = places[position]
    if len(block) == 1 and block is not tree.body:
        if isinstance(block[0], ast.Pass):
            block.clear()  # an empty `else` or `finally`; elsewhere the text will not compile
            return True
        block[0] = ast.Pass()
    else:
        del block[at]
    return True


def _unwrap(tree: ast.Module, position: int) -> bool | None:
    """Put a compound statement's block in its place."""
    places = [(b, i) for b, i in _places(tree) if isinstance(getattr(b[i], "body", None), list)]
    if position >= len(places):
        return None
    block, at = places[position]
    if not isinstance(block[at], ast.FunctionDef | ast.ClassDef):
        block[at : at + 1] = block[at].body  # type: ignore[attr-defined]
    return True


def _flatten(tree: ast.Module, position: int) -> bool | None:
    """Take away an `else`, a handler, a decorator, a case."""
    lists = [
        items
        for node in ast.walk(tree)
        for name in ("orelse", "finalbody", "handlers", "decorator_list", "cases")
        if isinstance(items := getattr(node, name, None), list) and items
    ]
    if position >= len(lists):
        return None
    lists[position].pop()
    return True


def _simplify(tree: ast.Module, position: int) -> bool | None:
    """Put a small constant, or one of its own parts, in an expression's place."""
    edits: list[tuple[ast.AST, str, int | None, ast.expr]] = []
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            for at, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if not isinstance(child, ast.expr) or isinstance(
                    getattr(child, "ctx", None), ast.Store | ast.Del
                ):
                    continue
                if isinstance(child, ast.Constant | ast.Name) or name in (
                    "func",
                    "decorator_list",
                    "bases",
                    "values",
                    "keys",
                ):
                    continue
                parts = [part for part in ast.iter_child_nodes(child) if isinstance(part, ast.expr)]
                edits.extend((node, name, at, part) for part in [ast.Constant(1), *parts])
    if position >= len(edits):
        return None
    node, name, at, part = edits[position]
    if at is None:
        setattr(node, name, part)
    else:
        getattr(node, name)[at] = part
    return True
