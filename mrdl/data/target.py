"""Judges which column is the label, and whether what it holds are classes that can be learnt.

It is done twice by the same rules: by the head of the data before anything runs, where a label that was not said is
taken or not; and by all rows before anything is trained, as the head may mislead (it has one class only of sorted
rows).
"""

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from mrdl.data.text.cells import numbers_of, texts_of
from mrdl.data.text.columns import AS_FLAGS, Wording
from mrdl.data.text.csv import whole_lines
from mrdl.data.text.schema import MISSING, Schema
from mrdl.errors import ConfigError

MAX_CLASSES = 10_000
FEW = 20  # so many classes are never too many, however few the rows are
ROWS_OF_AMOUNT = 5  # that a class of numbers needs on average
ROWS_OF_CLASS = 2  # that a class of text needs on average
SURE = 1000  # rows of a head that can tell classes from values that never come again
NAMES = ("label", "class", "target", "y", "labels", "classes", "species", "category", "outcome")
JUDGED = 1000  # columns of a wide table that are looked at for candidates
SHOWN = 6
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
NO_AMOUNTS = "mrdl learns classes; numbers as a target (regression) cannot be trained yet"


@dataclass(frozen=True)
class Values:
    """What a column holds, missing cells left out.

    distinct: different values; rows: of how many; pairs: how many pairs of rows share a value.
    numeric: all but a few values are numbers; fractional: and not whole ones; shown: some of them.
    whole: whether these are all rows of the data, else its head.
    """

    distinct: int
    rows: int
    pairs: float
    numeric: bool
    fractional: bool
    shown: str
    whole: bool

    @classmethod
    def of(cls, names: "pa.StringArray", counts: "pa.Int64Array", whole: bool) -> "Values":
        """Return what is known of values. names: the distinct ones; counts: in how many rows each is."""
        texts = names.filter(pc.match_substring_regex(names, _NUMBER))
        numeric = 0 < len(names) <= len(texts) / 0.9
        numbers = pc.cast(texts, pa.float64())
        fractional = numeric and bool(pc.any(pc.not_equal(numbers, pc.floor(numbers))).as_py())
        each = pc.cast(counts, pa.float64())
        pairs = pc.sum(pc.multiply(each, pc.subtract(each, pc.divide(each, each))))  # pa.scalar(1) imports pandas
        some = [repr(name) if not numeric else name for name in names.slice(0, 3).to_pylist()]
        shown = ", ".join(some) + (", ..." if len(names) > 3 else "")
        rows = pc.sum(counts).as_py() or 0
        return cls(len(names), rows, (pairs.as_py() or 0) / 2, numeric, fractional, shown, whole)

    @classmethod
    def of_counts(cls, classes: Mapping[str, int]) -> "Values":
        """Return what is known of all rows of the data. classes: label -> rows."""
        counts = numbers_of(np.fromiter(classes.values(), np.int64, len(classes)))
        return cls.of(texts_of(classes), counts, whole=True)

    def why_not(self, guessed: bool = False) -> str:
        """Return why these are no classes, in words that follow the column's name; "" where they may be.

        guessed: nobody has said that this is the label, so that what looks wrong in a head is enough.
        """
        if self.fractional:
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
        # of n rows of k classes some n² / 2k pairs share one, however rare the classes are: at least so many classes
        least = self.rows * (self.rows - 1) / 2 / (self.pairs + 3 * math.sqrt(self.pairs + 1) + 3)
        return self.rows >= SURE and least > MAX_CLASSES

    def advice(self, wording: Wording) -> str:
        """Return the way out, where these are no classes. wording: how it is said."""
        if self.fractional:
            names = "write them as text (v0.5) if they are names"
            return f"{NO_AMOUNTS}. Bin them, {names}, or choose another column with {wording.label}"
        if self.numeric and self.distinct > 1:
            return f"{NO_AMOUNTS}. Bin them, or choose another column with {wording.label}"
        expected = "expected two or more" if self.distinct == 1 else "no class can be learnt from that"
        return f"{expected}. Choose another column with {wording.label}"

    @property
    def told(self) -> str:
        """How many there are, for people."""
        values = f"{self.distinct:,} value{'s' * (self.distinct != 1)}"
        many = ": each whole number is learnt as a class of its own" if self.numeric and self.distinct > 100 else ""
        return f"{values} in {self._told_rows}{many}"

    @property
    def _told_rows(self) -> str:
        """How many rows they are of, for people."""
        rows = f"{self.rows:,} rows" if self.rows != 1 else "1 row" if self.whole else "row"
        return rows if self.whole else f"the first {rows}"


def problem(label: str, classes: Mapping[str, int], wording: Wording = AS_FLAGS) -> str | None:
    """Return why the classes of all rows (label -> rows) cannot be learnt, and the way out; None where they can.

    label: the column's name; wording: how it is said.
    """
    values = Values.of_counts(classes)
    why = values.why_not()
    return f"the label column {label!r} {why}; {values.advice(wording)}" if why else None


@dataclass(frozen=True)
class Head:
    """The first bytes of a data set.

    source: its name for people; text: the bytes; whole: whether they are all of it; schema: its columns.
    """

    source: str
    text: bytes
    whole: bool
    schema: Schema

    def label(self, said: str | None, supervised: bool = True, judged: bool = True, wording: Wording = AS_FLAGS) -> str:
        """Return which column is the label and why, in words.

        said: the setting, None where nobody said it; supervised: whether classes are to be learnt.
        judged: whether lines are read as they are, and not by a user's own `parse`; wording: how it is said.
        Raises ConfigError, with what to do, where classes are to be learnt and these are none.
        """
        schema = self.schema
        index = schema.label
        if index is None:
            return f"none, all {len(schema.columns)} columns are values"
        name = self._name(index)
        chosen = f"{name}, as asked for" if said else f"{name}, the first column"
        if not supervised:
            return f"{chosen}, is left out" + ("" if said else ": --label none if all columns are values")
        values = self._values([index]).get(index) if judged else None
        if values is None or not values.rows:
            return chosen
        why = values.why_not(guessed=not said)
        if why and said:
            raise ConfigError(f"{self.source}: the label, {name}, {why}; {values.advice(wording)}")
        if why or (not said and self._doubtful(index, values)):
            raise ConfigError(self._which(index, why or "is not called so, and another one is", wording))
        return f"{chosen} ({values.told})"

    def _doubtful(self, index: int, values: Values) -> bool:
        """Return whether another column bears the name of a label: numbers of a first column may be amounts, too."""
        names = [name.lower() for name in self.schema.columns]
        others = [i for i, name in enumerate(names) if name in NAMES[:4] and i not in (index, *self.schema.dropped)]
        if not values.numeric or names[index] in NAMES or not others or self.schema.header_crc is None:
            return False
        return any(not found.why_not(guessed=True) for found in self._values(others).values())

    def _which(self, index: int, why: str, wording: Wording) -> str:
        """Return the question which column is the label, with those that look like classes."""
        asked = f"{self.source}: which column is the label? {self._name(index)}, the first one, {why}"
        last = len(self.schema.columns) - 1
        named = [i for i, name in enumerate(self.schema.columns) if name.lower() in NAMES]
        likely = [*sorted(named, key=lambda i: NAMES.index(self.schema.columns[i].lower())), last]
        looked_at = dict.fromkeys([*likely, *range(min(last, JUDGED))])
        found = {i: v for i, v in self._values(looked_at).items() if v.distinct > 1 and not v.why_not(guessed=True)}
        for taken in (index, *self.schema.dropped):
            found.pop(taken, None)
        if not found:
            none = f"In these rows no other column looks like classes. {NO_AMOUNTS}"
            return f"{asked}. {none}; give the label with {wording.label}"
        first = next((i for i in likely if i in found), None)
        best = sorted(found, key=lambda i: (i != first, found[i].numeric, found[i].distinct))
        shown = [f"{self._name(i)} ({found[i].distinct:,} values)" for i in best[:SHOWN]]
        more = f" and {len(best) - SHOWN:,} more" if len(best) > SHOWN else ""
        said = f"{wording.label} {self._said(best[0], wording)}"
        return f"{asked}. These look like classes: {', '.join(shown)}{more}. Say it, as {said}"

    def _name(self, index: int) -> str:
        """Return a column's index and name, for people."""
        named = self.schema.header_crc is not None
        return f"column {index} {self.schema.columns[index]!r}" if named else f"column {index}"

    def _said(self, index: int, wording: Wording) -> str:
        """Return a column as a shell, or a TOML file, wants it."""
        name = self.schema.columns[index]
        unique = self.schema.header_crc is not None and self.schema.columns.count(name) == 1
        said = name if unique and name.isprintable() and name and not name.startswith("-") else str(index)
        return wording.column(said)

    def _values(self, columns: Iterable[int]) -> dict[int, Values]:
        """Return what columns hold in these rows; nothing where they cannot be read, which the tasks will say."""
        text = self.text if self.whole else self.text[: max(self.text.rfind(b"\n"), self.text.rfind(b"\r")) + 1]
        lines = b"".join(whole_lines([text], self.schema.header_crc))
        wanted = [str(i) for i in columns]
        try:
            table = _table(lines, len(self.schema.columns), wanted)
        except (pa.ArrowInvalid, pa.ArrowKeyError):
            return {}
        missing = texts_of(MISSING)
        found = {}
        for name in wanted:
            cells = pc.utf8_trim_whitespace(table.column(name))
            counted = pc.value_counts(cells.filter(pc.invert(pc.is_in(cells, missing))).combine_chunks())
            found[int(name)] = Values.of(counted.field("values"), counted.field("counts"), self.whole)
        return found


def _table(lines: bytes, width: int, wanted: Sequence[str]) -> pa.Table:
    """Return columns as text; rows of another width are left out."""
    names = [str(i) for i in range(width)]
    return arrow_csv.read_csv(
        io.BytesIO(lines),
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=len(lines) + 1, column_names=names),
        parse_options=arrow_csv.ParseOptions(invalid_row_handler=lambda row: "skip"),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted, strings_can_be_null=False
        ),
    )
