"""What a back end is given and what it gives."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mrdl.nn.design import Design
from mrdl.nn.rows import Dataset

Report = Callable[[int, float], None]
"""report(epoch, loss), after each epoch; epochs count from 1."""


@dataclass(frozen=True)
class Result:
    """What a training ends in. predicted: (test rows,) int64; loss: mean negative log-likelihood of the test rows."""

    predicted: np.ndarray
    loss: float
    device: str = "cpu"


Fit = Callable[[Design, Dataset, Report], Result]
