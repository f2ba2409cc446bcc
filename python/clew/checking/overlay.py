"""A scratch copy of the directory that a program runs in.

A slice writes files as the program did, so it is tried on a copy. The copy lies under the same
names from the root on, with links to what is beside and above it, so that ``../data`` is found.
A directory that is too large is not copied: the slice then runs in place, and the verdict says so.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

LIMIT_BYTES: Final = 50 * 1024 * 1024
LIMIT_FILES: Final = 20_000
#: Directories that are linked rather than copied: large, and written by tools only.
_LINKED: Final = frozenset(
    [".clew", ".git", ".hg", ".svn", ".tox", ".venv", "node_modules", "venv"]
)
_LEFT_OUT: Final = frozenset(["__pycache__", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache"])
#: How far up the neighbours are linked, and how many of them at most.
_LEVELS: Final = 4
_NEIGHBOURS: Final = 1000


class Overlay:
    """A scratch copy, to be used in a ``with`` statement.

    Parameters
    ----------
    cwd
        The directory that the program ran in.
    script
        Its script, if it has one: the script's directory is copied too.
    outputs
        Files that the recorded run wrote: they are not there yet when a slice starts.
    limit_bytes
        Size above which nothing is copied.

    Attributes
    ----------
    isolated
        Whether there is a copy.
    aliases
        How to read a path in the copy as the path it stands for.
    """

    def __init__(
        self,
        cwd: str | Path,
        script: str | Path | None = None,
        outputs: Iterable[str] = (),
        limit_bytes: int = LIMIT_BYTES,
    ) -> None:
        self.real_cwd = Path(cwd).resolve()
        self._outputs = [self.real_cwd / output for output in outputs]
        self._roots = _roots(self.real_cwd, script)
        self.isolated = fits(self._roots, limit_bytes)
        self.root: Path | None = None
        self.aliases: dict[str, str] = {}
        self._manifest: dict[Path, tuple[int, int]] = {}
        if self.isolated:
            self.root = Path(tempfile.mkdtemp(prefix="clew-")).resolve() / "root"
            self.aliases = {str(self.root): ""}
            for real in self._roots:
                self._copy_tree(real)
            for real in self._roots:
                self._link_neighbours(real)
            self._manifest = dict(self._state())

    def __enter__(self) -> Overlay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the copy."""
        if self.root is not None:
            shutil.rmtree(self.root.parent, ignore_errors=True)
            self.root = None

    def inside(self, path: str | Path) -> str:
        """Give the path in the copy that stands for a real path."""
        real = Path(os.path.abspath(self.real_cwd / path))
        if self.root is None or not any(real.is_relative_to(root) for root in self._roots):
            return str(real)
        return str(self.root) + str(real)

    @property
    def cwd(self) -> str:
        """The directory to run in."""
        return self.inside(self.real_cwd)

    def reset(self) -> None:
        """Put everything back as it was when the copy was made."""
        if self.root is None:
            return
        present = dict(self._state())
        for path in present.keys() - self._manifest.keys():
            _remove(path)
        for path, state in self._manifest.items():
            if present.get(path) != state:
                self._restore(path)

    # -- making the copy ------------------------------------------------------------------

    def _copy_tree(self, real: Path) -> None:
        target = Path(self.inside(real))
        target.mkdir(parents=True, exist_ok=True)
        for entry in _entries(real):
            path = Path(entry.path)
            if entry.name in _LEFT_OUT or path in self._outputs:
                continue
            copy = target / entry.name
            if copy.exists() or copy.is_symlink():
                continue
            if entry.is_symlink():
                self._copy_link(path, copy)
            elif entry.is_dir():
                if is_linked(path):
                    copy.symlink_to(path)
                else:
                    self._copy_tree(path)
            elif entry.is_file():
                shutil.copy2(path, copy)

    def _copy_link(self, path: Path, copy: Path) -> None:
        aim = os.readlink(path)
        inside = self.inside(aim) if os.path.isabs(aim) else aim
        copy.symlink_to(inside)

    def _link_neighbours(self, real: Path) -> None:
        """Link what lies beside and above the copy, so that relative paths find it."""
        for parent in list(real.parents)[:_LEVELS]:
            entries = list(_entries(parent))
            if len(entries) > _NEIGHBOURS:
                continue
            for entry in entries:
                copy = Path(str(self.root) + entry.path)
                there = copy.exists() or copy.is_symlink()
                if not there and self.root and not self.root.is_relative_to(entry.path):
                    copy.symlink_to(entry.path)

    # -- keeping it as it was -------------------------------------------------------------

    def _state(self) -> Iterator[tuple[Path, tuple[int, int]]]:
        for real in self._roots:
            yield from _walk(Path(self.inside(real)))

    def _restore(self, copy: Path) -> None:
        real = Path(str(copy).removeprefix(str(self.root)))
        _remove(copy)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if real.is_symlink():
            self._copy_link(real, copy)
        elif real.is_dir():
            if is_linked(real):
                copy.symlink_to(real)
            else:
                copy.mkdir(exist_ok=True)
        elif real.is_file():
            shutil.copy2(real, copy)
        if copy.exists() and not copy.is_symlink():
            self._manifest[copy] = _stamp(copy)


def fits(roots: Iterable[Path], limit_bytes: int = LIMIT_BYTES) -> bool:
    """Tell whether directories are small enough to be copied."""
    n_bytes = n_files = 0
    waiting = list(roots)
    while waiting:
        for entry in _entries(waiting.pop()):
            n_files += 1
            try:
                if entry.is_symlink():
                    continue
                if entry.is_dir():
                    if entry.name not in _LEFT_OUT and not is_linked(Path(entry.path)):
                        waiting.append(Path(entry.path))
                else:
                    n_bytes += entry.stat().st_size
            except OSError:
                return False
            if n_bytes > limit_bytes or n_files > LIMIT_FILES:
                return False
    return True


def is_linked(directory: Path) -> bool:
    """Tell whether a directory is linked rather than copied."""
    return directory.name in _LINKED or (directory / "pyvenv.cfg").exists()


def _roots(cwd: Path, script: str | Path | None) -> list[Path]:
    """Give the directories to copy, none of them inside another."""
    roots = [cwd]
    if script is not None:
        beside = (cwd / script).resolve().parent
        if cwd.is_relative_to(beside):
            roots = [beside]
        elif not beside.is_relative_to(cwd):
            roots.append(beside)
    return roots


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []


def _walk(directory: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    for entry in _entries(directory):
        path = Path(entry.path)
        if entry.name in _LEFT_OUT:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield path, (-1, 0)
            yield from _walk(path)
        elif entry.is_symlink():
            yield path, (-2, hash(os.readlink(path)))
        else:
            yield path, _stamp(path)


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return (-1, 0) if path.is_dir() else (status.st_size, status.st_mtime_ns)


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        pass
