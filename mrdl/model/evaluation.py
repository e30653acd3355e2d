"""What a network is worth on rows whose labels are known: its measures, on tables and on rows as shards have them."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from mrdl.data.inputs import batches, columns_of, features_of, parts_of
from mrdl.data.targets import Targets
from mrdl.metrics.classification import Classification
from mrdl.model.metrics import Answers
from mrdl.model.network import Network
from mrdl.model.of_targets import OfTargets


def name_of(data: Any) -> str:
    """A table for people."""
    return os.fspath(data) if isinstance(data, (str, os.PathLike)) else "the DataFrame"


# --- tables: a CSV or a DataFrame ---


def labelled(network: Network, data: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The raw rows of a table with what is to be learnt of them, block by block, as `Model.labelled` tells."""
    network.need(network.loss.needs_label, "a label")
    parts = parts_of(data, columns_of(network.preparation), labelled=True)
    if network.preparation.targets:
        known = ((part.features, part.targets) for part in parts if part.targets is not None)
        yield from batches(known, network.block_rows)
        return
    answers = Answers(network.classes)
    pairs = (answers.of(part.features, part.codes, part.names or ()) for part in parts)
    yield from batches(pairs, network.block_rows)
    answers.check(name_of(data))


def evaluate(network: Network, data: Any) -> dict[str, float]:
    """The measures of a network on a table, as `Model.evaluate` tells."""
    if targets := network.preparation.targets:
        return _of_targets(network, data, targets)
    if not network.classifies:
        return score(network, features_of(data, network.preparation), np.zeros(0, np.int64))
    return classification(network, data).scores()


def classification(network: Network, data: Any) -> Classification:
    """What is said of the rows of a table that have a label."""
    found = Classification(len(network.classes), network.majority)
    for features, targets in labelled(network, data):
        output = network.output(features)
        found.add(output, targets, network.said(output))
    return found


def _of_targets(network: Network, data: Any, targets: Targets) -> dict[str, float]:
    """The measures of numbers or flags on a table."""
    found = OfTargets(targets, network.loss)
    for features, raw in labelled(network, data):
        found.add(network.output(features), raw)
    found.check(name_of(data))
    return found.scores()


# --- raw rows ---


def score(
    network: Network,
    features: np.ndarray,
    targets: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    loss_alone: bool = False,
) -> dict[str, float]:
    """The measures of a network on raw rows (rows, columns) and what is to be learnt of them, as of `Model.score`."""
    loss, prepared = network.loss, network.preparation
    if prepared.targets:
        found = OfTargets(prepared.targets, loss, loss_alone=loss_alone)
        found.add(network.output(features), targets, weights)
        return found.scores()
    if loss.scores is None:
        return score_layer(network, len(network.arch.stages) - 1, features, None)
    wanted = targets if network.classifies else prepared.scale(features)
    output = network.output(features)
    if loss_alone and loss.mean:
        return {"rows": len(features), "loss": loss.mean(output, wanted, weights)}
    if network.cut is not None:
        answers = Classification(len(network.classes), network.majority)
        answers.add(output, wanted, network.said(output))
        return answers.scores()
    scores = loss.scores(output, wanted, len(network.classes), network.majority)
    if weights is not None and loss.mean:
        scores["weighted_loss"] = loss.mean(output, wanted, weights)
    return scores


def score_layer(network: Network, layer: int, features: np.ndarray, training: np.ndarray | None) -> dict[str, float]:
    """The measures of an RBM of a stack (mrdl.nn.rbm.score) on raw rows, compared with `training` rows."""
    compared = None if training is None else network.preparation.scale(training)
    return network.forward.machine_scores(layer, network.preparation.scale(features), compared)
