"""Runs CPython's own test modules plainly and under `clew run`, and compares the outcome of each
test.

    python tests/language/compare.py                      every module of modules.txt
    python tests/language/compare.py --quick              those of quick.txt
    python tests/language/compare.py test_scope test_with these
    options: --script (run the test file as a script), --detail LEVEL, --jobs N, --timeout SECONDS,
    --keep DIRECTORY

The interpreter that runs this file runs the tests; the working tree's `python/` must hold Clew
built for it (`tools/build-in-place PYTHON`). The exit code is 1 when an outcome differs that
`expected.txt` does not name.
"""

import argparse
import fnmatch
import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from packaged import package_path  # noqa: E402

# `test_name (package.module.Class.test_name) ... ok`, with output of the test itself possibly in
# between.
HEADING = re.compile(r"^(\w+) \(([\w.<>]+)\)", re.MULTILINE)
STATUS = re.compile(
    r"(?:^|\.\.\. |\s)(ok|FAIL|ERROR|skipped (?:'.*'|\".*\")|expected failure|unexpected success)$",
    re.MULTILINE,
)
FAILURE = re.compile(r"^={70}\n(FAIL|ERROR): (.*)$", re.MULTILINE)
TOTAL = re.compile(r"^Ran (\d+) tests? in", re.MULTILINE)


class Outcomes:
    """What one run of a test module gave, test by test."""

    def __init__(self, text: str, code: int | None) -> None:
        self.text = text
        body, _, report = text.partition("\n" + "=" * 70 + "\n")
        self.tests = _statuses(body)
        for kind, title in FAILURE.findall("=" * 70 + "\n" + report):
            heading = HEADING.match(title)
            self.tests[_name(heading) if heading else title] = kind
        total = TOTAL.findall(text)
        self.tests["number of tests"] = total[-1] if total else "none"
        self.tests["exit code"] = "timed out" if code is None else str(code)


def _statuses(body: str) -> dict[str, str]:
    found = {}
    headings = list(HEADING.finditer(body))
    ends = [heading.start() for heading in headings[1:]] + [len(body)]
    # A run that ended before its first test has no headings.
    for heading, end in zip(headings, ends, strict=bool(headings)):
        statuses = STATUS.findall(body[heading.end() : end])
        found[_name(heading)] = re.sub(r"skipped .*", "skipped", statuses[-1]) if statuses else "?"
    return found


def _name(heading: re.Match[str]) -> str:
    return heading[2] if heading[2].endswith(heading[1]) else f"{heading[2]}.{heading[1]}"


def run(module: str, options: argparse.Namespace, *, recorded: bool) -> Outcomes:
    """Run one test module."""
    command = [sys.executable]
    if recorded:
        command += ["-m", "clew", "run", "-q", "--include", "test.*", "--detail", options.detail]
    if options.script:
        spec = importlib.util.find_spec(f"test.{module}")
        assert spec is not None
        assert spec.origin is not None
        command += [spec.origin, "-v"]
    else:
        command += ["-m", "unittest", "-v", f"test.{module}"]
    with tempfile.TemporaryDirectory(prefix="clew-language-") as directory:
        environment = {
            **os.environ,
            "PYTHONPATH": package_path(),
            "CLEW_STORE": os.path.join(directory, "store"),
            "TMPDIR": directory,
        }
        work = os.path.join(directory, "work")
        os.mkdir(work)
        with open(os.path.join(directory, "output"), "w+", errors="replace") as output:
            process = subprocess.Popen(
                command,
                cwd=work,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                code: int | None = process.wait(options.timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                code = None
            output.seek(0)
            return Outcomes(output.read(), code)


def expectations() -> list[tuple[str, str]]:
    """Globs of the module and the test that may differ."""
    lines = (HERE / "expected.txt").read_text().splitlines()
    return [tuple(line.split()[:2]) for line in lines if line and not line.startswith("#")]  # type: ignore[misc]


def compare(module: str, options: argparse.Namespace) -> tuple[str, int, list[str], list[str]]:
    """Compare the two runs of one module: name, number of tests, differences, expected ones."""
    plain = run(module, options, recorded=False)
    recorded = run(module, options, recorded=True)
    if options.keep:
        Path(options.keep).mkdir(exist_ok=True)
        Path(options.keep, f"{module}.plain").write_text(plain.text)
        Path(options.keep, f"{module}.recorded").write_text(recorded.text)
    allowed = [test for glob, test in expectations() if fnmatch.fnmatch(module, glob)]
    differences, expected = [], []
    for name in [*plain.tests, *(name for name in recorded.tests if name not in plain.tests)]:
        before, after = plain.tests.get(name, "absent"), recorded.tests.get(name, "absent")
        if before == after or (name == "exit code" and differences + expected):
            continue
        place = expected if any(fnmatch.fnmatch(name, glob) for glob in allowed) else differences
        place.append(f"{name}: {before} -> {after}")
    number = plain.tests["number of tests"]
    return module, int(number) if number.isdigit() else 0, differences, expected


def main() -> int:
    """Compare what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", metavar="NAME")
    parser.add_argument("--script", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--detail", default="statement")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=900)
    parser.add_argument("--keep", help="directory for the full outputs")
    options = parser.parse_args()
    # A job in the background ignores these, and so would the tests, some of which would then wait
    # for ever.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    names = options.modules or [
        name
        for line in (HERE / ("quick.txt" if options.quick else "modules.txt"))
        .read_text()
        .splitlines()
        if not line.startswith("#")
        for name in line.split()
    ]
    names = [name for name in names if importlib.util.find_spec(f"test.{name}")]
    same = total = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for module, number, differences, expected in pool.map(
            lambda name: compare(name, options), names
        ):
            total += number
            same += not differences
            note = f", {len(expected)} as expected" if expected else ""
            print(f"{module}: {number} tests, {len(differences)} differences{note}", flush=True)
            for difference in differences:
                print(f"    {difference}", flush=True)
    print(f"{same} of {len(names)} modules the same, {total} tests")
    return 0 if same == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
