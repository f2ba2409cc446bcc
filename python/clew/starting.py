"""The interpreter as a program finds it: `sys.argv`, `sys.path`, a fresh `__main__`, its code.

Each step has its model in the interpreter's own `main` (`Modules/main.c`, `Python/pythonrun.c`);
where plain Python has a quirk that a program can see, the quirk is here too.
"""

import builtins
import os
import sys
from types import ModuleType

from clew import _clew, importing

__all__ = ["Instrumentation", "Start", "prepare"]

# What compiling a program can raise: the interpreter's own runner is then left to say so.
_COMPILER_ERRORS = (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError, EOFError)


class Instrumentation:
    """How code is to be loaded.

    Parameters
    ----------
    detail
        Level of the recording.
    include, exclude
        Globs that change which imported modules are user code.
    cache_dir
        Where rewritten sources are kept, or None.
    active
        Whether a recording runs; without one, code is loaded as it is.
    """

    def __init__(
        self,
        detail: str,
        include: list[str],
        exclude: list[str],
        cache_dir: str | None,
        *,
        active: bool,
    ) -> None:
        self.active = active
        self.detail = detail
        self.include = include
        self.exclude = exclude
        self.cache_dir = cache_dir

    def load(self, source: bytes | str, filename: str) -> object:
        """Compile the main program; raises and warns as `compile` does."""
        if not self.active:
            return compile(source, filename, "exec", 0, True)
        return _clew.load_main(_clew.load, source, filename, self.detail, self.cache_dir)

    def hook_imports(self, *, main: str | None = None, archives: bool = False) -> None:
        """Load user modules instrumented from here on."""
        if not self.active:
            return
        importing.hook_imports(
            self.include,
            self.exclude,
            detail=self.detail,
            cache_dir=self.cache_dir,
            main=main,
            archives=archives,
        )


class Start:
    """What `_clew.run_program` is to run.

    Attributes
    ----------
    kind
        As `_clew.run_program` takes it.
    payload
        Its list; emptied when the program starts, so that nothing of Clew's holds the program's
        objects.
    recorded
        Whether there is anything to record: not in a program that does not compile.
    note
        Why nothing can be recorded, for people; empty otherwise.
    """

    def __init__(
        self, kind: str, payload: list[object], *, recorded: bool = True, note: str = ""
    ) -> None:
        self.kind = kind
        self.payload = payload
        self.recorded = recorded
        self.note = note


def prepare(
    kind: str, target: str, arguments: list[str], instrumentation: Instrumentation
) -> Start:
    """Make the interpreter look as `python` leaves it just before the program's first line.

    Raises
    ------
    OSError
        The script cannot be read.
    """
    if kind == "module":
        _enter(["-m", target], arguments, _working_directory())
        return _runpy(target, instrumentation, alter_argv=True)
    if kind == "command":
        _enter(["-c", target], arguments, "")
        instrumentation.hook_imports()
        return _command(target, instrumentation)
    if target == "-":
        source = sys.stdin.buffer.read()
        _enter(["-"], arguments, "")
        instrumentation.hook_imports()
        return _script(source, "<stdin>", instrumentation)
    filename = target if os.path.isabs(target) else f"{_working_directory() or ''}/{target}"
    importer = _importer_of(filename)
    if importer is not None:
        # A directory or an archive with a `__main__` inside: it comes first on the path even with
        # `-P`.
        _enter([target], arguments, filename, always=True)
        archives = not isinstance(importer, _external().FileFinder)
        return _runpy("__main__", instrumentation, alter_argv=False, archives=archives)
    with open(filename, "rb") as file:
        source = file.read()
    _enter([target], arguments, os.path.dirname(os.path.realpath(target)))
    instrumentation.hook_imports()
    return _script(source, filename, instrumentation)


def _external() -> ModuleType:
    return sys.modules["_frozen_importlib_external"]


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _enter(
    words: list[str], arguments: list[str], path0: str | None, *, always: bool = False
) -> None:
    """Set the arguments and the start of the search path, and put a fresh `__main__` in place.

    `words` are those of the interpreter's command line that name the program: `-m NAME`, `-c TEXT`,
    a path.
    """
    # What stands before Clew's own command are the interpreter and its options.
    own = len(sys.argv)
    before = sys.orig_argv[: len(sys.orig_argv) - own]
    if before and before[-1] == "-m":
        before.pop()
    sys.orig_argv[:] = [*before, *words, *arguments]
    sys.argv[:] = [words[0], *arguments]
    if not sys.flags.safe_path and sys.path:
        del sys.path[0]
    if path0 is not None and (always or not sys.flags.safe_path):
        sys.path.insert(0, path0)
    main = ModuleType("__main__")
    namespace = main.__dict__
    namespace["__loader__"] = sys.modules["_frozen_importlib"].BuiltinImporter
    namespace["__annotations__"] = {}
    namespace["__builtins__"] = builtins
    sys.modules["__main__"] = main


def _importer_of(filename: str) -> object | None:
    """Ask the import system for a finder: there is one for a directory or an archive."""
    cache = sys.path_importer_cache
    if filename in cache:
        return cache[filename]
    cache[filename] = None
    for hook in sys.path_hooks:
        try:
            importer = hook(filename)
        except ImportError:
            continue
        cache[filename] = importer
        return importer
    return None


def _runpy(
    name: str, instrumentation: Instrumentation, *, alter_argv: bool, archives: bool = False
) -> Start:
    """Start a module through `runpy`, as the interpreter does."""
    import runpy

    instrumentation.hook_imports(main=name, archives=archives)
    run_module = runpy._run_module_as_main  # type: ignore[attr-defined]
    return Start("module", [run_module, name, alter_argv])


def _command(text: str, instrumentation: Instrumentation) -> Start:
    """Start the text of `-c`."""
    try:
        code = instrumentation.load(text, "<string>")
    except _COMPILER_ERRORS:
        return Start("string", [text, "<string>"], recorded=False)
    if sys.version_info >= (3, 13):
        # Tracebacks show the lines of such code since 3.13, because the interpreter registers them.
        import linecache

        by_code = hasattr(linecache, "_interactive_cache")
        register = linecache._register_code  # type: ignore[attr-defined]
        register(code if by_code else "<string>", text, "<string>")
    return Start("code", [code])


def _script(source: bytes, filename: str, instrumentation: Instrumentation) -> Start:
    """Start a file or what came from standard input."""
    external = _external()
    loader = external.SourceFileLoader
    note = ""
    try:
        if filename.endswith(".pyc") or source[:4] == external.MAGIC_NUMBER:
            code, loader = _compiled(source), external.SourcelessFileLoader
            note = "a compiled file has no source"
        else:
            code = instrumentation.load(source, filename)
    except _COMPILER_ERRORS:
        kind = "file" if os.path.isfile(filename) else "stdin"
        return Start(kind, [source, filename], recorded=False)
    namespace = sys.modules["__main__"].__dict__
    namespace["__file__"] = filename
    namespace["__cached__"] = None
    if filename != "<stdin>":
        namespace["__loader__"] = loader("__main__", filename)
    return Start("script", [code], note=note)


def _compiled(content: bytes) -> object:
    """Take the code object out of a `.pyc` file."""
    import marshal

    if content[:4] != _external().MAGIC_NUMBER:
        raise ValueError("bad magic number")
    return marshal.loads(content[16:])
