"""What a sample tells of each column: mean, deviation, median, and how much of it is missing.

The sample is of the rows that rank lowest by their hashes, in the order of these, and so the same however the rows are
split and shared out: sums of floats are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from mrdl.settings.samples import rows_within

ROWS = 20_000  # of a sample; their mean is that of all rows to a hundredth of the deviation
BYTES = 32 << 20  # of a sample, as float32
_CELLS = 1 << 20  # gone through at once as float64


def rows_for(columns: int) -> int:
    """Return how many rows a sample of so many columns has, where the data has as many."""
    return rows_within(BYTES, columns, ROWS)


@dataclass(frozen=True, eq=False)
class Sample:
    """What a sample tells of the columns.

    mean, deviation, median: (columns,) float64, of the values that are there, 0 without any; rows, missing:
    (columns,) float64, how many rows have one and how many have none.
    binary, whole: (columns,) float64, 1 where all values are 0 or 1, or whole numbers.
    """

    mean: np.ndarray
    deviation: np.ndarray
    median: np.ndarray
    rows: np.ndarray
    missing: np.ndarray
    binary: np.ndarray
    whole: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, order: np.ndarray | None = None) -> "Sample":
        """Return what rows tell, in an order, or that which they are in.

        features: (rows, columns), nan where one is missing; order: (some rows,) int64, which of them, left out: all.
        They are gone through by a few columns at once, so that no copy of them all is made.
        """
        order = np.arange(len(features)) if order is None else order
        step = max(1, _CELLS // max(1, len(order)))
        parts = [_parts(features[:, i : i + step][order]) for i in range(0, features.shape[1], step)]
        return cls(*(np.concatenate([part[i] for part in parts]) for i in range(len(fields(cls)))))

    @property
    def share_missing(self) -> np.ndarray:
        """The share of rows that have no value, (columns,)."""
        return self.missing / np.maximum(1, self.missing + self.rows)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the fields by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Sample":
        """Return the sample of what `arrays` gave."""
        return cls(*(arrays[each.name] for each in fields(cls)))

    def of_columns(self, count: int) -> "Sample":
        """Return what is told of the first columns."""
        return Sample(*(array[:count] for array in self.arrays().values()))


def _parts(features: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the fields of a sample for some columns."""
    values = features.astype(np.float64, order="C")
    absent = np.isnan(values)
    missing = absent.sum(0)
    rows = len(values) - missing
    median = np.zeros(values.shape[1])
    if rows.any():
        median[rows > 0] = np.nanmedian(values[:, rows > 0], 0)
    np.copyto(values, median, where=absent)
    binary, whole = ((values == 0) | (values == 1) | absent).all(0), (values == np.floor(values)).all(0)
    some = np.maximum(rows, 1)
    values -= median
    np.copyto(values, 0, where=absent)
    around = values.sum(0) / some  # around the median: a large mean costs no digits
    values -= around
    np.copyto(values, 0, where=absent)
    deviation = np.sqrt((values * values).sum(0) / some)
    counts = rows.astype(float), missing.astype(float)
    return median + around, deviation, median, *counts, binary.astype(float), whole.astype(float)
