"""What holds for the callees of a library that no annotation names.

Each module here knows some packages and has the same two functions, in this order:
``default(callee)`` gives the effect of a callee without an annotation, or None if it is unknown;
``complete(callee, effect)`` adds what follows from the callee's signature or class. None of them
imports the library that it knows.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clew.effects.flags import Effect


class Callee(NamedTuple):
    """A callee as the families see it."""

    #: The callable itself.
    callable: Any
    #: The dotted name of the module that defines it.
    module: str
    #: Its name.
    name: str
    #: The class that defines it, for a method; the class itself, for a class that is called.
    owner: type | None
    #: The class of the receiver, for a method.
    receiver_type: type | None
    #: Names of its parameters without the receiver, as far as they are known.
    parameters: tuple[str, ...]
    #: How many of them may be given by position.
    n_positional: int
    #: The defaults of parameters, as far as they are known.
    defaults: Mapping[str, object]
    #: Whether it takes keywords that are not among its parameters.
    takes_any_keyword: bool = False

    def position(self, parameter: str) -> int | None:
        """Where a parameter may stand among the positional arguments."""
        if parameter not in self.parameters:
            return None
        index = self.parameters.index(parameter)
        return index if index < self.n_positional else None

    def in_module(self, *prefixes: str) -> bool:
        """Whether it is defined in one of these modules or below them."""
        return any(self.module == p or self.module.startswith(p + ".") for p in prefixes)


class Family(Protocol):
    """What every module of this package offers."""

    def default(self, callee: Callee) -> Effect | None:
        """Give the effect of a callee that no annotation names."""

    def complete(self, callee: Callee, effect: Effect) -> Effect:
        """Add what follows from the signature or the class."""


#: The family of each package.
_PACKAGES: Final = {
    "PIL": "images",
    "imageio": "images",
    "imblearn": "estimators",
    "joblib": "estimators",
    "lightgbm": "estimators",
    "matplotlib": "figures",
    "mpl_toolkits": "figures",
    "networkx": "graphs",
    "numpy": "arrays",
    "pandas": "frames",
    "scipy": "arrays",
    "seaborn": "figures",
    "skimage": "arrays",
    "sklearn": "estimators",
    "statsmodels": "estimators",
    "torch": "arrays",
    "tqdm": "images",
    "xgboost": "estimators",
}


def family_of(module: str) -> Family | None:
    """Find the family that knows the package of a module."""
    package = module.partition(".")[0]
    name = _PACKAGES.get(package)
    if name is None:
        if package not in sys.stdlib_module_names and package != "__builtin__":
            return None
        name = "standard"
    family: Any = importlib.import_module(f"clew.effects.families.{name}")
    return family  # type: ignore[no-any-return]
