"""How values are to be scaled, as settings say, or a model that a training starts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrdl.data.preparation.inputs import Inputs
from mrdl.data.statistics import Statistics

STANDARD = "standard"
LIMIT = 10.0  # deviations that a standardised value keeps


@dataclass(frozen=True)
class Scaling:
    """How values are scaled, and what missing ones become.

    how: column, common (one unit for all columns), auto, as the statistics have it, or standard.
    threshold: above it a value is 1, else 0; None without one.
    missing: mean, median or zero; auto: the mean of standardised values, else the least.
    taken: the inputs, where they are known: of the model that the training starts from, or of an earlier round.
    """

    how: str = "auto"
    threshold: float | None = None
    missing: str = "auto"
    taken: Inputs | None = None

    @property
    def samples(self) -> bool:
        """Whether a sample of the rows decides."""
        return self.taken is None and (self.how == STANDARD or self.missing in ("mean", "median"))

    def decides(self, statistics: Statistics) -> bool:
        """Return whether the inputs are known by these statistics."""
        return not self.samples or statistics.sample is not None

    def to_meta(self) -> list[Any]:
        """Return what `from_meta` reads, as JSON has it."""
        taken = self.taken
        arrays = {name: array.tolist() for name, array in taken.arrays().items()} if taken else {}
        return [self.how, self.threshold, self.missing, [taken.to_meta(), arrays] if taken else None]

    @classmethod
    def from_meta(cls, meta: Sequence[Any]) -> "Scaling":
        """Return the scaling that `to_meta` has written."""
        how, threshold, missing, taken = meta
        if taken is None:
            return cls(how, threshold, missing)
        arrays = {name: np.array(values, np.float32) for name, values in taken[1].items()}
        return cls(how, threshold, missing, Inputs.from_meta(taken[0], arrays))
