"""Which imported modules count as user code, and the hook that loads those instrumented.

The decision itself and the hook are in Rust (`importing.rs`): a Python function in their place
would show in the program's own profile and trace functions. This module only gathers what the
decision needs.
"""

import os
import sys

from clew import _clew

__all__ = ["foreign_directories", "hook_imports"]


def foreign_directories() -> list[str]:
    """Directories whose modules the user did not write: the standard library's and Clew's own."""
    library = os.path.dirname(os.__file__)
    found = [library, os.path.realpath(library), os.path.dirname(os.path.realpath(__file__))]
    return list(dict.fromkeys(found))


def hook_imports(
    include: list[str],
    exclude: list[str],
    *,
    detail: str,
    cache_dir: str | None,
    main: str | None = None,
    archives: bool = False,
) -> int:
    """Load user modules instrumented from here on; answer the number that `unhook_imports` takes.

    Parameters
    ----------
    include, exclude
        Globs over dotted module names, or over paths where they hold a slash. `exclude` goes before
        `include`, and both before the rule that modules outside the standard library and
        site-packages are the user's.
    detail
        Level of the recording.
    cache_dir
        Where rewritten sources are kept, or None to keep none.
    main
        Name of the module that `runpy` will run as `__main__`.
    archives
        Whether that module may lie in a zip archive.
    """
    try:
        directory = os.getcwd()
    except OSError:
        directory = sys.prefix
    return _clew.hook_imports(
        _clew.load,
        detail,
        foreign_directories(),
        include,
        exclude,
        directory,
        cache_dir,
        main,
        archives,
    )
