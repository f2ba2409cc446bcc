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
    "logging:LoggerAdapter": ("logger",),
}
_MEMORY: Final = ("_io:StringIO", "_io:BytesIO")
#: Where streams in memory stood when they were looked at last, by identity.
_positions: dict[int, int] = {}


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
    return list(_follow(value)[0])


def sinks(value: object) -> list[object]:
    """List the streams in memory that were written through an object since the last look.

    Parameters
    ----------
    value
        As for :func:`targets`.

    Returns
    -------
    list of object
        Streams whose position has moved, and those whose position cannot be asked.
    """
    moved = []
    for stream in _follow(value)[1]:
        position = _position(stream)
        if position is None or _positions.get(id(stream)) != position:
            moved.append(stream)
        if position is not None:
            _positions[id(stream)] = position
    return moved


def root_logger() -> object:
    """Give the root logger, where the functions of the module ``logging`` write."""
    logging = sys.modules.get("logging")
    return None if logging is None else logging.root


def _position(stream: Any) -> int | None:
    cls = type(stream)
    if key_of(cls) not in _MEMORY:
        return None
    try:
        return int(cls.tell(stream))
    except ValueError:
        return -1


def _follow(value: object) -> tuple[dict[str, None], list[object]]:
    """Find the files and the streams in memory behind an object."""
    found: dict[str, None] = {}
    streams: list[object] = []
    waiting: list[object] = [value]
    for _ in range(_STEPS):
        if not waiting:
            break
        try:
            _look(waiting.pop(0), found, waiting, streams)
        except Exception:
            continue
    return found, streams


def _look(value: Any, found: dict[str, None], waiting: list[object], streams: list[object]) -> None:
    if value is None or value is sys.__stdout__ or value is sys.__stderr__:
        found.update({TERMINAL: None} if value is not None else {})
        return
    if type(value) in (str, bytes):
        found[os.path.abspath(os.fsdecode(value))] = None
        return
    keys = [key_of(base) for base in mro(type(value))]
    if any(key in _MEMORY for key in keys):
        streams.append(value)
    elif "_io:_IOBase" in keys:
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
    elif not _wrapper(value, keys, waiting):
        # Something of the program's own, or of a library that is not known.
        streams.append(value)


def _file(value: Any, keys: list[str], found: dict[str, None], waiting: list[object]) -> None:
    if keys[0] == "_io:TextIOWrapper":
        waiting.append(value.buffer)
    elif keys[0] in ("_io:BufferedWriter", "_io:BufferedRandom"):
        waiting.append(value.raw)
    elif "_io:BufferedReader" in keys or ("_io:FileIO" in keys and value.mode == "rb"):
        return
    elif "_io:FileIO" in keys:
        name = value.name
        if name in (1, 2, "<stdout>", "<stderr>"):
            found[TERMINAL] = None
        elif type(name) in (str, bytes):
            found[os.path.abspath(os.fsdecode(name))] = None
    else:
        _wrapper(value, keys, waiting)


def _wrapper(value: Any, keys: list[str], waiting: list[object]) -> bool:
    state = getattr(value, "__dict__", {})
    for key in keys:
        for name in _WRAPPERS.get(key, ()):
            part = state.get(name)
            if part is not None and type(part) is not int:
                waiting.append(part)
                return True
    return any(key in _WRAPPERS for key in keys)


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


def only_reads(mode: object) -> bool:
    """Tell whether a file or an archive that is open in this mode cannot be written."""
    return type(mode) is str and "r" in mode and not any(letter in mode for letter in "wax+")
