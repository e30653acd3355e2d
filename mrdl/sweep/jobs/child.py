"""A training in a forked child, with limits of CPU time and memory: whatever becomes of it costs one record.

The child says what it has found over a pipe, as JSON, and blanks before that as signs of progress; what it prints is
kept as its last words. Wall time is not limited: on a busy machine a healthy training takes long. One that hangs, for
so long without an epoch and nearly without CPU time, is ended.
"""

import contextlib
import faulthandler
import json
import math
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mrdl.mapreduce.task import cpu_seconds, end_with_parent
from mrdl.sweep.record import State

TAIL = 2000  # characters of a child's last words that are kept
STATUS_S = 20.0  # between two signs of life
LOOK_S = 1.0  # between two looks at the CPU time of a child
BEAT_S = 0.1  # between two signs of progress that a child gives
IDLE = 0.002  # of a core: who uses less waits, if only by looking from time to time whether there is something to do
Beat = Callable[[], None]
"""Is called after each epoch."""
Work = Callable[[Beat], list[dict[str, Any]]]


@dataclass(frozen=True)
class Limits:
    """Of one training. cpu_s: CPU seconds, of all its processes and threads; memory_mb: on top of what the parent
    holds; hang_s: wall seconds without an epoch and nearly without CPU time."""

    cpu_s: float
    memory_mb: int
    hang_s: float = 120.0


def in_child(work: Work, limits: Limits, alive: Callable[[], None]) -> list[dict[str, Any]]:
    """What a child says of its work, or one record of what became of the child; `alive` is called meanwhile.

    work: is called in the child, and gives records that JSON can have; limits: beyond which the child is ended; alive:
    is called about each STATUS_S seconds. Each record has wall_s and cpu_s, the child's seconds shared out evenly. This
    process is forked, so it must not have spoken to a GPU: see has_gpu.
    """
    out, into = os.pipe()
    words, said = os.pipe()
    began = time.monotonic()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if not pid:
        os.close(out)
        os.close(words)
        os.dup2(said, 2)
        os.dup2(said, 1)
        _child(work, limits, into)
    os.close(into)
    os.close(said)
    told, tail, wrong = _listen(pid, out, words, limits, alive)
    _, status, used = os.wait4(pid, 0)
    try:
        found = json.loads(told)
    except ValueError:
        found = json.loads(_failed(wrong or _ending(status, limits), tail))
    wall, cpu = time.monotonic() - began, used.ru_utime + used.ru_stime
    return [{**one, "wall_s": round(wall / len(found), 4), "cpu_s": round(cpu / len(found), 4)} for one in found]


def _child(work: Work, limits: Limits, into: int) -> None:
    """Work, say the results, and end at once: nothing of the parent's is flushed or closed twice."""
    faulthandler.disable()  # the signal is told by the parent; its stacks would stand in somebody else's log
    try:
        end_with_parent()
        os.setpgid(0, 0)  # whatever the training starts is ended with it
        _limit(limits)
        told = json.dumps(work(_beat(into))).encode()
    except MemoryError:
        told = _failed("ran out of memory", traceback.format_exc())
    except BaseException as error:
        memory = "alloc" in str(error) and "memory" in str(error)  # torch's own words
        reason = "ran out of memory" if memory else f"{type(error).__name__}: {error}"
        told = _failed(reason, traceback.format_exc())
    try:
        with os.fdopen(into, "wb") as file:
            file.write(told)
    finally:
        os._exit(0)


def _beat(into: int) -> Beat:
    """What gives a sign of progress, but not so often that it would take time."""
    told_at = -math.inf

    def beat() -> None:
        nonlocal told_at
        if (now := time.monotonic()) - told_at > BEAT_S:
            told_at = now
            os.write(into, b" ")

    return beat


def _failed(reason: str, log: str) -> bytes:
    """One record of a training that failed, as JSON; what is no Unicode of it is replaced."""
    reason, log = (text.encode("utf-8", "replace").decode() for text in (reason[:300], log[-TAIL:]))
    return json.dumps([{"status": State.FAILED, "reason": reason, "log": log}]).encode()


def has_gpu() -> bool:
    """Whether a driver of NVIDIA is there, which maps far more addresses than it uses memory. torch cannot be asked
    before a fork: the child could not use the GPU any more."""
    return os.path.exists("/dev/nvidiactl")


def _limit(limits: Limits) -> None:
    """Limit the memory of this process, beyond what it holds already, and its time on the processor."""
    with open("/proc/self/statm", encoding="ascii") as file:
        held = int(file.read().split()[0]) * resource.getpagesize()
    kind = resource.RLIMIT_DATA if has_gpu() else resource.RLIMIT_AS
    resource.setrlimit(kind, (held + (limits.memory_mb << 20),) * 2)
    seconds = math.ceil(limits.cpu_s) + 1  # the parent ends it before, unless it is ended itself
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


# --- the parent ---


def _listen(pid: int, out: int, words: int, limits: Limits, alive: Callable[[], None]) -> tuple[bytes, str, str]:
    """What a child says on its two pipes until it ends, or until it is killed, and why it was killed, if it was."""
    told_at, ended, watch = -math.inf, os.pidfd_open(pid), _Watch(pid, limits)
    texts: dict[int, bytes] = {out: b"", words: b""}
    waiting, wrong = {out, words}, ""
    while waiting:
        if time.monotonic() - told_at > STATUS_S:  # Hadoop ends a task that is silent for ten minutes
            told_at = time.monotonic()
            alive()
        if not wrong and (wrong := watch.look()):
            os.kill(pid, signal.SIGKILL)
        ready, _, _ = select.select([*waiting, ended], (), (), LOOK_S if wrong else watch.next_look())
        if ready == [ended] or (
            wrong and ended in ready
        ):  # all is read; what it has started may hold the pipes for as long as it likes
            break
        for pipe in waiting.intersection(ready):
            chunk = os.read(pipe, 65536)
            texts[pipe] = (texts[pipe] + chunk)[-(1 << 20) :] if pipe == out else (texts[pipe] + chunk)[-4 * TAIL :]
            if pipe == out:
                watch.progressed()
            if not chunk:
                waiting.discard(pipe)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    for pipe in (out, words, ended):
        os.close(pipe)
    return texts[out], texts[words].decode(errors="replace"), wrong


class _Watch:
    """Knows whether a child is over its limit, or hangs."""

    def __init__(self, pid: int, limits: Limits) -> None:
        self._pid, self._limits, self._cpu, self._looked = pid, limits, 0.0, -math.inf
        self._since, self._cpu_then = time.monotonic(), 0.0  # the last progress, and what was used until then

    def progressed(self) -> None:
        """The child has given a sign."""
        self._since, self._cpu_then = time.monotonic(), self._cpu

    def next_look(self) -> float:
        """Seconds until the child could be over its limit, on one core; not above LOOK_S."""
        return min(max(self._limits.cpu_s - self._cpu, 0.01), max(self._limits.hang_s / 4, 0.01), LOOK_S)

    def look(self) -> str:
        """Why the child is to be ended; empty where it is not."""
        now = time.monotonic()
        if now - self._looked < self.next_look():
            return ""
        self._looked, self._cpu = now, cpu_seconds(self._pid)
        if self._cpu > self._limits.cpu_s:
            return over_limit(self._limits.cpu_s)
        if self._cpu - self._cpu_then > IDLE * self._limits.hang_s:
            self.progressed()
        if now - self._since > self._limits.hang_s:
            hangs = f"hangs: in {self._limits.hang_s:g} s it ended no epoch and used no CPU time to speak of"
            return f"{hangs} (limits.hang_s)"
        return ""


def over_limit(cpu_s: float) -> str:
    """The reason of a training that was ended because it took more than so many CPU seconds."""
    return f"took more CPU time than its limit of {cpu_s:g} s (limits.cpu_s)"


def _ending(status: int, limits: Limits) -> str:
    """Why a process ended, in words, by its status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return over_limit(limits.cpu_s)
        return f"killed by signal {number} ({signal.Signals(number).name})"
    return f"ended with status {os.WEXITSTATUS(status)}, and said nothing"
