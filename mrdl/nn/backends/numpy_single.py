"""One design of a sweep at a time, by numpy."""

import numpy as np

from mrdl.nn.backends.result import Report, Result
from mrdl.nn.backends.training import architecture_of, on_test_rows, trained
from mrdl.nn.design import Design
from mrdl.nn.engines.numpy_engine import NumpyEngine
from mrdl.nn.layers import Layers
from mrdl.nn.rows import Dataset


def with_numpy(design: Design, data: Dataset, report: Report, device: str = "auto") -> Result:
    """Train a design on one thread by the engine of numpy, by the step and the loop that train a shard.

    report(epoch, mean loss) is told after each epoch, from 1; device: any, as numpy has the CPU alone. Initial weights
    are those of `mrdl train` with the design's seed, and numpy draws the order of rows, too.
    """
    rng, engine = np.random.default_rng(design.seed), NumpyEngine()
    arch, count = architecture_of(design, data.columns, data.outputs, data.loss), len(data.train_x)
    start = arch.initial_weights(design.seed, design.initialisation)
    with engine.one_thread():
        weights = trained(design, data, report, engine, (arch, start), lambda: rng.permutation(count), rng)
        return on_test_rows(Layers(arch, weights, engine).sums, data)
