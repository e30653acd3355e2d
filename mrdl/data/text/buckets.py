"""Buckets of texts: the levels of a column that has too many of its own, by a hash that needs no list of them."""

import zlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mrdl.data.text.arrays import flags_of, mask_of, numbers_of, texts_of, values_of

_WRITTEN_LONG = r"^-?[0-9]+(?:\.[0-9]+)?(?:[eE]\+?[0-9]{1,2})?$"
_POINT = r"[.eE]"
_WHOLE = 2.0**53  # from here on two whole numbers may be one float


def buckets_of(texts: pa.Array, buckets: int) -> np.ndarray:
    """Return the bucket of each text, (texts,) int64, 0 to buckets - 1: its CRC-32, modulo their number.

    texts: of strings, none missing, without blanks around; a whole number is hashed as 12, even where it is written
    as 12.0 or 1.2e1: a column of numbers is written so wherever one of its cells was missing.

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
    """Return texts with whole numbers that a float tells from their neighbours as their digits alone."""
    long = mask_of(pc.match_substring_regex(texts, _WRITTEN_LONG)) & mask_of(pc.match_substring_regex(texts, _POINT))
    if not long.any():
        return texts
    values = values_of(pc.if_else(flags_of(long), texts, texts_of(["0.5"])[0]).cast(pa.float64()))
    whole = (values == np.floor(values)) & (np.abs(values) < _WHOLE)
    digits = numbers_of(np.where(whole, values, 0)).cast(pa.string())
    return pc.if_else(flags_of(whole), digits, texts)
