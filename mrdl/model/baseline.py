"""Compares a network with always saying the most frequent class, or the mean, and says how far few rows can be trusted.

Measures are dicts as Model.score gives them: rows, accuracy and baseline, both from 0 to 1; of numbers rmse and
baseline_rmse, in their own unit.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mrdl.metrics import intervals
from mrdl.metrics.regression import told_r2

SIGMAS = 2.0
FEW_ROWS = 1000  # below that an accuracy is told with its interval
SHOWN = 6  # classes that a line names


def is_no_better(accuracy: float, baseline: float, rows: int) -> bool:
    """Return whether an accuracy on so many rows is within two standard deviations of the baseline, or below."""
    deviation = math.sqrt(max(baseline * (1 - baseline), 1e-12) / max(1, rows))
    return accuracy <= baseline + SIGMAS * deviation


def is_no_better_than_mean(rmse: float, baseline: float, rows: int) -> bool:
    """Return whether numbers are not shown to be nearer than their mean, by two standard deviations.

    rmse, baseline: of the network, and of always saying the mean of the training rows. Of a network that explains the
    share s of the variance, squared errors are s smaller in the mean, and vary by 2 sqrt(s) from row to row, in units
    of the variance: that is plain where sqrt(rows) * s / (2 * sqrt(s)) is SIGMAS or more.
    """
    explained = 1 - (rmse / baseline) ** 2 if baseline else -math.inf
    return not explained > (2 * SIGMAS) ** 2 / max(1, rows)


def told_worth(scores: Mapping[str, Any]) -> str:
    """Return what people look at first: an accuracy, or of numbers how far off they are; "" of what has neither."""
    if "rmse" in scores:
        explained = f", R² {told_r2(scores['r2'])}" if "r2" in scores else ""
        off = f"RMSE {scores['rmse']:.6g}, MAE {scores['mae']:.6g}"
        return f"{off}{explained} of {_counted(int(scores['rows']))}"
    return f"accuracy {told_accuracy(scores)}" if "accuracy" in scores else ""


def told_accuracy(scores: Mapping[str, Any]) -> str:
    """Return an accuracy for people: 96.30 % of 27 rows (95 % interval: 81.7 to 99.3 %)."""
    accuracy = float(scores["accuracy"])
    rows = int(scores["rows"])
    text = f"{100 * accuracy:.2f} % of {_counted(rows)}"
    if 0 < rows < FEW_ROWS:
        low, high = intervals.of_share(accuracy, rows)
        text += f" (95 % interval: {100 * low:.1f} to {100 * high:.1f} %)"
    return text


def told_baseline(scores: Mapping[str, Any], majority: str) -> str:
    """Return what always saying the majority class would be right in, and whether the network is no better.

    majority: the class, or the mean of numbers. Returns "" where nobody knows: in models of earlier versions, or
    without rows.
    """
    if "baseline_rmse" in scores:
        off, verdict = scores["baseline_rmse"], ": no better" * _is_no_better_than_mean(scores)
        return f"always saying the mean, {majority}, would have an RMSE of {off:.6g}{verdict}"
    if not majority or "baseline" not in scores or not scores["rows"]:
        return ""
    verdict = ": no better" if is_no_better(scores["accuracy"], scores["baseline"], scores["rows"]) else ""
    return f"always saying {majority!r} would be right in {100 * scores['baseline']:.2f} %{verdict}"


def told_balanced(scores: Mapping[str, Any]) -> str:
    """Return the measures that do not praise a network for saying the most frequent class: balanced accuracy, and AUC.

    Returns "" where they are not known.
    """
    if "balanced_accuracy" not in scores:
        return ""
    told = f"balanced accuracy {100 * scores['balanced_accuracy']:.2f} %"
    return told + (f", AUC {scores['auc']:.4f} (guessing: 0.5)" if "auc" in scores else "")


def told_short(scores: Mapping[str, Any], majority: str) -> str:
    """Return the same in a few words, for a table: always '0' 0.9730, no better."""
    if "baseline_rmse" in scores:
        return f"always the mean {scores['baseline_rmse']:.6g}{', no better' * _is_no_better_than_mean(scores)}"
    if not told_baseline(scores, majority):
        return ""
    no_better = is_no_better(scores["accuracy"], scores["baseline"], scores["rows"])
    return f"always {majority!r} {scores['baseline']:.4f}{', no better' * no_better}"


def told_classes(classes: Sequence[str], targets: np.ndarray, said: np.ndarray, no_better: bool) -> str:
    """Return what a network finds of each class where it is no better than the baseline, else those it never says.

    targets, said: (rows,) int64, index in classes; -1 for a class that is none of them. Returns "" where it says all.
    """
    of_known = (targets[targets >= 0], said, said[said == targets])
    rows, says, found = (np.bincount(numbers, minlength=len(classes)).tolist() for numbers in of_known)
    if no_better:
        worst = sorted((i for i in range(len(classes)) if rows[i]), key=lambda i: found[i] / rows[i])
        return "it finds " + _listed([f"{found[i]:,} of {rows[i]:,} of class {classes[i]!r}" for i in worst])
    never = [f"{classes[i]!r} ({_counted(rows[i])})" for i in range(len(classes)) if rows[i] and not says[i]]
    return f"it never says class {_listed(never)}" if never else ""


def told_absent(class_rows: Mapping[str, int], kept_out: Mapping[str, int]) -> list[str]:
    """Return which classes are only among the rows kept out, so that they are not learnt, or not among them.

    Of the latter the accuracy tells nothing. Rows are kept out by their hash, which knows of no class.
    class_rows, kept_out: class -> rows, of all rows and of those kept out.
    """
    told = []
    unseen = [f"{name!r} ({_counted(rows)})" for name, rows in class_rows.items() if kept_out.get(name, 0) >= rows]
    untested = [f"{name!r} ({_counted(rows)})" for name, rows in class_rows.items() if not kept_out.get(name)]
    if unseen:
        told.append(f"not trained on, only among the rows kept out: class {_listed(unseen)}")
    if untested:
        told.append(f"trained on, not among the rows kept out: class {_listed(untested)}")
    return told


def _is_no_better_than_mean(scores: Mapping[str, Any]) -> bool:
    """Return the same of measures."""
    return is_no_better_than_mean(scores["rmse"], scores["baseline_rmse"], int(scores["rows"]))


def _counted(rows: int) -> str:
    """Return a number of rows in words."""
    return f"{rows:,} row{'s' * (rows != 1)}"


def _listed(texts: Sequence[str]) -> str:
    """Return the first few texts, and how many more there are."""
    more = len(texts) - SHOWN
    return ", ".join(texts[:SHOWN]) + (f", and {more} more" if more > 0 else "")


def as_json(scores: Mapping[str, Any], majority: str) -> dict[str, Any]:
    """Return the same for a program; None where nobody knows.

    accuracy_rows: of how many rows accuracy and interval are. Of numbers there are rmse, mae and r2 in their place,
    measured_rows, and baseline_rmse, that of always saying the mean.
    """
    if "rmse" in scores:
        found = {name: scores.get(name) for name in ("rmse", "mae", "r2", "baseline_rmse")}
        no_better = _is_no_better_than_mean(scores) if "baseline_rmse" in scores else None
        return {**found, "measured_rows": scores["rows"], "no_better": no_better}
    told = dict.fromkeys(("accuracy_rows", "accuracy_interval", "majority", "baseline", "no_better"))
    if scores.get("accuracy") is None or not scores.get("rows"):
        return told
    accuracy = float(scores["accuracy"])
    rows = int(scores["rows"])
    told |= {"accuracy_rows": rows, "accuracy_interval": list(intervals.of_share(accuracy, rows))}
    if majority and "baseline" in scores:
        share = float(scores["baseline"])
        told |= {"majority": majority, "baseline": share, "no_better": is_no_better(accuracy, share, rows)}
    return told
