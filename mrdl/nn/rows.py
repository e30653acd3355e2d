"""Rows as a training on one machine takes them."""

from dataclasses import dataclass

import numpy as np

BATCH_ROWS = 1000  # that go through a trained network at once


@dataclass(frozen=True)
class Rows:
    """The rows of a shard, as they are in the table, with all that makes inputs of them.

    features: (rows, columns) uint8 or float32, raw; targets: (rows,) int64, the classes, or (rows, outputs) float32,
    numbers or flags, as a loss of mrdl.nn.losses wants them; order: (rows,) int64, the
    rows in the order of their hashes; minimum, factor: (columns,) float32, the scaling to [0, 1]; threshold: raw values
    above it count as 1, all others as 0; None: scaled.
    """

    features: np.ndarray
    targets: np.ndarray
    order: np.ndarray
    minimum: np.ndarray
    factor: np.ndarray
    threshold: float | None = None

    def __len__(self) -> int:
        return len(self.features)

    @property
    def is_prepared(self) -> bool:
        """Whether the features are in [0, 1] as they are, so that nothing is to be scaled."""
        return self.threshold is None and not self.minimum.any() and bool((self.factor == 1).all())


@dataclass(frozen=True)
class Dataset:
    """A table that is prepared for a sweep, in two parts: rows in [0, 1] in the order of their hashes.

    train_x, test_x: (rows, columns) float32; train_y, test_y: (rows,) int64, index in classes; digest: of all of it,
    the split included; label: which column it is and why, in words, if it was just read.
    """

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: tuple[str, ...]
    digest: str
    label: str = ""

    @property
    def columns(self) -> int:
        """Values in a row."""
        return int(self.train_x.shape[1])

    @property
    def majority(self) -> int:
        """The most frequent class of the training rows, the first of equals: what a baseline always says."""
        return int(np.bincount(self.train_y, minlength=len(self.classes)).argmax())

    @property
    def baseline(self) -> float:
        """The accuracy of always saying the majority class, on the test rows."""
        return float((self.test_y == self.majority).mean())
