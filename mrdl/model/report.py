"""What a classifier is worth on some rows, in words and tables: each measure beside what knowing nothing would give."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrdl.metrics import intervals
from mrdl.metrics.classification import Classification
from mrdl.model.baseline import is_no_better

MOST_CLASSES = 20  # that a table has; of more those that are found worst
MOST_SQUARE = 12  # classes of which all confusions are shown
MOST_ERRORS = 10  # that are listed where there are more
MUCH = 0.02  # distance of what is said to what is right, in the mean, that is worth a word
WIDEST = 24  # characters of a class in a table


@dataclass(frozen=True)
class Report:
    """The answers of a network to rows whose classes are known. print(report) tells of them, to_json() is for programs.

    source: the rows, for people; answers: the counts; classes: in the order of their numbers; class_rows: rows of each
    in the training data, empty where nobody knows.
    """

    source: str
    answers: Classification
    classes: tuple[str, ...]
    class_rows: tuple[int, ...]

    @property
    def scores(self) -> dict[str, float]:
        """The measures by name, as `Model.evaluate` gives them."""
        return self.answers.scores()

    @property
    def baselines(self) -> dict[str, float]:
        """The same measures, as far as they are known, of answers that know nothing of a row: always the most frequent
        class of the training data, as sure of each as it is frequent there, and any order of rows."""
        rows, of_classes = self.answers.confusion.rows, self.answers.confusion.rows_of
        known = int(of_classes.sum())
        if not known:
            return {}
        even, positive = 1 / np.count_nonzero(of_classes), self.answers.positive
        of_one = even if positive is None else int(of_classes[positive]) / rows
        found = {"balanced_accuracy": even, "auc": 0.5, "pr_auc": of_one}
        if self.answers.majority is not None:
            found["accuracy"] = int(of_classes[self.answers.majority]) / rows
        if self.class_rows:
            shares = np.array(self.class_rows) / sum(self.class_rows)
            if (shares[of_classes > 0] > 0).all():
                logarithms = np.log(shares, out=np.zeros(len(shares)), where=shares > 0)
                found["loss"] = -float((of_classes * logarithms).sum()) / known
                off = 1 - 2 * float((of_classes * shares).sum()) / known + float((shares**2).sum())
                found["brier"] = off / (1 + (len(shares) == 2))
        return found

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Intervals of 95 % of the measures that have one."""
        scores, confusion = self.scores, self.answers.confusion
        found = {"accuracy": intervals.of_share(scores["accuracy"], confusion.rows)}
        shares = [
            (int(hits), int(rows)) for hits, rows in zip(confusion.hits_of, confusion.rows_of, strict=True) if rows
        ]
        found["balanced_accuracy"] = intervals.of_mean_of_shares(shares)
        if self.answers.classes == 2 and "auc" in scores:
            found["auc"] = intervals.of_auc(scores["auc"], *self.answers.rankings[1].rows)
        return found

    def to_json(self) -> dict[str, Any]:
        """All of it as an object of JSON: measures, baselines, intervals, classes, confusion and calibration."""
        targets, said, rows = (each.tolist() for each in self.answers.confusion.cells())
        names = (*self.classes, None)  # -1: a class that training never saw
        return {
            "data": self.source,
            **self.scores,
            "baselines": self.baselines,
            "intervals": {name: list(ends) for name, ends in self.intervals.items()},
            "auc_error": self._error,
            "classes": [
                {"class": self.classes[i]} | {name: _or_none(value) for name, value in self._of_class(i).items()}
                for i in range(len(self.classes))
            ],
            "confusion": [
                {"class": names[target], "said": names[answer], "rows": count}
                for target, answer, count in zip(targets, said, rows, strict=True)
            ],
            "calibration": [vars(each) for each in self.answers.calibration.bins],
        }

    def __str__(self) -> str:
        parts = (self._told_measures(), self._told_classes(), self._told_confusion(), self._told_calibration())
        return "\n".join([f"{self.source}: {self.answers.confusion.rows:,} rows", *("\n".join(part) for part in parts)])

    # --- measures ---

    def _told_measures(self) -> Iterator[str]:
        """A line for each measure."""
        scores, baselines, within = self.scores, self.baselines, self.intervals
        positive = self.answers.positive
        of_one = "" if positive is None else f" of class {self._name(positive)}"
        lines = [["", "", "95 % interval", "knowing nothing"]]
        for name, title in (
            ("accuracy", "accuracy"),
            ("balanced_accuracy", "balanced accuracy"),
            ("auc", "ROC AUC"),
            ("pr_auc", f"PR AUC{of_one}"),
            ("f1", f"F1{of_one}"),
            ("loss", "log loss"),
            ("brier", "Brier score"),
            ("top_5", "right class among the first 5"),
        ):
            if name in scores and not math.isnan(scores[name]):
                told = _percent if name in ("accuracy", "balanced_accuracy", "top_5") else "{:.4f}".format
                interval = " to ".join(told(end).removesuffix(" %") for end in within.get(name, ()))
                lines.append([title, told(scores[name]), interval, told(baselines[name]) if name in baselines else ""])
        yield from aligned(lines)
        if "accuracy" in baselines and is_no_better(scores["accuracy"], baselines["accuracy"], int(scores["rows"])):
            majority = self._name(self.answers.majority or 0)
            yield f"its accuracy is no better than that of always saying {majority}: look at the classes below"
        if self._error:
            yield f"so many rows that the areas (AUC) may be off by {self._error:.1g} at most"

    @property
    def _error(self) -> float:
        """How far the areas may be off, at most."""
        return max((max(ranking.error) for ranking in self.answers.rankings), default=0.0)

    # --- classes ---

    def _of_class(self, number: int) -> dict[str, Any]:
        """The counts and measures of one class."""
        confusion, rankings = self.answers.confusion, self.answers.rankings
        found = {
            "rows": int(confusion.rows_of[number]),
            "said": int(confusion.said_of[number]),
            "hits": int(confusion.hits_of[number]),
            "recall": float(confusion.recall[number]),
            "precision": float(confusion.precision[number]),
            "f1": float(confusion.f1[number]),
        }
        if rankings:
            found |= {"auc": rankings[number].roc_auc, "pr_auc": rankings[number].pr_auc}
        return found

    def _told_classes(self) -> Iterator[str]:
        """A line for each class, of many those that are found worst."""
        f1 = self.answers.confusion.f1
        shown = np.arange(len(f1)) if len(f1) <= MOST_CLASSES else np.sort(np.argsort(f1, kind="stable")[:MOST_CLASSES])
        lines = [["class", "rows", "found (recall)", "", "said", "right (precision)", "", "F1", "ROC AUC", "PR AUC"]]
        for number in shown.tolist():
            of = self._of_class(number)
            lines.append(
                [
                    self._name(number),
                    f"{of['rows']:,}",
                    _percent(of["recall"]),
                    _within(of["recall"], of["rows"]),
                    f"{of['said']:,}",
                    _percent(of["precision"]) if of["said"] else "never",
                    _within(of["precision"], of["said"]),
                    *(
                        "" if math.isnan(of.get(name, math.nan)) else f"{of[name]:.4f}"
                        for name in ("f1", "auc", "pr_auc")
                    ),
                ]
            )
        yield ""
        yield from aligned(lines)
        if len(f1) > len(shown):
            yield f"the {len(shown)} of {len(f1):,} classes with the lowest F1"

    def _told_confusion(self) -> Iterator[str]:
        """What was said of rows of which class: all of it, or the most frequent errors."""
        confusion = self.answers.confusion
        unknown = confusion.rows - int(confusion.rows_of.sum())
        yield ""
        if self.answers.classes <= MOST_SQUARE:
            yield "rows by class (left) and by what was said (above)"
            names = [self._name(i) for i in range(self.answers.classes)]
            cells = [[f"{count:,}" for count in row] for row in confusion.matrix.tolist()]
            yield from aligned([["", *names], *([name, *row] for name, row in zip(names, cells, strict=True))])
        else:
            for target, said, rows in confusion.most_frequent_errors(MOST_ERRORS):
                yield f"{self._name(said)} was said of {rows:,} rows of class {self._name(target)}"
        if unknown:
            yield f"{unknown:,} rows are of classes that training never saw: each counts as an error"

    def _name(self, number: int) -> str:
        """A class for people, its beginning where it is long."""
        name = repr(self.classes[number])
        return name if len(name) <= WIDEST else f"{name[: WIDEST - 3]}..."

    # --- calibration ---

    def _told_calibration(self) -> Iterator[str]:
        """How often it was right by how sure it was."""
        calibration = self.answers.calibration
        yield ""
        lines = [["how sure it was", "rows", "said, in the mean", "right", "95 % interval"]]
        for each in calibration.bins:
            share = each.hits / each.rows
            ends = f"{100 * each.low:.0f} to {100 * each.high:.0f} %"
            lines.append([ends, f"{each.rows:,}", _percent(each.said), _percent(share), _within(share, each.rows)])
        yield from aligned(lines)
        rows = sum(each.rows for each in calibration.bins)
        if rows:
            more = sum(each.said * each.rows - each.hits for each in calibration.bins) / rows
            how = (
                "as often right as it says"
                if abs(more) < MUCH
                else "surer than it should be"
                if more > 0
                else "too unsure"
            )
            yield f"it is {how}: off by {100 * calibration.error:.1f} points in the mean"


def _percent(share: float) -> str:
    """A share for people, empty where it is not defined."""
    return "" if math.isnan(share) else f"{100 * share:.2f} %"


def _within(share: float, rows: int) -> str:
    """The interval of a share for people, "" without rows."""
    if not rows or math.isnan(share):
        return ""
    low, high = intervals.of_share(share, rows)
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def aligned(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of cells, the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *others in lines:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()
