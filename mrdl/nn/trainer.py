"""The mini-batch loop of one training on one machine, whatever a step of it is."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from mrdl.nn import contrastive
from mrdl.nn.architecture import Architecture, Stage
from mrdl.nn.backprop import Backpropagation
from mrdl.nn.contrastive import ContrastiveDivergence
from mrdl.nn.diagnostics.observer import Observed, Observer
from mrdl.nn.engines.engine import Array, Engine
from mrdl.nn.minibatch import Batches, Hyperparameters
from mrdl.nn.rows import Rows
from mrdl.nn.weights import Weights

REPORT_ROWS = 20_000  # rows between two reports of progress

Report = Callable[[int, float, float], None]
"""report(epoch from 0, fraction of the epoch, mean loss so far)"""


class Step(Observed, Protocol):
    """A training's state and how a mini-batch changes it: weights, and `loss_sum`, of the rows since it was set to 0.

    Backpropagation and ContrastiveDivergence are the two; the loop knows no more of them than this. batches: of the
    rows that it trains on.
    """

    loss_sum: Array
    batches: Batches

    def __call__(self, *batch: Array) -> None:
        """Train on rows (n, columns), of classes (n,) or values (n, outputs), and where they have any of weights."""

    def weights(self) -> Weights:
        """A copy of the weights, those that the step leaves alone among them."""


def run_epochs(
    step: Step,
    draw_order: Callable[[], np.ndarray],
    epochs: int,
    report: Report = lambda *_: None,
    observer: Observer | None = None,
) -> float:
    """Train on all rows, epoch after epoch, and give the mean loss of the last epoch's rows.

    draw_order() gives the rows in the order of an epoch, (rows,) indices; report is called every some thousand rows;
    observer: looks at some steps, if there is one, and has begun.
    """
    size = step.batches.size
    every, loss = max(1, REPORT_ROWS // size), 0.0
    for epoch in range(epochs):
        step.loss_sum[...] = 0
        order = draw_order()
        for i, batch in enumerate(step.batches.epoch(order)):
            looked_at = observer and observer.wants(i)
            step.look = observer.look if observer and looked_at else None
            step(*batch)
            if observer and looked_at:
                observer.after_step()
            if i % every == every - 1:
                done = min((i + 1) * size, len(order))
                report(epoch, done / len(order), float(step.loss_sum) / done)
        loss = float(step.loss_sum) / max(1, len(order))
        if observer:
            observer.end_epoch(loss)
        report(epoch, 1.0, loss)
    return loss


def train_shard(
    arch: Architecture,
    weights: Weights,
    rows: Rows,
    settings: Hyperparameters,
    rng: np.random.Generator,
    engine: Engine,
    report: Report = lambda *_: None,
    *,
    stage: Stage | None = None,
    observer: Observer | None = None,
) -> tuple[Weights, dict[str, float]]:
    """Train a stage of a network, the first where none is said, from `weights` on all rows of a shard.

    A pure function of its arguments: the rows are taken in `order`, permuted anew by `rng` each epoch, and an optimiser
    begins anew. Returns the new weights and metrics: loss, the mean of the last epoch's rows, and steps, the number of
    mini-batches. observer: has the figures of its epochs then; the weights are the same with it and without.

    rng = np.random.default_rng([seed, round_number, shard])
    weights, metrics = train_shard(arch, weights, rows, Hyperparameters(1, 16, 0.03, 0.8), rng, engine_of("numpy"))
    """
    stage, order, count = stage or arch.stages[0], np.ascontiguousarray(rows.order), len(rows.order)
    steps = settings.epochs * -(-count // settings.batch_size)
    with engine.one_thread():
        step = _step(arch, stage, weights, rows, settings, rng, engine, settings.rates(steps))
        if observer and count:
            observer.begin(step, arch, stage, rows, engine, step.batches.size)
        else:
            observer = None
        loss = run_epochs(step, lambda: order[rng.permutation(count)], settings.epochs, report, observer)
        trained = step.weights()
    return trained, {"loss": loss, "steps": float(steps)}


def _step(
    arch: Architecture,
    stage: Stage,
    weights: Weights,
    rows: Rows,
    settings: Hyperparameters,
    rng: np.random.Generator,
    engine: Engine,
    rates: Iterator[float] | None,
) -> Step:
    """The step that trains a stage. What it draws by itself is seeded by `rng`, which is asked only where it draws.

    rates: of each step by a gradient, None where they stay.
    """
    if stage.layer is not None:
        generator = engine.generator(int(rng.integers(1 << 62)))
        rows = dataclasses.replace(rows, weights=None)  # which are of a loss
        return ContrastiveDivergence(arch, stage.layer, weights, rows, settings, engine, generator)
    generator = engine.generator(int(rng.integers(1 << 62))) if settings.dropout else None
    return Backpropagation(arch, weights, rows, settings, engine, generator, rates)


def fit_visible(arch: Architecture, stage: Stage, weights: Weights, rows: Rows, engine: Engine) -> Weights:
    """Give the weights with the visible biases of a stage's RBM fitted to all rows; as they are where it has none."""
    if stage.layer is None or not len(rows):
        return weights
    with engine.one_thread():
        batches = Batches(rows, len(rows), engine)
        x = batches.inputs(engine.array(np.ascontiguousarray(rows.order)))
        return contrastive.fit_visible(arch, stage.layer, weights, x, engine)
