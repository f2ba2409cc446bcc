"""What a function does, as a digest of its syntax tree: comments and layout do not count."""

from __future__ import annotations

import ast
import linecache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from clew.fingerprinting.encoder import DIGEST_SIZE

if TYPE_CHECKING:
    from types import CodeType

_trees: dict[tuple[str, int], dict[int, list[ast.AST]]] = {}


def function_digest(function: Any) -> bytes:
    """Hash what a function does.

    Parameters
    ----------
    function
        A Python function. It may run instrumented: its line in its file is the same.

    Returns
    -------
    bytes
        The digest of its syntax tree; if its source is not found, of its constants and names.
    """
    code: CodeType = function.__code__
    digest = blake2b(digest_size=DIGEST_SIZE)
    node = _node_of(code)
    if node is not None:
        digest.update(ast.dump(_stripped(node)).encode("utf-8", "surrogatepass"))
    else:
        digest.update(repr(_outline(code)).encode("utf-8", "surrogatepass"))
    return digest.digest()


def _node_of(code: CodeType) -> ast.AST | None:
    lines = linecache.getlines(code.co_filename)
    if not lines:
        return None
    text = "".join(lines)
    key = (code.co_filename, hash(text))
    if key not in _trees:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return None
        _trees[key] = _functions(tree)
    candidates = _trees[key].get(code.co_firstlineno, [])
    named = [n for n in candidates if getattr(n, "name", "<lambda>") == code.co_name]
    return named[0] if len(named) == 1 else None


def _functions(tree: ast.AST) -> dict[int, list[ast.AST]]:
    """List the functions of a file by the line that their code objects start at."""
    found: dict[int, list[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            decorators = getattr(node, "decorator_list", [])
            line = min([node.lineno, *(d.lineno for d in decorators)])
            found.setdefault(line, []).append(node)
    return found


def _stripped(node: ast.AST) -> ast.AST:
    """Leave out the docstring."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node):
        kind = type(node)
        fields = {name: getattr(node, name) for name in node._fields if hasattr(node, name)}
        fields["body"] = node.body[1:]
        return kind(**fields)
    return node


def _outline(code: CodeType) -> list[object]:
    constants = [
        _outline(c) if hasattr(c, "co_code") else c
        for c in code.co_consts
        if c is None or type(c).__module__ == "builtins"
    ]
    plain = [c for c in constants if isinstance(c, (list, str, bytes, int, float, type(None)))]
    return [code.co_name, code.co_varnames, code.co_names, plain]
