"""The GPUs of NVIDIA: by nvidia-ml-py where it is installed, else by the program nvidia-smi; their names by /proc."""

import functools
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MB = 1e6
ASK_S = 5.0  # nvidia-smi takes some tenths of a second, on a machine whose driver hangs for ever
_QUERY = "index,name,memory.total,memory.free,utilization.gpu"


@dataclass(frozen=True)
class Gpu:
    """A GPU: its number, its memory in MB, all and free, and how busy it is in per cent (None: not told)."""

    index: int
    name: str
    total_mb: float
    free_mb: float
    busy: float | None


def gpus() -> list[Gpu]:
    """Return the GPUs of this machine as they are now; [] where there is none, or none that answers.

    One call takes about a millisecond by nvidia-ml-py, some tenths of a second by nvidia-smi.
    """
    if not Path("/dev/nvidiactl").exists() and shutil.which("nvidia-smi") is None:
        return []  # to load NVML costs 30 ms, to be told that there is nothing
    library = _nvml()
    if library is not None:
        try:
            return [_by_nvml(library, i) for i in range(library.nvmlDeviceGetCount())]
        except library.NVMLError:
            return []
    return _by_program()


@functools.cache
def _nvml() -> Any:
    """The library, ready; None where it is not installed or finds no driver."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def _by_nvml(library: Any, index: int) -> Gpu:
    """A GPU as NVML tells it; raises NVMLError where it does not answer. index: from 0."""
    device = library.nvmlDeviceGetHandleByIndex(index)
    name, sizes = library.nvmlDeviceGetName(device), library.nvmlDeviceGetMemoryInfo(device)
    try:
        busy = float(library.nvmlDeviceGetUtilizationRates(device).gpu)
    except library.NVMLError:  # parts of a GPU that is shared out tell none
        busy = None
    return Gpu(index, name if isinstance(name, str) else name.decode(), sizes.total / MB, sizes.free / MB, busy)


def _by_program() -> list[Gpu]:
    """The GPUs as nvidia-smi tells them."""
    command = ["nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    found = []
    for line in told.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        try:  # sizes are in MiB
            total, free = (float(cell) * 1024 * 1024 / MB for cell in cells[2:4])
            found.append(Gpu(int(cells[0]), cells[1], total, free, float(cells[4]) if cells[4].isdigit() else None))
        except (IndexError, ValueError):
            continue
    return found


def names(root: Path = Path("/")) -> tuple[list[str], str]:
    """Return the names of the GPUs and the version of their driver, as the kernel tells them: no library, no wait.

    root: the folder above proc; ([], "") where there is no driver of NVIDIA.

    names()  # (["NVIDIA H100 80GB HBM3"], "550.54.15")
    """
    driver = root / "proc/driver/nvidia"
    found = []
    for card in sorted(driver.glob("gpus/*/information")):
        lines = card.read_text(errors="replace").splitlines()
        found += [line.partition(":")[2].strip() for line in lines if line.startswith("Model")]
    try:
        words = (driver / "version").read_text(errors="replace").split()
    except OSError:
        return found, ""
    return found, next((word for word in words if word[:1].isdigit() and "." in word), "")
