"""Statements of a text: counting them, and deleting them one at a time.

The size of a slice is its number of statements; the least size that counts is that of a 1-minimal
program, from which no single statement can be deleted without losing the value.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator


def count(source: str) -> int:
    """Return the number of statements, `pass` aside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    return sum(
        isinstance(node, ast.stmt) and not isinstance(node, ast.Pass) for node in ast.walk(tree)
    )


def one_minimal(source: str, good: Callable[[str], bool]) -> str:
    """Delete statements as long as the result stays good; the text comes back unparsed.

    Larger statements go first, so that a useless function falls in one step.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = ast.unparse(ast.parse(source))
        changed = True
        while changed:
            changed = False
            position = 0
            while True:
                shorter = delete_statement(text, position)
                if shorter is None:
                    break
                if shorter != text and good(shorter):
                    text = shorter
                    changed = True
                else:
                    position += 1
    return text


def delete_statement(source: str, position: int) -> str | None:
    """Delete the statement at a position of the walk (outer ones first); `None` past the end."""
    tree = ast.parse(source)
    for index, (block, at) in enumerate(_places(tree)):
        if index == position:
            if isinstance(block[at], ast.Pass) and len(block) == 1:
                return source
            block[at : at + 1] = [] if len(block) > 1 or block is tree.body else [ast.Pass()]
            _tidy(tree)
            return ast.unparse(ast.fix_missing_locations(tree))
    return None


def unwrap_statement(source: str, position: int) -> str | None:
    """Put a compound statement's first block in its place; `None` past the end, the same text if it
    has none.
    """
    tree = ast.parse(source)
    for index, (block, at) in enumerate(_places(tree)):
        if index == position:
            body = getattr(block[at], "body", None)
            if not isinstance(body, list) or isinstance(block[at], ast.FunctionDef | ast.ClassDef):
                return source
            block[at : at + 1] = body
            return ast.unparse(ast.fix_missing_locations(tree))
    return None


def _places(tree: ast.AST) -> Iterator[tuple[list[ast.stmt], int]]:
    """Every statement as its block and its place in it, breadth first."""
    queue: list[ast.AST] = [tree]
    while queue:
        node = queue.pop(0)
        for _, value in ast.iter_fields(node):
            if not isinstance(value, list) or not value:
                continue
            if isinstance(value[0], ast.stmt):
                for at in range(len(value)):
                    yield value, at
            queue.extend(
                child
                for child in value
                if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case)
            )


def _tidy(tree: ast.AST) -> None:
    """Empty `else` and `finally` blocks are left out."""
    for node in ast.walk(tree):
        for field in ("orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and len(block) == 1 and isinstance(block[0], ast.Pass):
                if field == "finalbody" and not getattr(node, "handlers", True):
                    continue
                setattr(node, field, [])
