"""Units of measurement, and what operations do to them."""

from fractions import Fraction


class UnitError(Exception):
    """Quantities of different kinds are mixed up."""


class Unit:
    def __init__(self, **powers):
        self.powers = {name: Fraction(power) for name, power in powers.items() if power}

    def __mul__(self, other):
        names = {*self.powers, *other.powers}
        return Unit(**{n: self.powers.get(n, 0) + other.powers.get(n, 0) for n in names})

    def __truediv__(self, other):
        return self * other**-1

    def __pow__(self, power):
        return Unit(**{name: value * Fraction(power) for name, value in self.powers.items()})

    def __eq__(self, other):
        return isinstance(other, Unit) and self.powers == other.powers

    def __hash__(self):
        return hash(frozenset(self.powers.items()))

    def __str__(self):
        return " ".join(n if p == 1 else f"{n}^{p}" for n, p in sorted(self.powers.items())) or "1"


ONE = Unit()
KG, M, S = Unit(kg=1), Unit(m=1), Unit(s=1)
NEWTON = KG * M / S**2

SAME = {"add", "sub", "mod", "iadd", "isub", "lt", "le", "gt", "ge", "eq", "ne"}


def combine(op, units, values):
    """Give the unit of a result. `values` are those of the operands; zero is of any unit."""
    if op in SAME:
        known = [unit for unit, value in zip(units, values) if value != 0 or unit != ONE]
        if len(set(known)) > 1:
            raise UnitError(f"{op} of {known[0]} and {known[1]}")
        return known[0] if known else ONE
    if op in ("mul", "imul"):
        return units[0] * units[1]
    if op in ("truediv", "itruediv"):
        return units[0] / units[1]
    if op in ("pow", "ipow"):
        return units[0] ** values[1]
    if op == "sqrt":
        return units[0] ** Fraction(1, 2)
    if op in ("sin", "cos", "exp", "log"):
        if units[0] != ONE:
            raise UnitError(f"{op} of {units[0]}")
        return ONE
    return units[0]
