"""From which probability on the second of two classes is said, where the more probable one is not what is wanted."""

import numpy as np


def best_cut(probability: np.ndarray, is_second: np.ndarray, measure: str, positive: int) -> float | None:
    """The probability of the second class from which on saying it gives the highest measure; None where not both are.

    probability: (rows,) of the second class; is_second: (rows,) bool, whether a row is of it; measure:
    balanced_accuracy, or f1 of the class `positive`, 0 or 1. It lies halfway between two probabilities that rows have,
    so that rows near it are not parted by rounding.
    """
    seconds, firsts = int(is_second.sum()), int((~is_second).sum())
    if not seconds or not firsts:
        return None
    order = np.argsort(-probability, kind="stable")
    falling = probability[order].astype(np.float64)
    right = np.append(0, np.cumsum(is_second[order]))  # of the rows of which the second class is said, by their number
    said = np.arange(len(order) + 1)
    wrong = said - right
    if measure == "f1":
        hits, rows, answers = (right, seconds, said) if positive else (firsts - wrong, firsts, len(order) - said)
        worth = 2 * hits / (rows + answers)
    else:
        worth = right / seconds + (firsts - wrong) / firsts
    ends = np.append(1.0, falling), np.append(falling, 0.0)  # of the gap that a cut lies in
    worth = np.where(ends[0] > ends[1], worth, -1.0)  # rows that are alike are not parted
    best = int(worth.argmax())
    return float((ends[0][best] + ends[1][best]) / 2)
