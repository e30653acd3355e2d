"""The CPU time that a process and all below it have used, while they run (Linux)."""

import os
from pathlib import Path

from mrdl.mapreduce.task import children_of

TICKS_S = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """The CPU seconds of a process, of those that it has waited for, and of all that run below it; 0 where it is gone.

    pid: of a process of this machine. cpu_seconds(os.getpid()) is what this one has used.
    """
    return sum(_of_one(process) for process in (*children_of(pid), pid))


def _of_one(pid: int) -> float:
    """The CPU seconds of one process and of its children that it has waited for."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0  # it has just ended: whoever waits for it counts it
    return sum(map(int, words[11:15])) / TICKS_S  # utime, stime, cutime, cstime
