"""What a back end is given and what it gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mrdl.nn.design import Design
from mrdl.nn.rows import Dataset

Report = Callable[[int, float], None]
"""report(epoch, loss), after each epoch; epochs count from 1."""
ReportAll = Callable[[int, Sequence[float]], None]
"""report(epoch, losses), likewise, of designs that train together."""


@dataclass(frozen=True)
class Result:
    """What the training of a design ends in.

    predicted: (test rows,) int64, the class of each by its index, or (test rows, targets), standardised numbers;
    loss: the mean negative log-likelihood of the test rows, or their mean loss of numbers; device: where it was
    trained, as the table of the sweep says it.

    Result(np.full(len(data.test_y), data.majority), loss=0.7)
    """

    predicted: np.ndarray
    loss: float
    device: str = "cpu"


Fit = Callable[[Design, Dataset, Report], Result]
"""A back end: fit(design, data, report) trains a design and gives its result. What it raises fails that design."""
