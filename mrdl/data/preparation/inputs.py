"""The inputs of a network: what becomes of each column of a table."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from mrdl.nn.encoding.encoder import Encoder
from mrdl.nn.encoding.encoding import Encoding
from mrdl.nn.engines.numpy_engine import GATHER_BYTES, NumpyEngine


@dataclass(frozen=True, eq=False)
class Inputs:
    """What becomes of each column; decided once, kept with the model, and the same wherever rows go through it.

    shift, factor: (columns,) float32; a value becomes (value - shift) * factor. threshold: raw values above it count
    as 1, all others as 0; None: scaled.
    """

    ARRAYS: ClassVar[tuple[str, ...]] = ("shift", "factor")

    shift: np.ndarray
    factor: np.ndarray
    threshold: float | None = None

    @cached_property
    def encoding(self) -> Encoding:
        """The same as the arrays that rows go through."""
        return Encoding(self.shift, self.factor, self.threshold)

    @property
    def width(self) -> int:
        """Inputs that a row becomes: the nodes of a network's first layer."""
        return self.encoding.width

    def of(self, features: np.ndarray) -> np.ndarray:
        """Return the inputs of raw rows: (rows, width) float32 of (rows, columns) of any number type.

        What lies outside the training range is cut, and what is missing (nan) is 0.
        """
        encode = Encoder(self.encoding, NumpyEngine(), cut=True)
        made = np.empty((len(features), self.width), np.float32)
        step = max(1, GATHER_BYTES // max(1, 4 * self.width))
        with np.errstate(over="ignore"):  # what overflows is cut
            for start in range(0, len(features), step):
                encode(features[start : start + step], made[start : start + step])
        return np.nan_to_num(made, copy=False)

    def fill(self, features: np.ndarray) -> np.ndarray:
        """Return features, (rows, columns) as they are in the table, whose missing values (nan) become 0 by scaling.

        They are written over where some are missing.
        """
        if features.dtype == np.float32:
            value = self.shift if self.threshold is None else np.float32(-np.inf)
            step = max(1, GATHER_BYTES // max(1, 4 * features.shape[1]))
            for start in range(0, len(features), step):
                part = features[start : start + step, : len(self.shift)]  # behind them there may be targets
                np.copyto(part, value, where=np.isnan(part))
        return features

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name: (columns,) float32 each."""
        return {name: getattr(self, name) for name in self.ARRAYS}

    def to_meta(self) -> dict[str, Any]:
        """Return all but the arrays, as JSON has it."""
        return {"threshold": self.threshold}

    @staticmethod
    def is_meta(value: Any) -> bool:
        """Return whether a stranger's value is what `to_meta` may give."""
        return isinstance(value, dict) and set(value) == {"threshold"} and _is_threshold(value["threshold"])

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Inputs":
        """Return the inputs of what `to_meta` and `arrays` gave."""
        return cls(shift=arrays["shift"], factor=arrays["factor"], threshold=meta["threshold"])


def _is_threshold(value: Any) -> bool:
    """Return whether a value is a number, or None."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value is None or (is_number and math.isfinite(value))
