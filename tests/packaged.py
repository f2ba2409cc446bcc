"""Where the package under test lies, for the processes that tests start."""

import os
from pathlib import Path


def package_path() -> str:
    """Give the value of `PYTHONPATH`: `CLEW_TEST_PATH`, else the working tree.

    `make test` sets an empty one, for the package that is installed.
    """
    here = Path(__file__).resolve().parent
    return os.environ.get("CLEW_TEST_PATH", str(here.parent / "python"))
