"""A program under `clew run` behaves as under `python`: same output, same errors, same exit code.

The programs are in `transparency/`. Each is run twice in a fresh copy of that directory, once
plainly and once recorded, by the interpreter that runs the tests; what they print is compared as it
is, up to memory addresses.
"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaged import package_path

HERE = Path(__file__).parent
INPUT = "next\nfirst line\nsecond line\nthird line\n"

PLAIN = """
    auditing at_exit callers classes code_inside control coroutines debugging documented empty
    endings finalizing forks future hostile imports interpreter latin lifetimes marked monitoring
    namespaces only own_import pickles positions profiling recursion sources streams strings
    tests_inside threads tracebacks tracing uncaught uncaught_group warned broken misplaced nonsense
    syntax_inside unclosed undeclared warned_broken zero
"""
WITH_ARGUMENT = {
    "exits": """
        nothing none zero three true big negative text tuple float two own quit deep group no-stderr
        interrupt own-interrupt generator
    """,
    "hooks": "plain failing exiting missing none unraisable",
    "processes": "fork spawn forkserver",
    "closed": "stdout stderr descriptor full none deleted",
    "signals": """
        interrupt-sleep interrupt-loop interrupt-caught interrupt-exit terminate-sleep
        terminate-loop terminate-self terminate-thread terminate-handled hang-up kill alarm
        alarm-raises abort fault ignored exit-thread interrupt-join
    """,
}
DETAILED = """
    classes control coroutines hostile lifetimes namespaces positions strings threads tracebacks
    tracing
"""
CASES = [(name,) for name in PLAIN.split()] + [
    (name, argument) for name, arguments in WITH_ARGUMENT.items() for argument in arguments.split()
]


class Outcome:
    """What one run of a program gave."""

    def __init__(self, finished: "subprocess.CompletedProcess[bytes]") -> None:
        self.code = finished.returncode
        self.output = _steady(finished.stdout)
        self.errors = _steady(finished.stderr)


def _steady(text: bytes) -> str:
    shown = re.sub(r"0x[0-9a-f]{6,}", "0x...", text.decode(errors="surrogateescape"))
    return re.sub(r"\bin \d+\.\d+s", "in ...s", shown)


class Bench:
    """A fresh copy of the programs for each run, always at the same place."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "programs"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "PYTHONPATH": package_path(),
            "CLEW_STORE": str(directory / "store"),
        }

    def run(self, words, *, recorded, options=(), flags=(), stdin=INPUT, env=(), prepare=None):
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.copytree(
            HERE / "transparency", self.directory, ignore=shutil.ignore_patterns("__pycache__")
        )
        if prepare is not None:
            prepare(self.directory)
        command = [sys.executable, *flags]
        if recorded:
            command += ["-m", "clew", "run", "-q", *options]
        with subprocess.Popen(
            [*command, *words],
            cwd=self.directory,
            env={**self.environment, **dict(env)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                output, errors = process.communicate(stdin.encode(), timeout=120)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Outcome(subprocess.CompletedProcess(command, process.returncode, output, errors))

    def check(self, words, **how):
        options = how.pop("options", ())
        plain = self.run(words, recorded=False, **how)
        recorded = self.run(words, recorded=True, options=options, **how)
        assert recorded.output == plain.output
        assert recorded.errors == plain.errors
        assert recorded.code == plain.code
        return plain


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_program(bench, case):
    name, *arguments = case
    bench.check([f"{name}.py", *arguments])


@pytest.mark.parametrize("detail", ["call", "op"])
@pytest.mark.parametrize("name", DETAILED.split())
def test_detail(bench, name, detail):
    bench.check([f"{name}.py"], options=["--detail", detail])


@pytest.mark.parametrize("name", ["callers", "helpers/__main__", "uncaught", "interpreter"])
@pytest.mark.parametrize("form", ["relative", "dotted", "absolute", "symlink", "elsewhere"])
def test_script_path(bench, name, form):
    def prepare(directory):
        (directory / "link.py").symlink_to(directory / f"{name}.py")
        (directory / "sub").mkdir()

    path = {
        "relative": f"{name}.py",
        "dotted": f"./{name}.py",
        "absolute": str(bench.directory / f"{name}.py"),
        "symlink": "link.py",
        "elsewhere": f"sub/../{name}.py",
    }[form]
    bench.check([path, "an argument", "--option"], prepare=prepare)


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "helpers", "x"],
        ["-m", "helpers", "fail"],
        ["-mhelpers"],
        ["-m", "helpers.arithmetic"],
        ["-m", "helpers.failing"],
        ["-m", "helpers.relative"],
        ["-m", "helpers.circular"],
        ["-m", "helpers.warned"],
        ["-m", "uncaught"],
        ["-m", "callers"],
        ["-m", "namespaces"],
        ["-m", "pickles"],
        ["-m", "processes", "spawn"],
        ["-m", "exits", "text"],
        ["-m", "exits", "interrupt"],
        ["-m", "hooks", "exiting"],
        ["-m", "broken"],
        ["-m", "unclosed"],
        ["-m", "latin"],
        ["-m", "only"],
        ["-m", "missing_module"],
        ["-m", "helpers.missing"],
        ["-m", "callers.inside"],
        ["-m", "json.tool", "--help"],
        ["-m", "unittest", "-q", "tests_inside.Cases.test_passes", "tests_inside.Cases.test_fails"],
        ["-m", "doctest", "documented.py"],
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests_inside.py"],
        ["-m", "pdb", "control.py"],
        ["-m", "trace", "--listfuncs", "uncaught.py"],
        ["-m", "timeit", "-n1", "-r1", "-s", "import helpers", "raise ValueError"],
    ],
    ids=" ".join,
)
def test_module(bench, words):
    bench.check(words)


@pytest.mark.parametrize(
    "text",
    [
        "import sys; print(sys.argv, sys.path[0], __name__, sorted(globals()))",
        "def f():\n  return 1 / 0\nf()",
        "x = [1]; x[0] += 1\nprint(x, locals() is globals())\nx.missing",
        "import sys; sys.exit('no')",
        "raise KeyboardInterrupt",
        "print('a'",
        "  indented = 1",
        "'é'.x",
        "",
        "# coding: latin-1\nprint('é')",
        "import helpers.arithmetic as a; a.fail()",
        "import inspect\ndef f(): pass\nprint(inspect.getsource(f))",
        "import traceback as t, linecache as l; t.print_stack(); print(l.getline('<string>', 1))",
        "import warnings; warnings.warn('w'); 1 is 1",
        "class A: pass\nimport pickle; print(pickle.loads(pickle.dumps(A())).__class__ is A)",
        "x = 1\0",
    ],
)
def test_command(bench, text):
    if "\0" in text:
        pytest.skip("no system call takes it")
    bench.check(["-c", text, "argument", "-q"])


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nprint(sys.argv, sys.path[0], __file__, sys.stdin.read())\n",
        "1 / 0",
        "x = (",
        "def f():\n  f.x\nf()",
    ],
)
def test_standard_input(bench, text):
    bench.check(["-", "argument"], stdin=text)


@pytest.mark.parametrize("kind", ["directory", "archive", "empty"])
@pytest.mark.parametrize("arguments", [[], ["fail"]])
def test_container(bench, kind, arguments):
    main = (
        "import sys, inner, traceback\n"
        "print(sys.argv, sys.path[0] == sys.argv[0], __name__, __file__, __package__)\n"
        "inner.go(sys.argv[1:])\n"
    )
    inner = (
        "import traceback\n"
        "def go(arguments):\n"
        "    traceback.print_stack()\n"
        "    if arguments: raise ValueError(arguments)\n"
    )

    def prepare(directory):
        if kind == "archive":
            with zipfile.ZipFile(directory / "program", "w") as archive:
                archive.writestr("__main__.py", main)
                archive.writestr("inner.py", inner)
            return
        (directory / "program").mkdir()
        if kind == "directory":
            (directory / "program" / "__main__.py").write_text(main)
            (directory / "program" / "inner.py").write_text(inner)

    bench.check(["program", *arguments], prepare=prepare)


def test_compiled_file(bench):
    def prepare(directory):
        script = "import py_compile; py_compile.compile('uncaught.py', 'uncaught.pyc')"
        subprocess.run([sys.executable, "-c", script], cwd=directory, check=True)
        (directory / "bad.pyc").write_bytes(b"\0" * 20)

    bench.check(["uncaught.pyc"], prepare=prepare)
    bench.check(["bad.pyc"], prepare=prepare)


@pytest.mark.parametrize(
    "flags",
    [
        ["-O"],
        ["-OO"],
        ["-u"],
        ["-B"],
        ["-P"],
        ["-Werror"],
        ["-bb"],
        ["-Xutf8=0"],
        ["-Xdev"],
        ["-E", "-s"],
    ],
    ids="".join,
)
@pytest.mark.parametrize(
    "name", ["control", "interpreter", "warned", "documented", "sources", "uncaught"]
)
def test_flags(bench, name, flags):
    if "-E" in flags:
        pytest.skip("the working tree is found through the environment")
    bench.check([f"{name}.py"], flags=flags)


@pytest.mark.parametrize(
    "setting",
    [
        "PYTHONOPTIMIZE=1",
        "PYTHONWARNINGS=ignore",
        "PYTHONDONTWRITEBYTECODE=1",
        "PYTHONUNBUFFERED=1",
        "PYTHONPYCACHEPREFIX=compiled",
        "PYTHONIOENCODING=latin-1",
        "PYTHONSAFEPATH=1",
    ],
)
@pytest.mark.parametrize("name", ["imports", "streams", "warned"])
def test_environment(bench, name, setting):
    bench.check([f"{name}.py"], env=[setting.split("=")])


def test_compiled_twice(bench):
    """A second run finds the `.pyc` files of the first, and warns as little."""

    def prepare(directory):
        subprocess.run(
            [sys.executable, "-W", "ignore", "imports.py"],
            cwd=directory,
            capture_output=True,
            check=False,
        )

    bench.check(["imports.py"], prepare=prepare)


def test_broken_pipe(bench):
    """The reader of standard output goes away."""
    text = "import sys\nfor i in range(100000): print(i)\n"
    outcomes = []
    for words in (["-c", text], ["-m", "clew", "run", "-q", "-c", text]):
        shell = 'set -o pipefail; "$@" | head -n 1'
        finished = subprocess.run(
            ["bash", "-c", shell, "bash", sys.executable, *words],
            env=bench.environment,
            capture_output=True,
            check=False,
        )
        outcomes.append((finished.returncode, finished.stdout, finished.stderr))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    "words",
    [
        ["missing.py"],
        ["missing/"],
        ["--detail", "all", "x.py"],
        ["--unknown", "x.py"],
        [],
        ["-m"],
        ["--max-log", "lots", "x.py"],
        ["callers.py/x"],
    ],
    ids=" ".join,
)
def test_mistakes(bench, words):
    """A command line that cannot be carried out: one line, exit code 2."""
    outcome = bench.run(words, recorded=True)
    assert outcome.code == 2
    assert outcome.output == ""
    assert re.fullmatch(r"clew: error: .+\n", outcome.errors)


def test_last_line(bench):
    """Clew says one line at the end, on standard error."""
    shutil.copytree(HERE / "transparency", bench.directory)
    command = [sys.executable, "-m", "clew", "run", "strings.py"]
    finished = subprocess.run(
        command,
        cwd=bench.directory,
        env=bench.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.fullmatch(
        r"clew: run \d{8}-\d{6}-[0-9a-f]{6} recorded \(.*clew slice NAME.*\)\n", finished.stderr
    )
