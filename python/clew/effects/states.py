"""Hidden state of libraries: its names in effects, and how to see whether it changed."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable


def token(state: str) -> object:
    """Give a value that is equal as long as a hidden state is the same.

    Parameters
    ----------
    state
        A name such as ``numpy.random``.

    Returns
    -------
    object
        Something to compare; None if the library is not imported or the state is not known.
    """
    reader = _TOKENS.get(state)
    if reader is None:
        return None
    try:
        return reader()
    except Exception:
        return None


def objects(state: str) -> tuple[object, ...]:
    """List the objects that hold a hidden state, so that what is done to them is done to it."""
    finder = _OBJECTS.get(state)
    if finder is None:
        return ()
    try:
        return tuple(part for part in finder() if part is not None)
    except Exception:
        return ()


def names() -> list[str]:
    """List the hidden states that can be looked at."""
    return sorted({*_TOKENS, *_OBJECTS})


def _module(name: str) -> Any:
    return sys.modules[name]


def _numpy_random() -> object:
    state = _module("numpy.random.mtrand")._rand._bit_generator.state["state"]
    return hash((state.get("pos"), bytes(memoryview(state["key"]))))


def _print_options() -> object:
    return repr(sorted(_module("numpy").get_printoptions().items()))


def _filters() -> object:
    return repr([(f[0], f[1] and f[1].pattern, f[2].__name__) for f in _module("warnings").filters])


def _figures() -> object:
    managers = _module("matplotlib._pylab_helpers").Gcf.figs
    return tuple((number, id(manager)) for number, manager in managers.items())


def _style() -> object:
    return repr(sorted(dict.items(_module("matplotlib").rcParams)))


def _options(*sections: str) -> tuple[Any, ...]:
    known = _module("pandas._config.config")._global_config
    return tuple(known.get(section) for section in sections)


def _logging() -> object:
    root = _module("logging").root
    return (root.level, root.manager.disable, tuple(map(id, root.handlers)))


_RESULTS: Final = ("compute", "future", "io", "mode")
_DISPLAY: Final = ("display", "plotting", "styler")

_TOKENS: Final[dict[str, Callable[[], object]]] = {
    "decimal.context": lambda: repr(_module("decimal").getcontext()),
    "environment": lambda: hash(frozenset(os.environ._data.items())),  # type: ignore[attr-defined]
    "locale": lambda: _module("_locale").setlocale(6),
    "logging": _logging,
    "matplotlib.pyplot": _figures,
    "matplotlib.rcParams": _style,
    "numpy.errstate": lambda: repr(sorted(_module("numpy").geterr().items())),
    "numpy.printoptions": _print_options,
    "numpy.random": _numpy_random,
    "pandas.display": lambda: repr(_options(*_DISPLAY)),
    "pandas.options": lambda: repr(_options(*_RESULTS)),
    "process.cwd": os.getcwd,
    "random": lambda: hash(_module("random").getstate()),
    "sys.argv": lambda: tuple(sys.argv),
    "sys.limits": sys.getrecursionlimit,
    "torch": lambda: bytes(memoryview(_module("torch").get_rng_state().numpy())),
    "warnings.filters": _filters,
}

_OBJECTS: Final[dict[str, Callable[[], tuple[object, ...]]]] = {
    "environment": lambda: (os.environ,),
    "logging": lambda: (_module("logging").root,),
    "matplotlib.rcParams": lambda: (_module("matplotlib").rcParams,),
    "numpy.random": lambda: (_module("numpy.random.mtrand")._rand,),
    "pandas.display": lambda: _options(*_DISPLAY),
    "pandas.options": lambda: _options(*_RESULTS),
    "random": lambda: (_module("random")._inst,),
    "sys.argv": lambda: (sys.argv,),
    "warnings.filters": lambda: (_module("warnings").filters,),
}
