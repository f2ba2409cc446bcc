from . import arithmetic
from .arithmetic import add as plus
from .. import nothing_above if False else None  # this module has a syntax error
