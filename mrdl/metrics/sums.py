"""Sums of floats that do not depend on the order of what is added: exact, and rounded once, when they are read."""

import math
from fractions import Fraction

import numpy as np

BITS = 53  # of a float64's mantissa
LOW = 27  # of those, in the lower part: sums of either part are whole float64 up to PIECE values
PIECE = 1 << 25
LEAST = 1126  # every float64 is a whole multiple of 2 to the power of minus this


class ExactSum:
    """The exact sum of any number of finite float64, whatever their order and the parts that they come in.

    Infinite and undefined values make it undefined, for good.

    total = ExactSum(); total.add(np.array([1e16, 1.0, -1e16])); float(total)  # 1.0
    """

    def __init__(self, units: int = 0) -> None:
        """units: of 2 to the power of -LEAST, that it begins with."""
        self.units = units
        self._is_finite = True

    def add(self, values: np.ndarray) -> None:
        """Add values, (n,) of any float type."""
        flat = np.asarray(values, np.float64).reshape(-1)
        if not np.isfinite(flat).all():
            self._is_finite = False
            return
        for start in range(0, len(flat), PIECE):
            self._add(flat[start : start + PIECE])

    def _add(self, values: np.ndarray) -> None:
        """Add up the two halves of the mantissas by their exponents, and then those few numbers as whole ones."""
        mantissas, exponents = np.frexp(values)
        whole = np.ldexp(mantissas, BITS).astype(np.int64)
        least = int(exponents.min(initial=0))
        places = exponents - least
        high = np.bincount(places, whole >> LOW)
        low = np.bincount(places, whole & ((1 << LOW) - 1))
        for place in np.flatnonzero((high != 0) | (low != 0)).tolist():
            self.units += ((int(high[place]) << LOW) + int(low[place])) << (place + least - BITS + LEAST)

    def merge(self, other: "ExactSum") -> None:
        """Add all that another sum has."""
        self.units += other.units
        self._is_finite &= other._is_finite

    @property
    def exact(self) -> Fraction | None:
        """The sum itself; None where a value was not finite."""
        return Fraction(self.units, 1 << LEAST) if self._is_finite else None

    def __float__(self) -> float:
        return nearest(self.exact)


def nearest(value: Fraction | None) -> float:
    """The float64 that is nearest, infinite beyond the largest; nan for None."""
    if value is None:
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def squares(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The squares of float64 values, (n,), as sums of two float64 without any rounding (Dekker 1971): (n,) each.

    Values from 1e-140 to 1e150 are such; what is smaller loses its last bits.
    """
    scaled = values * ((1 << LOW) + 1.0)
    high = scaled - (scaled - values)
    low = values - high
    rounded = values * values
    return rounded, ((high * high - rounded) + 2 * high * low) + low * low
