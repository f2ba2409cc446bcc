"""Which files a call writes into: the files behind the file objects that it was given."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any, Final

from clew.fingerprinting.encoder import mro
from clew.fingerprinting.registry import key_of

#: What stands for standard output and error.
TERMINAL: Final = "<terminal>"
_STEPS: Final = 24
_WRAPPERS: Final = {
    "gzip:GzipFile": ("fileobj", "myfileobj", "name"),
    "bz2:BZ2File": ("_fp",),
    "lzma:LZMAFile": ("_fp",),
    "zipfile:ZipFile": ("fp", "filename"),
    "tarfile:TarFile": ("fileobj", "name"),
    "tempfile:_TemporaryFileWrapper": ("file",),
    "codecs:StreamWriter": ("stream",),
    "csv:DictWriter": ("writer",),
    "pandas:ExcelWriter": ("_path", "path", "_handles"),
    "pandas:HDFStore": ("_path",),
    "matplotlib:PdfPages": ("_filename", "_file"),
    "logging:FileHandler": ("baseFilename",),
    "logging:StreamHandler": ("stream",),
    "shelve:DbfilenameShelf": ("dict",),
}


def targets(value: object) -> list[str]:
    """List where something that is written into an object goes.

    Parameters
    ----------
    value
        A path, a file object, or something that writes into one (a ``csv`` writer, an archive, a
        logger, a database connection).

    Returns
    -------
    list of str
        Absolute paths, and :data:`TERMINAL`; empty for what stays in memory.
    """
    found: dict[str, None] = {}
    waiting: list[object] = [value]
    for _ in range(_STEPS):
        if not waiting:
            break
        try:
            _look(waiting.pop(0), found, waiting)
        except Exception:
            continue
    return list(found)


def logging_targets() -> list[str]:
    """List where the root logger's lines go."""
    logging = sys.modules.get("logging")
    if logging is None:
        return []
    return targets(logging.root) or [TERMINAL]


def _look(value: Any, found: dict[str, None], waiting: list[object]) -> None:
    if value is None or value in (sys.__stdout__, sys.__stderr__):
        found.update({TERMINAL: None} if value is not None else {})
        return
    if type(value) in (str, bytes):
        found[os.path.abspath(os.fsdecode(value))] = None
        return
    keys = [key_of(base) for base in mro(type(value))]
    if "_io:_IOBase" in keys:
        _file(value, keys, found, waiting)
    elif "pathlib:PurePath" in keys:
        found[os.path.abspath(str(value))] = None
    elif "logging:Logger" in keys:
        _logger(value, waiting)
    elif "sqlite3:Cursor" in keys:
        waiting.append(value.connection)
    elif "sqlite3:Connection" in keys:
        _database(value, found)
    elif "_csv:writer" in keys or "_csv:Writer" in keys:
        waiting.extend(getattr(part, "__self__", None) for part in gc.get_referents(value))
    else:
        _wrapper(value, keys, waiting)


def _file(value: Any, keys: list[str], found: dict[str, None], waiting: list[object]) -> None:
    if keys[0] in ("_io:StringIO", "_io:BytesIO"):
        return
    if keys[0] == "_io:TextIOWrapper":
        waiting.append(value.buffer)
    elif keys[0] in ("_io:BufferedWriter", "_io:BufferedRandom", "_io:BufferedReader"):
        waiting.append(value.raw)
    elif "_io:FileIO" in keys:
        name = value.name
        if name in (1, 2, "<stdout>", "<stderr>"):
            found[TERMINAL] = None
        elif type(name) in (str, bytes):
            found[os.path.abspath(os.fsdecode(name))] = None
    else:
        _wrapper(value, keys, waiting)


def _wrapper(value: Any, keys: list[str], waiting: list[object]) -> None:
    state = getattr(value, "__dict__", {})
    for key in keys:
        for name in _WRAPPERS.get(key, ()):
            part = state.get(name)
            if part is not None and type(part) is not int:
                waiting.append(part)
                return


def _logger(value: Any, waiting: list[object]) -> None:
    """Follow a logger's handlers, and those of the loggers above it."""
    logger = value
    while logger is not None:
        state = logger.__dict__
        waiting.extend(state.get("handlers", ()))
        logger = state.get("parent") if state.get("propagate", True) else None


def _database(value: Any, found: dict[str, None]) -> None:
    """Ask a database where it lies, by a cursor that no row factory of the program's sees."""
    cursor = value.cursor()
    cursor.row_factory = None
    for _, _, path in cursor.execute("PRAGMA database_list").fetchall():
        if path:
            found[os.path.abspath(path)] = None
