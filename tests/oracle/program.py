"""Reads literate programs: Markdown pages in which every section with a `python` block is one test.

A section is a heading of the second level, prose, one `python` block (the program), and one
`targets` block: one target a line. Further blocks: `file NAME` (a file beside the program), `keep
TARGET` and `drop TARGET` (lines that the slice of that target must or must not hold), `refuse`
(targets that are to be refused, because their values differ from run to run). A `requires` block
names modules the program imports (`numpy`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROGRAM = "program.py"
_BLOCK = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```\s*$", re.DOTALL | re.MULTILINE)


@dataclass
class Program:
    """One program and what is to be asked of it."""

    name: str
    source: str
    targets: list[str]
    files: dict[str, str] = field(default_factory=dict)
    keep: dict[str, list[str]] = field(default_factory=dict)
    drop: dict[str, list[str]] = field(default_factory=dict)
    refuse: list[str] = field(default_factory=list)
    requires: list[str] = field(default_factory=list)

    def write(self, directory: Path, source: str | None = None) -> Path:
        """Put the program (or another text in its place) and its files into a directory."""
        for name, text in self.files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        path = directory / PROGRAM
        path.write_text(self.source if source is None else source)
        return path


def read_programs(page: Path) -> Iterator[Program]:
    """Yield the programs of one page, named `page/section`."""
    for section in re.split(r"^## ", page.read_text(), flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        name = f"{page.stem}/{re.sub(r'[^a-z0-9]+', '-', title.lower()).strip('-')}"
        program = Program(name, "", [])
        for block in _BLOCK.finditer(body):
            _add_block(program, block["info"].strip(), block["text"])
        if not program.source or not program.targets:
            raise ValueError(f"{name}: a section needs a python block and a targets block")
        yield program


def _add_block(program: Program, info: str, text: str) -> None:
    kind, _, rest = info.partition(" ")
    lines = [line for line in text.splitlines() if line.strip()]
    match kind:
        case "python":
            if program.source:
                raise ValueError(f"{program.name}: two python blocks")
            program.source = text
        case "targets":
            program.targets = [_target(program, line) for line in lines]
        case "refuse":
            program.refuse = [_target(program, line) for line in lines]
        case "file":
            program.files[rest] = text
        case "keep" | "drop":
            getattr(program, kind)[_target(program, rest)] = [line.strip() for line in lines]
        case "requires":
            program.requires = [line.strip() for line in lines]
        case _:
            raise ValueError(f"{program.name}: unknown block {info!r}")


def _target(program: Program, text: str) -> str:
    """Resolve `NAME@"text"` to `NAME@LINE`, so that pages need not count lines."""
    text = text.strip()
    found = re.fullmatch(r'(.*[@:])"(.*)"', text)
    if not found:
        return text
    lines = [n for n, line in enumerate(program.source.splitlines(), 1) if line.strip() == found[2]]
    if len(lines) != 1:
        raise ValueError(f"{program.name}: {len(lines)} lines are {found[2]!r}")
    return f"{found[1]}{lines[0]}"


def all_programs(directory: Path) -> list[Program]:
    """Read every page of a directory, in order of name."""
    programs = [
        program for page in sorted(directory.glob("*.md")) for program in read_programs(page)
    ]
    names = [program.name for program in programs]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise ValueError(f"sections of one name: {sorted(doubled)}")
    return programs
