"""One call of a callee whose effect has particulars, worked out to objects, states and paths.

:func:`begin` is asked before the call and :func:`finish` after it; what finish gives needs no more
knowledge of arguments, conditions, libraries or streams: only to be written down. Calls without
particulars (nearly all) do not come here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from clew.effects import applying, figures, flags, states, streams
from clew.effects.owners import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Particulars that the bits alone, with `state` and `arguments`, do not express.
NEEDS_PLAN = frozenset(
    ["figure", "generators", "key", "observe_state", "path", "reads_state", "seed", "stream", "when"]
)


class Plan(NamedTuple):
    """What one call did, beyond what its bits say of receiver and arguments.

    Attributes
    ----------
    bits
        The bits that hold for this call.
    writes
        Objects that were changed (the receiver is not among them: see WRITES_RECEIVER).
    reads
        Objects that were read.
    states_read, states_updated, states_replaced
        Hidden states by name. One that was replaced no longer depends on what it was.
    files
        Pairs of an absolute path and ``read``, ``write``, ``update`` or ``list``.
    variables
        Pairs of an environment variable (``ALL`` for all of them) and ``read`` or ``write``.
    terminal
        Whether something went to the terminal.
    """

    bits: int
    writes: tuple[Any, ...] = ()
    reads: tuple[Any, ...] = ()
    states_read: tuple[str, ...] = ()
    states_updated: tuple[str, ...] = ()
    states_replaced: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    terminal: bool = False


class Pending(NamedTuple):
    """A call under way: its plan as far as it is known before, and what to compare after."""

    plan: Plan
    observed: tuple[tuple[str, object], ...]
    figure: str | None
    noted: Any


def needs_plan(effect: flags.Effect) -> bool:
    """Tell whether calls of this effect have to come here."""
    return not NEEDS_PLAN.isdisjoint(flags.split(effect)[1])


def begin(
    effect: flags.Effect,
    receiver: object,
    args: Sequence[object],
    kwargs: Mapping[str, object],
) -> Pending:
    """Work out an effect for one call that is about to be made.

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
    Pending
        To be given to :func:`finish` after the call, whether it raised or not.
    """
    bits, extra = flags.split(applying.concrete(effect, receiver, args, kwargs))
    replaced, updated = _states(bits, extra)
    files, terminal = _files(extra, receiver, args, kwargs)
    plan = Plan(
        bits,
        writes=tuple(_written(extra, receiver, args, kwargs)),
        states_read=tuple(extra.get("reads_state", ())),
        states_updated=updated,
        states_replaced=replaced,
        files=files,
        variables=_variables(bits, extra, args, kwargs),
        terminal=terminal or (bool(bits & flags.OUTPUT) and not bits & flags.STREAM),
    )
    observed = tuple((state, states.token(state)) for state in extra.get("observe_state", ()))
    figure = extra.get("figure") if bits & flags.FIGURE else None
    return Pending(plan, observed, figure, figures.before() if figure else None)


def finish(pending: Pending) -> Plan:
    """Complete a plan by what can only be seen after the call."""
    plan = pending.plan
    changed = [state for state, token in pending.observed if states.token(state) != token]
    if changed:
        plan = plan._replace(states_updated=(*plan.states_updated, *changed))
    if pending.figure is not None:
        plan = _with_figure(plan, figures.after(pending.figure, pending.noted))
    return plan


def _with_figure(plan: Plan, drawing: figures.Drawing) -> Plan:
    pyplot = ("matplotlib.pyplot",)
    plan = plan._replace(
        writes=(*plan.writes, *drawing.changed), reads=(*plan.reads, *drawing.read)
    )
    if drawing.state == "write":
        return plan._replace(states_replaced=(*plan.states_replaced, *pyplot))
    if drawing.state == "update":
        return plan._replace(states_updated=(*plan.states_updated, *pyplot))
    return plan._replace(states_read=(*plan.states_read, *pyplot))


def _states(bits: int, extra: flags.Extra) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tell the hidden states that are replaced from those that are changed."""
    named = tuple(extra.get("state", ()))
    if bits & flags.ENVIRONMENT:
        named = tuple(state for state in named if state != "environment")
    if bits & flags.FIGURE:
        named = tuple(state for state in named if state != "matplotlib.pyplot")
    # One option of many does not replace the others.
    whole = bits & flags.SEED and "key" not in extra
    return (named, ()) if whole else ((), named)


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
    state = getattr(receiver, "__dict__", None)
    for name in extra.get("generators", ()):
        generator = state.get(name) if type(state) is dict else None
        if generator is not None and type(generator) not in (int, str):
            found.append(generator)
    return found


def _files(
    extra: flags.Extra, receiver: object, args: Sequence[object], kwargs: Mapping[str, object]
) -> tuple[tuple[tuple[str, str], ...], bool]:
    """List the files that the call names or holds, and whether the terminal is among them."""
    found: dict[tuple[str, str], None] = {}
    for pointer, access in extra.get("path", ()):
        value = receiver if pointer == "self" else applying.argument(pointer, args, kwargs)
        for target in streams.targets(value):
            # What is written into an open file comes after what is in it.
            is_path = isinstance(value, (str, bytes, os.PathLike))
            found[target, access if is_path or access in ("read", "list") else "update"] = None
    if extra.get("stream") == "logging":
        found.update(dict.fromkeys((target, "update") for target in streams.logging_targets()))
    terminal = any(target == streams.TERMINAL for target, _ in found)
    return tuple(item for item in found if item[0] != streams.TERMINAL), terminal


def _variables(
    bits: int, extra: flags.Extra, args: Sequence[object], kwargs: Mapping[str, object]
) -> tuple[tuple[str, str], ...]:
    """List the environment variables that the call reads or writes."""
    if not bits & flags.ENVIRONMENT:
        return ()
    access = "write" if any(s.startswith("environment") for s in extra.get("state", ())) else "read"
    pointer = extra.get("key")
    value = applying.argument(pointer, args, kwargs) if pointer is not None else None
    if type(value) is bytes:
        value = os.fsdecode(value)
    return ((value if type(value) is str else "ALL", access),)
