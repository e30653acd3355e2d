"""Decides where a row belongs by a hash of its values: kept out or not, which shard, which place in it.

So a row goes to the same place whatever file, split or order it came in.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_WARM = np.uint64(0xC2B2AE3D27D4EB4F)  # any odd number but the one above: a rank of its own
_TEST = np.uint64(0x165667B19E3779F9)  # and another
_MISSING_BITS = np.float32(np.nan).view(np.uint32)
_FEW_ROWS = 64
FEW = 30  # different rows kept out, below which a score is chance
_CELLS = 1 << 16  # hashed at once: their 64-bit copies stay in the cache


# --- hash ---


def mix(bits: np.ndarray) -> np.ndarray:
    """Return 64-bit numbers with their bits spread (the finaliser of SplitMix64, Steele et al. 2014), each another."""
    bits = bits * _GOLDEN
    bits ^= bits >> np.uint64(30)
    bits = bits * np.uint64(_FIRST)
    bits ^= bits >> np.uint64(27)
    bits = bits * np.uint64(_SECOND)
    return bits ^ (bits >> np.uint64(31))


def unmix(hashes: np.ndarray) -> np.ndarray:
    """Return the numbers that `mix` made these of."""
    bits = _unshift(hashes, 31) * _inverse(_SECOND)
    bits = _unshift(bits, 27) * _inverse(_FIRST)
    return _unshift(bits, 30) * _inverse(int(_GOLDEN))


def _unshift(bits: np.ndarray, shift: int) -> np.ndarray:
    """Return the numbers of which `x ^ (x >> shift)` was made."""
    found = bits
    for _ in range(64 // shift):
        found = bits ^ (found >> np.uint64(shift))
    return found


def _inverse(factor: int) -> np.uint64:
    """Return what undoes a multiplication of 64-bit numbers by an odd one."""
    return np.uint64(pow(factor, -1, 1 << 64))


_MISSING_HASH = mix(np.array([_MISSING_BITS], np.uint64))
_BYTE_BITS = mix(np.arange(256, dtype=np.float32).view(np.uint32).astype(np.uint64))


def row_hash(
    features: np.ndarray, label_hashes: np.ndarray, level_hashes: Mapping[int, np.ndarray] | None = None
) -> np.ndarray:
    """Return a hash of each row's values, (rows,) uint64: the same in any split, file, order and runner.

    features: (rows, columns) uint8 or float32, equal values hash alike in both, as do missing ones (nan).
    label_hashes: (rows,) uint64; level_hashes: of each column of categories, by its place, those of the texts that its
    values are codes of, (levels,) uint64.
    """
    weight = mix(np.arange(1, features.shape[1] + 1, dtype=np.uint64)) | np.uint64(1)
    of_levels = {place: (weight[place], hashes) for place, hashes in (level_hashes or {}).items()}
    weight[list(of_levels)] = 0  # of a category the text counts, not the code
    hashes = np.empty(len(features), np.uint64)
    step = max(1, _CELLS // max(1, features.shape[1]))
    for start in range(0, len(features), step):
        part = features[start : start + step]
        if part.dtype == np.uint8:
            bits = np.take(_BYTE_BITS, part.astype(np.intp), mode="clip")  # none is beyond: no check
        else:
            bits = mix(_bits(part).astype(np.uint64))
        hashes[start : start + step] = bits @ weight
    for place, (factor, of_texts) in of_levels.items():
        column = features[:, place]
        codes = np.nan_to_num(column, nan=len(of_texts)).astype(np.intp)
        hashes += np.append(mix(of_texts), _MISSING_HASH)[codes] * factor
    return mix(hashes ^ label_hashes)


def _bits(features: np.ndarray) -> np.ndarray:
    """Return numbers as whole ones that are equal where they are; a nan is one number, whatever made it."""
    if features.dtype == np.uint8:
        return features
    floats = np.ascontiguousarray(features, np.float32)
    missing = np.isnan(floats)
    bits = floats.view(np.uint32)
    return np.where(missing, _MISSING_BITS, bits) if missing.any() else bits


def is_validation(hashes: np.ndarray, fraction: float) -> np.ndarray:
    """Return which rows are kept out of training, (rows,) bool: the lowest `fraction` of all hashes."""
    return hashes < np.uint64(int(fraction * 2.0**64)) if fraction else np.zeros(len(hashes), bool)


def is_test(hashes: np.ndarray, share: float) -> np.ndarray:
    """Return which of the rows that are kept out only score the network at its end, (rows,) bool: such a share of them,
    by bits that do not decide about anything else."""
    if share in (0, 1):
        return np.full(len(hashes), bool(share))
    return mix(hashes ^ _TEST) < np.uint64(int(share * 2.0**64))


def shard_of(hashes: np.ndarray, shards: int) -> np.ndarray:
    """Return the shard of each row, (rows,) int64, by bits that do not decide about validation."""
    return (mix(hashes ^ _GOLDEN) % np.uint64(shards)).astype(np.int64)


def warm_rank(hashes: np.ndarray) -> np.ndarray:
    """Return where each row stands in the queue for the warm start's sample, (rows,) uint64: lowest first."""
    return mix(hashes ^ _WARM)


def hash_order(hashes: np.ndarray, features: np.ndarray, codes: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Return the one order of a set of rows, (rows,) int64: by hash, and where different rows share one by content.

    hashes: (rows,) uint64; features: (rows, columns); codes: (rows,), index in the labels' names.
    """
    order = np.argsort(hashes, kind="stable")
    ranked = hashes[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1])) if len(ranked) else np.zeros(0, np.int64)
    stops = np.append(starts[1:], len(ranked))
    for run in np.flatnonzero(stops - starts > 1):
        rows = order[starts[run] : stops[run]]
        same = features[rows]
        if (_bits(same) != _bits(same[:1])).any() or (codes[rows] != codes[rows[0]]).any():
            order[starts[run] : stops[run]] = sorted(rows, key=lambda i: (features[i].tobytes(), names[int(codes[i])]))
    return order


def label_hashes(names: Iterable[str]) -> np.ndarray:
    """Return a hash of each label, (labels,) uint64."""
    digests = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names]
    return np.frombuffer(b"".join(digests), "<u8")


def is_integral(features: np.ndarray, or_missing: bool = False) -> bool:
    """Return whether every value is a whole number from 0 to 255. or_missing: a missing one (nan) will do, too."""
    if features.dtype == np.uint8:
        return True
    parts = (features[:_FEW_ROWS], features[_FEW_ROWS:])  # the first rows tell it of most that are not
    return all(
        (((part >= 0) & (part <= 255) & (part == np.floor(part))) | (or_missing & np.isnan(part))).all()
        for part in parts
    )
