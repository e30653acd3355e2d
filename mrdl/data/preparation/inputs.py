"""The inputs of a network: what becomes of each column of a table."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from mrdl.data.preparation.categories import Category, codes_of
from mrdl.data.preparation.dates import DAYS, waves_of
from mrdl.nn.encoding.encoder import Encoder
from mrdl.nn.encoding.encoding import Encoding, Layout
from mrdl.nn.engines.numpy_engine import GATHER_BYTES, NumpyEngine


@dataclass(frozen=True, eq=False)
class Inputs:
    """What becomes of each column; decided once, kept with the model, and the same wherever rows go through it.

    shift, factor, fill: (columns,) float32; of numbers and dates a value becomes (value - shift) * factor, a missing
    one `fill`. threshold: raw values above it count as 1, all others as 0; None: scaled. limit: the largest magnitude
    that scaled values keep; None: they are in [0, 1].
    flagged: the places of columns with an input that is 1 where the value is missing.
    cycles: of dates, by place, which of DAYS have inputs; categories: by place, the inputs of levels.
    dictionary: by place, the levels of categories in the order of the codes that stand in raw rows.

    The inputs of a row are the scaled numbers and dates, then the flags, the cycles, and the levels, each in the order
    of columns.
    """

    ARRAYS: ClassVar[tuple[str, ...]] = ("shift", "factor", "fill")

    shift: np.ndarray
    factor: np.ndarray
    fill: np.ndarray
    threshold: float | None = None
    limit: float | None = None
    flagged: tuple[int, ...] = ()
    cycles: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    categories: Mapping[int, Category] = field(default_factory=dict)
    dictionary: Mapping[int, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def scaled(cls, shift: np.ndarray, factor: np.ndarray, threshold: float | None = None) -> "Inputs":
        """Return the inputs of numbers that scaling brings to [0, 1], missing ones to 0."""
        return cls(shift, factor, np.zeros_like(factor), threshold)

    @cached_property
    def encoding(self) -> Encoding:
        """The same as the arrays that rows go through."""
        columns = len(self.shift)
        numbers = np.array([i for i in range(columns) if i not in self.categories], np.int64)
        arrays = [array[numbers] for array in (self.shift, self.factor, self.fill)]
        layout = None
        if self.flagged or self.cycles or self.categories:
            cycles = waves_of(self.cycles, bounded=self.limit is None)
            codes = codes_of(self.categories, self.dictionary)
            layout = Layout(columns, numbers, np.array(self.flagged, np.int64), cycles, codes)
        return Encoding(arrays[0], arrays[1], self.threshold, arrays[2], self.limit, layout)

    @property
    def width(self) -> int:
        """Inputs that a row becomes: the nodes of a network's first layer."""
        return self.encoding.width

    def names(self, columns: Sequence[str]) -> list[str]:
        """Return the name of each input. columns: the names of the columns."""
        numbers = [name for i, name in enumerate(columns) if i not in self.categories]
        flags = [f"{columns[i]} is missing" for i in self.flagged]
        waves = [
            f"{columns[place]}: {wave} of the {cycle}"
            for place in sorted(self.cycles)
            for cycle in self.cycles[place]
            for wave in ("sine", "cosine")
        ]
        levels = [name for place in sorted(self.categories) for name in self.categories[place].names(columns[place])]
        return numbers + flags + waves + levels

    def of(self, features: np.ndarray) -> np.ndarray:
        """Return the inputs of raw rows: (rows, width) float32 of (rows, columns) of any number type.

        What lies outside the training range is cut, and what is missing (nan) is 0.
        """
        encode = Encoder(self.encoding, NumpyEngine(), cut=True)
        made = np.empty((len(features), self.width), np.float32)
        step = max(1, GATHER_BYTES // max(1, 4 * self.width))
        with np.errstate(over="ignore"):  # what overflows is cut
            for start in range(0, len(features), step):
                encode(features[start : start + step], made[start : start + step])
        return made

    def with_dictionary(self, dictionary: Mapping[int, Sequence[str]]) -> "Inputs":
        """Return the same for raw rows with codes of another dictionary."""
        return replace(self, dictionary=dictionary)

    def with_own_dictionary(self) -> "Inputs":
        """Return the same for codes of the levels with an input of their own, in the order of inputs."""
        return self.with_dictionary({place: each.levels for place, each in self.categories.items()})

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name: (columns,) float32 each."""
        return {name: getattr(self, name) for name in self.ARRAYS}

    def to_meta(self) -> dict[str, Any]:
        """Return all but the arrays and the dictionary, as JSON has it."""
        return {
            "threshold": self.threshold,
            "limit": self.limit,
            "flagged": list(self.flagged),
            "cycles": {str(place): list(names) for place, names in self.cycles.items()},
            "categories": {str(place): each.to_meta() for place, each in self.categories.items()},
        }

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Inputs":
        """Return the inputs of what `to_meta` and `arrays` gave, with a dictionary of their own."""
        return cls(
            shift=arrays["shift"],
            factor=arrays["factor"],
            fill=arrays["fill"],
            threshold=meta["threshold"],
            limit=meta["limit"],
            flagged=tuple(meta["flagged"]),
            cycles={int(place): tuple(names) for place, names in meta["cycles"].items()},
            categories={int(place): Category.from_meta(each) for place, each in meta["categories"].items()},
        ).with_own_dictionary()

    @staticmethod
    def is_meta(value: Any, columns: int) -> bool:
        """Return whether a stranger's value is what `to_meta` may give of so many columns."""
        keys = {"threshold", "limit", "flagged", "cycles", "categories"}
        if not isinstance(value, dict) or set(value) != keys:
            return False
        limit, flagged, cycles, categories = (value[key] for key in ("limit", "flagged", "cycles", "categories"))
        return (
            _is_number(value["threshold"])
            and (_is_number(limit) and (limit is None or limit > 0))
            and isinstance(flagged, list)
            and all(isinstance(place, int) and not isinstance(place, bool) for place in flagged)
            and _are_places([*map(str, flagged)], columns)
            and _is_by_place(cycles, columns, _are_cycles)
            and _is_by_place(categories, columns, Category.is_meta)
            and not set(cycles) & set(categories)
            and not {*map(str, flagged)} & set(categories)
        )


def _is_number(value: Any) -> bool:
    """Return whether a value is a finite number, or None."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value is None or (is_number and math.isfinite(value))


def _are_places(texts: Sequence[str], columns: int) -> bool:
    """Return whether texts are places of columns, each once, in their order, as `str` writes them."""
    if not all(text.isdecimal() and text.isascii() and len(text) < 10 for text in texts):
        return False
    places = [int(text) for text in texts]
    as_written, each_once = list(map(str, places)) == list(texts), len(set(places)) == len(places)
    return as_written and each_once and max(places, default=-1) < columns


def _is_by_place(value: Any, columns: int, is_one: Callable[[Any], bool]) -> bool:
    """Return whether a value is an object of places of columns and what `is_one` says."""
    return isinstance(value, dict) and _are_places(list(value), columns) and all(map(is_one, value.values()))


def _are_cycles(value: Any) -> bool:
    """Return whether a value is some of DAYS, each once."""
    return isinstance(value, list) and value == [name for name in DAYS if name in value]
