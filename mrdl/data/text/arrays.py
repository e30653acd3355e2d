"""Moves arrays between Arrow and numpy, reads a CSV into them, and cuts text into pieces.

pa.array, to_numpy and fill_null would load pandas, which takes a task longer than its work.
"""

from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv


def read_csv(source: Any, **options: Any) -> pa.Table:
    """pyarrow's, and where the process is interrupted while it reads, Python is told of it.

    By itself pyarrow handles the signals that a program handles for as long as it reads, to end early, and of fifty
    that come it gives Python one not back. What is read here takes milliseconds: a signal can wait for its end.
    """
    pa.enable_signal_handlers(False)
    try:
        return arrow_csv.read_csv(source, **options)
    finally:
        pa.enable_signal_handlers(True)  # as it is by default; how it was cannot be asked


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
    """Return an Arrow array of booleans, none missing, as numpy's."""
    return values_of(flags.cast(pa.uint8())).astype(bool)  # a copy, which can be written to


def values_of(numbers: pa.Array) -> np.ndarray:
    """Return an Arrow array of numbers, none missing, as numpy's; to_numpy() would load pandas."""
    return np.from_dlpack(numbers)


def flags_of(mask: np.ndarray) -> pa.Array:
    """Return a numpy array of booleans as Arrow's."""
    bits = pa.py_buffer(np.packbits(mask, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(mask), [None, bits])


def numbers_of(numbers: np.ndarray) -> pa.Array:
    """Return a numpy array of numbers as Arrow's, int64."""
    return pa.Array.from_buffers(
        pa.int64(), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers, np.int64))]
    )


def places_among(texts: pa.Array, words: Collection[str]) -> np.ndarray:
    """Return the place of each text among some words, (texts,) int64, -1 for what is none of them."""
    found = pc.index_in(texts, texts_of(words)).cast(pa.int64())
    return values_of(pc.coalesce(found, numbers_of(np.array([-1]))[0]))


def texts_of(words: Collection[str]) -> pa.Array:
    """Return the words as an array of strings."""
    raw = [word.encode() for word in words]
    offsets = np.zeros(len(raw) + 1, np.int32)
    offsets[1:] = np.fromiter(map(len, raw), np.int64, len(raw)).cumsum()
    return pa.Array.from_buffers(pa.string(), len(raw), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(raw))])
