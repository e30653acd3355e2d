"""A training in a forked child, with limits of time and memory: whatever becomes of it costs one record.

The child says what it has found over a pipe, as JSON; what it prints is kept as its last words.
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

from mrdl.task import end_with_parent

TAIL = 2000  # characters of a child's last words that are kept
STATUS_S = 20.0  # between two signs of life
Work = Callable[[], list[dict[str, Any]]]


@dataclass(frozen=True)
class Limits:
    """Of one training. wall_s also bounds its CPU seconds; memory_mb comes on top of what the parent holds."""

    wall_s: float
    memory_mb: int


def in_child(work: Work, limits: Limits, alive: Callable[[], None]) -> list[dict[str, Any]]:
    """What a child says of its work, or one record of what became of the child; `alive` is called meanwhile."""
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
    told, tail, late = _listen(pid, out, words, began + limits.wall_s, alive)
    _, status, used = os.wait4(pid, 0)
    try:
        found = json.loads(told)
    except ValueError:
        reason = "took longer than its limit" if late else _ending(status)
        found = json.loads(_failed(reason, tail))
    wall, cpu = time.monotonic() - began, used.ru_utime + used.ru_stime
    return [{**one, "wall_s": round(wall / len(found), 4), "cpu_s": round(cpu / len(found), 4)} for one in found]


def _child(work: Work, limits: Limits, into: int) -> None:
    """Work, say the results, and end at once: nothing of the parent's is flushed or closed twice."""
    faulthandler.disable()  # the signal is told by the parent; its stacks would stand in somebody else's log
    try:
        end_with_parent()
        os.setpgid(0, 0)  # whatever the training starts is ended with it
        _limit(limits)
        told = json.dumps(work()).encode()
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


def _failed(reason: str, log: str) -> bytes:
    """One record of a training that failed, as JSON; what is no Unicode of it is replaced."""
    reason, log = (text.encode("utf-8", "replace").decode() for text in (reason[:300], log[-TAIL:]))
    return json.dumps([{"status": "failed", "reason": reason, "log": log}]).encode()


def _limit(limits: Limits) -> None:
    with open("/proc/self/statm", encoding="ascii") as file:
        held = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + (limits.memory_mb << 20),) * 2)
    seconds = math.ceil(limits.wall_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


# --- the parent ---


def _listen(pid: int, out: int, words: int, deadline: float, alive: Callable[[], None]) -> tuple[bytes, str, bool]:
    """What a child says on its two pipes until it ends, or until it is late and killed."""
    told_at, ended = -math.inf, os.pidfd_open(pid)
    texts: dict[int, bytes] = {out: b"", words: b""}
    waiting, late = {out, words}, False
    while waiting:
        if time.monotonic() - told_at > STATUS_S:  # Hadoop ends a task that is silent for ten minutes
            told_at = time.monotonic()
            alive()
        left = deadline - time.monotonic()
        if left <= 0 and not late:
            os.kill(pid, signal.SIGKILL)
            late = True
        ready, _, _ = select.select([*waiting, ended], (), (), 1.0 if late else min(max(left, 0.0), 1.0))
        if ready == [ended] or (
            late and ended in ready
        ):  # all is read; what it has started may hold the pipes for as long as it likes
            break
        for pipe in waiting.intersection(ready):
            chunk = os.read(pipe, 65536)
            texts[pipe] = (texts[pipe] + chunk)[-(1 << 20) :] if pipe == out else (texts[pipe] + chunk)[-4 * TAIL :]
            if not chunk:
                waiting.discard(pipe)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    for pipe in (out, words, ended):
        os.close(pipe)
    return texts[out], texts[words].decode(errors="replace"), late


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return "took longer than its limit"
        return f"killed by signal {number} ({signal.Signals(number).name})"
    return f"ended with status {os.WEXITSTATUS(status)}, and said nothing"
