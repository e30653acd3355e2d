"""One driver at a time in a folder: a lock file, which the kernel lets go of when its holder dies."""

import fcntl
import os
import time
from pathlib import Path

from mrdl.errors import ConfigError

ATTEMPTS = 4


def take(folder: Path, what: str) -> int:
    """Hold a folder until the file descriptor that this returns is closed.

    Raises ConfigError, which names `what` the folder is of, if another process holds it; OSError where it cannot be.
    """
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    for attempt in range(ATTEMPTS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.write(lock, str(os.getpid()).encode())
            return lock
        except BlockingIOError:
            if attempt + 1 < ATTEMPTS:
                time.sleep(0.05)  # somebody may just be asking whether it is held
    holder = os.read(lock, 20).decode() or "?"
    os.close(lock)
    raise ConfigError(f"the {what} folder {folder} is in use by process {holder}")


def is_held(folder: Path) -> bool:
    """Whether a driver works in a folder now."""
    try:
        lock = os.open(folder / "lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
