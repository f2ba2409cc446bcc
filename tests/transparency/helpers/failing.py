"""Fails while it is imported."""
from . import arithmetic


def compute():
    return arithmetic.fail()


value = compute()
