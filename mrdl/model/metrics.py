"""How good a network is: its output beside the labels that rows have, which it may not know, or beside the rows."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrdl.data.labels import class_numbers
from mrdl.errors import DataError, brief

log = logging.getLogger(__name__)

SHOWN = 5  # labels that a message lists


class Answers:
    """The labels of a table as class numbers, block by block, with a count of those that are missing or unknown."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = classes
        self._rows, self._missing, self._unknown = 0, 0, Counter[str]()

    def of(self, features: np.ndarray, codes: np.ndarray, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The rows that have a label, (rows, columns), and the number of its class, (rows,) int64, -1 if it is none.

        codes: (rows,), the place of each row's label in `names`, of which "" is a missing one.
        """
        numbers = class_numbers(names, self._classes)
        missing = np.array([name == "" for name in names])[codes]
        self._rows += len(codes)
        self._missing += int(missing.sum())
        for place, count in enumerate(np.bincount(codes % len(names), minlength=len(names))):
            if count and names[place] and numbers[place] < 0:
                self._unknown[names[place]] += int(count)
        return (features[~missing], numbers[codes][~missing]) if missing.any() else (features, numbers[codes])

    def check(self, source: str) -> None:
        """Warn of rows that are left out and of labels that no class has; raises DataError where nothing remains."""
        labelled = self._rows - self._missing
        if not labelled:
            raise DataError(f"{source}: none of its {self._rows} rows has a label")
        if self._unknown.total() == labelled:
            raise DataError(told_unknown(source, self._unknown, self._classes))
        if self._missing:
            log.warning("%s: %d of %d rows have no label and are left out", source, self._missing, self._rows)
        if self._unknown:
            count, names = self._unknown.total(), _some(self._unknown)
            log.warning(
                "%s: %d of %d rows have a label that training never saw (%s); they count as errors",
                source, count, labelled, names,
            )  # fmt: skip


def told_unknown(source: str, names: Sequence[str] | Counter[str], classes: Sequence[str]) -> str:
    """The message for a table of which no label is a class."""
    return (
        f"{source}: none of its labels is a class of the training data: they are {_some(Counter(names))}; "
        f"the classes are {_some(Counter(classes))}. Is its label column the right one?"
    )


def _some(names: Counter[str]) -> str:
    shown = [brief(name, 40) + (f" in {count} rows" if count > 1 else "") for name, count in names.most_common(SHOWN)]
    return ", ".join(shown) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


@dataclass(frozen=True)
class Outcome:
    """What was answered for some rows. picked: log-probabilities of the classes that rows have, of those that are
    known, float64; hits: (rows,) bool; targets: (rows,) int64, -1 where no class is known."""

    picked: np.ndarray
    hits: np.ndarray
    targets: np.ndarray

    @classmethod
    def of(cls, output: np.ndarray, targets: np.ndarray, classes: int) -> "Outcome":
        """output: (rows, outputs), log-probabilities, of which those of classes come first."""
        known = targets >= 0
        picked = output[np.flatnonzero(known), targets[known]].astype(np.float64)
        return cls(picked, output[:, :classes].argmax(1) == targets, targets)

    @classmethod
    def joined(cls, parts: Sequence["Outcome"]) -> "Outcome":
        """Of all rows."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("picked", "hits", "targets")))

    def scores(self, majority: int | None) -> dict[str, float]:
        """rows, loss and accuracy; baseline: the share of a class, of which the number is given."""
        found = {
            "rows": len(self.targets),
            "loss": float(-self.picked.mean()) if len(self.picked) else float("nan"),
            "accuracy": float(self.hits.mean()) if len(self.hits) else float("nan"),
        }
        if len(self.hits) and majority is not None:
            found["baseline"] = float((self.targets == majority).mean())
        return found


def of_reconstructions(rows: np.ndarray, output: np.ndarray) -> dict[str, float]:
    """rows, loss (cross-entropy) and mean squared error of reconstructions; both (rows, columns) in [0, 1]."""
    x, p = rows.astype(np.float64), np.clip(output.astype(np.float64), 1e-7, 1 - 1e-7)
    loss = -(x * np.log(p) + (1 - x) * np.log1p(-p)).sum(1).mean() if len(x) else np.nan
    mse = ((output - x) ** 2).mean() if len(x) else np.nan
    return {"rows": len(x), "loss": float(loss), "mse": float(mse)}
