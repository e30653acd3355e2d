"""From the results of all shards to one set of weights.

A combine rule is a plain function of results in shard order (it has nothing to do with Hadoop's combiner):
put your own into RULES, or into `combine_rule` of a TrainJob of yours.

    def best(results):
        return min(results, key=lambda result: result.metrics["loss"]).weights

    RULES["best"] = best  # and then: mrdl.train(..., combine="best")
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrdl.errors import Diverged, TrainingError
from mrdl.nn.diagnostics.figures import EpochFigures
from mrdl.nn.weights import Weights, weighted_mean
from mrdl.rounds.manifest import ShardRecord
from mrdl.settings import fields
from mrdl.shards.records import Arrays, Tag, pack


@dataclass(frozen=True)
class ShardResult:
    """What the training of one shard in one round gives.

    shard: its number; num_examples: rows of the shard; weights: after the training; metrics: name -> number, "loss"
    among them; start: the digest of the weights that training began with, which must be the same in every shard;
    device: where it was trained, "cpu" or "cuda", empty where nobody says; diagnostics: the figures of its epochs,
    empty where none were asked for.
    """

    shard: int
    num_examples: int
    weights: Weights
    metrics: dict[str, float]
    start: str
    device: str = ""
    diagnostics: tuple[EpochFigures, ...] = ()


Rule = Callable[[Sequence[ShardResult]], Weights]
"""Results, in the order of their shards -> one set of weights, of the same names and shapes."""


def mean(results: Sequence[ShardResult]) -> Weights:
    """The mean weighted by rows (McMahan et al. 2017), summed in float64 in the order given."""
    return weighted_mean([result.weights for result in results], [result.num_examples for result in results])


def uniform(results: Sequence[ShardResult]) -> Weights:
    """The plain mean, each shard counted once, as the paper has it."""
    return weighted_mean([result.weights for result in results], [1] * len(results))


RULES: dict[str, Rule] = {"mean": mean, "uniform": uniform}
"""The rules by the name that the setting `combine` has; RULES["mine"] = f, at the top level of a script, adds one."""

OWN_RULES = dict(RULES)  # mrdl's
fields.handed_down["combine"] = RULES


def combine(results: Sequence[ShardResult], rule: Rule) -> tuple[Weights, dict[int, str]]:
    """The combined weights, float32, and why shards were left out (shard -> reason).

    results: of all shards, in any order; rule: gets those that are fit, in the order of shards.

    Raises TrainingError if shards started from different weights, whose mean means nothing, or if the rule gives no
    weights; Diverged if no shard is fit.
    """
    results = sorted(results, key=lambda result: result.shard)
    starts = {result.start for result in results}
    if len(starts) > 1:
        raise TrainingError(
            "the shards started from different weights: "
            + ", ".join(f"shard {result.shard} from {result.start[:8]}" for result in results)
            + ". Are there different versions of mrdl or numpy on the nodes?"
        )
    left_out = {result.shard: reason for result in results if (reason := _unfit(result))}
    good = [result for result in results if result.shard not in left_out]
    if not good:
        reasons = ", ".join(f"shard {shard}: {reason}" for shard, reason in left_out.items())
        raise Diverged(f"no shard gave usable weights: {reasons}.")
    return _checked(rule(good), good[0].weights), left_out


def shard_records(results: Sequence[ShardResult], left_out: Mapping[int, str]) -> list[ShardRecord]:
    """What a manifest says of each shard, in their order. left_out: shard -> why its weights do not count."""
    return [
        ShardRecord(
            shard=result.shard,
            num_examples=result.num_examples,
            metrics={name: value if math.isfinite(value) else None for name, value in result.metrics.items()},
            device=result.device,
            left_out=left_out.get(result.shard, ""),
        )
        for result in sorted(results, key=lambda result: result.shard)
    ]


def _checked(weights: Weights, like: Weights) -> Weights:
    """What a rule gave, as float32; raises TrainingError where it is no set of weights."""
    if not isinstance(weights, Mapping) or {n: np.shape(w) for n, w in weights.items()} != {
        n: w.shape for n, w in like.items()
    }:
        raise TrainingError(
            f"the combine rule gave {type(weights).__name__}, expected a dict with the names and shapes of each shard's"
        )
    return {name: np.asarray(array, np.float32) for name, array in weights.items()}


def _unfit(result: ShardResult) -> str | None:
    """Why a result would spoil the mean; None where it is fit."""
    if not result.num_examples:
        return "no rows"
    if not math.isfinite(result.metrics["loss"]):
        return f"its loss is {result.metrics['loss']}"
    if not all(np.isfinite(array).all() for array in result.weights.values()):
        return "a weight is not finite"
    return None


def pack_result(result: ShardResult) -> bytes:
    """The value of the record of a result."""
    meta: dict[str, Any] = {
        "shard": result.shard,
        "num_examples": result.num_examples,
        "metrics": {name: float(value) for name, value in result.metrics.items()},
        "start": result.start,
        "device": result.device,
    }
    if result.diagnostics:
        meta["diagnostics"] = [epoch.to_json() for epoch in result.diagnostics]
    return pack(Tag.RESULT, meta, result.weights)


def to_result(meta: Mapping[str, Any], arrays: Arrays) -> ShardResult:
    """The result in a record that `pack_result` has packed."""
    diagnostics = tuple(EpochFigures.from_json(epoch) for epoch in meta.get("diagnostics", ()))
    return ShardResult(weights=arrays, **{**meta, "diagnostics": diagnostics})
