"""Verification runs slices as the program ran; minimisation deletes what verification allows."""

from __future__ import annotations

import ast
import itertools
import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.checking.candidates import Checker, Runner, Setting, libraries
from clew.checking.overlay import Overlay
from clew.checking.pieces import Pieces
from clew.fingerprint import fingerprint, fingerprint_file
from clew.minimizing import count_statements, minimize, minimize_slice
from clew.targets import Target
from clew.verifying import Verdict, verify


@pytest.fixture
def place(tmp_path: Path) -> Path:
    home = tmp_path / "project"
    home.mkdir()
    (home / "script.py").write_text("# the program\n")
    return home


def check(place: Path, text: str, target: object, value: object = None, **more: object) -> Verdict:
    recorded = fingerprint(value) if value is not None else None
    return verify(textwrap.dedent(text), target, recorded, str(place), "script.py", **more)


# -- the verdict --------------------------------------------------------------------------------


def test_the_same_value(place):
    verdict = check(place, "x = [1, 2]\ny = x * 2\n", "y", [1, 2, 1, 2])
    assert verdict.ok
    assert verdict.message == "y equals the recorded value"
    assert verdict.isolated


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        ("x = 2", "different", "the slice gives another x: int 2"),
        ("y = 1", "missing", "the slice does not bind x"),
        (
            "x = 1\n1 / 0",
            "raised",
            "the slice raises ZeroDivisionError: division by zero at line 2 of the slice",
        ),
        ("x = (", "raised", "SyntaxError"),
        ("import os\nx = 1\nos._exit(3)", "died", "ended with code 3"),
    ],
)
def test_what_is_wrong_is_said(place, text, status, message):
    verdict = check(place, text, "x", 1)
    assert not verdict.ok
    assert verdict.status == status
    assert message in verdict.message


def test_it_does_not_wait_for_ever(place):
    verdict = check(place, "x = 1\nwhile True: pass\n", "x", 1, timeout=1)
    assert (verdict.ok, verdict.status) == (False, "timeout")


def test_leaving_by_exit_is_an_end(place):
    assert check(place, "import sys\nx = 1\nsys.exit('bye')\n", "x", 1).ok


def test_values_that_cannot_be_seen_in_full_are_said_to_be(place):
    verdict = check(place, "g = (i for i in range(3))\n", "g", (i for i in range(3)))
    assert not verdict.ok or "as far as can be seen" in verdict.message


def test_a_target_that_is_a_statement_only_has_to_run(place):
    assert check(place, "x = 1\n", Target("statement", "script.py", 1)).ok
    assert not check(place, "x\n", Target("statement", "script.py", 1)).ok


def test_the_slice_runs_as_the_script_would(place):
    text = """
        import os, sys
        x = (__name__, __file__, sys.argv, sys.path[0], os.getcwd(), __builtins__.__name__, __doc__,
             sys.modules["__main__"].__dict__ is globals(), __spec__ is None, __package__)
    """
    home = str(place)
    expected = (
        "__main__",
        f"{home}/script.py",
        ["script.py", "-v"],
        home,
        home,
        "builtins",
        None,
        True,
        True,
        None,
    )
    verdict = check(place, text, "x", expected, argv=["-v"])
    assert verdict.ok, verdict.message
    text = "import sys\nx = (sys.argv, sys.path[0], '__file__' in globals())\n"
    verdict = verify(text, "x", fingerprint((["-c", "a"], "", False)), home, None, ["a"])
    assert verdict.ok, verdict.message


def test_nothing_of_clew_is_there(place):
    text = """
        import sys
        packages = {name.partition(".")[0] for name in sys.modules}
        x = sorted(packages & {"clew", "inspect", "json", "select"})
    """
    assert check(place, text, "x", []).ok


def test_source_and_tracebacks_are_those_of_the_slice(place):
    text = """
        import inspect, traceback
        def f():
            return 1 / 0
        x = inspect.getsource(f)
        try:
            f()
        except ZeroDivisionError as error:
            y = traceback.extract_tb(error.__traceback__)[-1].line
        z = x + y
    """
    assert check(place, text, "z", "def f():\n    return 1 / 0\nreturn 1 / 0").ok


def test_classes_of_main_have_the_same_names(place):
    text = "class P:\n    pass\np = P()\np.a = 1\n"
    space = {"__name__": "__main__"}
    exec(text, space)
    assert check(place, text, "p", space["p"]).ok


def test_local_modules_and_files_are_found(place):
    (place / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    (place / "data.txt").write_text("21")
    (place.parent / "above.txt").write_text("1")
    text = """
        import helper
        x = helper.double(int(open("data.txt").read())) + int(open("../above.txt").read())
    """
    assert check(place, text, "x", 43).ok


def test_threads_are_waited_for(place):
    text = """
        import threading, time
        x = []
        def work():
            time.sleep(0.2)
            x.append(1)
        threading.Thread(target=work).start()
    """
    assert check(place, text, "x", [1]).ok


def test_nothing_is_printed_or_read(place, capfd):
    check(place, "print('hello')\nimport os\nos.system('echo child')\nx = 1\n", "x", 1)
    assert capfd.readouterr() == ("", "")
    assert check(place, "import sys\nx = sys.stdin.read()\n", "x", "").ok


# -- files --------------------------------------------------------------------------------------


def test_files_are_written_in_a_copy(place):
    (place / "out.txt").write_text("recorded")
    recorded = fingerprint_file(str(place / "out.txt"))
    good = verify(
        "open('out.txt', 'w').write('recorded')", "file:out.txt", recorded, str(place), "script.py"
    )
    assert good.ok, good.message
    bad = verify(
        "open('out.txt', 'w').write('other')", "file:out.txt", recorded, str(place), "script.py"
    )
    assert (bad.ok, bad.status) == (False, "different")
    none = verify("x = 1", "file:out.txt", recorded, str(place), "script.py")
    assert (none.ok, none.status) == (False, "missing")
    open_at_the_end = verify(
        "f = open('out.txt', 'w')\nf.write('recorded')",
        "file:out.txt",
        recorded,
        str(place),
        "script.py",
    )
    assert open_at_the_end.ok
    assert (place / "out.txt").read_text() == "recorded"
    assert sorted(os.listdir(place)) == ["out.txt", "script.py"]


def test_outputs_of_the_recorded_run_are_not_there(place):
    (place / "cache.txt").write_text("old")
    text = "import os\nx = os.path.exists('cache.txt')\n"
    assert check(place, text, "x", True).ok
    assert check(place, text, "x", False, outputs=["cache.txt"]).ok


def test_a_directory_that_is_too_large_is_used_in_place(place, monkeypatch):
    monkeypatch.setattr("clew.checking.overlay.LIMIT_FILES", 0)
    verdict = check(place, "x = 1\n", "x", 1)
    assert verdict.ok
    assert not verdict.isolated
    assert "in place" in verdict.message


def test_the_copy(place):
    (place / "sub").mkdir()
    (place / "sub" / "a.txt").write_text("a")
    (place / ".git").mkdir()
    (place / "link").symlink_to("sub/a.txt")
    (place / "inside").symlink_to(place / "sub")
    with Overlay(place, "script.py") as overlay:
        cwd = Path(overlay.cwd)
        assert cwd != place
        assert (cwd / "sub/a.txt").read_text() == "a"
        assert (cwd / "link").read_text() == "a"
        assert (cwd / ".git").is_symlink()
        assert (cwd / "inside").resolve() == (cwd / "sub").resolve()
        (cwd / "sub/a.txt").write_text("changed")
        (cwd / "new").mkdir()
        (cwd / "new/file").write_text("x")
        (cwd / "link").unlink()
        overlay.reset()
        assert (cwd / "sub/a.txt").read_text() == "a"
        assert not (cwd / "new").exists()
        assert (cwd / "link").read_text() == "a"
        assert (place / "sub/a.txt").read_text() == "a"
        root = overlay.root
    assert not root.exists()


def test_paths_in_values_are_read_as_the_real_ones(place):
    text = "import os, pathlib\nx = [os.getcwd(), pathlib.Path(__file__).parent / 'a']\n"
    assert check(place, text, "x", [str(place), place / "a"]).ok


# -- programs that do not repeat themselves -----------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import time\nx = time.time_ns()\n", "time"),
        ("import random\nx = random.random()\n", "random"),
        ("x = list({'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'})\n", "PYTHONHASHSEED"),
    ],
)
def test_nondeterminism_is_named(place, text, why):
    verdict = check(place, text, "x", "something else", original=text)
    assert verdict.status == "nondeterministic"
    assert why in verdict.message


def test_a_changed_input_is_named(place):
    (place / "data.txt").write_text("2")
    text = "x = open('data.txt').read()\n"
    verdict = check(place, text, "x", "1", original=text)
    assert verdict.status == "nondeterministic"
    assert "something outside it has changed" in verdict.message


def test_a_wrong_slice_of_a_good_program_is_different(place):
    verdict = check(place, "x = 2\n", "x", 1, original="x = 1\n")
    assert verdict.status == "different"


# ruff: noqa: E501
# -- pieces of a text ---------------------------------------------------------------------------

PROGRAM = '''\
#!/usr/bin/env python
# what it is

# about a
a = 1  # one
b = 2; c = 3; d = 4

# a part
if a: x = 1; y = 2
elif b:
    z = 1
else:
    z = 2

try:
    f = 1
except ValueError:
    f = 2
except TypeError:
    pass
else:
    g = 1
finally:
    h = 1

@decorated
def foo(x):
    """Documented.

    # no comment
    """
    # before return
    return x

for i in x:
    print(i)
else:
    done = 1
match a:
    case 1:
        q = 1
    case _: q = 2
s = """

text

"""
é = "ü"; w = 1
with a as b, c:
    pass
while (
    True
): break
class A: pass
'''


def test_any_statements_can_be_left_out():
    pieces = Pieces(PROGRAM)
    statements = [piece for piece in pieces.all if piece.kind == "statement"]
    assert pieces.without([]) == PROGRAM
    for size in (1, 2):
        for removed in itertools.combinations(statements, size):
            ast.parse(pieces.without(removed))
    for piece in pieces.all:
        if piece.optional:
            ast.parse(pieces.without([piece]))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_many_statements_can_be_left_out(data):
    pieces = Pieces(PROGRAM)
    statements = [piece for piece in pieces.all if piece.kind == "statement"]
    removed = data.draw(st.sets(st.sampled_from(statements)))
    text = pieces.without(removed)
    kept = _kept(pieces.root, removed)
    assert _statements(text) == kept


def _kept(block, removed):
    found = 0
    for piece in block.pieces:
        if piece in removed:
            continue
        gone = piece.kind == "clause" and all(p in removed for p in piece.blocks[0].pieces)
        found += piece.kind == "statement" and not isinstance(piece.node, ast.Pass)
        if not gone:
            found += sum(_kept(inner, removed) for inner in piece.blocks)
    return found


def _statements(text):
    return count_statements(text)


@pytest.mark.parametrize(
    ("text", "gone", "left"),
    [
        ("a = 1\nb = 2\n", ["b = 2"], "a = 1\n"),
        ("a = 1; b = 2; c = 3\n", ["b = 2"], "a = 1; c = 3\n"),
        ("# one\na = 1\n\n# two\nb = 2\n\nc = 3\n", ["b = 2"], "# one\na = 1\n\nc = 3\n"),
        ("if x:\n    a = 1\n    # why\n    b = 2\n", ["b = 2"], "if x:\n    a = 1\n"),
        ("if x:\n    a = 1\nelse:\n    b = 2\n", ["b = 2"], "if x:\n    a = 1\n"),
        ("if x:\n    a = 1\nelse:\n    b = 2\n", ["a = 1"], "if x:\n    pass\nelse:\n    b = 2\n"),
        ("if x: a = 1\nb = 2\n", ["a = 1"], "if x: pass\nb = 2\n"),
        ("try:\n    a\nexcept E:\n    b\nfinally:\n    c\n", ["c"], "try:\n    a\nexcept E:\n    b\n"),
        ("try:\n    a\nfinally:\n    c\n", ["c"], "try:\n    a\nfinally:\n    pass\n"),
        ("for i in x:\n    a\nelse:\n    b\nc\n", ["b"], "for i in x:\n    a\nc\n"),
        ("def f():\n    '''doc\n\n    more'''\n    return 1\n", ["return 1"], "def f():\n    '''doc\n\n    more'''\n"),
        ("x = '''\n# in it\n'''\ny = 1\n", ["y = 1"], "x = '''\n# in it\n'''\n"),
        ("a = (1,\n     2)\nb = 3\n", ["a = (1,\n     2)"], "b = 3\n"),
        ("@d\ndef f(): pass\nx = 1\n", ["@d\ndef f(): pass"], "x = 1\n"),
        ("a = 1\n\n\nb = 2\n\n\nc = 3\n", ["b = 2"], "a = 1\n\n\nc = 3\n"),
        ("if a:\n    x\nelif b:\n    y\nelse:\n    z\n", ["y"], "if a:\n    x\nelif b:\n    pass\nelse:\n    z\n"),
    ],
)  # fmt: skip
def test_the_text_that_is_left(text, gone, left):
    pieces = Pieces(text)
    removed = [
        piece
        for piece in pieces.all
        if text[piece.start : piece.end] in gone and piece.kind == "statement"
    ]
    assert len(removed) == len(gone)
    assert pieces.without(removed) == left


def test_texts_of_the_standard_library():
    chosen = random.Random(3).sample(sorted(Path(os.__file__).parent.glob("*.py")), 15)
    draw = random.Random(4)
    for file in chosen:
        text = file.read_text(encoding="utf-8", errors="replace")
        if len(text) > 40_000:
            continue
        pieces = Pieces(text)
        assert pieces.without([]) == text
        for share in (0.02, 0.3, 0.7):
            removed = [p for p in pieces.all if p.kind == "statement" and draw.random() < share]
            ast.parse(pieces.without(removed))


# -- minimising ---------------------------------------------------------------------------------


def test_the_example():
    text = "a = 1\nb = 2\nc = a + 1\n"
    assert minimize(text, lambda t: "c = a" in t and "a = 1" in t) == "a = 1\nc = a + 1\n"


def run_for(name: str, value: object):
    """Give a check that runs a text here."""

    def check(text: str) -> bool:
        space: dict = {}
        try:
            exec(compile(text, "<candidate>", "exec"), space)
        except Exception:
            return False
        return name in space and space[name] == value

    return check


@pytest.mark.parametrize(
    ("text", "name", "left"),
    [
        (
            "x = []\nfor i in range(3):\n    y = i\n    x.append(i)\n    z = y\nn = len(x)\n",
            "n",
            "x = []\nfor i in range(3):\n    x.append(i)\nn = len(x)\n",
        ),
        (
            "def f(a):\n    '''doc'''\n    b = a\n    print\n    return a\n\ndef g():\n    pass\n\nx = f(2)\ny = g()\n",
            "x",
            "def f(a):\n    return a\n\nx = f(2)\n",
        ),
        (
            "x = 0\ntry:\n    x = 1\n    raise ValueError\nexcept TypeError:\n    x = 2\n"
            "except ValueError:\n    y = 3\nfinally:\n    z = 4\n",
            "x",
            "try:\n    x = 1\nfinally:\n    pass\n",
        ),
        (
            "x = 1\nif x:\n    y = 1\nelif y:\n    y = 2\nelse:\n    y = 3\nz = 4\n",
            "y",
            "x = 1\nif x:\n    y = 1\n",
        ),
        (
            "import os\nimport sys; import re\nx = re.escape('a')\n",
            "x",
            "import re\nx = re.escape('a')\n",
        ),
    ],
)
def test_minimal_programs(text, name, left):
    space: dict = {}
    exec(text, space)
    assert minimize(text, run_for(name, space[name])) == left


@pytest.mark.parametrize("seed", range(20))
def test_it_is_1_minimal(seed):
    draw = random.Random(seed)
    names = "abcdef"
    lines = [f"{name} = {i}" for i, name in enumerate(names)]
    for _ in range(15):
        one, two, three = (draw.choice(names) for _ in range(3))
        kind = draw.random()
        if kind < 0.6:
            lines.append(f"{one} = {two} + {three}")
        elif kind < 0.8:
            lines.append(f"if {one} > 2:\n    {two} = {three}\nelse:\n    {one} = {three}")
        else:
            lines.append(f"for i in range(3):\n    {one} += {two}\n    {three} = i")
    text = "\n".join(lines) + "\n"
    space: dict = {}
    exec(text, space)
    check = run_for("a", space["a"])
    smaller = minimize(text, check)
    assert check(smaller)
    pieces = Pieces(smaller)
    for piece in pieces.all:
        if piece.optional and not isinstance(piece.node, ast.Pass):
            assert not check(pieces.without([piece])), pieces.without([piece])


def test_each_text_is_asked_once_and_time_is_kept():
    asked: list[str] = []

    def check(text: str) -> bool:
        asked.append(text)
        return "a = 1" in text

    minimize("\n".join(f"x{i} = {i}" for i in range(40)) + "\na = 1\n", check)
    assert len(asked) == len(set(asked))
    text = "a = 1\nb = 2\n"
    assert minimize(text, lambda _: True, budget_seconds=-1) == text


def test_slices_are_minimised_in_forks(place):
    text = textwrap.dedent(
        """
        # the first lines
        import json
        import os
        x = json.loads("[1, 2]")
        unused = os.getcwd()

        def f(values):
            # summing up
            total = 0
            noise = 1
            for value in values:
                total += value
                print(value)
            return total

        open("out.txt", "w").write("3")
        y = f(x) + int(open("out.txt").read())
        """
    )
    (place / "out.txt").write_text("3")
    setting = Setting(str(place), "script.py", outputs=("out.txt",))
    found = minimize_slice(text, "y", fingerprint(6), setting)
    assert found.complete
    assert found.text == textwrap.dedent(
        """
        # the first lines
        import json
        x = json.loads("[1, 2]")

        def f(values):
            # summing up
            total = 0
            for value in values:
                total += value
            return total

        open("out.txt", "w").write("3")
        y = f(x) + int(open("out.txt").read())
        """
    ).lstrip("\n") or found.text.startswith("\n")
    assert "noise" not in found.text
    assert "unused" not in found.text
    assert 'open("out.txt", "w")' in found.text
    assert verify(found.text, "y", fingerprint(6), str(place), "script.py").ok
    assert (place / "script.py").read_text() == "# the program\n"


def test_imports_that_only_a_fork_could_spare_are_kept(place):
    text = "import os.path\nimport xml\nimport xml.dom\nx = xml.dom.__name__\n"
    found = minimize_slice(text, "x", fingerprint("xml.dom"), Setting(str(place), "script.py"))
    assert "import xml.dom" in found.text
    assert "os" not in found.text
    assert verify(found.text, "x", fingerprint("xml.dom"), str(place), "script.py").ok


def test_a_slice_that_is_wrong_is_given_back(place):
    found = minimize_slice("x = 2\ny = 1\n", "x", fingerprint(1), Setting(str(place), "script.py"))
    assert found.text == "x = 2\ny = 1\n"
    assert not found.complete
    assert "does not verify" in found.message


def test_candidates_do_not_see_each_other(place):
    setting = Setting(str(place), "script.py")
    with Checker(setting, ("name", "x"), fingerprint(1)) as checker:
        assert checker.start("x = 1\nopen('left.txt', 'w').write('a')\nimport sys\nsys.left = 1\n")
        assert checker.check("import os\nx = 1 if not os.path.exists('left.txt') else 2\n")
        assert checker.check("import sys\nx = 2 if hasattr(sys, 'left') else 1\n")
        assert not checker.check("import os\nos._exit(0)\n")
        assert not checker.check("x = (")
        assert checker.check("x = 1\n")
        n_runs = checker.n_runs
        assert checker.check("x = 1\n")
        assert checker.n_runs == n_runs


def test_a_server_that_dies_is_replaced(place):
    with Runner(Setting(str(place), "script.py"), ("name", "x"), timeout=5) as runner:
        runner.serve("x = 1")
        assert runner.run_again("x = 1").ended
        runner._server._process.kill()
        runner._server._process.wait()
        assert runner.run_again("x = 1").ended
        runner.serve("x = 1")
        assert runner.run_again("while True: pass").status == "timeout"
        assert runner.run_again("x = 1").ended


def test_which_libraries_are_imported_before(place):
    (place / "local.py").write_text("")
    text = "import json, local\nfrom os import path\nfrom . import a\ndef f():\n    import re\n"
    assert libraries(text, str(place)) == ["json", "os", "re"]
    assert libraries("(", str(place)) == []


def test_a_program_that_an_exception_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slice of what it left may be ended by the exception too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLEW_STORE", raising=False)
    text = "out = []\nfor i in range(5):\n    out.append(i)\n    if i == 2:\n        out[10]\n"
    (tmp_path / "p.py").write_text(text)
    command = [sys.executable, "-m", "clew"]
    subprocess.run([*command, "run", "-q", "p.py"], capture_output=True, check=False)
    done = subprocess.run(
        [*command, "slice", "out", "--verify"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, text)
