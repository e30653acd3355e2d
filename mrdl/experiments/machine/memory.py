"""A machine's memory, as a container lets this process have of it. Linux's /proc and cgroups, psutil elsewhere."""

import os
from dataclasses import dataclass
from pathlib import Path

MB = 1e6  # as disks are sold and `mrdl` says sizes
_LIMITS = (  # of control groups, the second version and the first: the limit, what is used
    ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory.current", "sys/fs/cgroup/memory.stat"),
    (
        "sys/fs/cgroup/memory/memory.limit_in_bytes",
        "sys/fs/cgroup/memory/memory.usage_in_bytes",
        "sys/fs/cgroup/memory/memory.stat",
    ),
)
_GIVEN_BACK = ("inactive_file", "total_inactive_file")  # pages of files that the kernel drops when memory is short


@dataclass(frozen=True)
class Memory:
    """Memory in MB: all there is, and what programs can still have."""

    total_mb: float
    free_mb: float


def memory(root: Path = Path("/")) -> Memory | None:
    """Return the memory of this machine or this container; None where nothing tells it.

    root: the folder above proc and sys. Free is what programs can still have: pages of files that the kernel would drop
    count as free. The limit of a container counts where it is less than what the machine has.

    memory()  # Memory(total_mb=33567.1, free_mb=21034.5)
    """
    found = _of_machine(root)
    for limit, used, stat in _LIMITS:
        most = _number(root / limit)
        if found is None or most is None or most / MB >= found.total_mb:
            continue
        kept = (_number(root / used) or 0) - _given_back(root / stat)
        found = Memory(most / MB, min(found.free_mb, max(most - kept, 0) / MB))
    return found


def _of_machine(root: Path) -> Memory | None:
    """The memory of the whole machine."""
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError:
        return _by_psutil()
    sizes = {name: int(rest.split()[0]) * 1024 / MB for name, _, rest in (line.partition(":") for line in lines)}
    free = sizes.get("MemAvailable", sizes.get("MemFree", 0.0) + sizes.get("Cached", 0.0))
    return Memory(sizes["MemTotal"], free) if "MemTotal" in sizes else None


def _by_psutil() -> Memory | None:
    """The memory where there is no /proc."""
    try:
        import psutil
    except ImportError:
        return None
    found = psutil.virtual_memory()
    return Memory(found.total / MB, found.available / MB)


def _number(path: Path) -> int | None:
    """The number in a file of the kernel's; None for "max" and where there is none."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _given_back(path: Path) -> int:
    """The bytes of pages that are used but would be given back."""
    try:
        pairs = dict(line.split()[:2] for line in path.read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return next((int(pairs[name]) for name in reversed(_GIVEN_BACK) if name in pairs), 0)


def cpus() -> int:
    """Return how many processors this process may use: those it is bound to, where the system tells, else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
