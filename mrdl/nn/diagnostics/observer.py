"""Looks at a training while it goes on, and changes nothing of it: norms of a few steps, and a few rows' outputs.

What is looked at is chosen so that it costs a few hundredths of the training (scripts/bench/illnesses.py): one step in
128, one at least, and at the end of an epoch one in 32 of the shard's rows, 64 to 256. No random number is drawn, and
the rows looked at have arrays of their own, so that a training that is watched ends in the same bytes.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.architecture import Architecture, Stage
from mrdl.nn.diagnostics.figures import EpochFigures, kept, of_layer
from mrdl.nn.engines.engine import Array, Engine
from mrdl.nn.losses import LOSSES, Loss, Wanted
from mrdl.nn.minibatch import Batches, FlatArrays
from mrdl.nn.rows import Rows

EVERY = 128  # steps, of which one is looked at
LEAST, MOST, PART, BYTES = 64, 256, 32, 1 << 20  # of rows: least, most, the shard's part, most bytes of inputs
TOLD = 4096  # rows whose targets tell what always saying the same would cost
END = 0.01  # of an activation's range that counts as its end


class Observed(Protocol):
    """A step of a training that can be looked at.

    arrays: its weights; look: is called, if there is one, when the gradients are there, before they change the weights;
    gradients: None where there are none, as in contrastive divergence; factor: by which those are multiplied.
    """

    arrays: FlatArrays
    look: Callable[[], None] | None

    @property
    def gradients(self) -> FlatArrays | None:
        """Of the arrays, by the same names."""

    @property
    def factor(self) -> Any:
        """See Optimiser."""

    def outputs(self, x: Array) -> list[Array]:
        """What each layer that is trained gives of rows x (n, columns), without dropout."""


class Observer:
    """Looks at one training. epochs: the figures of those that are over.

    The trainer calls begin once; of each step that `wants` names, look before its weights change and after_step behind
    it; and end_epoch. It holds two copies of the weights, before the epoch and before a step that is looked at, and the
    rows that are.

    observer = Observer()
    weights, metrics = train_shard(arch, weights, rows, settings, rng, engine, observer=observer)
    observer.epochs[-1].layers[0].dead
    """

    def __init__(self) -> None:
        self.epochs: list[EpochFigures] = []

    def begin(self, step: Observed, arch: Architecture, stage: Stage, rows: Rows, engine: Engine, size: int) -> None:
        """Take note of the training that begins. rows: of the shard; size: rows in a batch.

        step: what will be looked at; stage: whose layer alone is trained, None of all of them; engine: that computes.
        Without a layer of its own to train, the loss of rows is looked at, too.
        """
        self._step, self._arch, self._engine = step, arch, engine
        self._layers = list(range(len(arch.nodes) - 1)) if stage.layer is None else [stage.layer]
        self._rows, self._steps = len(rows.order), max(1, -(-len(rows.order) // size))
        self._every = min(EVERY, self._steps)
        self._parts = [step.arrays.places[f"layers.{i}.weight"] for i in self._layers]
        self._before, self._start = engine.copy(step.arrays.flat), engine.copy(step.arrays.flat)
        self._seen: list[tuple[Any, list[Any], list[Any]]] = []
        self._gradients: list[Any] = []
        self._loss = LOSSES[arch.loss] if stage.layer is None else None
        self._take_rows(rows)

    def _take_rows(self, rows: Rows) -> None:
        """Make inputs of the rows that are looked at, once."""
        width = max(1, rows.encoding.width)
        count = min(MOST, BYTES // (4 * width), self._rows, max(LEAST, self._rows // PART))
        self._x: Array = None
        if count < 1:
            return
        places = rows.order[:: max(1, self._rows // count)][:count]
        few = dataclasses.replace(
            rows,
            features=np.ascontiguousarray(rows.features[places]),
            targets=np.ascontiguousarray(rows.targets[places]),
            order=np.arange(len(places)),
            weights=None,
        )
        self._x = Batches(few, len(places), self._engine).inputs(self._engine.array(few.order))
        by_row = self._loss is not None and self._loss.wanted is Wanted.ROW
        self._wanted = self._engine.numpy(self._x).copy() if by_row else few.targets
        self._always: dict[str, float | None] = {}
        if self._loss is not None and self._loss.mean is not None:
            told = self._wanted if by_row else rows.targets[rows.order[:: -(-self._rows // TOLD)]]
            self._always = {"rows": len(places), **always_saying(told, self._arch.nodes[-1], self._loss)}

    def wants(self, i: int) -> bool:
        """Whether step i of an epoch, from 0, is one that is looked at."""
        return i % self._every == self._every - 1

    def look(self) -> None:
        """Take note of gradients, and of weights that a step is about to change."""
        step, inner = self._step, self._engine.inner
        flat = step.gradients.flat if step.gradients is not None else None
        self._gradients = [] if flat is None else [inner(flat[part], flat[part]) for part in self._parts]
        self._before[...] = step.arrays.flat

    def after_step(self) -> None:
        """Take note of what the step that was looked at has changed."""
        change = self._engine.subtract(self._step.arrays.flat, self._before, out=self._before)
        updates = [self._engine.inner(change[part], change[part]) for part in self._parts]
        self._seen.append((self._step.factor, self._gradients, updates))

    def end_epoch(self, loss: float) -> None:
        """Make the figures of the epoch that is over. loss: the mean of its rows, kept as None if not finite."""
        dead, saturated, outputs = self._of_rows()
        flat, inner = self._step.arrays.flat, self._engine.inner
        moved = self._engine.subtract(flat, self._start, out=self._before)
        layers = []
        for place, part in enumerate(self._parts):
            weight, change = _root(inner(flat[part], flat[part])), _root(inner(moved[part], moved[part]))
            gradients = [_root(of[place]) / float(factor) for factor, of, _ in self._seen if of and factor]
            updates = [_root(of[place]) for *_, of in self._seen]
            of_rows = dead[place], saturated[place]
            layers.append(of_layer(self._layers[place], weight, change, gradients, updates, *of_rows))
        self._seen.clear()
        self._start[...] = flat
        number = len(self.epochs) + 1
        self.epochs.append(EpochFigures(number, self._rows, self._steps, kept(loss), tuple(layers), outputs))

    def _of_rows(self) -> tuple[list[float | None], list[float | None], dict[str, float | None]]:
        """Of each layer the share of dead units and of saturated outputs; and what the rows' outputs say."""
        nothing: list[float | None] = [None] * len(self._parts)
        if self._x is None:
            return nothing, nothing, {}
        given = self._step.outputs(self._x)
        dead, saturated = list(nothing), list(nothing)
        for place, (layer, values) in enumerate(zip(self._layers, given, strict=True)):
            ends = ACTIVATIONS[self._arch.activations[layer]].ends
            if ends:
                dead[place], saturated[place] = shares_at_ends(self._engine.numpy(values), ends)
        if self._loss is None or not self._always:
            return dead, saturated, {}
        output = self._engine.numpy(self._loss.output(self._engine, given[-1]))
        return dead, saturated, {**self._always, **said(output, self._wanted, self._loss)}


def shares_at_ends(values: np.ndarray, ends: tuple[float, ...]) -> tuple[float | None, float | None]:
    """The share of dead units, and of saturated outputs; None for what the activation cannot be.

    values: (rows, units) that it gave; ends: of its range, one or both.

    shares_at_ends(np.array([[0.0, 1.0], [0.0, 0.0]]), (0.0,)) == (0.5, None)
    """
    if len(ends) == 1:
        return kept(float((values == ends[0]).all(0).mean())), None
    near = END * (ends[1] - ends[0])
    return None, kept(float(((values < ends[0] + near) | (values > ends[1] - near)).mean()))


def always_saying(wanted: np.ndarray, outputs: int, loss: Loss) -> dict[str, float | None]:
    """What always saying the same would give: see EpochFigures.outputs, baseline and majority.

    wanted: (rows,) classes or (rows, outputs) values; outputs: of the network.
    """
    assert loss.mean is not None
    if loss.wanted is not Wanted.CLASS:
        mean = wanted.mean(0, dtype=np.float64)
        return {"baseline": kept(loss.mean(np.broadcast_to(mean, wanted.shape), wanted, None))}
    shares = np.bincount(wanted, minlength=outputs) / len(wanted)
    with_rows = shares[shares > 0]
    return {"baseline": kept(float(-(with_rows * np.log(with_rows)).sum())), "majority": kept(float(shares.max()))}


def said(output: np.ndarray, wanted: np.ndarray, loss: Loss) -> dict[str, float | None]:
    """What some rows' outputs say of a training: see EpochFigures.outputs, loss, accuracy and said.

    output: (rows, outputs) as people see them, of classes log-probabilities; wanted: as `always_saying` has it; loss:
    with a mean. accuracy and said are of classes alone.
    """
    assert loss.mean is not None
    told = {"loss": kept(loss.mean(output, wanted, None))}
    if loss.wanted is Wanted.CLASS:
        classes = output.argmax(1)
        told["accuracy"] = kept(np.count_nonzero(classes == wanted) / len(wanted))
        told["said"] = kept(int(np.bincount(classes).max()) / len(wanted))
    return told


def _root(square: Any) -> float:
    value = float(square)
    return math.sqrt(value) if value >= 0 else math.nan
