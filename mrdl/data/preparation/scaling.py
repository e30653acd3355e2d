"""How values are to be scaled, as settings say, or a model that a training starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrdl.data.preparation.categories import MOST_LEVELS
from mrdl.data.preparation.inputs import Inputs
from mrdl.data.statistics import Statistics
from mrdl.data.text.schema import Schema
from mrdl.data.types import CATEGORY
from mrdl.errors import ConfigError, brief
from mrdl.settings.config import TrainConfig
from mrdl.settings.fields import FLOAT32_MAX

STANDARD = "standard"
WAYS = ("mean", "median", "zero")  # to fill in what is missing
LIMIT = 10.0  # deviations that a standardised value keeps


@dataclass(frozen=True)
class Scaling:
    """How values are scaled, and what missing ones become.

    how: column, common (one unit for all columns), auto, as the statistics have it, or standard.
    threshold: above it a value is 1, else 0; None without one.
    missing: mean, median or zero; auto: the mean of standardised values, else the least. fill: the same, or a number as
    text, of columns by their name. levels: most of a category that have an input of their own.
    taken: the inputs, where they are known: of the model that the training starts from, or of an earlier round.
    """

    how: str = "auto"
    threshold: float | None = None
    missing: str = "auto"
    fill: Mapping[str, str] = field(default_factory=dict)
    levels: int = MOST_LEVELS
    taken: Inputs | None = None

    @classmethod
    def of(cls, config: TrainConfig, schema: Schema) -> "Scaling":
        """Return what settings say of a table; raises ConfigError for a column of numbers that it has not."""
        numbers = [
            name for name, column in zip(schema.features, schema.feature_types, strict=False) if column.kind != CATEGORY
        ]
        fill = {}
        for text in config.fill:
            name, _, way = text.rpartition("=")
            if name not in numbers:
                raise ConfigError(f"fill is {text!r}, but {brief(name)} is no column of numbers; as age=median")
            if way not in WAYS and not _is_finite(way):
                ways = f"{', '.join(WAYS)} or a number that 32 bits can hold"
                raise ConfigError(f"fill is {text!r}, expected {ways} behind the name")
            fill[name] = way
        return cls(config.scaling, config.threshold, config.missing, fill, config.levels)

    @property
    def samples(self) -> bool:
        """Whether a sample of the rows decides."""
        ways = (self.missing, *self.fill.values())
        return self.taken is None and (self.how == STANDARD or any(way in ("mean", "median") for way in ways))

    def decides(self, statistics: Statistics) -> bool:
        """Return whether the inputs are known by these statistics."""
        return not self.samples or statistics.sample is not None

    def to_meta(self) -> list[Any]:
        """Return what `from_meta` reads, as JSON has it."""
        taken = self.taken
        arrays = {name: array.tolist() for name, array in taken.arrays().items()} if taken else {}
        decided = [taken.to_meta(), arrays] if taken else None
        return [self.how, self.threshold, self.missing, dict(self.fill), self.levels, decided]

    @classmethod
    def from_meta(cls, meta: Sequence[Any]) -> "Scaling":
        """Return the scaling that `to_meta` has written."""
        how, threshold, missing, fill, levels, taken = meta
        inputs = None
        if taken is not None:
            arrays = {name: np.array(values, np.float32) for name, values in taken[1].items()}
            inputs = Inputs.from_meta(taken[0], arrays)
        return cls(how, threshold, missing, fill, levels, inputs)


def _is_finite(text: str) -> bool:
    """Return whether a text is a number that 32 bits can hold."""
    try:
        return abs(float(text)) <= FLOAT32_MAX
    except ValueError:
        return False
