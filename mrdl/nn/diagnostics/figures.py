"""The figures of an epoch, by layer, as they are kept: plain numbers, of one shard or merged over all of them."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DIGITS = 6  # of a figure that is kept: more would say nothing of a network's health


@dataclass(frozen=True)
class LayerFigures:
    """What an epoch did to one layer. None where a figure is not known, or was not finite.

    layer: its index, from 0; weight: the norm (Frobenius) of its weight matrix at the epoch's end, biases left out, as
    in all norms here; gradient, update: norms of the gradient of the mean loss of a batch, and of the change that one
    step makes, each the mean over the steps that were looked at; ratio: update / weight; moved: the norm of the change
    by the whole epoch / weight; dead: the share of its units that gave 0 for every row looked at, of activations such
    as ReLU; saturated: the share of its outputs within 1 % of an end of the activation's range, of sigmoid and tanh;
    nonfinite: how often a gradient, an update or the weights were seen not to be finite.
    """

    layer: int
    weight: float | None = None
    gradient: float | None = None
    update: float | None = None
    ratio: float | None = None
    moved: float | None = None
    dead: float | None = None
    saturated: float | None = None
    nonfinite: int = 0


@dataclass(frozen=True)
class EpochFigures:
    """What is known of an epoch of a training.

    round, stage: of the run, 0 being a warm start; epoch: from 1 on, in its round; rows: that were trained on; steps:
    weight updates of one shard; loss: the mean of the epoch's rows; layers: in order; outputs: of the rows looked at,
    at the epoch's end: rows; loss; baseline, the loss of always saying the classes' shares or the mean; of classes also
    accuracy, said, the share of the class that is said most often, and majority, the share of the most frequent class;
    validation: the measures on the rows kept out, of the epoch that ends a round. The last is not written: a round's
    manifest has it.
    """

    epoch: int
    rows: int
    steps: int
    loss: float | None
    layers: tuple[LayerFigures, ...]
    outputs: Mapping[str, float | None] = field(default_factory=dict)
    round: int = 1
    stage: str = ""
    validation: Mapping[str, float] = field(default_factory=dict)

    @property
    def nonfinite(self) -> int:
        """How often something was seen not to be finite; a loss that was not is one more."""
        return sum(layer.nonfinite for layer in self.layers) + (self.loss is None)

    def to_json(self) -> dict[str, Any]:
        """The figures as an object of JSON, a line of diagnostics.jsonl."""
        told = dataclasses.asdict(self)
        del told["validation"]
        return {"round": told.pop("round"), "stage": told.pop("stage"), **told}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "EpochFigures":
        """The figures that `to_json` has told; raises TypeError or KeyError where a part is missing or unknown."""
        return cls(**{**told, "layers": tuple(LayerFigures(**layer) for layer in told["layers"])})


def kept(value: float | None) -> float | None:
    """A figure as it is kept: to six digits, None where it is not finite.

    kept(0.123456789), kept(math.nan)  # 0.123457, None
    """
    return None if value is None or not math.isfinite(value) else float(f"{value:.{DIGITS}g}")


def of_layer(
    layer: int,
    weight: float,
    change: float,
    gradients: Sequence[float],
    updates: Sequence[float],
    dead: float | None,
    saturated: float | None,
) -> LayerFigures:
    """The figures of a layer in one epoch.

    weight, change: norms of its weights at the end, and of what the epoch has changed; gradients, updates: norms of
    each step that was looked at, gradients empty where the training has none.
    """
    update = _mean_of(updates)
    bad = sum(not all(map(math.isfinite, seen)) for seen in zip(gradients or updates, updates, strict=False))
    return LayerFigures(
        layer=layer,
        weight=kept(weight),
        gradient=kept(_mean_of(gradients)),
        update=kept(update),
        ratio=kept(update / weight) if weight and update is not None else None,
        moved=kept(change / weight) if weight else None,
        dead=dead,
        saturated=saturated,
        nonfinite=bad + (not math.isfinite(weight)),
    )


def _mean_of(values: Sequence[float]) -> float | None:
    """The mean of numbers; None without any."""
    return sum(values) / len(values) if values else None


def merged(shards: Iterable[Sequence[EpochFigures]]) -> tuple[EpochFigures, ...]:
    """The figures of all shards as one: means weighted by rows, summed in the order given; numbers are sums.

    shards: of each, its epochs, as many of each that has any; shards without any are passed over. A mean is that of the
    shards which know the figure. Of steps the most of any shard count. Returns an epoch for each, () without shards.
    """
    known = [epochs for epochs in shards if epochs]
    return tuple(_one(epochs) for epochs in zip(*known, strict=True)) if known else ()


def _one(epochs: Sequence[EpochFigures]) -> EpochFigures:
    """The same epoch of several shards as one."""
    rows = [each.rows for each in epochs]

    layers = []
    for place, first in enumerate(epochs[0].layers):
        names = [f.name for f in dataclasses.fields(first) if f.name not in ("layer", "nonfinite")]
        those = [each.layers[place] for each in epochs]
        of_layer = {name: _mean([getattr(layer, name) for layer in those], rows) for name in names}
        count = sum(layer.nonfinite for layer in those)
        layers.append(LayerFigures(layer=first.layer, nonfinite=count, **of_layer))
    outputs = {name: _mean([each.outputs.get(name) for each in epochs], rows) for name in epochs[0].outputs}
    if "rows" in outputs:
        outputs["rows"] = sum(each.outputs["rows"] or 0 for each in epochs)
    # one shard whose loss is not finite is told by `nonfinite`; the others' mean is still the run's
    lost = sum(each.loss is None for each in epochs)
    loss = _mean([each.loss for each in epochs], rows)
    if lost and loss is not None and layers:
        layers[-1] = dataclasses.replace(layers[-1], nonfinite=layers[-1].nonfinite + lost)
    steps = max(each.steps for each in epochs)
    return dataclasses.replace(epochs[0], rows=sum(rows), steps=steps, loss=loss, layers=tuple(layers), outputs=outputs)


def _mean(values: Sequence[float | None], rows: Sequence[int]) -> float | None:
    """The mean of the values that are known, weighted by rows; None without any."""
    pairs = [(value, count) for value, count in zip(values, rows, strict=True) if value is not None]
    total = sum(count for _, count in pairs)
    return kept(sum(value * count for value, count in pairs) / total) if total else None
