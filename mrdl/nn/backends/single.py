"""One design of a sweep at a time, by torch: the steps and the loop of `mrdl train` on prepared data.

A training back end is a function `fit(design, data, report) -> Result`; batched.py trains many small networks at once,
and reference.py by numpy. A spec may name another one, `module:function`, that can be imported where tasks run.
"""

from typing import TYPE_CHECKING

import numpy as np

from mrdl.nn.architecture import Architecture
from mrdl.nn.backends.result import Report, Result
from mrdl.nn.design import Design
from mrdl.nn.initialisation import INITIALISATIONS
from mrdl.nn.kinds import mlp
from mrdl.nn.optimizers import MOMENTUM
from mrdl.nn.rows import Dataset, Rows
from mrdl.nn.weights import Weights

if TYPE_CHECKING:
    import torch

ROWS = 4096  # that go through a network at once


def with_torch(design: Design, data: Dataset, report: Report, device: str = "auto") -> Result:
    """Train a design on one thread or on a GPU, by the step and the loop that train a shard.

    report(epoch, mean loss) is told after each epoch, from 1; device: auto, cpu or cuda. Initial weights and the order
    of rows are drawn on the CPU, the same for all devices.
    """
    import torch

    from mrdl.nn.backprop import Backpropagation
    from mrdl.nn.engines.torch_engine import TorchEngine
    from mrdl.nn.minibatch import Hyperparameters
    from mrdl.nn.net import build
    from mrdl.nn.trainer import run_epochs

    generator, engine = torch.Generator().manual_seed(design.seed), TorchEngine(device)
    arch, count = architecture_of(design, data.columns, len(data.classes)), len(data.train_x)
    weights = initial_weights(design, arch, generator)
    settings = Hyperparameters(
        epochs=1,
        batch_size=design.batch_size,
        learning_rate=design.learning_rate,
        momentum=MOMENTUM,
        optimizer=design.optimizer,
        dropout=design.dropout,
    )
    dropout = generator if engine.device == "cpu" else engine.generator(design.seed)
    place = torch.device(engine.device)
    with engine.one_thread():
        step = Backpropagation(arch, weights, _rows(data), settings, engine, dropout)
        for epoch in range(1, design.epochs + 1):
            report(epoch, run_epochs(step, lambda: torch.randperm(count, generator=generator).numpy(), 1))
        net = build(arch, step.weights()).to(place)
        x, y = (torch.from_numpy(np.asarray(array)).to(place) for array in (data.test_x, data.test_y))
        with torch.no_grad():
            out = net.logits(x)
            loss = torch.nn.functional.cross_entropy(out, y)
    return Result(out.argmax(1).cpu().numpy(), float(loss), place.type)


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


def on_test_rows(net: "torch.nn.Module", data: Dataset) -> Result:
    """Give what a trained network says of all test rows; its outputs beyond the classes are padding.

    net: a module of (rows, columns) float32 in [0, 1] to logits or log-probabilities (rows, outputs).
    """
    import torch
    from torch.nn.functional import nll_loss

    predicted, loss = list[np.ndarray](), 0.0
    with torch.no_grad():
        for start in range(0, len(data.test_y), ROWS):
            x, y = (torch.from_numpy(np.array(rows[start : start + ROWS])) for rows in (data.test_x, data.test_y))
            log_p = net(x)[:, : len(data.classes)].log_softmax(1)
            predicted.append(log_p.argmax(1).numpy())
            loss += float(nll_loss(log_p, y, reduction="sum"))
    return Result(np.concatenate(predicted), loss / len(data.test_y))
