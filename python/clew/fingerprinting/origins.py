"""Is a type, or a module, the program's or a library's? Only a library's code may be run."""

from __future__ import annotations

import sys
import sysconfig
from typing import Final

_LIBRARY_PARTS: Final = ("site-packages", "dist-packages")
_known: dict[str, bool] = {}
_standard: list[str] = []


def is_library(module: object) -> bool:
    """Tell whether a module is the standard library's or an installed package's."""
    if type(module) is not str:
        return False
    found = _known.get(module)
    if found is None:
        found = _known[module] = _look(module)
    return found


def _look(module: str) -> bool:
    if module == "__main__":
        return False
    package = module.partition(".")[0]
    if package in sys.builtin_module_names:
        return True
    loaded = sys.modules.get(module) or sys.modules.get(package)
    file = getattr(loaded, "__dict__", {}).get("__file__")
    if type(file) is not str:
        return package in sys.stdlib_module_names
    parts = file.replace("\\", "/").split("/")
    if any(part in parts for part in _LIBRARY_PARTS):
        return True
    if not _standard:
        paths = sysconfig.get_paths()
        _standard.extend(path for path in (paths["stdlib"], paths["platstdlib"]) if path)
    return any(file.startswith(path + "/") for path in _standard)
