"""What of a date comes back: its year, its week and its day, as sines and cosines."""

from collections.abc import Mapping, Sequence

import numpy as np

from mrdl.nn.encoding.encoding import Cycles

DAYS = {"year": 365.2425, "week": 7.0, "day": 1.0}
"""Cycle -> its period in days."""

SEASON = 180  # days that dates must span for a year to be seen in them


def cycles_of(first: float, last: float, has_times: bool) -> tuple[str, ...]:
    """Return which cycles vary in dates. first, last: of all, in days; has_times: whether some are no whole days."""
    span = last - first
    seen = {"year": span >= SEASON, "week": span >= 1, "day": has_times}
    return tuple(name for name in DAYS if seen[name])


def waves_of(cycles: Mapping[int, Sequence[str]], bounded: bool) -> Cycles:
    """Return the inputs of cycles: a sine and a cosine of each. bounded: whether they shall be in [0, 1]."""
    all_of = [(place, DAYS[name]) for place in sorted(cycles) for name in cycles[place]]
    return Cycles(
        places=np.array([place for place, _ in all_of for _ in range(2)], np.int64),
        turns=np.array([1 / days for _, days in all_of for _ in range(2)], np.float32),
        phase=np.array([phase for _ in all_of for phase in (0, 0.25)], np.float32),
        height=0.5 if bounded else 1.0,
        middle=0.5 if bounded else 0.0,
    )
