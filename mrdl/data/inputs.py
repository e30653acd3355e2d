"""Reads the rows that people give to a trained network, in blocks of numbers in the order of training."""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from mrdl.cluster.webhdfs import FileInfo
from mrdl.data.alignment import Columns, Layout, layout_of_file, layout_of_names, places_of_names
from mrdl.data.columnar.files import ColumnFile
from mrdl.data.columnar.keys import keyed, with_keys
from mrdl.data.columnar.partitions import Partitions
from mrdl.data.columnar.places import kind_of, place_of
from mrdl.data.columnar.reader import read_groups
from mrdl.data.frames.columns import raw_column
from mrdl.data.levels import by_dictionary
from mrdl.data.preparation.preparation import Preparation
from mrdl.data.text.csv import read_blocks
from mrdl.data.text.formats import refuse_by_name, refuse_other_formats
from mrdl.data.text.schema import MISSING, cells_of, filled_lines, header_crc, without_marks
from mrdl.errors import DataError, brief
from mrdl.storage.store import store_of, text_chunks

log = logging.getLogger(__name__)

MANY_ROWS = 20  # from which on a column without a value is told
SHOWN = 6  # columns that a line names
MOST_LOOKED_AT = 20  # files of which a megabyte is read before anything else is done


@dataclass(frozen=True)
class Part:
    """Some rows.

    features: (rows, columns) uint8 or float32 in the model's order, missing values nan.
    codes: (rows,), the place of each row's label in `names`, which has "" for a label that is missing.
    names: None where there are no labels; targets: (rows, targets) in place of labels, those missing nan, None without
    any; size: bytes of the text.
    """

    features: np.ndarray
    codes: np.ndarray
    names: tuple[str, ...] | None
    size: int = 0
    targets: np.ndarray | None = None

    @property
    def labels(self) -> set[str]:
        """The labels that rows have, "" where one is missing; of targets only whether there are any."""
        if self.targets is None:
            return set(self.names or ())
        return {"numbers"} if np.isfinite(self.targets).all(1).any() else {""}


def columns_of(preparation: Preparation) -> Columns:
    """Return the columns that a model wants to see."""
    targets = preparation.targets
    return Columns(
        names=preparation.columns,
        label=preparation.label,
        place=None if targets else preparation.label_index,
        dropped=preparation.dropped,
        targets=tuple(zip(targets.names, targets.places, strict=True)) if targets else (),
        types=preparation.types,
        levels=preparation.inputs.dictionary,
    )


def features_of(values: Any, preparation: Preparation) -> np.ndarray:
    """Return all rows at once, (rows, columns) of numbers in the order of training, missing values nan.

    values: a CSV's path, a DataFrame or an array. Raises DataError where a column is missing or a row cannot be read.
    """
    parts = [part.features for part in parts_of(values, columns_of(preparation))]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros((0, len(preparation.columns)), np.float32)


def parts_of(values: Any, wanted: Columns, *, labelled: bool = False) -> Iterator[Part]:
    """Yield the rows of a CSV's path, a DataFrame or an array.

    labelled: with their labels, else the label column may hold anything. Raises DataError where a column is missing or
    a row cannot be read.
    """
    if isinstance(values, (str, os.PathLike)):
        source = os.fspath(values)
        return _told_unseen(_of_files(source, wanted, labelled), wanted, source)
    if hasattr(values, "columns"):
        return _told_unseen(iter([_of_frame(values, wanted, labelled)]), wanted, "the DataFrame")
    return iter([_of_array(np.asarray(values), wanted)])


def batches(parts: Iterable[tuple[np.ndarray, np.ndarray]], size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the same rows and what belongs to them, `size` at a time, the last ones fewer.

    Results must not depend on the blocks that a file was read in.
    """
    waiting: list[tuple[np.ndarray, np.ndarray]] = []
    count = 0
    for part in parts:
        waiting.append(part)
        count += len(part[0])
        if count >= size:
            rows, beside = _joined(waiting)
            whole = count - count % size
            for i in range(0, whole, size):
                yield rows[i : i + size], beside[i : i + size]
            waiting = [(rows[whole:], beside[whole:])]
            count -= whole
    if count:
        yield _joined(waiting)


def _joined(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Return parts as one."""
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


# --- files ---


def first_labels(data: str, wanted: Columns, *, labelled: bool) -> tuple[set[str], bool]:
    """Return the labels in the beginning of a CSV, and whether that is all of it; empty where it has none.

    Raises DataError where the columns are not those that are wanted, or a row of the beginning cannot be read; so of
    each file, but of twenty at most.
    """
    files = store_of(data).files(data)
    names: set[str] = set()
    whole = len(files) <= MOST_LOOKED_AT
    rows, told = 0, set[str]()
    partitions = Partitions.of(data, [info.path for info in files if info.size])
    for info in files[:MOST_LOOKED_AT]:
        keys = partitions.of_file(info.path)
        parts = _of_file(info, keys, data if len(files) == 1 else info.path, wanted, labelled, told)
        first = next(parts, None)
        if first is not None:
            names |= first.labels
            rows += len(first.features)
            whole = whole and next(parts, None) is None
    if not rows:
        raise DataError(f"{data} has no rows")
    if whole and labelled and names <= {""}:
        raise DataError(f"{data}: none of its {rows} rows has a label")
    return names - {""}, whole


def _of_files(source: str, wanted: Columns, labelled: bool) -> Iterator[Part]:
    """Yield the rows of all files that a name means; raises DataError where they have none."""
    files = store_of(source).files(source)
    rows = 0
    for info in files:
        refuse_by_name(info.path)
    partitions = Partitions.of(source, [info.path for info in files if info.size])
    told = set[str]()
    for info in files:
        keys = partitions.of_file(info.path)
        for part in _of_file(info, keys, source if len(files) == 1 else info.path, wanted, labelled, told):
            rows += len(part.features)
            yield part
    if not rows:
        raise DataError(f"{source} has no rows")


def _of_file(
    info: FileInfo, keys: Mapping[str, str], shown: str, wanted: Columns, labelled: bool, told: set[str]
) -> Iterator[Part]:
    """Yield the rows of one file, whose columns may lie in another order than those of the next.

    keys: of the partition folders that it lies in; told: what was said of the files before, which this one adds to.
    """
    of_numbers = set[str]()  # names of columns that no text says how to write
    if kind := kind_of([info]):
        file = ColumnFile(place_of(info.path, info.size), kind)
        of_numbers = {name for name in file.names if name not in keys and file.holds_numbers(name)}
        layout = layout_of_names([*file.names, *keys], wanted, shown)
    else:
        chunks = text_chunks(info.path)
        head = _beginning(chunks)
        refuse_other_formats(head, shown)
        if not without_marks(head).strip():
            return
        layout = _layout(head, wanted, keys, shown)
    if layout.told and layout.told not in told:
        told.add(layout.told)
        log.warning("%s: %s", shown, layout.told)
    if labelled and not layout.schema.label_names:
        raise DataError(f"{shown} has no label column {wanted.label!r}")
    schema = layout.schema if labelled else layout.without_label
    if kind:
        blocks = read_groups(file, schema, keys, shown, keep_unlabelled=True)
    else:
        texts, schema = keyed(chain([head], chunks), schema, keys)
        blocks = read_blocks(texts, schema, shown, keep_unlabelled=True)
    for block, size in blocks:
        width = len(layout.order)
        features = block.features[:, layout.order] if not layout.is_in_order else block.features[:, :width]
        targets = block.features[:, width:] if schema.targets else None
        levels = {i: block.levels[place] for i, place in enumerate(layout.order) if place in block.levels}
        own = {i: schema.features[layout.order[i]] for i in levels}  # the file's names, where places were taken
        codes = {i: wanted.codes_of(i, names, of_numbers=own[i] in of_numbers) for i, names in levels.items()}
        features = by_dictionary(features, levels, codes)
        yield Part(features, block.label_codes, block.label_names if labelled else None, size, targets)


def _layout(head: bytes, wanted: Columns, keys: Mapping[str, str], shown: str) -> Layout:
    """Return where a model's columns lie in a text, among the keys of its partition folders, too."""
    if not keys:
        return layout_of_file(head, wanted, shown)
    first = filled_lines(without_marks(head))[0]
    cells = [cell.strip() for cell in cells_of(first.decode(errors="replace"))]
    named = bool({*wanted.names, *wanted.labels} & set(cells))
    found = layout_of_file(with_keys(first, keys, named), wanted, shown)
    crc = None if found.schema.header_crc is None else header_crc(first)
    return replace(found, schema=replace(found.schema, header_crc=crc))


def _beginning(chunks: Iterator[bytes]) -> bytes:
    """Return as much of a text as holds a whole line that is not blank, if it has one."""
    head = b""
    for chunk in chunks:
        head += chunk
        line = without_marks(head).lstrip()
        if b"\n" in line or b"\r" in line:
            break
    return head


def _told_unseen(parts: Iterator[Part], wanted: Columns, source: str) -> Iterator[Part]:
    """Yield parts, and warn at their end of levels that the model has no input for, and of columns without any value
    where rows are many. source: of the rows, for people."""
    unseen, rows = dict.fromkeys(wanted.levels, 0), 0
    filled = np.zeros(len(wanted.names), bool)
    for part in parts:
        rows += len(part.features)
        for place in unseen:
            unseen[place] += int(np.count_nonzero(part.features[:, place] < 0))
        for some in (part.features[:MANY_ROWS], part.features):  # few rows tell nearly all
            if len(empty := np.flatnonzero(~filled)):
                filled[empty] = ~np.isnan(some[:, empty]).all(0)
        yield part
    told = ", ".join(f"{brief(wanted.names[place], 40)} in {count}" for place, count in unseen.items() if count)
    if told:
        log.warning("%s: of %d rows some have levels that training had in few rows or none: %s", source, rows, told)
    if rows >= MANY_ROWS and not filled.all():
        names = [brief(wanted.names[place], 40) for place in np.flatnonzero(~filled)]
        told = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        log.warning("%s: not one of %d rows has a value in: %s", source, rows, told)


# --- memory ---


def _of_frame(frame: Any, wanted: Columns, labelled: bool) -> Part:
    """Return the rows of a DataFrame, whose columns are found by name."""
    names = [str(name).strip() for name in frame.columns]
    unnamed = names == [str(i) for i in range(len(names))]
    places, labels = places_of_names(names, wanted, "the DataFrame", unnamed=unnamed)
    with np.errstate(over="ignore"):  # told below
        in_order = places == list(range(len(names)))
        features = _of_columns(frame if in_order else frame.iloc[:, places], wanted)
    if features.dtype == np.float32 and (beyond := np.isinf(features)).any():
        row, column = np.argwhere(beyond)[0]
        wrong, name = frame.iloc[row, places[column]], wanted.names[column]
        raise DataError(f"column {name!r} holds {wrong}, expected finite numbers that 32 bits can hold")
    if not labelled:
        return Part(features, np.zeros(len(features), np.int64), None)
    if not labels:
        raise DataError(f"the DataFrame has no label column {wanted.label!r}")
    if wanted.targets:
        targets = _numbers(frame.iloc[:, labels].to_numpy(na_value=np.nan))
        return Part(features, np.zeros(len(features), np.int64), ("",), targets=targets)
    codes, found = frame.iloc[:, labels[0]].factorize()
    texts = tuple(str(each).strip() for each in found)
    return Part(features, codes, (*("" if text in MISSING else text for text in texts), ""))  # -1 is the last


def _of_array(array: np.ndarray, wanted: Columns) -> Part:
    """Return the rows of an array (rows, columns), or of one row (columns,), in the order of training."""
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.shape[1] != len(wanted.names):
        raise DataError(f"the rows have shape {array.shape}, expected (rows, {len(wanted.names)})")
    if array.dtype.kind in "OUS":
        import pandas as pd

        features = _of_columns(pd.DataFrame(array, dtype=object).infer_objects(), wanted)
    else:
        features = _numbers(array)
        for place, levels in wanted.levels.items():
            features[features[:, place] >= len(levels), place] = -1
    return Part(features, np.zeros(len(array), np.int64), None)


def _of_columns(frame: Any, wanted: Columns) -> np.ndarray:
    """Return the columns of a DataFrame, in the order of the model, as raw values."""
    if not wanted.types and all(kind.kind in "iufb" for kind in frame.dtypes):
        if all(isinstance(kind, np.dtype) for kind in frame.dtypes):
            return np.asarray(frame.to_numpy(np.float32))
        return _numbers(frame.to_numpy(na_value=np.nan))
    made = np.empty(frame.shape, np.float32)
    for i, name in enumerate(wanted.names):
        made[:, i] = raw_column(frame.iloc[:, i], wanted.type_of(name), name, wanted.levels.get(i, ()))
    return made


def _numbers(array: np.ndarray) -> np.ndarray:
    """Return an array as float32, missing values nan; raises DataError for what is no number."""
    try:
        return array.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"the rows hold a value that is not a number: {error}") from error
