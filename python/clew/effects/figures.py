"""How calls of ``matplotlib.pyplot`` are recorded: by which figure they made, drew on or closed.

What pyplot hides is small: which figures there are and which one is current. What is drawn is
state of the figure, an object like any other. So a call with FIGURE does, by its ``figure``:

- ``new``: replaces the hidden state (an earlier figure is current no more) and makes a figure;
- ``draw``: reads the hidden state and changes the current figure; if there was none, one was made
  by this call, which replaces the hidden state;
- ``read``: reads the hidden state and the current figure;
- ``close``: replaces the hidden state if no figure is left, else changes it.

:func:`before` and :func:`after` say this for one call, for the recorder to write down.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple


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


def before() -> Any:
    """Note the current figure before a call."""
    return current()


def after(figure: str, noted: Any) -> Drawing:
    """Say what a call did, from its ``figure`` particular and the figure noted before it."""
    now = current()
    if figure == "close":
        return Drawing("write" if n_figures() == 0 else "update")
    if figure == "read":
        return Drawing("read", (), _given(now))
    if figure == "new" or (noted is None and now is not None):
        return Drawing("write", _given(now))
    if now is not noted:
        # It chose another figure that was there before, as `plt.figure(1)` or `plt.sca` do.
        return Drawing("update", _given(now))
    return Drawing("read", _given(now))


def _given(figure: Any) -> tuple[Any, ...]:
    return () if figure is None else (figure,)
