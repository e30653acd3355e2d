"""Reads cells of text as numbers, whole columns at once, and moves arrays between Arrow and numpy.

pa.array would load pandas, which takes a task longer than its work.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mrdl.data.text.schema import BOOLEANS, MISSING

NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
STEP_BYTES = 1 << 17  # of text read at once: what is made of them stays in the cache
_TRUTH_VALUES = np.array(list(BOOLEANS.values()), np.float32)


@dataclass(frozen=True)
class Cells:
    """Cells as numbers, all arrays of one shape.

    text: as they were; values: float32, missing ones nan, bad ones 0.
    missing, boolean, bad: masks of the cells that are missing, True or False, and no number.
    """

    text: pa.Array
    values: np.ndarray
    missing: np.ndarray
    boolean: np.ndarray
    bad: np.ndarray

    @classmethod
    def of(cls, text: pa.Array) -> "Cells":
        """Return what cells are: numbers that 32 bits can hold, True or False, missing, or bad. text: of strings."""
        trimmed = pc.ascii_trim(text, " \t")
        missing = mask_of(pc.is_in(trimmed, texts_of(MISSING)))
        truth = pc.index_in(trimmed, texts_of(BOOLEANS)).fill_null(-1).to_numpy()
        boolean = truth >= 0
        number = ~(missing | boolean)
        try:
            values = _cast(trimmed, number)
        except pa.ArrowInvalid:
            number &= mask_of(pc.match_substring_regex(trimmed, NUMBER))
            values = _cast(trimmed, number)
        number &= np.isfinite(values)
        values = np.where(number, values, np.float32(0)) + np.float32(0)  # -0 and 0 are the same and must hash alike
        values[boolean] = _TRUTH_VALUES[truth[boolean]]
        values[missing] = np.nan
        return cls(text, values, missing, boolean, ~(number | missing | boolean))

    @cached_property
    def words(self) -> list[str]:
        """The words for missing that occur, as they are spelled."""
        return [str(word) for word in self.text.filter(flags_of(self.missing)).unique().to_pylist()]


def _cast(trimmed: pa.Array, number: np.ndarray) -> np.ndarray:
    """Return cells as float32 where a mask has it, elsewhere 0; raises ArrowInvalid at what is no number."""
    chosen = trimmed if number.all() else pc.if_else(flags_of(number), trimmed, pa.scalar(None, pa.string()))
    with np.errstate(over="ignore"):
        return np.asarray(chosen.cast(pa.float32()).fill_null(0).to_numpy())


def small_numbers(text: bytes, width: int, column: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return whole numbers from 0 to 255, (rows, width) uint8, in half of pyarrow's time.

    With them come the digits that each number of a column has, (rows,).

    text: lines that end in LF; column: its index. None where the text is anything else than rows of `width` numbers of
    one to three digits.
    """
    parts = []
    raw = np.frombuffer(text, np.uint8)
    start = 0
    while start < len(raw):
        stop = text.rfind(b"\n", start, start + STEP_BYTES) + 1
        part = _small_part(raw[start:stop], width, column) if stop > start else None
        if part is None:
            return None
        parts.append(part)
        start = stop
    return np.concatenate([values for values, _ in parts]), np.concatenate([digits for _, digits in parts])


def _small_part(raw: np.ndarray, width: int, column: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Return what `small_numbers` does, of some lines (bytes,) uint8 that fit a cache."""
    figures = raw - np.uint8(ord("0"))  # what is no digit is more than 9: subtraction wraps
    ends = np.flatnonzero(figures > 9)
    if len(ends) % width:
        return None
    marks = raw[ends].reshape(-1, width)
    if (marks[:, :-1] != ord(",")).any() or (marks[:, -1] != ord("\n")).any():
        return None
    digits = np.diff(ends, prepend=-1) - 1
    if digits.min() < 1 or digits.max() > 3:
        return None
    values = figures[ends - 1]
    longer = np.flatnonzero(digits > 1)
    last = ends[longer]
    sums = values[longer] + np.uint16(10) * figures[last - 2]
    sums += np.uint16(100) * (figures[last - 3] * (digits[longer] > 2))
    if sums.max(initial=0) > 255:
        return None
    values[longer] = sums
    return values.reshape(-1, width), digits[column::width].copy()


# --- arrays ---


def cut(text: bytes, ends: bytes) -> pa.Array:
    """Return the pieces of a text that lie between any of these bytes, (pieces,) of bytes."""
    raw = np.frombuffer(text, np.uint8)
    is_end = np.isin(raw, np.frombuffer(ends, np.uint8)) if len(ends) > 1 else raw == ends[0]
    places = np.flatnonzero(is_end)
    offsets = np.zeros(len(places) + 2, np.int32)
    offsets[1:-1] = places - np.arange(len(places))
    offsets[-1] = len(raw) - len(places)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(raw[~is_end]))]
    return pa.Array.from_buffers(pa.binary(), len(places) + 1, buffers)


def mask_of(flags: pa.Array) -> np.ndarray:
    """Return an Arrow array of booleans as numpy's."""
    return np.asarray(flags.to_numpy(zero_copy_only=False)).astype(bool, copy=False)


def flags_of(mask: np.ndarray) -> pa.Array:
    """Return a numpy array of booleans as Arrow's."""
    bits = pa.py_buffer(np.packbits(mask, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(mask), [None, bits])


def numbers_of(numbers: np.ndarray) -> pa.Array:
    """Return a numpy array of numbers as Arrow's, int64."""
    return pa.Array.from_buffers(
        pa.int64(), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers, np.int64))]
    )


def texts_of(words: Collection[str]) -> pa.Array:
    """Return the words as an array of strings."""
    raw = [word.encode() for word in words]
    offsets = np.zeros(len(raw) + 1, np.int32)
    offsets[1:] = np.fromiter(map(len, raw), np.int64, len(raw)).cumsum()
    return pa.Array.from_buffers(pa.string(), len(raw), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(raw))])
