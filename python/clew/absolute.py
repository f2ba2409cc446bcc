"""Relative imports written absolutely, so that a slice of `python -m package` runs by itself.

A slice is a program of its own, which is in no package. Only the dots and the name after them
change; everything else of the text stays as it is.
"""

from __future__ import annotations

import ast

__all__ = ["absolute_imports", "package_of"]


def package_of(script: str, path: str) -> str | None:
    """Name the package that a run's program was in.

    Parameters
    ----------
    script
        The program as the run's record names it; ``-m NAME`` for a module.
    path
        Where its source is.

    Returns
    -------
    str or None
        The package; None for a program that was in none.

    Examples
    --------
    >>> package_of("-m tool", "/home/me/tool/__main__.py")
    'tool'
    >>> package_of("-m tool.report", "/home/me/tool/report.py")
    'tool'
    >>> package_of("report.py", "report.py")
    """
    if not script.startswith("-m "):
        return None
    module = script[3:].strip()
    is_package = path.replace("\\", "/").endswith("/__main__.py") and not module.endswith(
        "__main__"
    )
    return (module if is_package else module.rpartition(".")[0]) or None


def absolute_imports(text: str, package: str) -> str:
    r"""Write the relative imports of a program absolutely.

    Parameters
    ----------
    text
        The program.
    package
        The package that it was in.

    Returns
    -------
    str
        The program, line by line as it was but for the imports.

    Examples
    --------
    >>> absolute_imports("from . import views\\nfrom ..base import Model as M\\n", "site.app")
    'from site.app import views\\nfrom site.base import Model as M\\n'
    """
    lines = text.split("\n")
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    relative = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]
    for node in sorted(relative, key=lambda n: (n.lineno, n.col_offset), reverse=True):
        above = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
        name = f"{above}.{node.module}" if node.module else above
        line = lines[node.lineno - 1].encode()
        head, statement = line[: node.col_offset], line[node.col_offset :]
        written = "." * node.level + (node.module or "")
        before, found, after = statement.partition(written.encode())
        if before.strip() == b"from" and found:
            lines[node.lineno - 1] = (head + before + name.encode() + after).decode()
    return "\n".join(lines)
