"""Run tests of CPython plain and rewritten, and compare the outcome of each test.

Run it with the interpreter that is to be checked::

    python3.12 crates/clew-syntax/tests/rewriter_behaviour.py REWRITE [--detail call] [--all] test.test_scope ...

In the rewritten run every hook is a C function that returns its operand, or True; the modules of the package ``test``
are rewritten, and with ``--all`` every module of the standard library that is imported from then on.
"""

from __future__ import annotations

import argparse
import functools
import importlib.machinery
import json
import subprocess
import sys
import types
import unittest
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
BASE = 7205759403792000


def hook_objects(kinds: list[str], statements: int, scopes: int) -> list[object]:
    """What replaces the placeholders: lists, identities, and functions of a number that return True."""
    identity = functools.partial(next, iter(()))
    truth = (-1).__ne__
    numbers = {"Enter", "Mark", "Handler", "CellWrite", "CellRead", "Rebind", "FormatNames"}
    lists = {"State": [object()], "Coverage": [None] * statements, "Entered": [None] * scopes}
    return [lists[k] if k in lists else object() if k == "Unit" else truth if k in numbers else identity for k in kinds]


class Constants(tuple):
    """Constants of a code object among which there are lists, which have no hash: code objects are keys of dicts."""

    __slots__ = ()

    def __hash__(self) -> int:
        return id(self) >> 4


def finish(code: types.CodeType, objects: list[object], tables: dict[int, str]) -> types.CodeType:
    """Replaces placeholders and location tables."""

    def constant(value: object) -> object:
        if isinstance(value, types.CodeType):
            return finish(value, objects, tables)
        if type(value) is complex and BASE <= value.imag < BASE + 10_000_000:
            return objects[int(value.imag) - BASE]
        return value

    table = bytes.fromhex(tables[id(code)])
    return code.replace(co_consts=Constants(map(constant, code.co_consts)), co_linetable=table)


def make_loader(rewriter: object) -> type:
    from rewriter_proof import compile_quietly, nested

    class Loader(importlib.machinery.SourceFileLoader):
        def get_code(self, fullname: str) -> types.CodeType:
            path = self.get_filename(fullname)
            text = importlib.util.decode_source(self.get_data(path)).removeprefix("\ufeff")
            answer = rewriter.ask({"source": text})
            if "error" in answer:
                return compile(text, path, "exec", dont_inherit=True)
            try:
                code = compile_quietly(answer["text"], path)
            except SyntaxError:
                return compile(text, path, "exec", dont_inherit=True)
            found = nested(code)
            mapped = rewriter.ask({"remap": [[c.co_linetable.hex(), c.co_firstlineno] for c in found]})
            objects = hook_objects(answer["hooks"], answer["statements"], answer["scopes"])
            return finish(code, objects, {id(c): table for c, table in zip(found, mapped, strict=True)})

    return Loader


def run(module: str) -> dict[str, str]:
    """The outcome of each test of a module."""
    outcomes: dict[str, str] = {}

    class Result(unittest.TestResult):
        def note(self, test: object, outcome: str, error: object = None) -> None:
            text = str(error[1])[:300] if error else ""
            outcomes[str(test)] = f"{outcome} {text}".strip()

        def addSuccess(self, test):
            self.note(test, "ok")

        def addError(self, test, error):
            self.note(test, "error", error)

        def addFailure(self, test, error):
            self.note(test, "failure", error)

        def addSkip(self, test, reason):
            self.note(test, "skipped")

        def addExpectedFailure(self, test, error):
            self.note(test, "expected failure")

        def addSubTest(self, test, subtest, error):
            if error:
                self.note(subtest, "failure in part", error)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        suite = unittest.defaultTestLoader.loadTestsFromName(module)
        suite.run(Result())
    return outcomes


def child(options: argparse.Namespace) -> None:
    if options.rewrite != "plain":
        from rewriter_proof import Rewriter

        loader = make_loader(Rewriter(options.rewrite, options.detail, imported=options.imported))
        finder = importlib.machinery.FileFinder
        suffixes = importlib.machinery.SOURCE_SUFFIXES
        extensions = (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES)
        plain = importlib.machinery.SourceFileLoader

        class Chosen:
            def __new__(cls, name, path):
                return (loader if options.all or name.startswith("test.") else plain)(name, path)

        sys.path_hooks.insert(0, finder.path_hook(extensions, (Chosen, suffixes)))
        sys.path_importer_cache.clear()
        for name in [n for n in sys.modules if n == "test" or n.startswith("test.")]:
            del sys.modules[name]
    outcomes = run(options.modules[0])
    print("\nOUTCOMES " + json.dumps(outcomes), flush=True)


def outcomes_of(command: list[str]) -> dict[str, str] | str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, errors="replace", stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return "timed out"
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("OUTCOMES "):
            return json.loads(line.removeprefix("OUTCOMES "))
    return done.stderr[-2000:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rewrite")
    parser.add_argument("--detail", default="statement")
    parser.add_argument("--imported", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--show", type=int, default=8)
    parser.add_argument("--child", action="store_true")
    parser.add_argument("modules", nargs="+")
    options = parser.parse_args()
    if options.child:
        child(options)
        return 0
    flags = ["--detail", options.detail] + ["--all"] * options.all + ["--imported"] * options.imported
    different = 0
    for module in options.modules:
        command = [sys.executable, __file__, "--child", *flags]
        plain = outcomes_of([*command, "plain", module])
        rewritten = outcomes_of([*command, options.rewrite, module])
        if isinstance(plain, str) or isinstance(rewritten, str):
            print(f"{module}: {'plain' if isinstance(plain, str) else 'rewritten'} did not finish")
            print(plain if isinstance(plain, str) else rewritten)
            different += isinstance(plain, dict)
            continue
        keep = lambda outcomes: {name: text.split()[0] for name, text in outcomes.items()}  # noqa: E731
        one, other = keep(plain), keep(rewritten)
        changed = [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]
        print(f"{module}: {len(one)} tests, {len(changed)} different")
        for name in [n for n in rewritten if n in changed][: options.show]:
            print(f"    {name}: {plain.get(name)} -> {rewritten.get(name)}"[:700])
        different += bool(changed)
    return different != 0


if __name__ == "__main__":
    sys.exit(main())
