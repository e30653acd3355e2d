"""Files that are there whole or not at all: written beside their place, and renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Where to write a file, which is renamed to `path` at the end, when the disk has it; where that fails, nothing of
    it stays."""
    place = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield place
        with open(place, "rb") as file:
            os.fsync(file.fileno())
        os.replace(place, path)
    except BaseException:
        place.unlink(missing_ok=True)
        raise


def write(path: Path, data: bytes) -> None:
    """Write a whole file."""
    with beside(path) as place:
        place.write_bytes(data)
