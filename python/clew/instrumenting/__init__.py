"""A source in which every operation is a call of a hook: see `clew.taping`.

The tree of the source is changed, not its text: what is recorded here is what operations do, and
nothing is asked of columns but that errors name the right place. Evaluation order is kept; nothing
is evaluated twice, and no name is added to any scope.
"""

from __future__ import annotations

from clew.instrumenting.expressions import Expressions
from clew.instrumenting.hooks import Place
from clew.instrumenting.scopes import Scopes
from clew.instrumenting.statements import Statements

__all__ = ["Instrumenter", "Place"]


class Instrumenter(Statements, Scopes, Expressions):
    """Puts hooks into one tree.

    Parameters
    ----------
    tape
        Where the hooks add rows.
    globals_read
        Where they add the names of globals that are read.

    Attributes
    ----------
    sites
        Line and column of each site, by its number.
    """
