"""Buckets of texts: the levels of a column that has too many of its own, by a hash that needs no list of them."""

import zlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mrdl.data.labels import WHOLE
from mrdl.data.text.arrays import flags_of, mask_of, numbers_of, texts_of, values_of

_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?$"
_SHORT = r"^(?:0|-?[1-9][0-9]*)$"


def buckets_of(texts: pa.Array, buckets: int) -> np.ndarray:
    """Return the bucket of each text, (texts,) int64, 0 to buckets - 1: its CRC-32, modulo their number.

    texts: of strings, none missing, without blanks around; a number is hashed as what it means, be it written as 12,
    012, 12.0 or 1.2e1: programs that take a column for numbers hand it on in one way or another.

    buckets_of(pa.array(["ann"]), 64)[0] == zlib.crc32(b"ann") % 64
    """
    raw = _plain(texts).cast(pa.binary()).to_pylist()
    return np.fromiter(map(zlib.crc32, raw), np.int64, len(raw)) % buckets


def name_of(bucket: int) -> str:
    """Return what a bucket is called where levels have names."""
    return f"bucket {bucket}"


def names_of(buckets: int) -> list[str]:
    """Return the names of all buckets, (buckets,)."""
    return [name_of(bucket) for bucket in range(buckets)]


def _plain(texts: pa.Array) -> pa.Array:
    """Return texts with numbers written in one way: 12 for 12.0, 012 and 1.2e1, and 1.5 for 1.50."""
    long = mask_of(pc.match_substring_regex(texts, _NUMBER)) & ~mask_of(pc.match_substring_regex(texts, _SHORT))
    if not long.any():
        return texts
    unsigned = pc.replace_substring_regex(texts, r"^\+", "")
    numbers = pc.if_else(flags_of(long), unsigned, texts_of(["0"])[0]).cast(pa.float64())
    values = values_of(numbers)
    exact = long & (np.abs(values) < WHOLE)
    whole = exact & (values == np.floor(values))
    digits = numbers_of(np.where(whole, values, 0).astype(np.int64)).cast(pa.string())
    made = pc.if_else(flags_of(whole), digits, numbers.cast(pa.string()))
    return pc.if_else(flags_of(exact), made, texts)
