"""Rows as a training on one machine takes them."""

from dataclasses import dataclass

import numpy as np

from mrdl.nn.encoding.encoding import Encoding

BATCH_ROWS = 1000  # that go through a trained network at once


@dataclass(frozen=True)
class Rows:
    """The rows of a shard, as they are in the table, with all that makes inputs of them.

    features: (rows, columns) uint8 or float32, raw; targets: (rows,) int64, the classes, or (rows, outputs) float32,
    numbers or flags, as a loss of mrdl.nn.losses wants them; order: (rows,) int64, the rows in the order of their
    hashes; encoding: what makes inputs of the features; weights: (rows,) float32, how much each row counts in a step
    by a gradient, None where all count alike.
    """

    features: np.ndarray
    targets: np.ndarray
    order: np.ndarray
    encoding: Encoding
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class Dataset:
    """A table that is prepared for a sweep, in two parts: rows of inputs in the order of their hashes.

    train_x, test_x: (rows, columns) float32; train_y, test_y: (rows,) int64, index in classes, or (rows, targets)
    float32, standardised numbers; digest: of all of it, the split included; label: which column it is and why, in
    words, if it was just read; loss: by which it is learnt, of mrdl.nn.losses; unit: of each target, by which numbers
    are multiplied in its own unit.
    """

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: tuple[str, ...]
    digest: str
    label: str = ""
    loss: str = "nll"
    unit: tuple[float, ...] = ()

    @property
    def columns(self) -> int:
        """Values in a row."""
        return int(self.train_x.shape[1])

    @property
    def outputs(self) -> int:
        """What a network gives of a row: its classes, or its targets."""
        return len(self.classes) or int(self.train_y.shape[1])

    @property
    def majority(self) -> int:
        """The most frequent class of the training rows, the first of equals: what a baseline always says."""
        return int(np.bincount(self.train_y, minlength=len(self.classes)).argmax())

    @property
    def baseline(self) -> float:
        """The accuracy of always saying the majority class, on the test rows; of numbers the root of the mean squared
        error of always saying the mean of the training rows, in the unit of the target, the mean over targets."""
        if self.classes:
            return float((self.test_y == self.majority).mean())
        return float((np.sqrt((self.test_y.astype(np.float64) ** 2).mean(0)) * self.unit).mean())
