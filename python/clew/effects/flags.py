"""The bits of an effect: what one call of a foreign callee does beyond returning its result.

The recorder mirrors these bits, so a value never changes its meaning; new ones are only added.
An effect is an ``int`` of these bits, or a pair of the bits and a dictionary of particulars
(:data:`EXTRA_KEYS`). It must not be decided here how the bits are found: that is
:mod:`clew.effects.resolver`'s.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

#: No effect; looks at scalars or at its receiver shallowly: the call may stay native.
NATIVE: Final = 1
#: Changes the receiver.
WRITES_RECEIVER: Final = 2
#: Uses everything reachable from the receiver.
READS_RECEIVER: Final = 4
#: Uses everything reachable from the arguments.
READS_ARGUMENTS: Final = 8
#: Advances the iterators (and the random generators) among the arguments.
CONSUMES_ARGUMENTS: Final = 16
#: Writes to the terminal, which nothing reads back.
OUTPUT: Final = 32
#: Unknown: compare receiver and arguments before and after.
OBSERVE: Final = 64
#: Draws from a hidden random generator (``state`` names it).
RANDOM: Final = 128
#: Uses the current figure of ``matplotlib.pyplot``.
FIGURE: Final = 256
#: Changes hidden state of a module (``state`` names it).
MODULE_STATE: Final = 512
#: Reads the clock, or waits.
CLOCK: Final = 1024
#: Reads or writes an environment variable (``key`` tells which argument names it).
ENVIRONMENT: Final = 2048
#: Changes the arguments that ``arguments`` lists.
WRITES_ARGUMENT: Final = 4096
#: Writes into a file: a file object found in receiver or arguments, or the one that ``path`` names.
STREAM: Final = 8192
#: The result shares state with the receiver or the arguments.
ALIAS: Final = 16384
#: Gives another result at each run, whatever the program did before.
NONDETERMINISTIC: Final = 32768
#: Replaces the state named by ``state`` completely: what it was before no longer matters.
SEED: Final = 65536
#: Access by the first argument when that is a string, as a subscript would.
KEYED: Final = 131072

#: What holds for a callee nobody knows.
UNKNOWN: Final = OBSERVE | READS_RECEIVER | READS_ARGUMENTS | CONSUMES_ARGUMENTS | ALIAS
#: Reads whatever it is given and changes nothing: the rule of most library functions.
READS: Final = READS_RECEIVER | READS_ARGUMENTS | CONSUMES_ARGUMENTS
#: Reads its receiver and arguments in order to change its receiver.
UPDATES: Final = WRITES_RECEIVER | READS

#: Every bit by its name, in ascending order.
NAMES: Final[dict[str, int]] = {
    "NATIVE": NATIVE,
    "WRITES_RECEIVER": WRITES_RECEIVER,
    "READS_RECEIVER": READS_RECEIVER,
    "READS_ARGUMENTS": READS_ARGUMENTS,
    "CONSUMES_ARGUMENTS": CONSUMES_ARGUMENTS,
    "OUTPUT": OUTPUT,
    "OBSERVE": OBSERVE,
    "RANDOM": RANDOM,
    "FIGURE": FIGURE,
    "MODULE_STATE": MODULE_STATE,
    "CLOCK": CLOCK,
    "ENVIRONMENT": ENVIRONMENT,
    "WRITES_ARGUMENT": WRITES_ARGUMENT,
    "STREAM": STREAM,
    "ALIAS": ALIAS,
    "NONDETERMINISTIC": NONDETERMINISTIC,
    "SEED": SEED,
    "KEYED": KEYED,
}

#: The particulars that may stand beside the bits, and what each holds.
EXTRA_KEYS: Final[dict[str, str]] = {
    "state": "list of the hidden states it changes, such as 'numpy.random' or 'pandas.options'",
    "reads_state": "list of the hidden states it reads without changing them",
    "idle": "list of random generators that may be drawn from for nothing that reaches a result",
    "observe_state": "list of hidden states that may change: compare `states.token` before, after",
    "arguments": "list of the arguments it changes: positions, names, '*' for all positions",
    "path": "list of [argument or 'self', access]: a path or file object, and 'read', 'write', "
    "'update' or 'list' for what happens to the file it names",
    "stream": "'logging': the files of the root logger's handlers",
    "key": "the argument (position or keyword) that names the variable, option or item",
    "seed": "list of the places of the seed; SEED holds only if one is given",
    "figure": "'new', 'draw', 'read' or 'close': see `clew.effects.figures`",
    "generators": "attributes of the receiver that are advanced if they are random generators",
    "artists": "true if the figures of all artists among the arguments are changed",
    "views": "list of pairs of pointers that share state afterwards",
    "said_by": "the annotation file of the user that says so",
    "when": "list of conditions, each with the bits and particulars it adds: see `applying`",
}

Extra: TypeAlias = dict[str, Any]
Effect: TypeAlias = int | tuple[int, Extra]


def split(effect: Effect) -> tuple[int, Extra]:
    """Give the bits and the particulars of an effect.

    Parameters
    ----------
    effect
        What the resolver returned.

    Returns
    -------
    tuple
        The bits, and a dictionary that is empty when there are no particulars.
    """
    return (effect, {}) if isinstance(effect, int) else effect


def join(bits: int, extra: Extra) -> Effect:
    """Make an effect, without the pair when there are no particulars."""
    return (bits, extra) if extra else bits


def describe(effect: Effect) -> str:
    """Name the bits of an effect, for people.

    Examples
    --------
    >>> describe(WRITES_RECEIVER | ALIAS)
    'WRITES_RECEIVER | ALIAS'
    """
    bits, extra = split(effect)
    names = " | ".join(name for name, bit in NAMES.items() if bits & bit) or "none"
    particulars = ", ".join(f"{key}={value!r}" for key, value in extra.items())
    return f"{names} ({particulars})" if particulars else names
