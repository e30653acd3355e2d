"""What back ends share: a design's network, the steps and the loop of `mrdl train` on prepared data, and its test."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mrdl.nn.architecture import Architecture
from mrdl.nn.backends.result import Report, Result
from mrdl.nn.backprop import Backpropagation
from mrdl.nn.design import Design
from mrdl.nn.encoding.encoding import Encoding
from mrdl.nn.engines.engine import Engine
from mrdl.nn.engines.numpy_engine import NumpyEngine
from mrdl.nn.kinds import mlp
from mrdl.nn.losses import LOSSES
from mrdl.nn.minibatch import Hyperparameters
from mrdl.nn.optimizers import MOMENTUM, OPTIMIZERS
from mrdl.nn.rows import Dataset, Rows
from mrdl.nn.trainer import run_epochs
from mrdl.nn.weights import Weights

ROWS = 4096  # that go through a network at once


def architecture_of(design: Design, columns: int, outputs: int, loss: str = "nll") -> Architecture:
    """The network of a design, for data of so many columns and classes, or targets."""
    return mlp((columns, *design.hidden, outputs), design.activation, "yes" if design.residual else "no", loss)


def trained(
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
        weight_decay=OPTIMIZERS[design.optimizer].weight_decay,
    )
    step = Backpropagation(*start, _rows(data), settings, engine, dropout)
    for epoch in range(1, design.epochs + 1):
        report(epoch, run_epochs(step, order, 1))
    return step.weights()


def _rows(data: Dataset) -> Rows:
    """The training rows, which are prepared."""
    return Rows(data.train_x, data.train_y, np.arange(len(data.train_x)), Encoding.none(data.columns))


def of_numbers(output: np.ndarray, data: Dataset, device: str = "cpu") -> Result:
    """Give the result of standardised numbers for all test rows, (rows, targets)."""
    scores = LOSSES[data.loss].scores
    assert scores is not None
    return Result(output, scores(output, np.asarray(data.test_y), 0, None)["loss"], device)


def on_test_rows(forward: Callable[[np.ndarray], np.ndarray], data: Dataset) -> Result:
    """Give what a trained network says of all test rows; its outputs beyond the classes are padding.

    forward: gives logits or log-probabilities (rows, outputs) of (rows, columns) float32 in [0, 1].
    """
    if not data.classes:
        starts = range(0, len(data.test_y), ROWS)
        return of_numbers(np.concatenate([forward(np.asarray(data.test_x[at : at + ROWS])) for at in starts]), data)
    predicted, loss, engine = list[np.ndarray](), 0.0, NumpyEngine()
    for start in range(0, len(data.test_y), ROWS):
        x, y = (np.asarray(rows[start : start + ROWS]) for rows in (data.test_x, data.test_y))
        log_p = engine.log_softmax(forward(x)[:, : len(data.classes)])
        predicted.append(log_p.argmax(1))
        loss -= float(log_p[np.arange(len(y)), y].sum(dtype=np.float64))
    return Result(np.concatenate(predicted), loss / len(data.test_y))
