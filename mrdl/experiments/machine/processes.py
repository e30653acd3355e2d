"""The processes of a program, with all that it started: their memory and processor time. /proc, else psutil."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MB = 1e6


@dataclass(frozen=True)
class Seen:
    """A process: its number, its parent's, its group's and session's, when it started (to tell it from a later one of
    that number), its resident memory in MB and the seconds of processors that it has used."""

    pid: int
    parent: int
    group: int
    session: int
    started: float
    memory_mb: float
    cpu_s: float


def tree(pid: int, known: Iterable[tuple[int, float]] = (), mark: str = "") -> list[Seen]:
    """Return the processes of a program: itself, what it started, its group and its session.

    known: (number, start) of processes that were its before. mark: a line of the environment that the program alone was
    started with, as "MRDL_HISTORY=/a/b": what it left behind in a session of its own is known by that, on Linux.
    Memory that processes share is counted for each of them.
    """
    alive = all_processes()
    own = {process.pid for process in alive if pid in (process.pid, process.group, process.session)}
    if mark:
        own |= {process.pid for process in alive if process.pid not in own and _has(process.pid, mark.encode())}
    before = set(known)
    own |= {process.pid for process in alive if (process.pid, process.started) in before}
    grown = True
    while grown:
        children = {process.pid for process in alive if process.parent in own} - own
        own |= children
        grown = bool(children)
    return [process for process in alive if process.pid in own]


def _has(pid: int, mark: bytes) -> bool:
    """Whether a process was started with a line of its environment."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:  # another user's, or it has ended
        return False


def all_processes() -> list[Seen]:
    """Return all processes that this one may see."""
    return list((_by_proc if Path("/proc/self/stat").exists() else by_psutil)())


def _by_proc() -> Iterator[Seen]:
    """The processes as Linux tells them, some hundredths of a millisecond each."""
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                stat = file.read()
        except OSError:  # it has ended meanwhile
            continue
        words = stat[stat.rfind(b")") + 2 :].split()  # a program may have blanks and brackets in its name
        if words[0] == b"Z":  # a zombie has nothing any more
            continue
        yield Seen(
            pid=int(name),
            parent=int(words[1]),
            group=int(words[2]),
            session=int(words[3]),
            started=int(words[19]) / tick,
            memory_mb=int(words[21]) * page / MB,
            cpu_s=(int(words[11]) + int(words[12])) / tick,
        )


def by_psutil() -> Iterator[Seen]:
    """The processes where there is no /proc; none without psutil. Those that may not be looked at are left out."""
    try:
        import psutil
    except ImportError:
        return
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                times = process.cpu_times()
                yield Seen(
                    pid=process.pid,
                    parent=process.ppid(),
                    group=_asked(os.getpgid, process.pid),
                    session=_asked(os.getsid, process.pid),
                    started=process.create_time(),
                    memory_mb=process.memory_info().rss / MB,
                    cpu_s=times.user + times.system,
                )
        except psutil.Error:
            continue


def _asked(question: Callable[[int], int], pid: int) -> int:
    """The answer of the system's about a process; 0 where it gives none."""
    try:
        return question(pid)
    except OSError:
        return 0
