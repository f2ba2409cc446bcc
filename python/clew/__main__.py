"""`python -m clew`: the command, for an interpreter whose scripts are not on the path."""

import sys

from clew.cli import main

if __name__ == "__main__":
    sys.exit(main())
