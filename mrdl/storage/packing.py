"""Unpacks text that is packed: gzip, bzip2 and zstd, each with any number of members."""

import bz2
import io
import os
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from mrdl.errors import DataError

ZSTD = ".zst"
PACKED = (".gz", ".bz2", ZSTD)
UNPACKED_BYTES = 64 << 10  # of zstd at once: what a file that was cut short holds shall not be lost with its end
_MAKERS: dict[str, Callable[[], Any]] = {".gz": lambda: zlib.decompressobj(wbits=31), ".bz2": bz2.BZ2Decompressor}


def is_packed(path: str) -> bool:
    """Whether a file is unpacked when it is read: by the end of its name, as Hadoop has it."""
    return path.endswith(PACKED)


def unpacked(path: str, chunks: Iterator[bytes], whole: bool = True) -> Iterator[bytes]:
    """What a packed file unpacks to. chunks: its bytes; whole: whether they are all of them.

    Raises DataError, with the file's name, where it is damaged.
    """
    make = _MAKERS.get(os.path.splitext(path)[1])
    try:
        yield from _of_members(make, chunks, whole) if make else _of_zstd(chunks, whole)
    except (zlib.error, OSError) as error:
        raise DataError(
            f"{path} cannot be unpacked: {error}. It is damaged, or was not copied whole: copy or make it again"
        ) from error


def _of_members(make: Callable[[], Any], chunks: Iterator[bytes], whole: bool) -> Iterator[bytes]:
    """What the members of a file unpack to, one after the other. make: an unpacker of one."""
    unpacker, begun = make(), False
    for chunk in chunks:
        while chunk:
            yield unpacker.decompress(chunk)
            chunk = unpacker.unused_data
            begun = not unpacker.eof
            if unpacker.eof:  # another member may follow, as in `cat a.gz b.gz`
                unpacker = make()
    if begun and whole:
        raise OSError("it ends too early")


def _of_zstd(chunks: Iterator[bytes], whole: bool) -> Iterator[bytes]:
    """What a file of zstd unpacks to; Python before 3.14 has no zstd of its own, pyarrow has."""
    import pyarrow as pa

    with pa.CompressedInputStream(pa.PythonFile(_Chunks(chunks), "r"), "zstd") as stream:
        while True:
            try:
                data = stream.read(UNPACKED_BYTES)
            except OSError as error:
                if not whole and "Truncated" in str(error):
                    return
                raise OSError(str(error).partition("\n")[0]) from error
            if not data:
                return
            yield data


class _Chunks(io.RawIOBase):
    """Chunks of bytes as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._chunks, b"")
        length = min(len(buffer), len(self._rest))
        buffer[:length], self._rest = self._rest[:length], self._rest[length:]
        return length
