"""`clew slice --minimize`: leave out every statement that verification shows to be unneeded.

Delta debugging over the tree of statements: large chunks of a block first, then single statements,
then inside those that stay, until no single statement can be left out. The measure is a function
that tells whether a text still gives the value, so that the same code serves as the oracle for
how small a slice can be.

Notes
-----
Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002); Misherghi and
Su, "HDD: hierarchical delta debugging" (2006).
"""

from __future__ import annotations

import ast
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from clew.checking.candidates import Checker, Setting, recorded_fingerprint
from clew.checking.pieces import Block, Piece, Pieces
from clew.verifying import target_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clew.fingerprint import Fingerprint
    from clew.targets import Target

__all__ = ["Minimized", "count_statements", "minimize", "minimize_slice"]

BUDGET_SECONDS: Final = 300.0


class Minimized(NamedTuple):
    """A minimised slice.

    Attributes
    ----------
    text
        The slice.
    complete
        Whether it is 1-minimal; if not, the time was over.
    n_runs
        How many runs it took.
    message
        A line for people.
    """

    text: str
    complete: bool
    n_runs: int
    message: str


def minimize(
    text: str,
    check: Callable[[str], bool],
    *,
    budget_seconds: float = BUDGET_SECONDS,
    keep: Callable[[ast.AST], bool] | None = None,
) -> str:
    r"""Leave out statements as long as a check still holds.

    Parameters
    ----------
    text
        A program for which the check holds.
    check
        Tells whether a program still gives what it should; it is asked once for each text.
    budget_seconds
        When to stop; what was reached by then is given.
    keep
        Tells which statements are not to be tried.

    Returns
    -------
    str
        The smallest program that was found: from it, if the time sufficed, no single statement or
        clause can be left out. Kept statements keep their text, comments and order.

    Examples
    --------
    >>> minimize("a = 1\nb = 2\nc = a + 1\n", lambda text: "c = a" in text and "a = 1" in text)
    'a = 1\nc = a + 1\n'
    """
    return _Search(text, check, budget_seconds, keep).run()[0]


class _Search:
    """One minimisation."""

    def __init__(
        self,
        text: str,
        check: Callable[[str], bool],
        budget_seconds: float,
        keep: Callable[[ast.AST], bool] | None,
    ) -> None:
        self._pieces = Pieces(text)
        self._check = check
        self._keep = keep
        self._deadline = time.monotonic() + budget_seconds
        self._removed: set[Piece] = set()
        self._known: dict[str, bool] = {text: True}
        self.complete = True

    def run(self) -> tuple[str, bool]:
        """Search until nothing more goes, or the time is over."""
        try:
            self._shrink(self._pieces.root)
            while self._pass(self._pieces.root):
                pass
        except TimeoutError:
            self.complete = False
        return self._pieces.without(self._removed), self.complete

    def _try(self, pieces: Iterable[Piece]) -> bool:
        """Leave pieces out for good if the check still holds without them."""
        more = self._removed.union(pieces)
        candidate = self._pieces.without(more)
        if candidate not in self._known:
            if time.monotonic() > self._deadline:
                raise TimeoutError
            self._known[candidate] = self._check(candidate)
        if self._known[candidate]:
            self._removed = more
            return True
        return False

    def _candidates(self, block: Block) -> list[Piece]:
        def may_go(piece: Piece) -> bool:
            if piece in self._removed or not piece.optional or _is_pass(piece):
                return False
            return self._keep is None or piece.node is None or not self._keep(piece.node)

        return [piece for piece in block.pieces if may_go(piece)]

    def _shrink(self, block: Block) -> None:
        """Leave out chunks of a block, then what is inside the statements that stay."""
        size = len(self._candidates(block))
        while size >= 1:
            self._chunks(block, size)
            size = min(size // 2, max(len(self._candidates(block)), 1))
        for piece in block.pieces:
            if piece not in self._removed:
                for inner in piece.blocks:
                    self._shrink(inner)

    def _chunks(self, block: Block, size: int) -> None:
        """Try chunks of one size from the end on: what comes later needs what came before."""
        pieces = self._candidates(block)
        for start in range(len(pieces) - size, -size, -size):
            self._try(pieces[max(start, 0) : start + size])

    def _pass(self, block: Block) -> bool:
        """Try every single piece once more; tell whether any went."""
        went = False
        for piece in reversed(block.pieces):
            if piece in self._removed:
                continue
            if piece in self._candidates(block) and self._try([piece]):
                went = True
                continue
            for inner in reversed(piece.blocks):
                went = self._pass(inner) or went
        return went


def _is_pass(piece: Piece) -> bool:
    """Tell whether a statement is the ``pass`` that would be put in its place."""
    return isinstance(piece.node, ast.Pass)


def minimize_slice(
    text: str,
    target: str | Target,
    recorded: Fingerprint | str | None,
    setting: Setting,
    *,
    budget_seconds: float = BUDGET_SECONDS,
    timeout: float = 600.0,
) -> Minimized:
    """Leave out of a slice what verified deletion shows to be unneeded.

    Parameters
    ----------
    text
        The slice.
    target, recorded, setting, timeout
        As for :func:`clew.verifying.verify_in`.
    budget_seconds
        When to stop.

    Returns
    -------
    Minimized
        The smaller slice; the given one if it does not verify at all. What is given has been
        verified in a fresh interpreter.
    """
    wanted = recorded_fingerprint(recorded)
    began = time.monotonic()
    with Checker(setting, target_of(target), wanted, timeout) as checker:
        if not checker.start(text):
            return Minimized(text, False, checker.n_runs, "the slice does not verify as it is")

        def left() -> float:
            return budget_seconds - (time.monotonic() - began)

        search = _Search(text, checker.check, left(), None)
        smaller, complete = search.run()
        if smaller != text and not checker.check_fresh(smaller):
            # Imports that a forked process had made before may seem unneeded: keep them all at
            # first, then try each in an interpreter of its own.
            smaller, complete = _Search(text, checker.check, left(), _is_import).run()
            if not checker.check_fresh(smaller):
                smaller, complete = text, False
            smaller, all_tried = _Search(smaller, checker.check_fresh, left(), _is_not_import).run()
            complete = complete and all_tried
        n_gone = count_statements(text) - count_statements(smaller)
        rest = "" if complete else "; the time was over before all were tried"
        message = f"{n_gone} of {count_statements(text)} statements left out{rest}"
        return Minimized(smaller, complete, checker.n_runs, message)


def _is_import(node: ast.AST) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))


def _is_not_import(node: ast.AST) -> bool:
    return not _is_import(node)


def count_statements(text: str) -> int:
    """Count the statements of a program, at all levels; ``pass`` is none."""
    nodes = ast.walk(ast.parse(text))
    return sum(isinstance(node, ast.stmt) and not isinstance(node, ast.Pass) for node in nodes)
