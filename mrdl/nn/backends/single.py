"""One design of a sweep at a time, by an engine: the steps and the loop of `mrdl train` on prepared data.

A training back end is a function `fit(design, data, report) -> Result`; batched.py trains many small networks at once.
A spec may name another one, `module:function`, that can be imported where tasks run.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mrdl.nn.architecture import Architecture
from mrdl.nn.backends.result import Report, Result
from mrdl.nn.backprop import Backpropagation
from mrdl.nn.design import Design
from mrdl.nn.engines.engine import Engine
from mrdl.nn.engines.numpy_engine import NumpyEngine
from mrdl.nn.initialisation import INITIALISATIONS
from mrdl.nn.kinds import mlp
from mrdl.nn.layers import Layers
from mrdl.nn.minibatch import Hyperparameters
from mrdl.nn.optimizers import MOMENTUM
from mrdl.nn.rows import Dataset, Rows
from mrdl.nn.trainer import run_epochs
from mrdl.nn.weights import Weights

if TYPE_CHECKING:
    import torch

ROWS = 4096  # that go through a network at once


def with_numpy(design: Design, data: Dataset, report: Report, device: str = "auto") -> Result:
    """Train a design on one thread by the engine of numpy, by the step and the loop that train a shard.

    report(epoch, mean loss) is told after each epoch, from 1; device: any, as numpy has the CPU alone. Initial weights
    are those of `mrdl train` with the design's seed, and numpy draws the order of rows, too.
    """
    rng, engine = np.random.default_rng(design.seed), NumpyEngine()
    arch, count = architecture_of(design, data.columns, len(data.classes)), len(data.train_x)
    start = arch.initial_weights(design.seed, design.initialisation)
    with engine.one_thread():
        weights = _trained(design, data, report, engine, (arch, start), lambda: rng.permutation(count), rng)
        return on_test_rows(Layers(arch, weights, engine).sums, data)


def with_torch(design: Design, data: Dataset, report: Report, device: str = "auto") -> Result:
    """Train a design on one thread or on a GPU by the engine of torch, otherwise as `with_numpy` does.

    device: auto, cpu or cuda. Initial weights and the order of rows are drawn on the CPU, the same for all devices.
    """
    import torch

    from mrdl.nn.engines.torch_engine import TorchEngine
    from mrdl.nn.net import build

    generator, engine = torch.Generator().manual_seed(design.seed), TorchEngine(device)
    arch, count = architecture_of(design, data.columns, len(data.classes)), len(data.train_x)
    start = initial_weights(design, arch, generator)
    dropout = generator if engine.device == "cpu" else engine.generator(design.seed)
    place = torch.device(engine.device)
    with engine.one_thread():

        def order() -> np.ndarray:
            return np.asarray(torch.randperm(count, generator=generator).numpy())

        net = build(arch, _trained(design, data, report, engine, (arch, start), order, dropout)).to(place)
        x, y = (torch.from_numpy(np.asarray(array)).to(place) for array in (data.test_x, data.test_y))
        with torch.no_grad():
            out = net.logits(x)
            loss = torch.nn.functional.cross_entropy(out, y)
    return Result(out.argmax(1).cpu().numpy(), float(loss), place.type)


def _trained(
    design: Design,
    data: Dataset,
    report: Report,
    engine: Engine,
    start: tuple[Architecture, Weights],
    order: Callable[[], np.ndarray],
    dropout: Any,
) -> Weights:
    """The weights after all epochs. start: the network and its initial weights; order(): draws the order of an epoch;
    dropout: the engine's generator, which draws what is left out."""
    settings = Hyperparameters(
        epochs=1,
        batch_size=design.batch_size,
        learning_rate=design.learning_rate,
        momentum=MOMENTUM,
        optimizer=design.optimizer,
        dropout=design.dropout,
    )
    step = Backpropagation(*start, _rows(data), settings, engine, dropout)
    for epoch in range(1, design.epochs + 1):
        report(epoch, run_epochs(step, order, 1))
    return step.weights()


def architecture_of(design: Design, columns: int, classes: int) -> Architecture:
    """The network of a design, for data of so many columns and classes."""
    return mlp((columns, *design.hidden, classes), design.activation, "yes" if design.residual else "no")


def initial_weights(design: Design, arch: Architecture, generator: "torch.Generator") -> Weights:
    """Draw the weights that a design starts with: those that torch.nn.Linear draws, drawn once more where its
    initialisation is another one.

    generator: is left as torch's own would be after that, so that it goes on with the order of rows.
    """
    import torch

    weights = {name: torch.empty(shape) for name, shape in arch.shapes().items()}
    layers = [(weights[f"layers.{i}.weight"], weights[f"layers.{i}.bias"]) for i in range(len(arch.nodes) - 1)]
    for name in dict.fromkeys(("default", design.initialisation)):
        bounds = INITIALISATIONS[name]
        for weight, bias in layers:
            fan_out, fan_in = weight.shape
            bound, of_bias = bounds.weight(fan_in, fan_out, arch.gain), bounds.bias(fan_in)
            weight.uniform_(-bound, bound, generator=generator)
            if of_bias:
                bias.uniform_(-of_bias, of_bias, generator=generator)
            else:
                bias.zero_()
    return {name: tensor.numpy() for name, tensor in weights.items()}


def _rows(data: Dataset) -> Rows:
    """The training rows, which are prepared."""
    lowest, factor = np.zeros(data.columns, np.float32), np.ones(data.columns, np.float32)
    return Rows(data.train_x, data.train_y, np.arange(len(data.train_x)), lowest, factor)


def on_test_rows(forward: Callable[[np.ndarray], np.ndarray], data: Dataset) -> Result:
    """Give what a trained network says of all test rows; its outputs beyond the classes are padding.

    forward: gives logits or log-probabilities (rows, outputs) of (rows, columns) float32 in [0, 1].
    """
    predicted, loss, engine = list[np.ndarray](), 0.0, NumpyEngine()
    for start in range(0, len(data.test_y), ROWS):
        x, y = (np.asarray(rows[start : start + ROWS]) for rows in (data.test_x, data.test_y))
        log_p = engine.log_softmax(forward(x)[:, : len(data.classes)])
        predicted.append(log_p.argmax(1))
        loss -= float(log_p[np.arange(len(y)), y].sum(dtype=np.float64))
    return Result(np.concatenate(predicted), loss / len(data.test_y))
