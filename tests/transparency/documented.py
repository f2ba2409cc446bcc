"""Docstrings and annotations stay.

>>> double(2)
4
>>> double("a")
'aa'
>>> fail()
Traceback (most recent call last):
    ...
ValueError: expected
>>> double(3)
7
"""
import doctest
import typing

x: int = 1
y: "list[str]"
(z): int = 2


def double(value: "int | str", *, flag: bool = False) -> typing.Any:
    "Double.\n\n    >>> double(1.5)\n    3.0\n    "
    local: int = 1
    unbound: str
    return value * 2


def fail():
    """Fail."""
    raise ValueError("expected")


def not_documented():
    1
    """no docstring"""


def only():
    """Only."""


class Documented:
    """Class."""

    attribute: int = 3
    declared: "float"

    def method(self):
        """Method."""

    async def coroutine(self) -> None:
        """Coroutine."""

    lambda_ = lambda self: None


print(__doc__[:10], double.__doc__, fail.__doc__, not_documented.__doc__, only.__doc__, only())
print(Documented.__doc__, Documented.method.__doc__, Documented.coroutine.__doc__, Documented.lambda_.__doc__)
print(__annotations__, double.__annotations__, Documented.__annotations__, typing.get_type_hints(Documented))
print(Documented.method.__qualname__, Documented.lambda_.__qualname__, (lambda: 0).__qualname__)
print(doctest.testmod())
