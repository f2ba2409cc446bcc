"""Pictures of graphs of traced values."""

from __future__ import annotations

import json
import linecache
from pathlib import Path
from typing import Any, Final

from clew import _core

_FORMATS: Final = {
    ".svg": "svg",
    ".html": "html",
    ".htm": "html",
    ".dot": "dot",
    ".gv": "dot",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".json": "json",
}


def render(rows: Any, path: str) -> None:
    """Draw the rows of a graph into a file whose ending tells the format."""
    target = Path(path)
    chosen = _FORMATS.get(target.suffix.lower())
    if chosen is None:
        known = ", ".join(sorted(_FORMATS))
        raise ValueError(f"{target.name!r} has no ending of a format: {known}")
    drawing, files = rows.drawing()
    graph = json.loads(drawing)
    graph["sources"] = [{"path": file, "text": "".join(linecache.getlines(file))} for file in files]
    target.write_text(_core.render_graph(json.dumps(graph), chosen, target.stem), encoding="utf-8")
