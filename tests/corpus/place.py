"""Where and how a program of the corpus is run: a copy in a directory of its own, offline, without
a display.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def put(program: Path, directory: Path, text: str | None = None) -> Path:
    """Copy a program (or another text in its place) and the data files beside it."""
    for beside in program.parent.iterdir():
        if (
            beside.is_file() and beside.suffix not in (".py", ".pyc", ".txt")
        ) or beside.name.endswith("dat.txt.gz"):
            shutil.copy(beside, directory)
    path = directory / program.name
    if text is None:
        shutil.copy(program, path)
    else:
        path.write_text(text)
    return path


def environment() -> dict[str, str]:
    """The environment of every run."""
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "LANG", "PYTHONPATH", "TMPDIR")
        if name in os.environ
    }
    return {
        **kept,
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "SOURCE_DATE_EPOCH": "0",
        "PYTHONWARNINGS": "ignore",
        "no_proxy": "*",
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }
