"""The levels of columns of categories: numbered as they come, and by one dictionary that no split or order shows in."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from mrdl.data.hashing import label_hashes


class LevelCodes:
    """Numbers the levels of one column as they come, with what is known of each.

    names: level -> code; hashes: (levels,) uint64, of their texts.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self.names: dict[str, int] = {}
        self.hashes = np.zeros(0, np.uint64)

    def add(self, names: Iterable[str]) -> None:
        """Give the next codes to levels that have none."""
        new = [name for name in dict.fromkeys(names) if name not in self.names]
        self.names |= {name: code for code, name in enumerate(new, len(self.names))}
        self.hashes = np.concatenate([self.hashes, label_hashes(new)])


def recoded(column: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return codes by other numbers, (rows,) float32; what is missing (nan) stays so.

    column: (rows,) codes; table: (levels,), the new code of each.
    """
    places = np.nan_to_num(column, nan=len(table)).astype(np.intp)
    return np.append(table, np.nan).astype(np.float32)[places]


def by_dictionary(
    features: np.ndarray, levels: Mapping[int, Sequence[str]], dictionaries: Mapping[int, Mapping[str, int]]
) -> np.ndarray:
    """Return rows whose codes are those of dictionaries, as float32 where there are levels; they may be written over.

    features: (rows, columns); levels: of each column of categories, by its place, what its codes are indices of now;
    dictionaries: place -> level -> code. A level that is in none becomes -1.
    """
    if not levels:
        return features
    features = features.astype(np.float32, copy=False)
    for place, names in levels.items():
        codes = dictionaries.get(place, {})
        features[:, place] = recoded(features[:, place], np.array([codes.get(name, -1) for name in names], np.float32))
    return features


def dictionaries_of(levels: Mapping[int, Iterable[str]]) -> dict[int, dict[str, int]]:
    """Return the code of each level of each column: its place among the sorted ones."""
    return {place: {name: i for i, name in enumerate(sorted(names))} for place, names in levels.items()}


def compacted(features: np.ndarray, levels: Mapping[int, Sequence[str]]) -> tuple[np.ndarray, dict[int, list[str]]]:
    """Return rows that are numbered by the levels alone that they have, and these; a copy where there are levels.

    features: (rows, columns) float32; levels: of each column of categories what its codes are indices of.
    """
    if not levels:
        return features, {}
    features, used = features.copy(), {}
    for place, names in levels.items():
        column = features[:, place]
        there = np.bincount(column[~np.isnan(column)].astype(np.intp), minlength=len(names)) > 0
        features[:, place] = recoded(column, np.cumsum(there) - 1)
        used[place] = [names[int(code)] for code in np.flatnonzero(there)]
    return features, used
