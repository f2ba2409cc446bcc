"""One call of a callee whose effect has particulars, worked out to objects, states and paths.

The plan of a call is made right after it. It needs no more knowledge of arguments, conditions,
libraries or streams: only to be written down. Calls without particulars (nearly all) do not come
here. Whether a hidden random generator was drawn from is the recorder's to see.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clew.effects import applying, figures, flags, streams
from clew.effects.owners import canonical, is_figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: How many items of a list of artists are looked at.
_FEW: Final = 20


class Plan(NamedTuple):
    """What one call did, beyond what its bits say of receiver and arguments.

    Attributes
    ----------
    bits
        The bits that hold for this call.
    writes, reads
        Objects that were changed and read; the receiver is not among them (the bits tell).
    states
        Pairs of a hidden state and ``read``, ``update``, ``write`` or ``idle``. One that was
        written (replaced) no longer depends on what it was; from one that is idle was drawn what
        reaches no result.
    files
        Pairs of a path, as the program gave it, and ``read``, ``write``, ``update`` or ``list``.
    variables
        Pairs of an environment variable (``*`` for all of them) and ``read`` or ``write``.
    terminal
        Whether something went to the terminal.
    """

    bits: int
    writes: tuple[Any, ...] = ()
    reads: tuple[Any, ...] = ()
    states: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    terminal: bool = False


def plan(
    effect: flags.Effect,
    receiver: object,
    args: Sequence[object],
    kwargs: Mapping[str, object],
) -> Plan:
    """Work an effect out for one call that was just made.

    Parameters
    ----------
    effect
        What the resolver returned.
    receiver
        The receiver of a method call, else None.
    args, kwargs
        The arguments without the receiver.

    Returns
    -------
    Plan
        What the call did.
    """
    bits, extra = flags.split(applying.concrete(effect, receiver, args, kwargs))
    files, terminal = _files(extra, receiver, args, kwargs)
    written = _written(extra, receiver, args, kwargs)
    sinks = _sinks(extra, receiver, args, kwargs)
    made = Plan(
        bits,
        writes=(*written, *(sink for sink in sinks if all(sink is not item for item in written))),
        states=_states(bits, extra),
        files=files,
        variables=_variables(bits, extra, args, kwargs),
        terminal=terminal or (bool(bits & flags.OUTPUT) and not bits & flags.STREAM),
    )
    if bits & flags.FIGURE:
        drawing = figures.after(extra.get("figure", "draw"))
        made = made._replace(
            writes=(*made.writes, *drawing.changed),
            reads=drawing.read,
            states=(*made.states, ("matplotlib.pyplot", drawing.state)),
        )
    return made


def _states(bits: int, extra: flags.Extra) -> tuple[tuple[str, str], ...]:
    """Tell the hidden states that are read, changed and replaced."""
    # One option of many does not replace the others.
    whole = bits & flags.SEED and "key" not in extra
    found = [(state, "read") for state in extra.get("reads_state", ())]
    found += [(state, "idle") for state in extra.get("idle", ())]
    found += [(state, "write" if whole else "update") for state in extra.get("state", ())]
    elsewhere = ("environment", "matplotlib.pyplot" if bits & flags.FIGURE else "")
    return tuple(item for item in found if item[0] not in elsewhere)


def _written(
    extra: flags.Extra, receiver: object, args: Sequence[object], kwargs: Mapping[str, object]
) -> list[object]:
    """List the objects that the call changes, besides its receiver."""
    found: list[object] = []
    for pointer in extra.get("arguments", ()):
        if pointer == "*":
            found.extend(args)
        else:
            found.append(canonical(applying.argument(pointer, args, kwargs)))
    if "artists" in extra:
        found.extend(figure for value in (*args, *kwargs.values()) for figure in _figures(value))
    state = getattr(receiver, "__dict__", None)
    for name in extra.get("generators", ()):
        generator = state.get(name) if type(state) is dict else None
        if generator is not None and type(generator) not in (int, str):
            found.append(generator)
    return found


def _figures(value: object) -> list[object]:
    """Give the figure that an argument belongs to, or those of the artists in a list."""
    items = value[:_FEW] if type(value) in (list, tuple) else [value]  # type: ignore[index]
    owners = [canonical(item) for item in items]
    return [owner for owner in owners if is_figure(owner)]


def _files(
    extra: flags.Extra, receiver: object, args: Sequence[object], kwargs: Mapping[str, object]
) -> tuple[tuple[tuple[str, str], ...], bool]:
    """List the files that the call names or holds, and whether the terminal is among them."""
    found: dict[tuple[str, str], None] = {}
    for pointer, access in extra.get("path", ()):
        value = receiver if pointer == "self" else applying.argument(pointer, args, kwargs)
        path = as_path(value)
        if path is not None:
            found[path, access] = None
            continue
        # What is written into an open file comes after what is in it.
        if access not in ("read", "list"):
            access = "read" if streams.only_reads(getattr(value, "mode", None)) else "update"
        found.update(dict.fromkeys((target, access) for target in streams.targets(value)))
    if extra.get("stream") == "logging":
        paths = streams.targets(streams.root_logger()) or [streams.TERMINAL]
        found.update(dict.fromkeys((target, "update") for target in paths))
    terminal = any(target == streams.TERMINAL for target, _ in found)
    return tuple(item for item in found if item[0] != streams.TERMINAL), terminal


def _sinks(
    extra: flags.Extra, receiver: object, args: Sequence[object], kwargs: Mapping[str, object]
) -> list[object]:
    """List the streams in memory that the call wrote into."""
    places = [streams.root_logger()] if extra.get("stream") == "logging" else []
    for pointer, access in extra.get("path", ()):
        if access not in ("read", "list"):
            value = receiver if pointer == "self" else applying.argument(pointer, args, kwargs)
            places += [value] if as_path(value) is None else []
    return [stream for place in places for stream in streams.sinks(place)]


def as_path(value: object) -> str | None:
    """Give a path as text, if an argument is one."""
    if type(value) in (str, bytes):
        return os.fsdecode(value)  # type: ignore[arg-type]
    if isinstance(value, os.PathLike) and type(value).__module__.startswith("pathlib"):
        return os.fspath(value)  # type: ignore[no-any-return]
    return None


def _variables(
    bits: int, extra: flags.Extra, args: Sequence[object], kwargs: Mapping[str, object]
) -> tuple[tuple[str, str], ...]:
    """List the environment variables that the call reads or writes."""
    if not bits & flags.ENVIRONMENT:
        return ()
    access = "write" if any(s.startswith("environment") for s in extra.get("state", ())) else "read"
    pointer = extra.get("key")
    value = applying.argument(pointer, args, kwargs) if pointer is not None else None
    return ((as_path(value) or "*", access),)
