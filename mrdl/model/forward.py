"""What a network gives for many rows, in batches and on one thread, so that its bytes are always the same."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mrdl.nn import rbm
from mrdl.nn.architecture import Architecture
from mrdl.nn.device import one_thread
from mrdl.nn.net import build
from mrdl.nn.rows import BATCH_ROWS
from mrdl.nn.weights import Weights


class Forward:
    """A network that rows go through, each (rows, columns) float32 in [0, 1].

    Forward(arch, weights).output(rows)
    """

    def __init__(self, arch: Architecture, weights: Weights) -> None:
        self._arch, self._weights = arch, weights

    def output(self, rows: np.ndarray, method: str = "forward") -> np.ndarray:
        """What a method of Net gives: log-probabilities, reconstructions, features, or by encode and decode a code and
        its rows; (rows, outputs) float32."""
        found: Callable[[Tensor], Tensor] = getattr(build(self._arch, self._weights), method)
        return _in_batches(found, rows)

    def reconstruction(self, rows: np.ndarray) -> np.ndarray:
        """Rows up and down a stack of RBMs by mean values, (rows, columns) float32."""
        stack = self._stack()
        return _in_batches(lambda x: stack.rows(stack.features(x)), rows)

    def samples(self, count: int, steps: int, seed: int) -> np.ndarray:
        """Rows that a stack of RBMs draws, (count, columns) float32: each the end of a Gibbs chain of so many steps."""
        with one_thread():
            return np.asarray(self._stack().sample(count, steps, seed))

    def machine_scores(self, layer: int, rows: np.ndarray, training: np.ndarray | None) -> dict[str, float]:
        """The measures of one RBM of a stack (mrdl.nn.rbm.score) on rows, compared with `training` rows if given."""
        compared = None if training is None else torch.from_numpy(training)
        with one_thread():
            return rbm.score(self._stack(), layer, torch.from_numpy(rows), compared)

    def _stack(self) -> rbm.Stack:
        return rbm.Stack(self._arch, self._weights)


def _in_batches(function: Callable[[Tensor], Tensor], rows: np.ndarray) -> np.ndarray:
    """What a function of rows gives for all of them, part by part."""
    with one_thread(), torch.no_grad():
        starts = range(0, max(1, len(rows)), BATCH_ROWS)
        parts = [function(torch.from_numpy(rows[start : start + BATCH_ROWS])).numpy() for start in starts]
    return np.concatenate(parts)
