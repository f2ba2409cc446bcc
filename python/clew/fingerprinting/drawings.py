"""Figures and images: a figure by the tree of its artists, an image by its pixels.

Asking an artist may change it (limits are computed when they are asked for), so only attributes
are looked at, and a figure's fingerprint is never exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from clew.fingerprinting.encoder import type_name

if TYPE_CHECKING:
    from clew.fingerprinting.encoder import Encoder

#: What artists hold that a reader of the picture sees.
_SHOWN: Final = frozenset(
    [
        "_A",
        "_alpha",
        "_bins",
        "_color",
        "_cmap",
        "_edgecolor",
        "_edgecolors",
        "_facecolor",
        "_facecolors",
        "_height",
        "_label",
        "_linestyle",
        "_linewidth",
        "_linewidths",
        "_loc",
        "_marker",
        "_markersize",
        "_offsets",
        "_path",
        "_paths",
        "_sizes",
        "_text",
        "_title",
        "_tx",
        "_ty",
        "_urls",
        "_us_linestyles",
        "_visible",
        "_width",
        "_x0",
        "_x1",
        "_xorig",
        "_xy",
        "_y0",
        "_y1",
        "_yorig",
        "_zorder",
        "zorder",
        "angle",
        "get_rotation",
        "_rotation",
        "_suptitle",
        "_supxlabel",
        "_supylabel",
        "_original_edgecolor",
        "_original_facecolor",
    ]
)
_CHILDREN: Final = frozenset(
    [
        "_children",
        "artists",
        "axes",
        "patch",
        "patches",
        "lines",
        "texts",
        "images",
        "collections",
        "tables",
        "legend_",
        "_legend",
        "title",
        "_left_title",
        "_right_title",
        "xaxis",
        "yaxis",
        "label",
        "_localaxes",
        "subfigs",
        "suppressComposite",
        "legends",
        "_legend_box",
        "spines",
    ]
)


def encode_artist(encoder: Encoder, value: Any, cls: type) -> None:
    """Write an artist: what it shows, and its children."""
    del cls
    kind = type(value)
    state = object.__getattribute__(value, "__dict__")
    encoder.tag("artist", type_name(kind))
    encoder.inexact("figures are compared by the artists in them")
    computed = ("_path", "_xy") if "_xorig" in state else ()
    names = _SHOWN.difference(computed)
    shown = {k: v for k, v in state.items() if k in names and _is_plain(v)}
    children = {k: v for k, v in state.items() if k in _CHILDREN and k != "axes"}
    if "_axstack" in state:
        axes = getattr(state["_axstack"], "_axes", None)
        children["axes"] = list(axes) if type(axes) is dict else []
        encoder.push([tuple(map(float, value.bbox_inches._points.ravel())), float(value._dpi)])
    encoder.push_state(shown)
    encoder.push_state(children)


def _is_plain(value: object) -> bool:
    module = type(value).__module__
    return module in ("builtins", "numpy", "numpy.ma", "numpy.ma.core")


def encode_image(encoder: Encoder, value: Any, cls: Any) -> None:
    """Write an image: mode, size and pixels; one that is not loaded, by its file's name."""
    state = object.__getattribute__(value, "__dict__")
    encoder.tag("image", value.mode, *value.size)
    if state.get("_im", state.get("im")) is None:
        encoder.inexact("an image that is not loaded")
        name = state.get("filename")
        encoder.push([name if type(name) is str else None])
        return
    encoder.push([value.getpalette() if value.mode == "P" else None])
    encoder.buffer(cls.tobytes(value))
