"""How long a sweep still takes, as a range: by what its trainings took, against what was predicted.

    seconds = predicted seconds of the designs that are not over * speed / slots

speed: seconds that trainings took by seconds predicted, of what this driver's jobs have told; slots: those seconds by
the time that passed, which is how many trainings there really were at a time, pauses included. Both are measured over
the same trainings, from the start of the driver's first job until a part was last written; before one is, the speed is
that of earlier drivers. The range is how much the
speed differed among parts of them: small sweeps and mixed designs have a wide one.
"""

import contextlib
import math
import time
from pathlib import Path

import numpy as np

from mrdl.sweep.paths import SweepPaths
from mrdl.web.watching.arrays import Designs

BLOCKS = 8  # of attempts, whose speeds are compared
LEAST, MOST = 0.15, 1.1  # logarithms of what a range differs from its middle by: a seventh, and three times
FEW = 5  # attempts before which the range is as wide as can be


class Clock:
    """Knows when the driver of a sweep began and when its parts were written last, by the times of files."""

    def __init__(self, paths: SweepPaths) -> None:
        self._paths = paths
        self._began: tuple[float, int] | None = None  # of the driver, and the number of its first job
        self._lock_s = 0.0

    def began(self, designs: Designs) -> tuple[float, int] | None:
        """When the first job of the driver that works began, and its number; None before there is one."""
        try:
            lock_s = (self._paths.folder / "lock").stat().st_mtime
        except OSError:
            return None
        if lock_s != self._lock_s or self._began is None:
            self._lock_s, self._began = lock_s, self._first_job(designs, lock_s)
        return self._began

    def _first_job(self, designs: Designs, lock_s: float) -> tuple[float, int] | None:
        """Jobs of earlier drivers wrote their parts before this one took the folder."""
        first = None
        for name, number in reversed(designs.job_orders.items()):
            written, control = self._paths.part_of(name), self._paths.control_of(name)
            times = [found for path in (control, written) if (found := _changed_s(path))]
            if times and max(times) < lock_s:
                break
            if times:
                first = (max(lock_s, min(times)) if name not in designs.on_yarn else lock_s, number)
        return first

    def wrote(self, designs: Designs) -> float:
        """When a part of the jobs that are open was written last; 0 where none was."""
        return max((_changed_s(self._paths.part_of(name)) for name in designs.left), default=0.0)


def _changed_s(path: Path) -> float:
    """When a file was written last, in seconds since 1970; 0 where it is not there."""
    with contextlib.suppress(OSError):
        return float(path.stat().st_mtime)
    return 0.0


def eta(designs: Designs, clock: Clock, now: float | None = None) -> dict[str, int] | None:
    """Seconds until the designs that are planned are over, {low_s, high_s}; None where there is nothing left, or no
    job that runs."""
    left_s = designs.left_s()
    began = clock.began(designs)
    if not left_s or began is None or not designs.left:
        return None
    now = time.time() if now is None else now
    began_s, first = began
    mine = np.frombuffer(designs.came_job, np.int64) >= first if designs.came else np.zeros(0, bool)
    places = np.frombuffer(designs.came_place, np.int32)[mine] if designs.came else np.zeros(0, int)
    took = np.frombuffer(designs.came_wall_s)[mine][places >= 0] if designs.came else np.zeros(0)
    predicted = designs.numbers["predicted_s"][places[places >= 0]]
    until = clock.wrote(designs)
    if not predicted.sum() or until <= began_s:
        speed, slots, width = _speed_before(designs), float(_at_a_time(designs)), MOST
        since = 0.0  # nothing tells yet how much of that was done
    else:
        speed = float(took.sum() / predicted.sum()) or 1.0
        slots = max(float(took.sum()) / (until - began_s), 1e-3)
        width, since = _width(took, predicted), now - until
    middle = left_s * speed / slots
    low, high = middle * math.exp(-width) - since, middle * math.exp(width) - since
    return {"low_s": max(0, round(low)), "high_s": max(1, round(high))}


def _speed_before(designs: Designs) -> float:
    """The speed of earlier drivers; 1 where there were none."""
    places = np.array(designs.came_place, np.int64)
    took = np.array(designs.came_wall_s)[places >= 0].sum()
    predicted = designs.numbers["predicted_s"][places[places >= 0]].sum()
    return float(took / predicted) if took and predicted else 1.0


def _at_a_time(designs: Designs) -> int:
    """Trainings that may run at a time before one has told: a process of this machine for each open job, or a task of
    YARN for each pack."""
    return max(1, sum(len(packs) if name in designs.on_yarn else 1 for name, packs in designs.packs.items()))


def _width(took: np.ndarray, predicted: np.ndarray) -> float:
    """By how much, as a logarithm, what is left may go faster or slower than what is over."""
    if len(took) < FEW:
        return MOST
    blocks = min(BLOCKS, len(took) // 2)
    times, sums = (np.array([part.sum() for part in np.array_split(values, blocks)]) for values in (took, predicted))
    speeds = np.log(np.maximum(times, 1e-6) / np.maximum(sums, 1e-6))
    return float(np.clip(2 * speeds.std() / math.sqrt(blocks) + 1 / math.sqrt(len(took)), LEAST, MOST))
