"""What a running program takes of its machine: memory, processors, GPUs, and how soon the disk is full."""

import math
import shutil
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from mrdl.experiments.machine.gpus import gpus
from mrdl.experiments.machine.memory import MB, memory
from mrdl.experiments.machine.processes import tree

SOON_S = 600.0  # a disk that is full within this is a warning
WINDOW_S = 60.0  # over which the growth is taken: a burst of a second says nothing
LEAST_S = 15.0
LITTLE_MEMORY = 0.05  # of the machine's: what is left when the kernel will soon kill a program


class Monitor:
    """Watches a program and all that it starts.

    pid: of the program, the first of its group; folder: whose disk it fills; mark: see processes.tree.

    monitor = Monitor(process.pid, Path("experiments/7"))
    monitor.sample()  # {"memory_mb": 812.4, "cpu": 99.1, "processes": 3, "disk_free_mb": 81234.0}, once in 5 s
    monitor.warnings()  # what is new since the last call, in words
    """

    def __init__(self, pid: int, folder: Path | str, mark: str = "") -> None:
        self.pid = pid
        self.mark = mark
        self.folder = Path(folder)
        self._used_s: dict[tuple[int, float], float] = {}  # seconds of processors, by (number, start) of a process
        self._at_s: float | None = None
        self._free: deque[tuple[float, float]] = deque()  # (seconds, MB)
        self._said: set[str] = set()
        self._sample: dict[str, float] = {}

    def sample(self) -> dict[str, float]:
        """Return how it is now; a quantity that cannot be told is left out.

        memory_mb: resident, of all its processes; cpu: per cent of one processor since the last call; processes;
        disk_free_mb; memory_free_mb: of the machine; with GPUs gpu: per cent busy and gpu_memory_mb, of all of them.
        """
        return self.take(time.monotonic())

    def take(self, at_s: float) -> dict[str, float]:
        """Return the sample of a moment, at_s seconds on a clock that only goes forward."""
        found = tree(self.pid, self._used_s, self.mark)
        used_s = {(process.pid, process.started): process.cpu_s for process in found}
        sample: dict[str, float] = {}
        if found:
            sample["memory_mb"] = round(sum(process.memory_mb for process in found), 1)
            sample["processes"] = len(found)
        if self._at_s is not None and at_s > self._at_s:
            spent_s = sum(now_s - self._used_s.get(key, 0.0) for key, now_s in used_s.items())
            sample["cpu"] = round(100 * max(spent_s, 0.0) / (at_s - self._at_s), 1)
        self._used_s, self._at_s = used_s, at_s
        self._add_machine(sample, at_s)
        self._sample = sample
        return sample

    def _add_machine(self, sample: dict[str, float], at_s: float) -> None:
        """Add what the whole machine has left."""
        whole = memory()
        if whole:
            sample["memory_free_mb"] = round(whole.free_mb, 1)
        try:
            sample["disk_free_mb"] = round(shutil.disk_usage(self.folder).free / MB, 1)
        except OSError:
            pass
        else:
            self._free.append((at_s, sample["disk_free_mb"]))
            while self._free[0][0] < at_s - WINDOW_S:
                self._free.popleft()
        cards = gpus()
        if cards:
            sample["gpu_memory_mb"] = round(sum(card.total_mb - card.free_mb for card in cards), 1)
            busy = [card.busy for card in cards if card.busy is not None]
            if busy:
                sample["gpu"] = round(sum(busy) / len(busy), 1)

    def warnings(self) -> list[str]:
        """Return what is about to go wrong by the samples so far, in words; each kind once."""
        found = {"disk": self._disk(), "memory": self._memory()}
        new = {kind: words for kind, words in found.items() if words and kind not in self._said}
        self._said |= new.keys()
        return list(new.values())

    def _disk(self) -> str:
        """A warning where the disk will be full in ten minutes, by its growth in the last one."""
        seconds = full_in_s(self._free)
        if seconds > SOON_S:
            return ""
        free_mb = self._free[-1][1]
        written = f"; {free_mb / seconds * 60:,.0f} MB are written a minute" if seconds else ""
        return f"the disk of {self.folder} will be full in {_in_words(seconds)}: {free_mb:,.1f} MB are free{written}"

    def _memory(self) -> str:
        """A warning where the machine's memory is nearly used up."""
        whole, free_mb = memory(), self._sample.get("memory_free_mb")
        if whole is None or free_mb is None or free_mb >= LITTLE_MEMORY * whole.total_mb:
            return ""
        own = self._sample.get("memory_mb", 0.0)
        return f"memory is nearly used up: {free_mb:,.0f} of {whole.total_mb:,.0f} MB are free, it has {own:,.0f} MB"


def full_in_s(free: Sequence[tuple[float, float]]) -> float:
    """Return in how many seconds a disk will be full by its growth; infinity where it does not grow or that is unknown.

    free: (seconds, MB that were free then), oldest first; less than LEAST_S between first and last says nothing. A disk
    with nothing free is full now.

    full_in_s([(0, 1000.0), (60, 400.0)])  # 40.0
    """
    if free and not free[-1][1]:
        return 0.0
    if not free or free[-1][0] - free[0][0] < LEAST_S:
        return math.inf
    (first_s, first_mb), (last_s, last_mb) = free[0], free[-1]
    written_mb = first_mb - last_mb
    return last_mb * (last_s - first_s) / written_mb if written_mb > 0 else math.inf


def _in_words(seconds: float) -> str:
    """A time in words."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
