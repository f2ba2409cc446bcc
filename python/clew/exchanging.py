"""Rewriting what is loaded already: functions of user modules get instrumented code for a while.

A module that was imported before a recording began was not rewritten. For the time of the recording
the `__code__` of its functions is exchanged, and put back at the end. This needs the source as it
was when the module was imported: only a function whose code is what the source compiles to is
exchanged. Frames that run already go on with their old code.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from types import BuiltinFunctionType, CodeType, FunctionType

from clew import _core
from clew.importing import foreign_directories

__all__ = [
    "Exchange",
    "SourceFile",
    "all_codes",
    "is_hook",
    "is_rewritten",
    "is_user_file",
    "place_of",
]


class SourceFile:
    """A source and what it compiles to.

    Parameters
    ----------
    path
        Its path, as code objects name it.
    module
        Name of the module that was made from it.
    text
        Its content.
    """

    def __init__(self, path: str, module: str, text: bytes | str) -> None:
        self.path = path
        self.module = module
        self.text = text
        self.plain: CodeType = compile(text, path, "exec", 0, True)

    @classmethod
    def of_code(cls, code: CodeType, module: str) -> SourceFile | None:
        """Find the source from which a code object was made, if it is still what it was."""
        found = cls.read(code.co_filename, module)
        if found is None or not any(_same(code, plain) for plain in all_codes(found.plain)):
            return None
        return found

    @classmethod
    def read(cls, path: str, module: str) -> SourceFile | None:
        """Read a source that can be compiled: a file, or the text that `linecache` has of it."""
        text: bytes | str
        try:
            with open(path, "rb") as file:
                text = file.read()
        except (OSError, ValueError):
            import linecache

            text = "".join(linecache.getlines(path))
            if not text:
                return None
        try:
            return cls(path, module, text)
        except (SyntaxError, ValueError):
            return None


class Exchange:
    """The functions whose code is exchanged during one recording.

    Parameters
    ----------
    detail
        Level of the recording.
    cache_dir
        Where rewritten sources are kept, or None.
    """

    def __init__(self, detail: str, cache_dir: str | None) -> None:
        self._detail = detail
        self._cache_dir = cache_dir
        # The code that a function had, by the address of the code that it got; and both alive.
        self._former: dict[int, CodeType] = {}
        self._codes: list[CodeType] = []

    def begin(self, main: SourceFile | None = None) -> None:
        """Exchange the code of all functions of user modules.

        Parameters
        ----------
        main
            The source that counts as the program; it is loaded first.
        """
        functions: dict[str, list[FunctionType]] = {}
        for function in _all_functions():
            functions.setdefault(function.__code__.co_filename, []).append(function)
        if main is not None:
            self._exchange(main, functions.pop(main.path, []), is_main=True)
        for path, module in _user_files():
            if path in functions:
                source = SourceFile.read(path, module)
                if source is not None:
                    self._exchange(source, functions.pop(path), is_main=False)
        _active.append(self)

    def end(self) -> None:
        """Put back the code that the functions had."""
        if self not in _active:
            return
        _active.remove(self)
        for function in _all_functions():
            former = self._former.get(id(function.__code__))
            if former is not None:
                function.__code__ = former
        # A recording that is not over may have found our code.
        for other in _active:
            for place, code in other._former.items():
                other._former[place] = self._former.get(id(code), code)

    def has(self, code: CodeType) -> bool:
        """Tell whether a code object is one that was put in."""
        return id(code) in self._former

    def _exchange(
        self, source: SourceFile, functions: list[FunctionType], *, is_main: bool
    ) -> None:
        loaded = _core.load(
            source.text, source.path, source.module, is_main, self._detail, self._cache_dir
        )
        by_plain: dict[CodeType, CodeType] = {}
        by_place: dict[tuple[object, ...], CodeType] = {}
        for plain, new in zip(all_codes(source.plain), all_codes(loaded), strict=True):
            by_plain[plain] = new
            by_place[place_of(plain)] = new
            self._former[id(new)] = plain
            self._codes.append(new)
        for function in functions:
            former = function.__code__
            # Code with hooks in it cannot be hashed.
            rewritten = is_rewritten(former)
            new_code = by_place.get(place_of(former)) if rewritten else by_plain.get(former)
            if new_code is not None:
                self._former[id(new_code)] = former
                function.__code__ = new_code


_active: list[Exchange] = []


def is_rewritten(code: CodeType) -> bool:
    """Tell whether code holds Clew's hooks."""
    return any(map(is_hook, code.co_consts))


def is_hook(value: object) -> bool:
    """Tell whether an object is one of Clew's hooks, or a method of what they put in place."""
    if type(value) is not BuiltinFunctionType:
        return False
    return type(value.__self__).__module__ == "clew._clew"


def is_user_file(path: str, module: str = "") -> bool:
    """Tell whether a file's code is the user's: not the standard library's, nor an installed one's.

    Texts that come from no file (`<stdin>`, `<string>`) are the user's too.
    """
    if path.startswith("<"):
        return not path.startswith("<frozen ")
    try:
        directory = os.getcwd()
    except OSError:
        directory = sys.prefix
    return _core.is_user_module(module, path, foreign_directories(), [], [], directory)


def _all_functions() -> list[FunctionType]:
    # An exact type, because user code must not be asked for a `__class__`.
    return [found for found in gc.get_objects() if type(found) is FunctionType]


def _user_files() -> Iterator[tuple[str, str]]:
    """Give path and module name of each user module that is loaded from a file."""
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__dict__", {}).get("__file__")
        if type(path) is str and path.endswith(".py") and is_user_file(path, name):
            yield path, name


def all_codes(code: CodeType) -> Iterator[CodeType]:
    """Give a code object and those inside it; the same order in plain and rewritten code."""
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from all_codes(constant)


def place_of(code: CodeType) -> tuple[object, ...]:
    """Give what rewriting leaves as it is, and what tells two functions of a source apart."""
    return code.co_qualname, code.co_firstlineno, code.co_varnames, code.co_freevars


def _same(code: CodeType, plain: CodeType) -> bool:
    return code == plain or place_of(code) == place_of(plain)
