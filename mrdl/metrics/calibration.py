"""Whether a network is as often right as it says that it is."""

import math
from dataclasses import dataclass

import numpy as np

from mrdl.metrics.sums import ExactSum

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Rows that were answered with a probability in a range. low, high: of it; rows; said: the mean probability; hits:
    rows of which the answer was right."""

    low: float
    high: float
    rows: int
    said: float
    hits: int


class Calibration:
    """Rows by the probability of the class that was said of them, in ranges of a tenth.

    calibration = Calibration(); calibration.add(probability, hits); calibration.error
    """

    def __init__(self) -> None:
        self._rows = np.zeros(BINS, np.int64)
        self._hits = np.zeros(BINS, np.int64)
        self._said = [ExactSum() for _ in range(BINS)]

    def add(self, probability: np.ndarray, hits: np.ndarray) -> None:
        """Take rows. probability: (rows,) in [0, 1], that of the answer; hits: (rows,) bool, whether it was right."""
        defined = ~np.isnan(probability)
        probability, hits = probability[defined].astype(np.float64), hits[defined]
        places = np.clip((probability * BINS).astype(np.int64), 0, BINS - 1)
        rows = np.bincount(places, minlength=BINS)
        self._rows += rows
        self._hits += np.bincount(places[hits], minlength=BINS)
        for place in np.flatnonzero(rows).tolist():
            self._said[place].add(probability[places == place])

    def merge(self, other: "Calibration") -> None:
        """Take the rows of another one."""
        self._rows += other._rows
        self._hits += other._hits
        for mine, theirs in zip(self._said, other._said, strict=True):
            mine.merge(theirs)

    @property
    def bins(self) -> list[Bin]:
        """The ranges that rows are in, by rising probability."""
        return [
            Bin(i / BINS, (i + 1) / BINS, rows, float(self._said[i]) / rows, int(self._hits[i]))
            for i, rows in enumerate(self._rows.tolist())
            if rows
        ]

    @property
    def error(self) -> float:
        """The mean distance of what was said to what was right, by rows (expected calibration error; Naeini et al.
        2015); nan without rows."""
        rows = int(self._rows.sum())
        return sum(abs(b.said * b.rows - b.hits) for b in self.bins) / rows if rows else math.nan
