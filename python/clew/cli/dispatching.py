"""From a command line to one subcommand, and from its outcome to an exit status and one line.

0    done                    2    an error              130  interrupted (Ctrl-C)
3    refused                 141  nobody read the output any more (as a program that SIGPIPE ends)
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from clew.cli.streams import abandon_output, complain, standard_output
from clew.errors import ClewError, Refused, UsageError

__all__ = ["COMMANDS", "main"]

# Subcommand to what it does; its code is in the module of that name beside this one.
COMMANDS = {
    "run": "run a program and record what it does",
    "slice": "print the part of a program that a value depends on",
    "why": "explain how a value came to be",
    "graph": "draw the dependencies of a run or a value",
    "calls": "list the calls of a run",
    "effects": "list what a run read and wrote outside",
    "runs": "list the recordings",
    "show": "describe one recording",
    "annotations": "check and show what is declared about the effects of functions",
    "artifacts": "list the values saved under a name",
    "gc": "remove recordings and data that nothing needs",
    "sql": "ask the store in SQL (read-only)",
}

_TARGETS = """\
TARGET is NAME (a top-level variable at the end of the run), NAME@LINE (just after that line
last ran), FILE:LINE (a statement), file:PATH (a file that the run wrote) or artifact:NAME.
RUN is latest (the default), latest~N, or the beginning of an id.
The store is .clew here or in a parent directory; --store or CLEW_STORE names another.
"""


def main(words: list[str]) -> int:
    """Carry out one command line and answer the exit status; nothing is ever raised."""
    try:
        with standard_output():
            return _carry_out(words)
    except Refused as problem:
        complain("refused", problem)
        return 3
    except ClewError as problem:
        complain("error", problem)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        abandon_output()
        return 141
    except OSError as problem:
        if problem.filename is None:
            abandon_output()
        where = "the output" if problem.filename is None else repr(os.fsdecode(problem.filename))
        complain("error", f"cannot access {where}: {problem.strerror or problem}")
        return 2
    except Exception as problem:
        if os.environ.get("CLEW_DEBUG"):
            raise
        what = f"a defect in Clew: {type(problem).__name__}: {problem}"
        complain("error", f"{what}; please report it (CLEW_DEBUG=1 shows where it happened)")
        return 2


def _carry_out(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        if len(words) > 1 and words[1] in COMMANDS:
            return _carry_out([words[1], "--help"])
        sys.stdout.write(_help())
        return 0
    name, *rest = words
    if name in ("-V", "--version", "version"):
        from clew import _core

        version = ".".join(map(str, sys.version_info[:3]))
        sys.stdout.write(f"clew {_core.__version__} (CPython {version})\n")
        return 0
    if name not in COMMANDS:
        raise UsageError(f"unknown command {name!r}", _suggestion(name))
    module = import_module(f"clew.cli.{name}")
    if name == "run":
        return int(module.main(rest))
    from clew.cli.parsing import Parser, Shown

    parser = Parser(prog=f"clew {name}", description=module.__doc__)
    module.configure(parser)
    try:
        options = parser.parse_args(rest)
    except Shown as shown:
        sys.stdout.write(shown.text)
        return 0
    return int(module.execute(options))


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            "usage: clew COMMAND [OPTIONS]",
            "",
            "Record what a Python program does, then slice, explain and draw it.",
            "",
            *lines,
            "",
            "  clew run analysis.py        records a run",
            "  clew slice accuracy         prints the program behind the variable accuracy",
            "  clew COMMAND --help         says more",
            "",
            _TARGETS,
        ]
    )


def _suggestion(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, n=1)
    if near:
        return f"did you mean clew {near[0]}? clew --help lists the commands"
    if name.endswith(".py") or os.path.exists(name):
        return f"to record a program: clew run {name}"
    return "clew --help lists the commands"
