"""The mini-batch loop of one shard on one machine, whatever a step of it is."""

from collections.abc import Callable

import numpy as np
import torch

from mrdl.nn import contrastive
from mrdl.nn.architecture import Architecture
from mrdl.nn.backprop import Backpropagation
from mrdl.nn.contrastive import ContrastiveDivergence
from mrdl.nn.device import one_thread, pick_device
from mrdl.nn.minibatch import Batches, Hyperparameters
from mrdl.nn.rows import Rows
from mrdl.nn.weights import Weights

REPORT_ROWS = 20_000  # rows between two reports of progress


@one_thread()
def train_shard(
    arch: Architecture,
    weights: Weights,
    rows: Rows,
    settings: Hyperparameters,
    rng: np.random.Generator,
    report: Callable[[int, float, float], None] = lambda epoch, done, loss: None,
    stage: int = 0,
) -> tuple[Weights, dict[str, float]]:
    """Train a stage from `weights` on all rows; returns the new weights and metrics (loss: mean of the last epoch).

    A pure function of its arguments: the rows are taken in `order`, permuted anew by `rng` each epoch.
    `report(epoch, fraction of the epoch, mean loss so far)` is called every some thousand rows.
    """
    device = pick_device(settings.device)
    layer = arch.stages[stage].layer
    step: Backpropagation | ContrastiveDivergence
    if layer is None:
        step = Backpropagation(arch, weights, rows, settings, device)
    else:
        step = ContrastiveDivergence(arch, layer, weights, rows, settings, device, int(rng.integers(1 << 62)))
    order, count = torch.from_numpy(np.ascontiguousarray(rows.order)), len(rows.order)
    every = max(1, REPORT_ROWS // settings.batch_size)
    loss = 0.0
    for epoch in range(settings.epochs):
        step.loss_sum.zero_()
        places = order[torch.from_numpy(rng.permutation(count))].to(device)
        batches = places.split(settings.batch_size) if count else ()
        for i, batch in enumerate(batches):
            step(batch)
            if i % every == every - 1:
                done = min((i + 1) * settings.batch_size, count)
                report(epoch, done / count, step.loss_sum.item() / done)
        loss = step.loss_sum.item() / max(1, count)
        report(epoch, 1.0, loss)
    metrics = {"loss": loss, "steps": float(settings.epochs * -(-count // settings.batch_size))}
    return step.weights(), metrics


@one_thread()
def fit_visible(arch: Architecture, stage: int, weights: Weights, rows: Rows) -> Weights:
    """The weights with the visible biases of a stage's RBM fitted to all rows; as they are where it has none."""
    layer = arch.stages[stage].layer
    if layer is None or not len(rows):
        return weights
    batches = Batches(rows, len(rows), torch.device("cpu"))
    return contrastive.fit_visible(
        arch, layer, weights, batches.inputs(torch.from_numpy(np.ascontiguousarray(rows.order)))
    )
