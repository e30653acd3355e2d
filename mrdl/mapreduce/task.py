"""What surrounds the work of a task: its standard streams, and its end when the driver ends."""

import contextlib
import contextvars
import ctypes
import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from mrdl.errors import MrdlError

if TYPE_CHECKING:
    from mrdl.shards.records import Write

# job properties that Hadoop, and mrjob's own runners, give to a task as environment variables
INPUT_FILE = "mapreduce_map_input_file"
INPUT_START = "mapreduce_map_input_start"
GROUP = "mrdl"  # of the counters of tasks
CPU_COUNTER = GROUP, "CPU milliseconds"  # what tasks have used
UNIT = " milliseconds"  # after the name of a phase: the counter of its time
DIES_WITH_DRIVER = "MRDL_DIES_WITH_DRIVER"  # set for tasks of the local runner: the driver's process id
_output: int | None = None  # see keep_output
_spent: contextvars.ContextVar[dict[str, float]] = contextvars.ContextVar("_spent")  # seconds of this task by phase


def is_task() -> bool:
    """Whether mrjob runs this script as a task."""
    return bool({"--mapper", "--reducer", "--combiner"} & set(sys.argv))


def keep_output() -> int:
    """Keep standard output for the protocol: what is printed from now on, C libraries included, goes to standard error.

    Returns the descriptor of the standard output that was, the same each time.
    """
    global _output
    if _output is None:
        sys.stdout.flush()
        _output = os.dup(1)
        os.dup2(2, 1)
    return _output


@contextlib.contextmanager
def task_streams(job: Any) -> Iterator[tuple[BinaryIO, "Write"]]:
    """Give a task its input as a binary file, and `write(key, value)`, which writes a record.

    Standard output belongs to the protocol: whatever else prints, C libraries too, goes to standard error. At the end
    the CPU time that was used is counted; an error that is not worded for people gets a note of the task's input.

    with task_streams(job) as (lines, write): write(b"key", b"value")
    """
    die_with_driver()
    out, saved, began = job.stdout, (sys.stdout, sys.stderr), time.process_time()
    spent, entered = until_now() if is_task() else {}, time.monotonic()
    inner: dict[str, float] = {}
    _spent.set(inner)
    env = getattr(job, "env", os.environ)
    text = io.TextIOWrapper(job.stderr, "utf-8", errors="replace", line_buffering=True)
    try:
        if out.fileno() == 1:
            out.flush()
            out = os.fdopen(keep_output(), "wb", buffering=1 << 20)
            sys.stdout = sys.stderr = text
    except (OSError, ValueError, AttributeError):
        pass  # the inline runner's standard output is a file of its own, and its process is the caller's

    def write(key: bytes, value: bytes) -> None:
        out.write(key + b"\t" + value + b"\n")

    try:
        yield job.stdin, write
    except Exception as error:
        if not isinstance(error, MrdlError):  # those are worded for people already
            error.add_note(f"input: {env.get(INPUT_FILE, 'the rows of a shard, from all mappers')}")
        raise
    finally:
        out.flush()
        text.flush()
        job.increment_counter(*CPU_COUNTER, round(1000 * (time.process_time() - began)))
        rows = time.monotonic() - entered - sum(inner.values())
        for phase, seconds in {**spent, "rows": rows, **inner}.items():
            job.increment_counter(GROUP, phase + UNIT, round(1000 * seconds))
        text.detach()
        if sys.stdout is text:
            sys.stdout, sys.stderr = saved


@contextlib.contextmanager
def timed(phase: str) -> Iterator[None]:
    """Inside, the time of a task is counted as that of a phase; elsewhere nobody hears of it."""
    began = time.monotonic()
    try:
        yield
    finally:
        if (inner := _spent.get(None)) is not None:
            inner[phase] = inner.get(phase, 0.0) + time.monotonic() - began


def until_now() -> dict[str, float]:
    """The seconds that went by before a task begins: of its container until Python starts, and of Python's own start.

    Nothing of a container where this process has none, and nothing at all where /proc is not Linux's.
    """
    try:
        ticks = os.sysconf("SC_CLK_TCK")
        own = _start_ticks(os.getpid()) / ticks
        told = {"Python": time.clock_gettime(time.CLOCK_BOOTTIME) - own}
    except (OSError, ValueError, IndexError, AttributeError):
        return {}
    if "CONTAINER_ID" in os.environ:
        with contextlib.suppress(OSError, ValueError, IndexError):  # who leads the session may lie out of sight
            told["container"] = own - _start_ticks(os.getsid(0)) / ticks
    return told


def _start_ticks(pid: int) -> int:
    """When a process began, in ticks of the clock since the machine did."""
    return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19])


def die_with_driver() -> None:
    """Ask the kernel for a SIGKILL when the driver of a local run is gone (Linux): nothing is left running."""
    driver = os.environ.get(DIES_WITH_DRIVER)
    if driver and sys.platform == "linux":
        end_with_parent()
        if os.getppid() != int(driver):
            os.kill(os.getpid(), signal.SIGKILL)  # it died before the kernel was asked


def end_with_parent() -> None:
    """Ask the kernel for a SIGKILL when the process that started this one is gone (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def children_of(pid: int) -> list[int]:
    """The ids of all processes below one, the deepest first (Linux)."""
    found: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in listing.read_text().split()]
        except OSError:
            continue  # the thread has just ended
        for child in children:
            found += [*children_of(child), child]
    return found


def cpu_seconds(pid: int) -> float:
    """The CPU seconds of a process, of those that it has waited for, and of all that run below it; 0 where it is gone
    (Linux).

    pid: of a process of this machine. cpu_seconds(os.getpid()) is what this one has used.
    """
    return sum(_cpu_ticks(process) for process in (*children_of(pid), pid)) / os.sysconf("SC_CLK_TCK")


def _cpu_ticks(pid: int) -> int:
    """The CPU time of one process and of its children that it has waited for, in ticks of the clock."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0  # it has just ended: whoever waits for it counts it
    return sum(map(int, words[11:15]))  # utime, stime, cutime, cstime


def kill_tasks() -> None:
    """End the tasks of the local runner that this process has started.

    They are known by their environment: other children of a program that calls mrdl are not ours to end.
    """
    mark = f"{DIES_WITH_DRIVER}={os.getpid()}".encode()
    for pid in children_of(os.getpid()):
        with contextlib.suppress(OSError):  # it has just ended
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)
