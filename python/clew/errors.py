"""Every exception that Clew raises on purpose.

All derive from `ClewError`. Each carries what happened in `message` and, where there is something
to do about it, the next step in `hint`. They can be pickled. The Rust side raises them through one
map (`errors.rs`), by the names of this module.
"""

from __future__ import annotations


class ClewError(Exception):
    """Anything that Clew reports.

    Parameters
    ----------
    message
        What happened, without a full stop.
    hint
        What to do next, if something can be done.
    """

    message: str
    hint: str | None

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}; {self.hint}"


class UsageError(ClewError):
    """A command line that Clew does not understand."""


class InvalidTarget(UsageError):
    """A text that is no TARGET."""


class Refused(ClewError):
    """Something that Clew will not do, as the answer could be wrong; the message is the reason."""


class UnknownTarget(ClewError):
    """A target that the run does not have."""


class UnknownRun(ClewError):
    """A name that stands for no run, or for more than one."""


class UnknownArtifact(ClewError):
    """A name, or a version of it, under which no value was saved."""


class NotRecorded(ClewError):
    """A run without the record a question needs: open, killed, or of too coarse a detail."""


class QueryError(ClewError):
    """A query that is not valid SQL, or that would change something."""


class ValueUnavailable(ClewError):
    """A saved value that cannot be loaded: not serialised, or in a store that is not trusted."""


class InternalError(ClewError):
    """A defect in Clew."""


class StoreError(ClewError):
    """The store cannot be used."""


class StoreNotFound(StoreError):
    """There is no store here or above."""


class StoreUnavailable(StoreError):
    """A store, or a file of it, that cannot be opened."""


class StoreReadOnly(StoreError):
    """A store that cannot be written."""


class StoreFull(StoreError):
    """No space is left for the store."""


class StoreBusy(StoreError):
    """Another process keeps the store locked."""


class StoreCorrupt(StoreError):
    """A store whose database is damaged or belongs to another program."""


class StoreTooNew(StoreError):
    """A store that a newer Clew has written."""


class ObjectMissing(StoreError):
    """An object that the store refers to and does not have."""


class ObjectDamaged(StoreError):
    """An object whose bytes are not those that were stored."""


class GuardViolation(ClewError):
    """A graph is evaluated with inputs for which the traced program would have gone another way.

    Attributes
    ----------
    expression : str
        What the program went on with, as an expression.
    expected, actual
        What it was when it was traced, and what it is now.
    source : tuple of (str, int) or None
        File and line of the program, if they are known.
    op : str
        The name of the conversion: ``bool``, ``len``, ``index``, ...
    """

    expression: str = ""
    expected: object = None
    actual: object = None
    source: tuple[str, int] | None = None
    op: str = ""

    @classmethod
    def of(
        cls,
        expression: str,
        expected: object,
        actual: object,
        source: tuple[str, int] | None = None,
        op: str = "",
    ) -> GuardViolation:
        """Make the error about a fact that does not hold any more."""
        place = f" at {source[0]}:{source[1]}" if source is not None else ""
        error = cls(
            f"{expression} was {expected!r} when it was traced{place}, and is {actual!r} now",
            'trace the program again, or evaluate with guards="ignore"',
        )
        error.expression, error.expected, error.actual = expression, expected, actual
        error.source, error.op = source, op
        return error


class UnknownInput(ClewError):
    """A name that is no input of a graph."""


class NotTraced(ClewError):
    """A value that is not traced where a traced one is needed."""


class NoRule(ClewError):
    """An operation through which no rule says how a message goes back."""
