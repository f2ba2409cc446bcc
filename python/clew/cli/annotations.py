"""Check and show what is declared about the effects of functions.

`check` reads the annotation files of the store, of ~/.config/clew and of installed packages, or
those that are named; `list` tells which files hold and what is in them; `show` tells what is known
of one function or method, by its dotted name.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

from clew.cli import output
from clew.cli.parsing import add_format, add_store
from clew.effects import compiling, flags, index, resolver, schema
from clew.effects.finding import Found, find
from clew.errors import ClewError, StoreError, UsageError
from clew.storing import open_store

_SENTENCES = {
    "NATIVE": "looks at scalars only",
    "WRITES_RECEIVER": "changes its object",
    "READS_RECEIVER": "reads all that its object holds",
    "READS_ARGUMENTS": "reads all that its arguments hold",
    "CONSUMES_ARGUMENTS": "advances iterators among its arguments",
    "OUTPUT": "writes to the terminal",
    "OBSERVE": "is not known: object and arguments are compared before and after each call",
    "RANDOM": "draws from a random generator",
    "FIGURE": "uses the current figure",
    "MODULE_STATE": "changes state of a module",
    "CLOCK": "reads the clock",
    "ENVIRONMENT": "uses an environment variable",
    "WRITES_ARGUMENT": "changes arguments",
    "STREAM": "reads or writes a file",
    "ALIAS": "may give a view of its object or arguments",
    "NONDETERMINISTIC": "gives another result at each run",
    "SEED": "replaces that state whole",
    "KEYED": "looks at one item only",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=("check", "list", "show"))
    parser.add_argument(
        "names", nargs="*", metavar="FILE|FUNCTION", help="files to check, or what to show"
    )
    add_format(parser, "table", "json")
    add_store(parser)


def execute(options: argparse.Namespace) -> int:
    """Do what was asked for."""
    store = _store(options.store)
    if options.action == "check":
        return _check([Found(name, "named") for name in options.names] or find(store))
    if options.action == "list":
        return _list(find(store), options)
    if not options.names:
        raise UsageError("show what?", "name a function: clew annotations show pandas.concat")
    index.use_store(store)
    return _show(options.names, options)


def _store(named: str | None) -> str | None:
    try:
        return open_store(named).path
    except StoreError:
        if named is not None:
            raise
        return None


def _check(files: list[Found]) -> int:
    if not files:
        sys.stdout.write("there are no annotation files of yours; the shipped ones hold\n")
    wrong = 0
    for path, _ in files:
        annotations, problems = schema.check(path)
        for problem in problems:
            sys.stdout.write(f"{problem}\n")
        wrong += len(problems)
        if not problems:
            n = len(annotations)
            sys.stdout.write(f"{path}: {n} annotation{'' if n == 1 else 's'}, all right\n")
    if wrong:
        raise ClewError(f"{wrong} problem{'' if wrong == 1 else 's'} in annotation files")
    return 0


def _list(found: list[Found], options: argparse.Namespace) -> int:
    shipped = [Found(str(path), "shipped") for path in sorted(compiling.DIRECTORY.glob("*.yaml"))]
    rows = []
    for path, origin in [*found, *shipped]:
        annotations, problems = schema.check(path)
        modules = Counter(annotation.module for annotation in annotations)
        if options.names and not any(
            module == name or module.startswith(f"{name}.")
            for module in modules
            for name in options.names
        ):
            continue
        named = sum(_n_names(annotation) for annotation in annotations)
        state = f"{len(problems)} problems" if problems else ""
        rows.append((origin, Path(path).name, len(modules), named, state, path))
    columns = ("ORIGIN", "FILE", "MODULES", "CALLABLES", "", "PATH")
    if options.format == "json":
        fields = ("origin", "file", "modules", "callables", "problems", "path")
        output.write_json([dict(zip(fields, row, strict=True)) for row in rows])
    else:
        sys.stdout.write(output.table(columns, rows, right=("MODULES", "CALLABLES")))
    return 0


def _n_names(annotation: schema.Annotation) -> int:
    criterion = annotation.criterion
    return max(1, len(criterion.functions) + len(criterion.methods))


def _show(names: list[str], options: argparse.Namespace) -> int:
    shown = []
    for name in names:
        callee, owner = _find(name)
        last = name.rpartition(".")[2]
        effect, origin = resolver.explain(callee, owner, last if owner is not None else None)
        bits, extra = flags.split(effect)
        does = [_SENTENCES[flag] for flag, bit in flags.NAMES.items() if bits & bit]
        particulars = {flags.EXTRA_KEYS[key]: value for key, value in extra.items()}
        shown.append({"name": name, "from": origin, "does": does, "particulars": particulars})
    if options.format == "json":
        output.write_json(shown)
        return 0
    for one in shown:
        sys.stdout.write(f"{output.bold(str(one['name']))} ({one['from']})\n")
        for sentence in one["does"] or ["changes nothing"]:
            sys.stdout.write(f"  {sentence}\n")
        for meaning, value in one["particulars"].items():  # type: ignore[attr-defined]
            sys.stdout.write(f"  {output.dim(f'{value}: {meaning}')}\n")
    return 0


def _find(name: str) -> tuple[Any, type | None]:
    """Import what a dotted name names; give it, and its class if it is a method."""
    parts = name.split(".")
    for n_module in range(len(parts), 0, -1):
        module = ".".join(parts[:n_module])
        try:
            found: Any = import_module(module)
        except ImportError:
            continue
        return _inside(found, parts[n_module:], name)
    return _inside(import_module("builtins"), parts, name)


def _inside(found: Any, parts: list[str], name: str) -> tuple[Any, type | None]:
    owner = None
    for part in parts:
        owner = found if isinstance(found, type) else None
        try:
            found = getattr(found, part)
        except AttributeError:
            message = f"there is no {name}"
            raise UsageError(
                message, "give the dotted name, such as pandas.DataFrame.drop"
            ) from None
    return found, owner
