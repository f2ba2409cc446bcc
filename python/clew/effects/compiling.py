"""Annotations turned into the tables that :mod:`clew.effects.index` looks callees up in.

The tables hold dictionaries, lists, texts and numbers only, so that the shipped ones are kept as
JSON beside the YAML files and start-up reads no YAML. Run ``python -m clew.effects.compiling``
after an edit of a shipped file; a test checks that it was done.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clew.effects import flags
from clew.effects.schema import Annotation, Pointer, load

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Raised whenever the tables change their shape, so that cached ones are made anew.
TABLE_VERSION: Final = 1

#: One row: module, class (or None), bits, particulars, keyword condition (or None).
Row = list[Any]
Tables = dict[str, Any]

DIRECTORY: Final = Path(__file__).resolve().parent.parent / "annotations"

COMPILED: Final = DIRECTORY / "compiled.json"

_STATE_FLAGS: Final[dict[str, int]] = {
    "clock": flags.CLOCK,
    "environment": flags.ENVIRONMENT,
    "module": flags.MODULE_STATE,
    "network": flags.MODULE_STATE,
    "process": flags.MODULE_STATE,
    "random": flags.RANDOM,
    "database": flags.MODULE_STATE,
    "stdio": flags.MODULE_STATE,
}


def compile_annotations(annotations: Iterable[Annotation]) -> Tables:
    """Turn annotations into lookup tables.

    Parameters
    ----------
    annotations
        In order of trust; the first row for a callee wins.

    Returns
    -------
    dict
        ``functions`` and ``methods`` map a name to rows, ``classes`` lists the rows that hold for
        every method of a class.
    """
    tables: Tables = {"functions": {}, "methods": {}, "classes": []}
    for annotation in annotations:
        criterion = annotation.criterion
        bits, extra = _effect(annotation)
        keyword = list(criterion.keyword) if criterion.keyword else None
        row: Row = [annotation.module, criterion.class_instance, bits, extra, keyword]
        for name in criterion.functions:
            tables["functions"].setdefault(name, []).append(row)
        for name in criterion.methods:
            tables["methods"].setdefault(name, []).append(row)
        if criterion.class_instance and not criterion.methods:
            tables["classes"].append(row)
    return tables


def _effect(annotation: Annotation) -> tuple[int, flags.Extra]:
    """Combine the side effects of one annotation into bits and particulars."""
    build = _Build(is_method=annotation.criterion.class_instance is not None)
    if not annotation.side_effects:
        return flags.NATIVE, {}
    dependencies = [e.pointers[0] for e in annotation.side_effects if e.kind == "dependency"]
    for side_effect in annotation.side_effects:
        if side_effect.kind == "mutated_value":
            build.mutated(side_effect.pointers[0], dependencies)
        elif side_effect.kind == "views":
            build.views(side_effect.pointers)
        else:
            build.dependency(side_effect.pointers[0], annotation)
    if annotation.criterion.keyword is None and not any(p.kind != "external" for p in dependencies):
        # Nothing said of what is read: then it may be everything it was given.
        build.bits |= flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS
        build.bits |= flags.READS_RECEIVER if build.is_method else 0
    return build.bits, build.extra


class _Build:
    """Collects the bits and particulars of one annotation."""

    def __init__(self, *, is_method: bool) -> None:
        self.is_method = is_method
        self.bits = 0
        self.extra: flags.Extra = {}

    def add(self, key: str, value: Any) -> None:
        listed = self.extra.setdefault(key, [])
        if value not in listed:
            listed.append(value)

    def mutated(self, pointer: Pointer, dependencies: list[Pointer]) -> None:
        if pointer.kind == "self":
            self.bits |= flags.WRITES_RECEIVER
        elif pointer.kind in ("positional", "keyword", "all"):
            self.bits |= flags.WRITES_ARGUMENT
            self.add("arguments", _short(pointer))
        elif pointer.kind == "external":
            self.mutated_state(pointer, replaces=pointer not in dependencies)

    def mutated_state(self, pointer: Pointer, *, replaces: bool) -> None:
        kind = str(pointer.value)
        if kind in ("file", "directory"):
            self.path(pointer, "write" if replaces else "update")
            self.bits |= flags.STREAM if kind == "file" else 0
        elif kind == "stdio" and replaces:
            self.bits |= flags.OUTPUT
        elif pointer.key == "matplotlib.pyplot":
            self.bits |= flags.FIGURE
            self.state("state", pointer)
        else:
            self.bits |= _STATE_FLAGS[kind]
            self.bits |= flags.SEED if replaces and kind in ("module", "random") else 0
            self.state("state", pointer)

    def dependency(self, pointer: Pointer, annotation: Annotation) -> None:
        if pointer.kind == "self":
            self.bits |= flags.READS_RECEIVER
        elif pointer.kind in ("positional", "keyword", "all"):
            self.bits |= flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS
        elif pointer.kind == "external":
            changed = [e.pointers[0] for e in annotation.side_effects if e.kind == "mutated_value"]
            if pointer not in changed:
                self.read_state(pointer)

    def read_state(self, pointer: Pointer) -> None:
        kind = str(pointer.value)
        if kind in ("file", "directory"):
            self.path(pointer, "read" if kind == "file" else "list")
        elif kind in ("clock", "random", "network", "process"):
            # Nothing in the program wrote these: another run reads something else.
            self.bits |= flags.NONDETERMINISTIC | (flags.CLOCK if kind == "clock" else 0)
            self.state("reads_state", pointer)
        else:
            self.bits |= flags.ENVIRONMENT if kind == "environment" else 0
            self.state("reads_state", pointer)

    def path(self, pointer: Pointer, access: str) -> None:
        if isinstance(pointer.key, Pointer):
            self.add("path", [_short(pointer.key), access])
        else:
            role = "reads_state" if access in ("read", "list") else "state"
            self.add(role, f"{pointer.value}:{pointer.key}")

    def state(self, role: str, pointer: Pointer) -> None:
        kind, key = str(pointer.value), pointer.key
        if isinstance(key, Pointer):
            self.extra["key"] = _short(key)
            self.add(role, kind)
        else:
            self.add(role, str(key) if kind in ("module", "random") and key else _named(kind, key))

    def views(self, pointers: tuple[Pointer, ...]) -> None:
        self.bits |= flags.ALIAS
        first, *others = pointers
        for other in others:
            self.add("views", [_short(first), _short(other)])


def _named(kind: str, key: str | Pointer | None) -> str:
    return f"{kind}.{key}" if key else kind


def _short(pointer: Pointer) -> int | str:
    """Write a pointer as the recorder reads it: a position, a keyword, '*', 'self' or 'result'."""
    if pointer.kind in ("positional", "keyword") and pointer.value is not None:
        return pointer.value
    return "*" if pointer.kind == "all" else pointer.kind


# -- the shipped files ----------------------------------------------------------------------


def shipped_files() -> list[Path]:
    """List the annotation files of the package, in a stable order."""
    return sorted(DIRECTORY.glob("*.yaml"))


def content_hash(files: Iterable[Path]) -> str:
    """Hash the names and bytes of annotation files together with the shape of the tables."""
    digest = hashlib.blake2b(str(TABLE_VERSION).encode(), digest_size=16)
    for file in files:
        content = file.read_bytes()
        digest.update(f"\0{file.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def compiled_text() -> str:
    """Give the text of the file that holds the tables of the shipped files, a row to each line."""
    files = shipped_files()
    tables = compile_annotations(a for file in files for a in load(file))
    parts = [f'"content_hash": "{content_hash(files)}"']
    for kind in ("functions", "methods"):
        rows = [
            f"{json.dumps(name)}: {json.dumps(rows)}" for name, rows in sorted(tables[kind].items())
        ]
        parts.append(f'"{kind}": {{\n' + ",\n".join(rows) + "\n}")
    rows = [json.dumps(row) for row in tables["classes"]]
    parts.append('"classes": [\n' + ",\n".join(rows) + "\n]")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def compile_cached(file: str | Path, cache: str | Path | None = None) -> Tables:
    """Compile one annotation file of a user, or take its tables from the cache.

    Parameters
    ----------
    file
        The YAML file.
    cache
        The directory for compiled tables; the user's cache directory by default. A cache that
        cannot be written is left alone.

    Returns
    -------
    dict
        Tables as :func:`compile_annotations` makes them.
    """
    path = Path(file)
    directory = Path(cache) if cache is not None else _user_cache()
    stored = directory / f"{content_hash([path])}.json"
    try:
        return dict(json.loads(stored.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        pass
    tables = compile_annotations(load(path))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        partial = stored.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(tables), encoding="utf-8")
        partial.replace(stored)
    except OSError:
        pass
    return tables


def _user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "clew" / "annotations"


def main() -> None:
    """Write the tables of the shipped files beside them."""
    COMPILED.write_text(compiled_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
