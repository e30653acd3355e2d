"""Files on this machine, as a Store."""

import glob
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from mrdl.cluster.webhdfs import CHUNK_BYTES, FileInfo, hidden
from mrdl.errors import DataError, brief
from mrdl.storage.paths import matching, path_fault

SAMPLES = 64  # pieces of a file that is too large to be read whole just to know it
SAMPLE_BYTES = 1 << 16  # in each of them: 4 MiB of a file, which a disk reads in some hundredths of a second


def _info(file: Path) -> FileInfo:
    """The marks of a file, by its absolute path."""
    found = file.stat()
    return FileInfo(str(file.resolve()), found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class LocalStore:
    """The file system of this machine (see Store).

    LocalStore().files("data/part-*") are the files of a data set.
    """

    def files(self, pattern: str) -> list[FileInfo]:
        """See Store."""
        if (fault := path_fault(pattern)) and not glob.has_magic(pattern):
            raise DataError(f"no such file: {brief(pattern)}, {fault}")
        path = Path(pattern)
        roots = [path] if path.exists() else [Path(name) for name in matching(pattern)]
        found = {
            file: file.relative_to(root) for root in roots for file in ([root] if root.is_file() else root.rglob("*"))
        }
        kept = [file for file, below in sorted(found.items()) if file.is_file() and not any(map(hidden, below.parts))]
        if not kept:
            raise DataError(f"no such file: {pattern}" if not path.is_dir() else f"no files in the folder {pattern}")
        return [_info(file) for file in kept]

    def checksum(self, info: FileInfo) -> str:
        """See Store."""
        with open(info.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def samples(self, info: FileInfo) -> str:
        """A digest of the head, the tail and pieces between them, evenly spread."""
        sha = hashlib.sha256()
        with open(info.path, "rb") as file:
            for i in range(SAMPLES):
                file.seek(max(0, info.size - SAMPLE_BYTES) * i // (SAMPLES - 1))
                sha.update(file.read(SAMPLE_BYTES))
        return sha.hexdigest()

    def chunks(self, path: str, length: int | None = None) -> Iterator[bytes]:
        """See Store."""
        left = length if length is not None else -1
        with open(path, "rb") as file:
            while left and (chunk := file.read(CHUNK_BYTES if left < 0 else min(left, CHUNK_BYTES))):
                left -= len(chunk) if left > 0 else 0
                yield chunk

    def write(self, path: str, data: bytes | Sequence[bytes]) -> None:
        """See Store."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)

    def mkdir(self, path: str) -> None:
        """See Store."""
        if not Path(path).exists():
            Path(path).mkdir(0o700, parents=True)

    def exists(self, path: str) -> bool:
        """See Store."""
        return Path(path).exists()

    def rename(self, path: str, new: str) -> None:
        """See Store."""
        Path(new).parent.mkdir(parents=True, exist_ok=True)
        os.rename(path, new)

    def remove(self, path: str) -> None:
        """See Store."""
        if Path(path).is_dir():
            shutil.rmtree(path)
        else:
            Path(path).unlink(missing_ok=True)
