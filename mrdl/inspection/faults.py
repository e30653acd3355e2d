"""What looks wrong in a table, in plain words, with the flag that mends it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mrdl.data.statistics import MAX_LEVELS
from mrdl.data.text.columns import AS_FLAGS
from mrdl.data.types import CATEGORY, HASH, NUMBER, ColumnType
from mrdl.errors import brief
from mrdl.inspection import alike, columns
from mrdl.inspection.columns import Column, Figures

MOSTLY_MISSING, SELDOM = 0.99, 0.01  # share of cells that are missing
KEPT_WHOLE = 1 << 24  # whole numbers up to which 32-bit floats tell all apart
MARKS = {float(sign * number) for number in (9, 99, 999, 9999, 99999, 999999) for sign in (1, -1)} | {-1.0}
OFTEN = 0.005  # of a column's values, from which on the least or the largest may stand for a missing one
APART = 0.5  # of the range of all other values, between those and a mark
SKIP = "--bad-rows skip"
SHOWN = 5  # columns of one fault that are named
RARE = 10  # rows of a class
UNBALANCED = 0.9  # share of the most frequent class
TWICE = 0.01  # of the rows, from which on it is told that they come again
MIXED = 0.01, 0.99  # share of a column's levels that are numbers


@dataclass(frozen=True)
class Fault:
    """Something that looks wrong.

    words: what; columns: those that it is said of, as settings name them, none for the table. drop: whether leaving
    them out mends it; other: a flag of `mrdl train` that does, "" without one.
    """

    words: str
    columns: tuple[str, ...] = ()
    drop: bool = False
    other: str = ""

    @property
    def flag(self) -> str:
        """The flag that mends it, "" without one."""
        return AS_FLAGS.drop(self.columns) if self.drop else self.other

    def __str__(self) -> str:
        """Return it as people read it."""
        some = ", ".join(brief(name, 40) for name in self.columns[:SHOWN])
        more = f" and {len(self.columns) - SHOWN:,} more" if len(self.columns) > SHOWN else ""
        return f"{some}{more}: {self.words}" if self.columns else self.words


def together(found: Iterable[Fault]) -> tuple[Fault, ...]:
    """The same faults, those of the same words as one."""
    named: dict[tuple[str, bool, str], list[str]] = {}
    for fault in found:
        named.setdefault((fault.words, fault.drop, fault.other), []).extend(fault.columns)
    return tuple(Fault(words, tuple(names), drop, other) for (words, drop, other), names in named.items())


def find(figures: Figures, found: Sequence[Column], label: int | None) -> list[Fault]:
    """Find what looks wrong in a table. found: its columns; label: the place of the label, None without one."""
    return [
        *_of_lines(figures),
        *_of_label(figures, found[label] if label is not None else None),
        *(fault for column in found if column.place != label for fault in _of_column(figures, column)),
        *_of_many_levels(figures, found, label),
        *_twice(figures, found, label),
        *_near_label(figures, found, label),
    ]


# --- lines ---


def _of_lines(figures: Figures) -> Iterator[Fault]:
    """What is wrong with lines: those that are no rows."""
    known = figures.summary
    if known.bad:
        total = known.rows + known.bad
        reasons = "; ".join(known.reasons)
        yield Fault(f"{known.bad:,} of {total:,} lines are no rows: {reasons}", other=SKIP)
    different, error = figures.rows_different
    again = known.rows - different
    if again > TWICE * known.rows:
        yield Fault(f"{'about ' if error else ''}{again:,} of {known.rows:,} rows are there once more, cell for cell")


# --- the label ---


def _of_label(figures: Figures, label: Column | None) -> Iterator[Fault]:
    """What is wrong with the label: it is missing, always or never the same, or very unbalanced."""
    if label is None:
        return
    if label.missing:
        yield Fault(f"{label.missing:,} rows have no label", (label.said,), other=SKIP)
    if label.type in (columns.CONSTANT, columns.EMPTY):
        yield Fault("the label has one value: nothing can be learnt", (label.said,), other="--label")
    elif figures.is_unique(label.place) and label.type != columns.NUMBER:
        yield Fault(
            "the label is another one in each row: no class can be learnt from that", (label.said,), other="--label"
        )
    elif label.common and len(label.common) == label.distinct <= columns.COMMON:
        name, rows = label.common[0]
        if rows >= UNBALANCED * label.values:
            share = rows / label.values
            yield Fault(f"{share:.1%} of the rows are of class {brief(name, 30)}: accuracy says little", (label.said,))
        for name, rows in label.common[1:]:
            if rows < RARE:
                yield Fault(f"class {brief(name, 30)} has {rows} row{'s' * (rows != 1)}", (label.said,))


# --- columns ---


def _of_column(figures: Figures, column: Column) -> Iterator[Fault]:
    """What looks wrong in one column that is not the label."""
    if column.type == columns.EMPTY:
        yield Fault("all cells are missing", (column.said,), drop=True)
    elif column.type == columns.CONSTANT:
        value = brief(column.common[0][0], 30)
        if SELDOM < column.share_missing < MOSTLY_MISSING:  # which may tell something
            yield Fault(f"always {value} where it is not missing", (column.said,))
        else:
            but = f", or missing ({column.missing:,} cells)" if column.missing else ""
            yield Fault(f"constant: always {value}{but}", (column.said,), drop=True)
    elif figures.is_unique(column.place) and column.type in (columns.ID, columns.TEXT):
        yield Fault("another value in each row, as an id has: nothing can be learnt from it", (column.said,), drop=True)
    elif column.share_missing >= MOSTLY_MISSING:
        yield Fault(f"{column.share_missing:.2%} of its cells are missing", (column.said,), drop=True)
    yield from _of_writing(figures, column)


def _of_writing(figures: Figures, column: Column) -> Iterator[Fault]:
    """What looks wrong in how the cells of a column are written."""
    kind = ColumnType.of(column.read).kind
    if (
        0 < column.texts < column.values
        and kind != CATEGORY
        and column.type not in (columns.TEXT, columns.ID, columns.CONSTANT)
    ):
        levels = figures.summary.levels.get(column.place, {})
        example = brief(levels[min(levels)], 30) if levels else "text"
        words = f"mixed: {column.texts:,} of {column.values:,} values are no {kind}s, as {example}"
        mostly = 2 * column.texts > column.values
        yield Fault(words, (column.said,), drop=mostly, other="" if mostly else SKIP)
    if kind == CATEGORY or column.texts:
        yield from _of_levels(figures, column)
    whole = int(figures.summary.counts["whole"][column.place]) == column.values > 0
    if kind == NUMBER and whole and max(-(column.minimum or 0), column.maximum or 0) > KEPT_WHOLE:
        words = f"whole numbers up to {columns.told(column.maximum or 0)}: 32-bit floats keep the first 7 digits alone"
        yield Fault(words, (column.said,))
    if kind == NUMBER and not column.texts and (mark := _mark(figures, column)) is not None:
        yield Fault(
            f"{columns.told(mark)} may stand for missing: it is often there, and far from all else", (column.said,)
        )


def _of_levels(figures: Figures, column: Column) -> Iterator[Fault]:
    """What is wrong with levels: numbers among texts, or two that differ by case or blanks alone."""
    levels = list(figures.summary.levels.get(column.place, {}).values())
    if column.distinct_error or not levels:
        return
    numbers = sum(_is_number(text) for text in levels) / len(levels)
    if ColumnType.of(column.read).kind == CATEGORY and MIXED[0] < numbers < MIXED[1]:
        yield Fault(f"mixed: {numbers:.0%} of its different values are numbers, the others text", (column.said,))
    first: dict[str, str] = {}
    for text in sorted(levels):
        plain = " ".join(text.casefold().split())
        if (other := first.setdefault(plain, text)) != text:
            yield Fault(f"{brief(other, 30)} and {brief(text, 30)} differ by case or blanks alone", (column.said,))
            return


def _is_number(text: str) -> bool:
    """Whether a text is a number, as Python reads it."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _mark(figures: Figures, column: Column) -> float | None:
    """The least or largest number of a column where it looks like a mark of missing values: -999."""
    sample = figures.summary.sample
    cells = sample.cells[:, column.place]
    there = ~np.isnan(cells)
    for mark in (column.minimum, column.maximum):
        if mark not in MARKS:
            continue
        others, share = cells[there & (cells != mark)], sample.counts[there & (cells == mark)].sum()
        if not len(others) or share < OFTEN * sample.counts[there].sum():
            continue
        gap = max(others.min() - mark, mark - others.max())
        if gap > APART * (others.max() - others.min()) and len(np.unique(others)) > columns.BARS:
            return mark
    return None


def _of_many_levels(figures: Figures, found: Sequence[Column], label: int | None) -> Iterator[Fault]:
    """The categories with more levels than a training takes."""
    read = [column for column in found if column.read == CATEGORY and column.place != label]
    many = [column.said for column in read if column.distinct > MAX_LEVELS and not figures.is_unique(column.place)]
    if many:
        words = f"more than {MAX_LEVELS:,} different texts: too many to be learnt each by itself"
        yield Fault(words, tuple(many), other=AS_FLAGS.columns(HASH, many))


# --- columns beside one another ---


def _twice(figures: Figures, found: Sequence[Column], label: int | None) -> Iterator[Fault]:
    """The columns of one content: of the label's, and of one before."""
    prints = figures.summary.prints.tolist()
    first: dict[int, Column] = {} if label is None else {prints[label]: found[label]}
    for column in found:
        if column.place == label or column.type in (columns.CONSTANT, columns.EMPTY):
            continue
        other = first.setdefault(prints[column.place], column)
        if other is column:
            continue
        if other.place == label:
            yield Fault(f"equal to the label, {brief(other.name, 40)}, in each row", (column.said,), drop=True)
        else:
            yield Fault(f"has the content of {brief(other.name, 40)} once more", (column.said,), drop=True)


def _near_label(figures: Figures, found: Sequence[Column], label: int | None) -> Iterator[Fault]:
    """The columns that nearly tell the label."""
    if label is None or found[label].type in (columns.CONSTANT, columns.EMPTY):
        return
    sample, prints = figures.summary.sample, figures.summary.prints
    target = np.ascontiguousarray(sample.cells[:, label])
    for column in found:
        if column.place == label or prints[column.place] == prints[label]:
            continue
        told = alike.share_told(np.ascontiguousarray(sample.cells[:, column.place]), target, sample.counts)
        if told is not None:
            words = f"tells the label nearly by itself, to {told:.1%}: is it known before the label is?"
            yield Fault(words, (column.said,), drop=True)
