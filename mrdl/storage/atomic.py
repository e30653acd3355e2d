"""Files that are there whole or not at all: written beside their place, and renamed."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

BESIDE = re.compile(r"\..+\.\d+")  # the names that `beside` gives: of the file, and of the process that writes it


@contextmanager
def beside(path: Path, named: Callable[[Path], Path] | None = None) -> Iterator[Path]:
    """Give the place to write a file at, which is renamed to `path` at the end, when the disk has it.

    Where that fails, nothing of it stays. named: gives the path by what was written, for a file named by its content.

    with beside(Path("model.safetensors")) as place: place.write_bytes(data)
    """
    place = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield place
        with open(place, "rb") as file:
            os.fsync(file.fileno())
        os.replace(place, named(place) if named else path)
    except BaseException:
        place.unlink(missing_ok=True)
        raise


def write(path: Path, data: bytes) -> None:
    """Write a whole file."""
    with beside(path) as place:
        place.write_bytes(data)


def clear(folder: Path) -> None:
    """Delete what writes that were killed have left in a folder, in which nobody else writes now."""
    for path in folder.iterdir():
        if BESIDE.fullmatch(path.name):
            path.unlink()
