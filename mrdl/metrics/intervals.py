"""How far figures of few rows can be trusted: intervals of 95 %, each as (low, high)."""

import math
from collections.abc import Sequence

Z95 = 1.959963984540054  # of the normal distribution, for an interval of 95 %


def of_share(share: float, rows: int) -> tuple[float, float]:
    """Of a share of so many rows (Wilson 1927), from 0 to 1.

    of_share(26 / 27, 27)  # (0.817, 0.993)
    """
    if not rows:
        return 0.0, 1.0
    part = Z95**2 / rows
    centre = (share + part / 2) / (1 + part)
    reach = Z95 * math.sqrt(share * (1 - share) / rows + part / rows / 4) / (1 + part)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def of_mean_of_shares(found: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Of the mean of shares, each of its own rows: hits and rows of each, of at least one row.

    Each share's variance is that of (hits + 1) of (rows + 2), so that shares of 0 and 1 have one, too.
    """
    if not found:
        return 0.0, 1.0
    mean = sum(hits / rows for hits, rows in found) / len(found)
    smoothed = [((hits + 1) / (rows + 2), rows) for hits, rows in found]
    reach = Z95 * math.sqrt(sum(share * (1 - share) / rows for share, rows in smoothed)) / len(found)
    return max(0.0, mean - reach), min(1.0, mean + reach)


def of_auc(auc: float, of_class: int, others: int) -> tuple[float, float]:
    """Of the area under a ROC curve of so many rows of the class and others (Hanley and McNeil 1982)."""
    if not of_class or not others:
        return 0.0, 1.0
    both_above, both_below = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (of_class - 1) * (both_above - auc**2) + (others - 1) * (both_below - auc**2)
    reach = Z95 * math.sqrt(max(0.0, spread) / of_class / others)
    return max(0.0, auc - reach), min(1.0, auc + reach)
