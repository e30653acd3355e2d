"""Which levels of a column of categories have an input of their own, and how codes find theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrdl.nn.encoding.encoding import BEFORE, Codes

MOST_LEVELS = 32  # with an input of their own
ROWS_OF_LEVEL = 5  # that a level needs for one


@dataclass(frozen=True)
class Category:
    """The inputs of a column of categories, one-hot: those of levels, then of all others, then of missing ones.

    levels: those with an input of their own, in the order of inputs; other: whether the other ones share one, as some
    training rows had them; missing: whether a missing one has one, as some training rows were without a level. What has
    no input has 0 in all.
    """

    levels: tuple[str, ...]
    other: bool = False
    missing: bool = False

    @classmethod
    def of(cls, rows: Mapping[str, int], missing: int, most: int = MOST_LEVELS) -> "Category":
        """Return the inputs of a column.

        rows: level -> training rows; missing: so many rows of a sample have none; most: levels with one of their own.
        """
        frequent = sorted((name for name in rows if rows[name] >= ROWS_OF_LEVEL), key=lambda name: (-rows[name], name))
        kept = tuple(sorted(frequent[:most]))
        return cls(kept, other=len(kept) < len(rows), missing=missing >= ROWS_OF_LEVEL)

    @property
    def width(self) -> int:
        """Inputs of the column."""
        return len(self.levels) + self.other + self.missing

    def names(self, column: str) -> list[str]:
        """Return the names of the inputs."""
        others = [f"{column}: other"] * self.other + [f"{column}: missing"] * self.missing
        return [f"{column} = {level}" for level in self.levels] + others

    def inputs_of(self, dictionary: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the places of the inputs of a missing level, of an unseen one, and of each code, and which there are.

        dictionary: the levels in the order of codes.
        """
        place = {name: i for i, name in enumerate(self.levels)}
        other = len(self.levels) if self.other else -1
        absent = len(self.levels) + self.other if self.missing else other
        found = np.array([absent, other, *(place.get(name, other) for name in dictionary)], np.int64)
        return np.maximum(found, 0), (found >= 0).astype(np.float32)

    def to_meta(self) -> dict[str, Any]:
        """Return the fields, as JSON has them."""
        return {"levels": list(self.levels), "other": self.other, "missing": self.missing}

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> "Category":
        """Return the category that `to_meta` has written."""
        return cls(tuple(meta["levels"]), meta["other"], meta["missing"])

    @staticmethod
    def is_meta(value: Any) -> bool:
        """Return whether a stranger's value is what `to_meta` may give."""
        if not isinstance(value, dict) or set(value) != {"levels", "other", "missing"}:
            return False
        levels = value["levels"]
        texts = isinstance(levels, list) and all(isinstance(each, str) for each in levels)
        flags = isinstance(value["other"], bool) and isinstance(value["missing"], bool)
        return texts and flags and len(set(levels)) == len(levels)


def codes_of(categories: Mapping[int, Category], dictionaries: Mapping[int, Sequence[str]]) -> Codes:
    """Return how the codes of all columns find their inputs.

    categories: by the place of the column; dictionaries: the levels of each in the order of codes.
    """
    inputs, ones, starts, first, width = [], [], [], 0, 0
    for place in sorted(categories):
        if not categories[place].width:
            continue
        at, there = categories[place].inputs_of(dictionaries[place])
        inputs.append(at + width)
        ones.append(there)
        starts.append(first + BEFORE)
        first += len(at)
        width += categories[place].width
    places = [place for place in sorted(categories) if categories[place].width]
    return Codes(
        places=np.array(places, np.int64),
        starts=np.array(starts, np.int64),
        inputs=np.concatenate([np.zeros(0, np.int64), *inputs]),
        ones=np.concatenate([np.zeros(0, np.float32), *ones]),
        width=width,
    )
