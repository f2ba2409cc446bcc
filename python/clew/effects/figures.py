"""How calls of ``matplotlib.pyplot`` are recorded: by which figure they made, drew on or closed.

What pyplot hides is small: which figures there are and which one is current. What is drawn is
state of the figure, an object like any other. So a call with FIGURE does, by its ``figure``:

- ``new``: replaces the hidden state (an earlier figure is current no more) and makes a figure;
- ``draw``: reads the hidden state and changes the current figure; if there was none, one was made
  by this call, which replaces the hidden state;
- ``read``: reads the hidden state and the current figure;
- ``close``: replaces the hidden state if no figure is left, else changes it.

:func:`after` says this for one call, from the current figure now and at the last such call.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

_last: list[int] = [0]


class Drawing(NamedTuple):
    """What one call did to pyplot's figures.

    Attributes
    ----------
    state
        ``read``, ``write`` or ``update``: the access to the state ``matplotlib.pyplot``.
    changed, read
        Figures that were changed, and read.
    """

    state: str
    changed: tuple[Any, ...] = ()
    read: tuple[Any, ...] = ()


def current() -> Any:
    """Give the current figure, or None; unlike ``plt.gcf()`` it never makes one."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if helpers is None:
        return None
    manager = helpers.Gcf.get_active()
    return None if manager is None else manager.canvas.figure


def n_figures() -> int:
    """Count the figures that pyplot knows."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    return len(helpers.Gcf.figs) if helpers is not None else 0


def after(figure: str) -> Drawing:
    """Say what a call did that was just made.

    Parameters
    ----------
    figure
        The ``figure`` particular of its effect.
    """
    now = current()
    former = _last[0]
    _last[0] = 0 if now is None else id(now)
    given = () if now is None else (now,)
    if figure == "close":
        return Drawing("write" if n_figures() == 0 else "update")
    if figure == "read":
        return Drawing("read", (), given)
    if figure == "new" or (former == 0 and now is not None):
        return Drawing("write", given)
    if now is not None and id(now) != former:
        # It chose another figure that was there before, as `plt.sca` does.
        return Drawing("update", given)
    return Drawing("read", given)
