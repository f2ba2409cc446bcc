"""`clew run`: record a program while it runs.

The options are read by hand: `argparse` and what it imports would be found loaded by the program,
and would take a quarter of the start-up that Clew allows itself.
"""

import sys

from clew.running import Program, run

__all__ = ["main"]

USAGE = (
    "clew run [-q] [--detail statement|call|op] [--include GLOB] [--exclude GLOB] [--store URL]"
    " [--max-log SIZE] SCRIPT | -m MODULE | -c CODE [ARGS...]"
)

_HELP = f"""usage: {USAGE}

Run a program as python would, and record what it does.

  -m MODULE, -c CODE   run a module or a text instead of a script; - reads one from standard input
  --detail LEVEL       statement (the default): which statement read and wrote what;
                       call: and every call; op: and every operation
  --include GLOB       also record imported modules of this dotted name (or path, with a slash);
                       may be repeated
  --exclude GLOB       do not record these; goes before --include
  --store URL          where to keep the recording (default: CLEW_STORE, or .clew here or above)
  --max-log SIZE       cap of the event log, such as 500M or 2G; with :newest the last
                       events are kept instead of the first
  -q, --quiet          print no line about the recording
  -h, --help           show this
"""

_DETAILS = ("statement", "call", "op")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class _Wrong(Exception):
    """The command line cannot be understood; the text says why."""


def main(arguments: list[str]) -> int:
    """Carry out `clew run ARGUMENTS`.

    Returns only for a mistake in the command line, for help, or under `python -i`.
    """
    try:
        program = _parse(arguments)
        if program is None:
            sys.stdout.write(_HELP)
            return 0
        return run(program)
    except _Wrong as problem:
        message = str(problem)
    except OSError as problem:
        message = (
            f"cannot run {problem.filename!r}: {problem.strerror}; check the path of the script"
        )
    except Exception as problem:
        message = f"a defect in Clew: {type(problem).__name__}: {problem}; please report it"
    sys.stderr.write(f"clew: error: {message}\n")
    return 2


def _parse(arguments: list[str]) -> Program | None:
    """Read the command line; None when it asks for help."""
    given: dict[str, str] = {}
    lists: dict[str, list[str]] = {"--include": [], "--exclude": []}
    quiet = False
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word in ("-h", "--help"):
            return None
        if word in ("-q", "--quiet"):
            quiet = True
            continue
        if word[:2] in ("-m", "-c") and not word.startswith("--"):
            kind = "module" if word[1] == "m" else "command"
            target = word[2:] or _value(word, rest)
            return _program(kind, target, rest, given, lists, quiet=quiet)
        option, equals, attached = word.partition("=")
        if option in lists or option in ("--detail", "--store", "--max-log"):
            value = attached if equals else _value(option, rest)
            if option in lists:
                lists[option].append(value)
            else:
                given[option] = value
            continue
        if word == "--":
            if not rest:
                break
            word = rest.pop(0)
        elif word.startswith("-") and word != "-":
            raise _Wrong(f"unknown option {word}; usage: {USAGE}")
        if word.endswith(".ipynb"):
            raise _Wrong(
                f"{word!r} is a notebook; export it first: jupyter nbconvert --to script {word}"
            )
        return _program("script", word, rest, given, lists, quiet=quiet)
    raise _Wrong(f"nothing to run; usage: {USAGE}")


def _value(option: str, rest: list[str]) -> str:
    if not rest:
        raise _Wrong(f"{option} needs a value; usage: {USAGE}")
    return rest.pop(0)


def _program(
    kind: str,
    target: str,
    arguments: list[str],
    given: dict[str, str],
    lists: dict[str, list[str]],
    *,
    quiet: bool,
) -> Program:
    detail = given.get("--detail", "statement")
    if detail not in _DETAILS:
        raise _Wrong(f"--detail takes {', '.join(_DETAILS)}, not {detail!r}")
    size, _, kept = given.get("--max-log", "").partition(":")
    if kept not in ("", "first", "newest"):
        raise _Wrong(f"--max-log keeps the first events or the newest, not {kept!r}")
    return Program(
        kind,
        target,
        arguments,
        detail=detail,
        include=lists["--include"],
        exclude=lists["--exclude"],
        store=given.get("--store"),
        max_log=_size(size) if size or kept else None,
        newest=kept == "newest",
        quiet=quiet,
    )


def _size(text: str) -> int:
    """Read a number of bytes: `500M`, `2G`, `1000000`."""
    plain = text.strip().upper().removesuffix("B").removesuffix("I")
    number, unit = (plain[:-1], plain[-1]) if plain[-1:] in _UNITS and plain else (plain, "")
    try:
        size = int(float(number) * _UNITS[unit])
    except ValueError:
        size = 0
    if size <= 0:
        raise _Wrong(f"--max-log takes a size such as 500M or 2G, not {text!r}")
    return size
