"""How values are to be scaled, as settings say, or a model that a training starts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrdl.data.preparation.inputs import Inputs


@dataclass(frozen=True)
class Scaling:
    """How values are scaled.

    how: column, common (one unit for all columns), or auto, as the statistics have it.
    threshold: above it a value is 1, else 0; None without one.
    taken: the inputs of the model that the training starts from, which the statistics do not change; None where it
    starts from nothing.
    """

    how: str = "auto"
    threshold: float | None = None
    taken: Inputs | None = None

    def to_meta(self) -> list[Any]:
        """Return what `from_meta` reads, as JSON has it."""
        taken = self.taken
        arrays = {name: array.tolist() for name, array in taken.arrays().items()} if taken else {}
        return [self.how, self.threshold, [taken.to_meta(), arrays] if taken else None]

    @classmethod
    def from_meta(cls, meta: Sequence[Any]) -> "Scaling":
        """Return the scaling that `to_meta` has written."""
        how, threshold, taken = meta
        if taken is None:
            return cls(how, threshold)
        arrays = {name: np.array(values, np.float32) for name, values in taken[1].items()}
        return cls(how, threshold, Inputs.from_meta(taken[0], arrays))
