"""A program's text as a tree of pieces that can be left out: statements, and clauses of statements.

A piece is deleted with its whole lines and the comments right above it; what stays keeps its text,
comments and order. A block that loses all its statements becomes ``pass``, or goes with its clause
where the clause may be absent. The result is text again; whether it compiles is for the caller.
"""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_CLAUSES: Final = ("else", "finally", "except", "case")


@dataclass(eq=False)
class Piece:
    """A statement, or a clause that may be absent."""

    #: Its place in the order of the text.
    number: int
    #: `statement` or `clause`.
    kind: str
    start: int
    end: int
    #: The blocks inside it.
    blocks: list[Block] = field(default_factory=list)
    #: Whether its removal leaves valid syntax as far as the grammar of its parent goes.
    optional: bool = True
    node: ast.AST | None = None


@dataclass(eq=False)
class Block:
    """Statements that stand in a row."""

    pieces: list[Piece]
    #: The clause that goes when the block is empty; None if the block must hold something.
    clause: Piece | None = None


class Pieces:
    """The pieces of one program.

    Parameters
    ----------
    text
        Valid Python.

    Raises
    ------
    SyntaxError
        If it is not.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._tokens = _keywords(text)
        self._protected = _string_lines(text)
        self.all: list[Piece] = []
        self.root = self._block(ast.parse(text).body)

    # -- building the tree ----------------------------------------------------------------

    def _offset(self, line: int, column: int) -> int:
        """Give the place in the text of a line and a column that counts bytes."""
        content = self._lines[line - 1] if line <= len(self._lines) else ""
        if not content.isascii():
            column = len(content.encode()[:column].decode("utf-8", "replace"))
        return self._starts[line - 1] + column

    def _piece(self, kind: str, start: int, end: int, node: ast.AST | None = None) -> Piece:
        piece = Piece(len(self.all), kind, start, end, node=node)
        self.all.append(piece)
        return piece

    def _block(self, body: list[ast.stmt]) -> Block:
        return Block([self._statement(node) for node in body])

    def _statement(self, node: Any) -> Piece:
        first = min([node, *getattr(node, "decorator_list", [])], key=lambda n: n.lineno)
        column = node.col_offset
        start = self._offset(first.lineno, column)
        end = self._offset(node.end_lineno, node.end_col_offset)
        piece = self._piece("statement", start, end, node)
        for name in ("body", "handlers", "orelse", "finalbody", "cases"):
            part = getattr(node, name, None)
            if isinstance(part, list) and part and isinstance(node, ast.stmt):
                self._part(piece, node, name, part)
        return piece

    def _part(self, piece: Piece, node: Any, name: str, part: list[Any]) -> None:
        if name == "body":
            piece.blocks.append(self._block(part))
        elif name == "handlers":
            alone = len(part) == 1 and not node.finalbody
            for handler in part:
                start = self._offset(handler.lineno, handler.col_offset)
                self._clause(piece, start, handler.body, optional=not alone)
        elif name == "cases":
            for case in part:
                pattern = self._offset(case.pattern.lineno, case.pattern.col_offset)
                start = self._keyword_before("case", pattern)
                self._clause(piece, start, case.body, optional=len(part) > 1)
        elif name == "orelse" and self._is_elif(node, part):
            piece.blocks.append(Block([self._statement(part[0])]))
            piece.blocks[-1].clause = piece.blocks[-1].pieces[0]
        else:
            keyword = "else" if name == "orelse" else "finally"
            first = min([part[0], *getattr(part[0], "decorator_list", [])], key=lambda n: n.lineno)
            inside = self._offset(first.lineno, part[0].col_offset)
            optional = name == "orelse" or bool(getattr(node, "handlers", []))
            self._clause(piece, self._keyword_before(keyword, inside), part, optional=optional)

    def _clause(self, piece: Piece, start: int, body: list[ast.stmt], *, optional: bool) -> None:
        last: Any = body[-1]
        end = self._offset(last.end_lineno, last.end_col_offset)
        clause = self._piece("clause", start, end)
        clause.optional = optional
        block = self._block(body)
        # An empty handler or case still catches; an empty `else` or `finally` does nothing.
        word = self.text[start : start + 7]
        if optional and word.startswith(("else", "finally")):
            block.clause = clause
        clause.blocks.append(block)
        piece.blocks.append(Block([clause]))

    def _is_elif(self, node: Any, part: list[Any]) -> bool:
        if not isinstance(node, ast.If) or len(part) != 1 or not isinstance(part[0], ast.If):
            return False
        return self.text.startswith("elif", self._offset(part[0].lineno, part[0].col_offset))

    def _keyword_before(self, word: str, place: int) -> int:
        found = [at for keyword, at in self._tokens_at() if keyword == word and at < place]
        return found[-1] if found else place

    def _tokens_at(self) -> Iterator[tuple[str, int]]:
        for word, line, column in self._tokens:
            yield word, self._starts[line - 1] + column

    # -- making text ----------------------------------------------------------------------

    def without(self, removed: Collection[Piece]) -> str:
        """Give the text without some pieces.

        Parameters
        ----------
        removed
            The pieces to leave out; what is inside a removed piece goes with it.

        Returns
        -------
        str
            The text; not always valid (the caller compiles it).
        """
        edit = _Edit(self.text, self._starts, self._protected)
        self._write_block(self.root, set(removed), edit, must_hold=False)
        return edit.result()

    def _write_block(
        self, block: Block, removed: set[Piece], edit: _Edit, *, must_hold: bool
    ) -> None:
        kept = [piece for piece in block.pieces if piece not in removed]
        if not kept and must_hold and block.pieces:
            self._empty(block, edit)
            return
        for run in self._runs(block):
            here = [piece for piece in run if piece not in removed]
            if not here:
                edit.delete(run[0].start, run[-1].end)
            elif len(here) < len(run):
                edit.replace(
                    run[0].start,
                    run[-1].end,
                    "; ".join(self.text[p.start : p.end] for p in here),
                )
            else:
                for piece in here:
                    self._write_piece(piece, removed, edit)

    def _write_piece(self, piece: Piece, removed: set[Piece], edit: _Edit) -> None:
        for block in piece.blocks:
            gone = all(inner in removed for inner in block.pieces)
            if block.pieces[0].kind == "clause":
                clause = block.pieces[0]
                inner = clause.blocks[0]
                emptied = inner.clause is clause and all(p in removed for p in inner.pieces)
                if self.text.startswith("finally", clause.start):
                    emptied = emptied and self._catches(piece, removed)
                if clause in removed or emptied:
                    edit.delete(clause.start, clause.end)
                else:
                    self._write_block(inner, removed, edit, must_hold=True)
            elif block.clause is not None and gone:
                edit.delete(block.clause.start, block.clause.end)
            else:
                self._write_block(block, removed, edit, must_hold=block.clause is None)

    def _catches(self, piece: Piece, removed: set[Piece]) -> bool:
        """Tell whether a ``try`` has a handler left, so that its ``finally`` may go."""
        clauses = [block.pieces[0] for block in piece.blocks]
        return any(
            self.text.startswith("except", clause.start) and clause not in removed
            for clause in clauses
        )

    def _empty(self, block: Block, edit: _Edit) -> None:
        """Leave ``pass`` where the first statement was."""
        runs = list(self._runs(block))
        edit.replace(runs[0][0].start, runs[0][-1].end, "pass")
        for run in runs[1:]:
            edit.delete(run[0].start, run[-1].end)

    def _runs(self, block: Block) -> Iterator[list[Piece]]:
        """Group the statements that share a line."""
        run: list[Piece] = []
        for piece in block.pieces:
            if run and "\n" in self.text[run[-1].end : piece.start].replace("\\\n", ""):
                yield run
                run = []
            run.append(piece)
        if run:
            yield run


class _Edit:
    """Deletions of lines and replacements within them, applied together."""

    def __init__(self, text: str, starts: list[int], protected: set[int]) -> None:
        self._text = text
        self._starts = starts
        self._protected = protected
        self._gone: set[int] = set()
        self._changes: list[tuple[int, int, str]] = []
        self._lines = text.splitlines(keepends=True)

    def delete(self, start: int, end: int) -> None:
        """Delete from `start` to `end`: as whole lines if nothing else is on them."""
        first, last = self._line_of(start), self._line_of(max(end - 1, start))
        before = self._text[self._starts[first] : start]
        after = self._text[end : self._starts[last + 1]].strip().lstrip(";").strip()
        if before.strip() or (after and not after.startswith("#")):
            self._changes.append((start, end, ""))
            return
        while first > 0 and self._is_comment(first - 1, len(before)):
            first -= 1
        self._gone.update(range(first, last + 1))

    def replace(self, start: int, end: int, new: str) -> None:
        """Write something else in place of a statement."""
        self._changes.append((start, end, new))

    def _line_of(self, place: int) -> int:
        from bisect import bisect_right

        return min(bisect_right(self._starts, place) - 1, len(self._lines) - 1)

    def _is_comment(self, line: int, indent: int) -> bool:
        """Tell whether a line holds a comment that belongs to what follows it."""
        content = self._lines[line]
        text = content.lstrip()
        if line in self._protected or not text.startswith("#") or line in self._gone:
            return False
        if line < 2 and (text.startswith("#!") or "coding" in text):
            return False
        return len(content) - len(text) == indent

    def result(self) -> str:
        """Give the edited text, without the blank lines that the deletions leave."""
        gone = self._gone | self._blanks()
        out = []
        for number, line in enumerate(self._lines):
            if number in gone:
                continue
            start = self._starts[number]
            out.append(self._changed(line, start))
        return "".join(out)

    def _changed(self, line: str, start: int) -> str:
        """Apply the replacements that begin or end in one line."""
        end = start + len(line)
        for first, last, new in sorted(self._changes, reverse=True):
            if first >= end or last <= start:
                continue
            head = line[: max(first - start, 0)]
            tail = line[last - start :] if last <= end else ""
            line = head + (new if first >= start else "") + tail
            end = start + len(line) if last <= end else end
        return line

    def _blanks(self) -> set[int]:
        """Find blank lines that only separated what is gone."""
        blanks: set[int] = set()
        number = 0
        while number < len(self._lines):
            if number not in self._gone:
                number += 1
                continue
            before = number - 1
            while number in self._gone:
                number += 1
            opens = before < 0 or before in blanks or self._is_blank(before)
            if number == len(self._lines):
                blanks.update(self._trailing(before))
            while opens and number < len(self._lines) and self._is_blank(number):
                blanks.add(number)
                number += 1
        return blanks

    def _trailing(self, line: int) -> set[int]:
        """List the blank lines that end the text now that what followed them is gone."""
        blanks = set()
        while line >= 0 and (line in self._gone or self._is_blank(line)):
            blanks.add(line)
            line -= 1
        return blanks

    def _is_blank(self, line: int) -> bool:
        return not self._lines[line].strip() and line not in self._protected


def _keywords(text: str) -> list[tuple[str, int, int]]:
    """List the words that open clauses, with their lines and columns in characters."""
    return [
        (token.string, token.start[0], token.start[1])
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.NAME and token.string in _CLAUSES
    ]


def _string_lines(text: str) -> set[int]:
    """List the lines, from 0, that lie inside texts of several lines."""
    inside: set[int] = set()
    kinds = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in kinds and token.end[0] > token.start[0]:
            inside.update(range(token.start[0], token.end[0]))
    return inside
