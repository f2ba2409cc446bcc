"""Fingerprints of files: their bytes, without what a format stamps into each file it writes."""

from __future__ import annotations

import os
import re
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clew.fingerprinting.encoder import DIGEST_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

#: Files above this size are hashed as they are.
_MOST_BYTES: Final = 64 * 1024 * 1024
_CHUNK: Final = 1024 * 1024


def fingerprint_path(path: str) -> tuple[str, str | None]:
    """Hash a file, or the files of a directory by their names.

    Returns
    -------
    tuple
        The digest in hexadecimal, and what was left out of it.
    """
    if os.path.isdir(path):
        digest = blake2b(b"directory", digest_size=DIGEST_SIZE)
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                file = os.path.join(folder, name)
                digest.update(os.path.relpath(file, path).encode("utf-8", "surrogateescape"))
                digest.update(bytes.fromhex(fingerprint_path(file)[0]))
        return digest.hexdigest(), None
    digest = blake2b(digest_size=DIGEST_SIZE)
    if os.path.getsize(path) <= _MOST_BYTES:
        content = Path(path).read_bytes()
        digest.update(_without_stamps(content, path))
        return digest.hexdigest(), None
    with open(path, "rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest(), None


def _without_stamps(content: bytes, path: str) -> bytes:
    """Drop the times and random names that a format writes; on any doubt, keep all."""
    for magic, clean in _FORMATS:
        if content.startswith(magic):
            try:
                return clean(content, path)
            except Exception:
                return content
    if b"<svg" in content[:2000]:
        return _svg(content, path)
    return content


def _gzip(content: bytes, path: str) -> bytes:
    del path
    import gzip

    return b"gzip:" + gzip.decompress(content)


def _zip(content: bytes, path: str) -> bytes:
    """Take names and contents of the members; office formats keep times in their properties."""
    del path
    import io
    import zipfile

    parts = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            data = archive.read(info)
            if info.filename == "docProps/core.xml":
                data = re.sub(rb"<dcterms:(created|modified)[^>]*>[^<]*<", b"<", data)
            parts.append(b"%s\0%d\0%s" % (info.filename.encode(), len(data), data))
    return b"zip:" + b"".join(parts)


def _pdf(content: bytes, path: str) -> bytes:
    del path
    content = re.sub(rb"/(CreationDate|ModDate)\s*\([^)]*\)", b"", content)
    return re.sub(rb"/ID\s*\[[^\]]*\]", b"", content)


def _svg(content: bytes, path: str) -> bytes:
    """Drop the date, and number the random names of clips and markers as they come."""
    del path
    content = re.sub(rb"<dc:date>[^<]*</dc:date>", b"", content)
    names: dict[bytes, bytes] = {}

    def number(match: re.Match[bytes]) -> bytes:
        return names.setdefault(match.group(0), b"name%d" % len(names))

    return re.sub(rb"\b[mpCh][0-9a-f]{10,}\b", number, content)


def _sqlite(content: bytes, path: str) -> bytes:
    """Take the statements that would make the database anew."""
    del content
    import sqlite3

    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return "\n".join(connection.iterdump()).encode("utf-8", "surrogateescape")
    finally:
        connection.close()


def _png(content: bytes, path: str) -> bytes:
    """Take the chunks that are drawn; texts and times beside them are not."""
    del path
    parts, at = [content[:8]], 8
    while at + 8 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        if content[at + 4 : at + 8] not in (b"tEXt", b"iTXt", b"zTXt", b"tIME"):
            parts.append(content[at : at + 12 + size])
        at += 12 + size
    return b"".join(parts)


_FORMATS: Final[tuple[tuple[bytes, Callable[[bytes, str], bytes]], ...]] = (
    (b"\x1f\x8b", _gzip),
    (b"PK\x03\x04", _zip),
    (b"%PDF-", _pdf),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"SQLite format 3\0", _sqlite),
)
