"""matplotlib and seaborn: artists belong to their figure, pyplot to the current one.

A method of an artist changes the figure it is in, unless its name says that it asks. A function
of pyplot makes, chooses or closes figures, or draws on the current one: see
:mod:`clew.effects.figures` for how such a call is recorded.
"""

from __future__ import annotations

from typing import Final

from clew.effects import flags
from clew.effects.families import Callee
from clew.effects.families.frames import drawing

_ASKS: Final = (
    "get_",
    "is_",
    "has_",
    "can_",
    "have_",
    "contains",
    "format_",
    "__repr__",
    "__str__",
)
_NEW: Final = frozenset(["figure", "subplot_mosaic", "subplots"])
_CLOSE: Final = frozenset(["close"])
_READ: Final = frozenset(
    [
        "fignum_exists",
        "get_current_fig_manager",
        "get_figlabels",
        "get_fignums",
        "get_backend",
        "isinteractive",
        "get",
        "get_cmap",
        "get_plot_commands",
        "getp",
    ]
)
_TERMINAL: Final = frozenset(
    ["draw", "draw_if_interactive", "ginput", "pause", "show", "waitforbuttonpress"]
)
_STYLE: Final = frozenset(
    [
        "rc",
        "rc_context",
        "rcdefaults",
        "set_cmap",
        "set_loglevel",
        "switch_backend",
        "style",
        "xkcd",
        "ion",
        "ioff",
        "install_repl_displayhook",
        "uninstall_repl_displayhook",
    ]
)
_RC: Final = ["matplotlib.rcParams"]
_PYPLOT: Final = ["matplotlib.pyplot"]
#: Modules of which every object is shared by nothing and read by its methods only.
_VALUES: Final = ("matplotlib.colors", "matplotlib.transforms", "matplotlib.path", "matplotlib.cm")
_ADOPTS: Final = ("add_", "set_axes_locator", "set_major_", "set_minor_")
_CHANGES: Final = (
    "set",
    "add_",
    "remove",
    "clear",
    "update",
    "append",
    "register",
    "autoscale",
    "invalidate",
    "rotate",
    "scale",
    "skew",
    "translate",
)


def default(callee: Callee) -> flags.Effect | None:
    """Give the effect of a callee that no annotation names."""
    if callee.in_module("matplotlib.pyplot", "matplotlib.pylab"):
        return _pyplot(callee.name)
    if callee.in_module("seaborn"):
        if callee.name.endswith("palette") or callee.name.startswith(("load_", "get_", "axes_")):
            return flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS
        return drawing()
    if callee.callable is callee.owner or callee.receiver_type is None:
        bits = flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS | flags.ALIAS
        return bits, {"reads_state": list(_RC), "artists": True}
    if callee.name.startswith(_ASKS):
        return flags.READS | flags.ALIAS
    if callee.in_module(*_VALUES) and not callee.name.startswith(_CHANGES):
        return flags.READS
    return _artist_method(callee.name)


def _artist_method(name: str) -> flags.Effect:
    """Give the effect of a method that changes an artist, and so its figure."""
    bits = flags.WRITES_RECEIVER | flags.READS | flags.ALIAS | flags.WRITES_ARGUMENT
    # A norm is scaled to the data; a locator or a formatter learns its axis.
    arguments: list[int | str] = ["norm"]
    if name.startswith(_ADOPTS):
        arguments.append(0)
    return bits, {"reads_state": list(_RC), "artists": True, "arguments": arguments}


def complete(callee: Callee, effect: flags.Effect) -> flags.Effect:
    """Nothing follows from signatures here, except that reading the style is part of drawing."""
    bits, extra = flags.split(effect)
    if bits & flags.FIGURE and "figure" not in extra:
        return bits, extra | {"figure": "draw"}
    return effect


def _pyplot(name: str) -> flags.Effect:
    reads = flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS
    extra: flags.Extra = {"state": list(_PYPLOT), "reads_state": list(_RC)}
    if name in _NEW:
        return flags.FIGURE | reads, extra | {"figure": "new"}
    if name in _CLOSE:
        return flags.FIGURE | reads, extra | {"figure": "close"}
    if name in _READ:
        return reads, {"reads_state": list(_PYPLOT)}
    if name in _TERMINAL:
        return flags.OUTPUT | flags.FIGURE, extra | {"figure": "read"}
    if name in _STYLE:
        return flags.MODULE_STATE | reads, {"state": list(_RC), "reads_state": list(_RC)}
    if name == "savefig":
        stream = flags.FIGURE | flags.STREAM | flags.WRITES_ARGUMENT | reads
        paths = [[0, "write"], ["fname", "write"]]
        return stream, extra | {"figure": "read", "path": paths, "arguments": [0, "fname"]}
    if name in ("imsave", "imread"):
        access = "write" if name == "imsave" else "read"
        bits = reads | (flags.STREAM if name == "imsave" else 0)
        return bits, {"path": [[0, access], ["fname", access]]}
    extra |= {"figure": "draw", "artists": True, "arguments": ["norm", "ax"]}
    return flags.FIGURE | flags.WRITES_ARGUMENT | reads, extra
