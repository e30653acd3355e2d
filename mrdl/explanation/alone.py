"""What one column alone tells of the label, whatever the network: the best answer that each of its values has."""

import numpy as np

from mrdl.explanation.importance import Measure
from mrdl.explanation.sample import Sample
from mrdl.model.model import Model
from mrdl.model.of_targets import OfTargets
from mrdl.nn.losses import LOSSES

MOST_BINS = 100  # that numbers are cut into
ROWS_OF_BIN = 25


def alone(model: Model, measure: Measure, sample: Sample, place: int | None) -> float:
    """Return the measure of a table that says for each value of a column what is usual there; nan where undefined.

    place: of the column, None for a table that knows none. Numbers are cut into bins, and what is between the middles
    of two is between what is usual in both. One half of the rows is answered by what the other half had, so that values
    that never come again tell nothing.
    """
    rows, learnt = len(sample.features), _learnt(model, sample.targets)
    known = np.isfinite(learnt).all(1)
    column = np.zeros(rows, np.float32) if place is None else sample.features[:, place]
    bins, cut = _bins(column, is_category=place in model.preparation.inputs.dictionary)
    given = np.empty_like(learnt)
    for half in (0, 1):
        asked = np.arange(rows) % 2 == half
        told = ~asked & known
        usual = learnt[told].mean(0) if told.any() else np.zeros(learnt.shape[1])
        counts = np.bincount(bins[told], minlength=bins.max() + 1)
        sums = np.stack([np.bincount(bins[told], output, len(counts)) for output in learnt[told].T], 1)
        means = (sums + usual) / (counts + 1)[:, None]
        given[asked] = means[bins[asked]]
        if cut:
            filled = 1 + np.flatnonzero(counts[1:])  # 0 is of missing values
            middles = np.bincount(bins[told], np.nan_to_num(column[told]), len(counts))[filled] / counts[filled]
            between = asked & (bins > 0)
            given[between] = np.stack([np.interp(column[between], middles, of[filled]) for of in means.T], 1)
    return _scores(model, given, sample.targets).get(measure.name, float("nan"))


def _learnt(model: Model, targets: np.ndarray) -> np.ndarray:
    """Return what is learnt as numbers, (rows, outputs) float64: those of targets as the network gives them, else 1
    for the class."""
    if model.preparation.targets:
        return model.preparation.targets.wanted(targets).astype(np.float64)
    return (targets[:, None] == np.arange(len(model.classes))).astype(np.float64)


def _bins(column: np.ndarray, is_category: bool) -> tuple[np.ndarray, bool]:
    """Return the bin of each value of a column, (rows,) int64, 0 where it is missing, and whether values share bins."""
    there = ~np.isnan(column)
    found, bins = np.unique(column[there], return_inverse=True)
    most = max(2, min(MOST_BINS, len(column) // (2 * ROWS_OF_BIN)))
    cut = not is_category and len(found) > most
    if cut:
        edges = np.unique(np.quantile(column[there], np.linspace(0, 1, most + 1)[1:-1]))
        bins = np.searchsorted(edges, column[there], side="right")
    whole = np.zeros(len(column), np.int64)
    whole[there] = bins + 1
    return whole, cut


def _scores(model: Model, given: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Return all measures of answers, (rows, outputs), as a network gives them."""
    loss, of_targets = LOSSES[model.arch.loss], model.preparation.targets
    if of_targets:
        found = OfTargets(of_targets, loss)
        found.add(given.astype(np.float32), targets)
        return found.scores()
    assert loss.scores is not None
    majority = model.preparation.majority
    known = model.classes.index(majority) if majority else None
    return loss.scores(np.log(np.maximum(given, 1e-12)), targets, len(model.classes), known)
