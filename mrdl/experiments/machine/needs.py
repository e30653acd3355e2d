"""What an experiment says it needs, held against what is free, before anything starts."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from mrdl.errors import ConfigError, brief
from mrdl.experiments.machine.gpus import gpus
from mrdl.experiments.machine.memory import MB, cpus, memory

NEEDS = ("cpus", "memory_mb", "gpus", "gpu_memory_mb", "disk_mb", "cache_mb")
LEAST_DISK_MB = 1.0  # of what every experiment writes: its log, its history


def refusal(needs: Mapping[str, float], root: Path | str) -> str:
    """Return why an experiment cannot start on this machine now, with both numbers; '' where all is there.

    needs: amounts by the names of NEEDS; gpu_memory_mb is of each GPU, cache_mb of the disk of mrdl's cache.
    root: the folder that it will write to, or one that will be made. Raises ConfigError as check does.

    refusal({"disk_mb": 1e9}, "experiments")  # "needs 1,000,000,000 MB of disk, 81,234 MB are free in ..."
    """
    check(needs)
    return "; ".join(_lacking(needs, Path(root)))


def check(needs: Mapping[str, float]) -> None:
    """Raise ConfigError for a need of another name than those of NEEDS, and for an amount that is none."""
    for name, amount in needs.items():
        if name not in NEEDS:
            raise ConfigError(f"needs: expected {', '.join(NEEDS)}, got {brief(str(name))}")
        if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not amount >= 0:
            raise ConfigError(f"needs: expected a number from 0 on for {name}, got {brief(str(amount))}")


def _lacking(needs: Mapping[str, float], root: Path) -> Iterator[str]:
    """Each need that is not met, in words."""
    if needs.get("cpus", 0) > cpus():
        yield f"needs {needs['cpus']:g} processors, this machine has {cpus()}"
    yield from _disk(max(needs.get("disk_mb", 0), LEAST_DISK_MB), root, "disk")
    if needs.get("cache_mb"):
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        yield from _disk(needs["cache_mb"], cache, "disk for the cache")
    whole = memory()
    if whole and needs.get("memory_mb", 0) > whole.free_mb:
        yield f"needs {needs['memory_mb']:,.0f} MB of memory, {whole.free_mb:,.0f} of {whole.total_mb:,.0f} MB are free"
    if needs.get("gpus") or needs.get("gpu_memory_mb"):
        yield from _cards(needs.get("gpus", 0) or 1, needs.get("gpu_memory_mb", 0))


def _disk(wanted_mb: float, folder: Path, what: str) -> Iterator[str]:
    """What lacks on the disk of a folder, or of the nearest folder above it that is there."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        free_mb = shutil.disk_usage(there).free / MB
    except OSError:  # the start itself will say what is wrong with it
        return
    if wanted_mb > free_mb:
        amount = f"{free_mb:,.0f}" if free_mb >= 10 else f"{free_mb:.1f}"
        yield f"needs {wanted_mb:,.0f} MB of {what}, {amount} MB are free in {there}"


def _cards(number: float, wanted_mb: float) -> Iterator[str]:
    """What lacks of GPUs: their number, or memory that is free on as many."""
    cards = gpus()
    if number > len(cards):
        yield f"needs {number:g} GPU{'s' if number != 1 else ''}, this machine has {len(cards) or 'none that answers'}"
        return
    fit = sum(card.free_mb >= wanted_mb for card in cards)
    if fit < number:
        free = ", ".join(f"{card.free_mb:,.0f}" for card in cards)
        yield f"needs {wanted_mb:,.0f} MB of memory on {number:g} of the GPUs, free are {free} MB"
