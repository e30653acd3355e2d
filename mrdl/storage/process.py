"""A process of this machine, told from another one that has got its number since."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
BOOT = PROC / "sys/kernel/random/boot_id"


@dataclass(frozen=True)
class Process:
    """A process. pid: its number; born: when it began, as Linux tells it, which no other of that number has; empty
    where the system does not tell.

    Process.of(os.getpid()).is_alive()
    """

    pid: int
    born: str

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """The process of a number; None where there is none that runs."""
        process = cls(pid, _born(pid))
        return process if _runs(pid) else None

    def is_alive(self) -> bool:
        """Whether it still runs; one that has ended and was not yet waited for does not."""
        return _runs(self.pid) and self.born == _born(self.pid)

    def send(self, number: signal.Signals) -> bool:
        """Send it a signal, and never to another process; False where it has ended."""
        try:
            if not hasattr(os, "pidfd_open"):  # no Linux
                if self.is_alive():
                    os.kill(self.pid, number)
                return self.is_alive()
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if not self.is_alive():  # what is asked after the handle is there holds for it
                return False
            signal.pidfd_send_signal(handle, number)
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)


def _stat(pid: int) -> list[str] | None:
    """What Linux tells of a process behind its name: its state first, when it began as the 20th; None without."""
    try:
        return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def _born(pid: int) -> str:
    found = _stat(pid)
    return f"{BOOT.read_text().strip()} {found[19]}" if found else ""


def _runs(pid: int) -> bool:
    """Whether a process has this number and has not ended."""
    if BOOT.exists():
        found = _stat(pid)
        return found is not None and found[0] not in "ZX"
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
