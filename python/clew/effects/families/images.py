"""Pillow, imageio and tqdm: annotated methods change images; progress goes to the terminal."""

from __future__ import annotations

from typing import Final

from clew.effects import flags
from clew.effects.families import Callee

_WRITERS: Final = frozenset(["imwrite", "imsave", "mimsave", "mimwrite", "volsave", "volwrite"])
_READERS: Final = frozenset(
    ["imread", "mimread", "volread", "get_reader", "imopen", "immeta", "improps"]
)


def default(callee: Callee) -> flags.Effect | None:
    """Give the effect of a callee that no annotation names."""
    if callee.in_module("tqdm"):
        bits = flags.OUTPUT | flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS | flags.ALIAS
        return bits | (flags.WRITES_RECEIVER if callee.receiver_type is not None else 0)
    if callee.in_module("imageio") and callee.name in _WRITERS:
        return flags.READS_ARGUMENTS | flags.STREAM, {"path": [[0, "write"], ["uri", "write"]]}
    if callee.in_module("imageio") and callee.name in _READERS:
        return flags.READS_ARGUMENTS, {"path": [[0, "read"], ["uri", "read"]]}
    if callee.receiver_type is None:
        return flags.READS_ARGUMENTS | flags.CONSUMES_ARGUMENTS | flags.ALIAS
    return flags.READS | flags.ALIAS


def complete(callee: Callee, effect: flags.Effect) -> flags.Effect:
    """Nothing follows from signatures here."""
    del callee
    return effect
