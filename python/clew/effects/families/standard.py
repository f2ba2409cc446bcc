"""The standard library: what is not annotated reads only, in the modules that are known to.

In the other modules it is unknown. Here are also the few callees whose effect hangs on which
arguments are given.
"""

from __future__ import annotations

from typing import Final

from clew.effects import flags
from clew.effects.families import Callee, generators

_PURE_SCALARS: Final = frozenset(["cmath", "math", "keyword", "unicodedata", "zlib"])
#: Modules whose functions, and whose objects' methods, change neither arguments nor receivers.
_READERS: Final = frozenset(
    [
        "abc",
        "ast",
        "base64",
        "binascii",
        "bisect",
        "calendar",
        "cmath",
        "colorsys",
        "copy",
        "csv",
        "datetime",
        "decimal",
        "difflib",
        "dis",
        "enum",
        "errno",
        "fnmatch",
        "fractions",
        "functools",
        "genericpath",
        "getopt",
        "glob",
        "graphlib",
        "hashlib",
        "heapq",
        "hmac",
        "html",
        "imghdr",
        "inspect",
        "io",
        "ipaddress",
        "itertools",
        "json",
        "keyword",
        "linecache",
        "locale",
        "math",
        "mimetypes",
        "numbers",
        "ntpath",
        "opcode",
        "operator",
        "os",
        "platform",
        "posixpath",
        "pathlib",
        "pprint",
        "quopri",
        "random",
        "re",
        "reprlib",
        "secrets",
        "shlex",
        "shutil",
        "stat",
        "statistics",
        "string",
        "stringprep",
        "struct",
        "symtable",
        "sys",
        "sysconfig",
        "tempfile",
        "textwrap",
        "time",
        "token",
        "tokenize",
        "tomllib",
        "types",
        "typing",
        "unicodedata",
        "urllib",
        "uuid",
        "weakref",
        "xml",
        "zipfile",
        "zlib",
        "zoneinfo",
        "_bisect",
        "_collections_abc",
        "_csv",
        "_datetime",
        "_decimal",
        "_functools",
        "_heapq",
        "_io",
        "_json",
        "_operator",
        "_pickle",
        "_pydatetime",
        "_random",
        "_sre",
        "_statistics",
        "_strptime",
        "_struct",
        "_weakref",
        "posix",
        "pickle",
        "pickletools",
        "marshal",
        "collections",
        "importlib",
        "copyreg",
        "dataclasses",
        "contextlib",
        "argparse",
        "gc",
        "timeit",
        "configparser",
        "sre_compile",
        "sre_parse",
        "_pydecimal",
        "bz2",
        "gzip",
        "lzma",
    ]
)
#: Parts of those modules that are objects changed by their methods.
_MUTABLE_OWNERS: Final = frozenset(
    [
        "SequenceMatcher",
        "Formatter",
        "PrettyPrinter",
        "shlex",
        "TextWrapper",
        "GzipFile",
        "BZ2File",
        "LZMAFile",
        "HTMLParser",
        "ArgumentParser",
        "Namespace",
    ]
)
_CLOCK: Final = flags.CLOCK | flags.NONDETERMINISTIC


def _clock_unless(position: int, keyword: str) -> flags.Effect:
    """Give the effect of a function that reads the clock only when no time is given."""
    when = {"keyword": keyword, "position": position, "given": False, "flags": _CLOCK}
    return flags.READS_ARGUMENTS, {"when": [when]}


def _seeding(state: str, bits: int) -> flags.Effect:
    return bits | flags.RANDOM | flags.SEED, {"state": [state], "seed": [0, "a", "seed"]}


def _pandas_option(bits: int) -> flags.Effect:
    """Tell the options that only printing reads from those that change results."""
    name = {"keyword": "pat", "position": 0, "prefix": ["display.", "styler.", "plotting."]}
    display = name | {"state": ["pandas.display"]}
    other = name | {"unless": True, "state": ["pandas.options"]}
    return bits | flags.MODULE_STATE, {"key": 0, "when": [display, other]}


#: Callees by the module and name they are known under, before annotations are looked at.
SPECIAL: Final[dict[tuple[str, str], flags.Effect]] = {
    ("time", "asctime"): _clock_unless(0, "t"),
    ("time", "ctime"): _clock_unless(0, "t"),
    ("time", "gmtime"): _clock_unless(0, "t"),
    ("time", "localtime"): _clock_unless(0, "t"),
    ("time", "strftime"): _clock_unless(1, "t"),
    ("random", "seed"): _seeding("random", flags.READS_ARGUMENTS),
    ("numpy.random", "seed"): _seeding("numpy.random", flags.READS_ARGUMENTS),
    ("random", "Random"): (flags.READS_ARGUMENTS, {"when": [generators.fresh("x")]}),
    ("pandas", "option_context"): _pandas_option(0),
    ("pandas", "reset_option"): _pandas_option(0),
    ("pandas", "set_option"): _pandas_option(flags.SEED),
}


def special(module: str, name: str) -> flags.Effect | None:
    """Look up a callee whose effect hangs on which arguments are given."""
    return SPECIAL.get((module, name))


def default(callee: Callee) -> flags.Effect | None:
    """Give the effect of a callee that no annotation names."""
    package = callee.module.partition(".")[0]
    if package in _PURE_SCALARS:
        return flags.NATIVE
    if package not in _READERS:
        return None
    if callee.receiver_type is None:
        return flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS | flags.ALIAS
    owner = callee.owner.__name__ if callee.owner is not None else ""
    if owner in _MUTABLE_OWNERS or callee.name in ("__next__", "__enter__", "__exit__", "__call__"):
        return flags.UNKNOWN | flags.WRITES_RECEIVER
    return flags.READS | flags.ALIAS


def complete(callee: Callee, effect: flags.Effect) -> flags.Effect:
    """Let what is logged go to the files of the handlers too."""
    bits, extra = flags.split(effect)
    if callee.in_module("logging") and bits & flags.OUTPUT and callee.receiver_type is None:
        return bits | flags.STREAM, extra | {"stream": "logging"}
    return effect
