"""How much a column tells of the label: whether it is the label once more, or nearly."""

import numpy as np

from mrdl.inspection.cells import is_missing

PARTS = 256  # of equally many rows, that a column of many numbers is cut into at most
ROWS_OF_VALUE = 5  # that a value needs on average: of fewer nothing is learnt
SURE = 0.99  # share of rows in which a near-duplicate tells the class
BETTER = 0.1  # of the errors of the most frequent class, at most
SPREAD = 0.999  # of a target's variance that a near-duplicate tells
CLASSES = 100  # different values in a sample, up to which the label is taken for classes


def share_told(column: np.ndarray, label: np.ndarray, weights: np.ndarray) -> float | None:
    """The share of the label that a column tells, 0 to 1: of rows whose class its value tells, or of the variance of a
    target. None where that is too little to be told from chance, or nothing to wonder at.

    column, label: (rows,) cells of a sample (see mrdl.inspection.cells); weights: (rows,), how often each row is there.
    """
    there = ~is_missing(label)
    column, label, weights = column[there], label[there], weights[there]
    codes = _codes(column)
    if not len(label) or codes is None:
        return None
    classes = np.unique(label.view(np.uint64), return_inverse=True)[1]
    if classes.max() < CLASSES:
        return _of_classes(codes, classes, weights)
    if np.isnan(label).any():
        return None
    if not np.isnan(column).any() and (same := abs(_of_ranks(column, label))) >= SPREAD:
        return same
    told = _of_spread(codes, label, weights)
    return told if told >= SPREAD else None


def _codes(column: np.ndarray) -> np.ndarray | None:
    """The values of a column as numbers from 0, its numbers in parts where they are many; None where all is alike, or
    no value comes again."""
    column = np.ascontiguousarray(column)
    different, codes = np.unique(column.view(np.uint64), return_inverse=True)
    if len(different) * ROWS_OF_VALUE <= len(column):
        return codes if len(different) > 1 else None
    numbers = ~np.isnan(column)
    count = min(PARTS, int(numbers.sum()) // ROWS_OF_VALUE)
    if count < 2 or numbers.mean() < 0.5:
        return None
    edges = np.quantile(column[numbers], np.linspace(0, 1, count + 1)[1:-1])
    parts = np.searchsorted(edges, column, side="right")
    parts[~numbers] = count  # texts and missing cells are a part of their own
    return parts


def _of_classes(codes: np.ndarray, classes: np.ndarray, weights: np.ndarray) -> float | None:
    """The share of rows whose class is the most frequent one beside their value; None where it is no wonder."""
    number = int(classes.max()) + 1
    rows = np.bincount(codes * number + classes, weights, (int(codes.max()) + 1) * number).reshape(-1, number)
    told, usual = rows.max(axis=1).sum() / rows.sum(), rows.sum(axis=0).max() / rows.sum()
    return float(told) if told >= SURE and 1 - told <= BETTER * (1 - usual) else None


def _of_ranks(column: np.ndarray, label: np.ndarray) -> float:
    """Spearman's correlation."""
    ranks = [np.unique(each, return_inverse=True)[1].astype(np.float64) for each in (column, label)]
    centred = [each - each.mean() for each in ranks]
    length = np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum())
    return float(centred[0] @ centred[1] / length) if length else 0.0


def _of_spread(codes: np.ndarray, label: np.ndarray, weights: np.ndarray) -> float:
    """The share of a target's variance that lies between the values of a column."""
    rows, sums = np.bincount(codes, weights), np.bincount(codes, weights * label)
    mean = sums.sum() / rows.sum()
    whole = (weights * (label - mean) ** 2).sum()
    there = rows > 0
    between = (rows[there] * (sums[there] / rows[there] - mean) ** 2).sum()
    return float(between / whole) if whole else 0.0
