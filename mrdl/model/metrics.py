"""The labels that rows have beside the classes that a network knows, which may not be all of them."""

import logging
from collections import Counter
from collections.abc import Sequence

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
            told = "%s: %d of %d rows have a label that training never saw (%s); they count as errors"
            log.warning(told, source, self._unknown.total(), labelled, _some(self._unknown))


def told_unknown(source: str, names: Sequence[str] | Counter[str], classes: Sequence[str]) -> str:
    """The message for a table of which no label is a class."""
    return (
        f"{source}: none of its labels is a class of the training data: they are {_some(Counter(names))}; "
        f"the classes are {_some(Counter(classes))}. Is its label column the right one?"
    )


def _some(names: Counter[str]) -> str:
    """The most frequent labels for people, and how many more there are."""
    shown = [brief(name, 40) + (f" in {count} rows" if count > 1 else "") for name, count in names.most_common(SHOWN)]
    return ", ".join(shown) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
