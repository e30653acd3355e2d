"""By what an experiment's data is known again: the digest of its bytes, or of samples of what is large."""

import hashlib
import os
from pathlib import Path
from typing import Any

MOST_BYTES = 64_000_000  # a tenth of a second: the facts of a start take no more than 0.3 s
SAMPLES, SAMPLE_BYTES = 16, 1 << 18
MOST_FILES = 2000  # of a folder


def digest(path: str) -> dict[str, Any]:
    """Return what a file or a folder is known again by.

    {"path", "bytes", "sha256", "of"}: of is "all bytes", or what was left out. For a path that another system holds, as
    hdfs://, or that is not there, {"path", "none": why}.

    Of more than MOST_BYTES, or of MOST_FILES files, the size, the time of its last change and SAMPLES pieces of each
    file are taken, so that it costs tenths of a second, however large the data is. A folder's files count with their
    names, in order.

    digest("digits.csv")["sha256"][:8]
    """
    if "://" in path:
        return {"path": path, "none": "it is not on this machine"}
    place = Path(path)
    try:
        files = _files(place) if place.is_dir() else [place]
        sizes = [file.stat().st_size for file in files]
        whole = sum(sizes) <= MOST_BYTES and len(files) < MOST_FILES
        sha = hashlib.sha256()
        for file, size in zip(files, sizes, strict=True):
            sha.update(
                f"{file.relative_to(place)}\0{size}\0".encode(errors="surrogateescape") if file != place else b""
            )
            _add(sha, file, size, whole)
    except OSError as error:
        return {"path": path, "none": f"{error.strerror}"}
    of = "all bytes" if whole else f"size, time and {SAMPLES} samples of each file"
    if len(files) >= MOST_FILES:
        of += f"; more than the first {MOST_FILES} files were not looked at"
    return {"path": path, "bytes": sum(sizes), "sha256": sha.hexdigest(), "of": of}


def _files(folder: Path) -> list[Path]:
    """The files of a folder in order, at most MOST_FILES."""
    found: list[Path] = []
    for where, folders, names in os.walk(folder):
        folders.sort()
        found += [Path(where, name) for name in sorted(names)]
        if len(found) >= MOST_FILES:
            break
    return [file for file in found if file.is_file()][:MOST_FILES]


def _add(sha: Any, file: Path, size: int, whole: bool) -> None:
    """Add the bytes of a file to a digest, or its time and samples of them from the first to the last."""
    with file.open("rb") as opened:
        if whole:
            while block := opened.read(1 << 20):
                sha.update(block)
            return
        sha.update(str(file.stat().st_mtime_ns).encode())
        for i in range(SAMPLES):
            opened.seek(max(size - SAMPLE_BYTES, 0) * i // (SAMPLES - 1))
            sha.update(opened.read(SAMPLE_BYTES))
