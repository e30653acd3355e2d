"""What a network gives for many rows, in batches and on one thread, so that its bytes are always the same."""

from collections.abc import Callable

import numpy as np

from mrdl.nn import rbm
from mrdl.nn.architecture import Architecture
from mrdl.nn.engines.engine import Array, Engine
from mrdl.nn.layers import Layers
from mrdl.nn.rows import BATCH_ROWS
from mrdl.nn.weights import Weights


class Forward:
    """A network that rows go through, each (rows, columns) float32 in [0, 1], by an engine on the CPU.

    double: whether outputs and reconstructions are reckoned in float64, and rounded to float32 at the end.

    Forward(arch, weights, engine_of("numpy", "cpu")).output(rows)
    """

    def __init__(self, arch: Architecture, weights: Weights, engine: Engine, *, double: bool = False) -> None:
        self._arch = arch
        self._dtype = np.float64 if double else np.float32
        self._weights = weights
        self._engine = engine

    def output(self, rows: np.ndarray, method: str = "forward") -> np.ndarray:
        """What a method of Layers gives: log-probabilities, reconstructions, features, or by encode and decode a code
        and its rows; (rows, outputs) float32."""
        return self._in_batches(getattr(Layers(self._arch, self._cast(), self._engine), method), rows)

    def reconstruction(self, rows: np.ndarray) -> np.ndarray:
        """Rows up and down a stack of RBMs by mean values, (rows, columns) float32."""
        stack = rbm.Stack(self._arch, self._cast(), self._engine)
        return self._in_batches(lambda x: stack.rows(stack.features(x)), rows)

    def samples(self, count: int, steps: int, seed: int) -> np.ndarray:
        """Rows that a stack of RBMs draws, (count, columns) float32: each the end of a Gibbs chain of so many steps."""
        with self._engine.one_thread():
            return self._engine.numpy(self._stack().sample(count, steps, seed))

    def machine_scores(self, layer: int, rows: np.ndarray, training: np.ndarray | None) -> dict[str, float]:
        """The measures of one RBM of a stack (mrdl.nn.rbm.score) on rows, compared with `training` rows if given."""
        compared = None if training is None else self._engine.array(training)
        with self._engine.one_thread():
            return rbm.score(self._stack(), layer, self._engine.array(rows), compared)

    def _cast(self) -> Weights:
        """The weights as what is reckoned in."""
        return {name: values.astype(self._dtype, copy=False) for name, values in self._weights.items()}

    def _stack(self) -> rbm.Stack:
        """The network as a stack of RBMs, in float32."""
        return rbm.Stack(self._arch, self._weights, self._engine)

    def _in_batches(self, function: Callable[[Array], Array], rows: np.ndarray) -> np.ndarray:
        """What a function of rows gives for all of them, part by part."""
        engine, parts = self._engine, []
        with engine.one_thread():
            for start in range(0, max(1, len(rows)), BATCH_ROWS):
                part = rows[start : start + BATCH_ROWS].astype(self._dtype, copy=False)
                parts.append(engine.numpy(function(engine.array(part))).astype(np.float32, copy=False))
        return np.concatenate(parts)
