"""One driver at a time in a folder: a lock file, which the kernel lets go of when its holder dies."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mrdl.errors import DISK_TAKES_NO_MORE, ConfigError, SetupError, cannot_write
from mrdl.storage.process import Process

ATTEMPTS = 4  # to take a lock, PAUSE_S apart: somebody may just be asking whether it is held
PAUSE_S = 0.05


@contextmanager
def held(folder: Path, what: str, *, elsewhere: str, again: str, inside: Sequence[Path] = ()) -> Iterator[None]:
    """Make a folder and hold it; what goes wrong with its disk meanwhile is an error with a way out.

    what: whose folder it is, as "run"; elsewhere: how to take another one, "Use --run-dir"; again: how to go on when
    its disk is mended, "go on with --resume"; inside: folders in it that are made, too. Raises ConfigError if another
    process holds it, SetupError where it cannot be made, or where its disk takes no more.

    with held(Path("runs/1"), "run", elsewhere="Use --run-dir", again="go on with --resume"): ...
    """
    try:
        for path in (folder, *inside):
            path.mkdir(parents=True, exist_ok=True)
        lock = _take(folder, what)
    except OSError as error:
        raise SetupError(f"the {what} folder {folder} cannot be written: {error.strerror}. {elsewhere}") from error
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_TAKES_NO_MORE:
            raise
        file = error.filename or f"a file of the {what} in {folder}"
        raise cannot_write(file, str(error.strerror), again) from error
    finally:
        os.close(lock)


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


def holder(folder: Path) -> Process | None:
    """The process that holds a folder; None where there is none, or none of this machine that this user may look at.

    Linux tells which file is locked through which of its open files: a number in the lock file alone may be another
    process's by now.
    """
    try:
        process = Process.of(int((folder / "lock").read_text()))
        if process is None:
            return None
        lock, opened = os.stat(folder / "lock"), Path(f"/proc/{process.pid}")
        for number in os.listdir(opened / "fd"):
            with contextlib.suppress(FileNotFoundError):
                is_same = os.path.samestat(os.stat(opened / "fd" / number), lock)
                if is_same and "FLOCK" in (opened / "fdinfo" / number).read_text():
                    return process
    except (OSError, ValueError):
        pass
    return None


def _take(folder: Path, what: str) -> int:
    """Lock a folder, as long as the file descriptor that this returns is open."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    for attempt in range(ATTEMPTS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.write(lock, str(os.getpid()).encode())
            return lock
        except BlockingIOError:
            if attempt + 1 < ATTEMPTS:
                time.sleep(PAUSE_S)
    holder = os.read(lock, 20).decode() or "?"
    os.close(lock)
    raise ConfigError(f"the {what} folder {folder} is in use by process {holder}")
