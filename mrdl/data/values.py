"""What the values of a column are: classes that can be learnt, or numbers, by how often they come again."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mrdl.data.text.arrays import numbers_of, texts_of
from mrdl.data.text.columns import Wording
from mrdl.data.text.numbers import PLAIN_NUMBER, as_plain
from mrdl.data.text.schema import BOOLEANS
from mrdl.data.types import NUMBER, PLAIN, ColumnType

AUTO, CLASSIFY, REGRESS, MULTILABEL = TASKS = ("auto", "classify", "regress", "multilabel")  # the setting `task`
MAX_CLASSES = 10_000
FEW = 20  # so many classes are never too many, however few the rows are
MOST_COUNTED = 100  # whole numbers that are taken for classes where nobody says what they are
ROWS_OF_AMOUNT = 5  # that a class of numbers needs on average
ROWS_OF_CLASS = 2  # that a class of text needs on average
SURE = 1000  # rows of a head that can tell classes from values that never come again
FLAGS = ("0", "1", "0.0", "1.0", *BOOLEANS)


@dataclass(frozen=True)
class Values:
    """What a column holds, missing cells left out.

    distinct: different values; rows: of how many; pairs: how many pairs of rows share a value.
    numeric: all but a few values are numbers; fractional: and not whole ones; flags: all are 0 or 1, True or False;
    shown: some of them.
    whole: whether these are all rows of the data, else its head.
    """

    distinct: int
    rows: int
    pairs: float
    numeric: bool
    fractional: bool
    flags: bool
    shown: str
    whole: bool

    @classmethod
    def of(cls, names: "pa.StringArray", counts: "pa.Int64Array", whole: bool, column: ColumnType = PLAIN) -> "Values":
        """Return what is known of values. names: the distinct ones; counts: in how many rows each is; column: how
        numbers are written."""
        plain = as_plain(names, column.format) if column.kind == NUMBER and column.format else names
        texts = plain.filter(pc.match_substring_regex(plain, PLAIN_NUMBER))
        numeric = 0 < len(names) <= len(texts) / 0.9
        numbers = pc.cast(texts, pa.float64())
        fractional = numeric and bool(pc.any(pc.not_equal(numbers, pc.floor(numbers))).as_py())
        flags = bool(pc.all(pc.is_in(names, texts_of(FLAGS))).as_py())
        each = pc.cast(counts, pa.float64())
        pairs = pc.sum(pc.multiply(each, pc.subtract(each, pc.divide(each, each))))  # pa.scalar(1) imports pandas
        some = [repr(name) if not numeric else name for name in names.slice(0, 3).to_pylist()]
        shown = ", ".join(some) + (", ..." if len(names) > 3 else "")
        rows = pc.sum(counts).as_py() or 0
        return cls(len(names), rows, (pairs.as_py() or 0) / 2, numeric, fractional, flags, shown, whole)

    @classmethod
    def of_counts(cls, classes: Mapping[str, int]) -> "Values":
        """Return what is known of all rows of the data. classes: label -> rows."""
        counts = numbers_of(np.fromiter(classes.values(), np.int64, len(classes)))
        return cls.of(texts_of(classes), counts, whole=True)

    @property
    def are_amounts(self) -> bool:
        """Whether these are numbers that are rather learnt as such than as classes: real ones, or many whole ones."""
        often = self.distinct <= self.rows / ROWS_OF_AMOUNT or (not self.whole and self._least <= MOST_COUNTED)
        few = self.distinct <= FEW or (self.distinct <= MOST_COUNTED and often)
        return self.numeric and self.distinct > 1 and (self.fractional or not few)

    @property
    def _least(self) -> float:
        """How many classes there are at least in all rows, by how often one comes again in some: of n rows of k classes
        some n² / 2k pairs share one, however rare the classes are."""
        return self.rows * (self.rows - 1) / 2 / (self.pairs + 3 * math.sqrt(self.pairs + 1) + 3)

    def why_not(self, guessed: bool = False, said: bool = False) -> str:
        """Return why these are no classes, in words that follow the column's name; "" where they may be.

        guessed: nobody has said that this is the label, so that what looks wrong in a head is enough; said: somebody
        has said that these are classes, so that real numbers may be some.
        """
        if self.fractional and not said:
            return f"holds real numbers ({self.shown})"
        if self.whole and self.distinct == 1:
            return f"has one class only ({self.shown if not self.numeric else repr(self.shown)})"
        if self.whole and self.distinct > MAX_CLASSES:
            return f"has more than {MAX_CLASSES:,} different values"
        if not self._too_many(guessed):
            return ""
        if self.distinct == self.rows:
            return f"has another value in each of {self._told_rows}"
        return f"has {self.distinct:,} different values in {self._told_rows}"

    def _too_many(self, guessed: bool) -> bool:
        """Return whether there are more different values than classes of so many rows can be."""
        if self.whole or guessed:
            share = ROWS_OF_AMOUNT if self.numeric and self.whole else ROWS_OF_CLASS
            return self.distinct == self.rows >= ROWS_OF_AMOUNT or self.distinct > max(FEW, self.rows / share)
        return self.rows >= SURE and self._least > MAX_CLASSES

    def why_no_number(self, task: str) -> str:
        """Return why these are no targets of regression, or no flags, and what to do; "" where they may be."""
        if self.whole and self.distinct == 1:
            return f"has one value only ({self.shown}): expected two or more"
        if task == MULTILABEL and not self.flags:
            return f"holds {self.shown}: expected 0 or 1, or True or False, in each row"
        if task == REGRESS and not (self.numeric or self.flags):
            return f"holds text ({self.shown}), expected numbers: {CLASSIFY} is the task that learns such"
        return ""

    def advice(self, wording: Wording, said: bool = False) -> str:
        """Return the way out, where these are no classes. wording: how it is said; said: whether somebody has said
        that they are."""
        if self.numeric and self.distinct > 1:
            classes = f", {wording.setting('task', CLASSIFY)} takes each for a class where that is meant" * (not said)
            as_numbers = f"{wording.setting('task', REGRESS)} learns them as numbers{classes}"
            return f"{as_numbers}; or choose another column with {wording.label}"
        expected = "expected two or more" if self.distinct == 1 else "no class can be learnt from that"
        return f"{expected}. Choose another column with {wording.label}"

    @property
    def told(self) -> str:
        """How many there are, for people."""
        return f"{self.distinct:,} value{'s' * (self.distinct != 1)} in {self._told_rows}"

    @property
    def _told_rows(self) -> str:
        """How many rows they are of, for people."""
        rows = f"{self.rows:,} rows" if self.rows != 1 else "1 row" if self.whole else "row"
        return rows if self.whole else f"the first {rows}"
