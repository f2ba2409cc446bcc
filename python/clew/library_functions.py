"""Functions of libraries that know no protocol by which a traced value could answer for itself.

NumPy and PyTorch ask their arguments (``__array_ufunc__``, ``__array_function__``,
``__torch_function__``). Functions of JAX and of pandas do not: once values are traced, the public
functions of their modules get traced arguments as plain values, and the call is one operation.
"""

from __future__ import annotations

import sys
import types
from typing import Final

from clew import _core

_MODULES: Final = (
    "jax.numpy",
    "jax.numpy.linalg",
    "jax.numpy.fft",
    "jax.nn",
    "jax.lax",
    "jax.scipy.special",
    "pandas",
)
_met: Final[set[str]] = set()


def meet() -> None:
    """Look which of the libraries were imported since the last time, and prepare them."""
    for name in _MODULES:
        if name not in _met and (module := sys.modules.get(name)) is not None:
            _met.add(name)
            _prepare(module)


def _prepare(module: types.ModuleType) -> None:
    for name, value in list(vars(module).items()):
        is_function = callable(value) and not isinstance(value, (type, _core.ForeignFunction))
        if is_function and not name.startswith("_") and hasattr(value, "__name__"):
            setattr(module, name, _core.ForeignFunction(value))
