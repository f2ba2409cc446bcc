"""Compare the code objects of plain and rewritten sources.

Run it with the interpreter that is to be checked::

    cargo build --release -p clew-syntax --example rewrite
    python3.12 crates/clew-syntax/tests/rewriter_proof.py REWRITE [--detail call] [--imported] [PATH...]

``REWRITE`` is the example binary. Without paths, the whole standard library (its tests included) and the installed
numpy, pandas and sympy are checked. Each source is rewritten, both versions are compiled, the location tables of the
rewritten one are mapped back by the Rust code, and the code objects are compared all the way down: names, arguments,
flags, constants, docstrings, first lines, and the places of the instructions. A source that Python refuses to compile
is skipped.
"""

from __future__ import annotations

import argparse
import collections
import dis
import importlib.util
import inspect
import json
import re
import subprocess
import sys
import sysconfig
import time
import tokenize
import types
import warnings
from pathlib import Path

BASE = 7205759403792000
ATTRIBUTES = (
    "co_name",
    "co_qualname",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_firstlineno",
)
# Operations that raise, or that a debugger shows, must be where they were.
WATCHED = re.compile(
    r"CALL|PRECALL|BINARY|COMPARE|CONTAINS|IS_OP|STORE|DELETE|ATTR|METHOD|GET_|FOR_ITER|IMPORT|LOAD_(NAME|GLOBAL|DEREF|CLASS)"
    r"|RAISE|UNPACK|FORMAT|BUILD|MAKE|YIELD|SEND|UNARY|BEFORE|CHECK"
)
# A method is loaded as an attribute, and a list of a `for` as a tuple, or not, depending on what stands around.
# Two instructions on variables may be joined to one.
SAME = {
    "LOAD_METHOD": "LOAD_ATTR",
    "BUILD_LIST": "BUILD_TUPLE",
    "BUILD_SET": "BUILD_TUPLE",
    "STORE_FAST_LOAD_FAST": "STORE_FAST",
    "STORE_FAST_STORE_FAST": "STORE_FAST",
}
# What hooks do at the level `op`, by calls in the same places.
REPLACED = (
    "BINARY_OP",
    "BINARY_SUBSCR",
    "BINARY_SLICE",
    "COMPARE_OP",
    "CONTAINS_OP",
    "IS_OP",
    "UNARY_NEGATIVE",
    "UNARY_INVERT",
    "CALL_INTRINSIC_1",
    "UNARY_POSITIVE",
)


class Rewriter:
    """The example binary, asked one source at a time."""

    def __init__(self, binary: str, detail: str, *, imported: bool) -> None:
        self.detail = detail
        command = [binary, "--serve", "--minor", str(sys.version_info[1]), "--detail", detail]
        if imported:
            command.append("--imported")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def ask(self, request: object) -> object:
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def nested(code: types.CodeType) -> list[types.CodeType]:
    """The code object and all those in it, outer ones first."""
    found = [code]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found.extend(nested(constant))
    return found


def matching(plain: list[types.CodeType], rewritten: list[types.CodeType]) -> list[types.CodeType] | None:
    """The rewritten code objects that belong to the plain ones; Python 3.11 keeps more of those in dead code."""
    left = iter(rewritten)
    identity = lambda code: (code.co_name, code.co_firstlineno)  # noqa: E731
    found = [next((other for other in left if identity(other) == identity(code)), None) for code in plain]
    return None if None in found else found


def iscode(constant: object) -> bool:
    return isinstance(constant, types.CodeType)


def is_placeholder(constant: object) -> bool:
    return type(constant) is complex and constant.real == 0 and BASE <= constant.imag < BASE + 10_000_000


def key(constant: object) -> object:
    if isinstance(constant, tuple):
        return (tuple, tuple(map(key, constant)))
    if isinstance(constant, frozenset):
        return (frozenset, frozenset(map(key, constant)))
    return (type(constant), repr(constant))


def constants(code: types.CodeType) -> collections.Counter:
    plain = (c for c in code.co_consts if not isinstance(c, types.CodeType) and not is_placeholder(c))
    return collections.Counter(map(key, plain))


def instructions(code: types.CodeType) -> list[tuple[str, tuple]]:
    """Operation and place of every instruction."""
    found = []
    opname = dis.opname
    for op, place in zip(code.co_code[::2], code.co_positions(), strict=False):
        if op != 0:
            found.append((opname[op], place))
    return found


def compare(plain: types.CodeType, rewritten: types.CodeType, detail: str) -> list[str]:
    """What differs between two code objects, those inside them aside."""
    problems = []
    for attribute in ATTRIBUTES:
        one, other = getattr(plain, attribute), getattr(rewritten, attribute)
        if one != other:
            problems.append(f"{attribute}: {one!r} became {other!r}")
    is_function = plain.co_flags & inspect.CO_OPTIMIZED and not plain.co_name.startswith("<")
    if is_function and isinstance(plain.co_consts[0], str) and plain.co_consts[0] != rewritten.co_consts[0]:
        problems.append("the docstring is not the first constant")
    one, other = constants(plain), constants(rewritten)
    joined = {item for c in other if c[0] is tuple for item in c[1]}
    lost = [c for c in one - other if c[0] is not type(None) and c not in joined]
    if lost:
        problems.append(f"constants lost: {lost}")
    extra = [c for c in other - one if c[0] not in (int, bool, type(None))]
    if extra:
        # Python 3.11 drops constants of dead code only from the end.
        used = {key(i.argval) for i in dis.get_instructions(rewritten) if "CONST" in i.opname and not iscode(i.argval)}
        extra = [c for c in extra if c in used]
    if extra:
        problems.append(f"constants added: {extra}")
    before, after = instructions(plain), instructions(rewritten)
    # They cannot raise, and have no line of their own (slices, and bounds that are not given, at the level `op`).
    ignored = {"NOP", "PUSH_NULL", "RETURN_CONST"} | ({"BUILD_SLICE", "LOAD_CONST"} if detail == "op" else set())
    if any("FAST_LOAD_FAST" in op for op, _ in after):
        ignored |= {"LOAD_FAST", "LOAD_FAST_LOAD_FAST"}
    lost = {place for op, place in before if op not in ignored} - {place for _, place in after}
    lost.discard((None, None, None, None))
    if lost:
        problems.append(f"places lost: {sorted(lost, key=str)[:3]}")
    watched = lambda pairs: {  # noqa: E731
        (SAME.get(op, op), place) for op, place in pairs if WATCHED.match(op) and op not in ignored
    }
    present = watched(after)
    # Where several jumps now lead, CPython gives no place to code that has none of its own, such as clearing `e` of an
    # `except E as e`.
    unplaced = {op for op, place in present if place[0] is None}
    # A function of an imported module is called as a method, which passes many keywords in another way.
    calls = {place for op, place in present if op == "CALL"}
    present |= {(op, place) for op in ("BUILD_MAP", "BUILD_CONST_KEY_MAP", "BUILD_TUPLE", "CALL_FUNCTION_EX") for place in calls}
    # At the level `op` hooks do operations in place of the program.
    present |= {(op, place) for op in REPLACED for place in calls} if detail == "op" else set()
    # And `super()` is called, not looked through.
    present |= {("LOAD_DEREF", place) for place in calls} if detail == "op" else set()
    moved = {pair for pair in watched(before) - present if pair[0] not in unplaced}
    if moved:
        problems.append(f"operations moved: {sorted(moved, key=str)[:3]}")
    lines = lambda pairs: {place[0] for _, place in pairs} - {None}  # noqa: E731
    if lines(before) != lines(after):
        problems.append(f"lines lost {lines(before) - lines(after)}, added {lines(after) - lines(before)}")
    return problems


def read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            encoding, _ = tokenize.detect_encoding(file.readline)
        text = path.read_bytes().decode(encoding)
    except (OSError, SyntaxError, UnicodeDecodeError, LookupError):
        return None
    return text.removeprefix("\ufeff")


def compile_quietly(text: str, name: str) -> types.CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(text, name, "exec", dont_inherit=True)


def check(rewriter: Rewriter, path: Path, totals: collections.Counter) -> list[str]:
    """What is wrong with one file."""
    text = read(path)
    if text is None:
        totals["unreadable"] += 1
        return []
    try:
        started = time.perf_counter()
        plain = compile_quietly(text, str(path))
        totals["compile"] += time.perf_counter() - started
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        totals["refused by Python"] += 1
        return []
    started = time.perf_counter()
    answer = rewriter.ask({"source": text})
    totals["rewrite"] += time.perf_counter() - started
    if "error" in answer:
        return [f"not rewritten: {answer['error']}"]
    totals["diagnostics"] += len(answer["diagnostics"])
    for _, message in answer["diagnostics"]:
        totals[f"diagnostic: {message}"] += 1
    totals["hooks"] += len(answer["hooks"])
    totals["lines"] += text.count("\n")
    try:
        started = time.perf_counter()
        rewritten = compile_quietly(answer["text"], str(path))
        totals["compile rewritten"] += time.perf_counter() - started
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return [f"does not compile: {error!r} {getattr(error, 'text', '')!r}"]
    before = nested(plain)
    after = matching(before, nested(rewritten))
    if after is None:
        return ["other code objects"]
    started = time.perf_counter()
    tables = rewriter.ask({"remap": [[code.co_linetable.hex(), code.co_firstlineno] for code in after]})
    totals["remap"] += time.perf_counter() - started
    problems = []
    for one, other, table in zip(before, after, tables, strict=True):
        restored = other.replace(co_linetable=bytes.fromhex(table))
        problems.extend(f"{one.co_qualname}: {problem}" for problem in compare(one, restored, rewriter.detail))
    totals["agree"] += not problems
    return problems


def default_paths() -> list[Path]:
    paths = [Path(sysconfig.get_path("stdlib"))]
    for name in ("numpy", "pandas", "sympy"):
        spec = importlib.util.find_spec(name)
        if spec and spec.submodule_search_locations:
            paths.extend(map(Path, spec.submodule_search_locations))
    return paths


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rewrite")
    parser.add_argument("--detail", default="statement")
    parser.add_argument("--imported", action="store_true")
    parser.add_argument("--show", type=int, default=40)
    parser.add_argument("paths", nargs="*", type=Path)
    options = parser.parse_intermixed_args()
    rewriter = Rewriter(options.rewrite, options.detail, imported=options.imported)
    totals = collections.Counter()
    wrong = 0
    for root in options.paths or default_paths():
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            if "site-packages" in path.parts and "site-packages" not in root.parts:
                continue
            totals["files"] += 1
            problems = check(rewriter, path, totals)
            if problems:
                wrong += 1
                if wrong <= options.show:
                    print(path, *problems[:3], sep="\n    ")
    for name, count in sorted(totals.items()):
        print(f"{name}: {count:.2f}" if isinstance(count, float) else f"{name}: {count}")
    print(f"wrong: {wrong}")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
