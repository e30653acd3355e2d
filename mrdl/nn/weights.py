"""Sets of weights, as they travel: their type, digest and mean."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

Weights = dict[str, np.ndarray]
"""Name of a tensor -> float32 array; the type of weights at every border."""


def digest(weights: Mapping[str, np.ndarray]) -> str:
    """The SHA-256 over names, shapes and bytes, whatever file the weights lie in and in whatever order."""
    sha = hashlib.sha256()
    for name in sorted(weights):
        array = np.ascontiguousarray(weights[name])
        sha.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()


def weighted_mean(sets: Sequence[Weights], shares: Sequence[int]) -> Weights:
    """The mean of sets of weights, summed in float64 in the order given: another order may end in other bits.

    shares: of each set, rows for instance; they need not sum to 1.
    """
    total = sum(shares)
    sums = {name: np.zeros(array.shape, np.float64) for name, array in sets[0].items()}
    for weights, share in zip(sets, shares, strict=True):
        for name, array in weights.items():
            sums[name] += array.astype(np.float64) * (share / total)
    return {name: array.astype(np.float32) for name, array in sums.items()}
