"""Uploads in a folder of HDFS: FOLDER/ID/NAME, made of parts in FOLDER/ID/_parts, each of which is whole or not there.

A server that was killed goes on behind the last whole part. The first one is two megabytes, by which what is in the
table is told before the rest is here; the others fill a block of HDFS each.
"""

import json
import posixpath
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from mrdl.cluster.parts import BLOCK_BYTES, join, write_part
from mrdl.cluster.webhdfs import FileInfo, HdfsStore
from mrdl.errors import DataError, MrdlError, Unavailable
from mrdl.storage.store import hdfs_store, read
from mrdl.web.tables.naming import ID, cleaned, new_id
from mrdl.web.tables.places import Conflict, Full, Gone, Upload

ABOUT, PARTS = "_upload.json", "_parts"  # hidden: the folder of a table holds one file of data
FIRST_BYTES = 2 << 20
WAITING = 4  # chunks that may wait for HDFS
_sending: set[str] = set()  # uploads that are written now; a second server is stopped by the names of parts
_lock = threading.Lock()


@dataclass(frozen=True)
class HdfsPlace:
    """The uploads below a folder of HDFS. folder: hdfs://...

    HdfsPlace("hdfs://localhost:9000/user/ann/lab").begin("digits.csv", 265038, "")
    """

    folder: str
    part_bytes: int = BLOCK_BYTES

    @property
    def _store(self) -> HdfsStore:
        return hdfs_store()

    def begin(self, name: str, size: int, digest: str) -> Upload:
        """See Place."""
        for each in self.all():
            if not each.done and (each.name, each.size, each.digest) == (name, size, digest):
                return each
        upload = self._upload(new_id(), name, size, digest)
        about = json.dumps({"name": name, "size": size, "digest": digest}).encode()
        with _full(upload, 0):
            self._store.write(f"{self._of(upload)}/{ABOUT}", about)
            if not size:
                self._store.write(upload.file, b"")
        return upload

    def find(self, upload: str) -> Upload | None:
        """See Place."""
        if not ID.fullmatch(upload):
            return None
        try:
            about = json.loads(read(f"{self.folder}/{upload}/{ABOUT}"))
            found = self._upload(upload, about["name"], about["size"], about["digest"])
            whole = {name: info for name, _, info in self._store.entries(self._of(found))}
        except Unavailable:
            raise
        except (MrdlError, ValueError, KeyError):  # there is none
            return None
        if (file := whole.get(posixpath.basename(found.file))) is not None:
            return replace(found, offset=found.size, changed=file.modified / 1000)
        parts = self._parts(found)
        offset = sum(info.size for info in parts)
        changed = max((info.modified for info in parts), default=whole[ABOUT].modified) / 1000
        if offset == found.size and parts and found.id not in _sending:
            self._finish(found)
        return replace(found, offset=offset, changed=changed)

    @contextmanager
    def writing(self, upload: Upload, offset: int) -> Iterator["_Writer"]:
        """See Place."""
        with _lock:
            if upload.id in _sending:
                raise Conflict(f"{upload.name!r} is being sent by another page now", upload.offset)
            _sending.add(upload.id)
        try:
            now = self.find(upload.id)
            if now is None:
                raise Gone(f"the upload of {upload.name!r} was deleted")
            if now.offset != offset or now.done:
                raise Conflict(f"{upload.name!r} is at byte {now.offset:,}, not at {offset:,}", now.offset)
            writer = _Writer(self._store, upload, f"{self._of(upload)}/{PARTS}", offset)
            try:
                yield writer
            finally:
                writer.close()
            if writer.offset == upload.size:
                self._finish(upload)
        finally:
            with _lock:
                _sending.discard(upload.id)

    def remove(self, upload: Upload) -> None:
        """See Place."""
        self._store.remove(self._of(upload))

    def all(self) -> Iterator[Upload]:
        """See Place."""
        if not self._store.exists(self.folder):
            return
        for name, _, _ in self._store.entries(self.folder):
            if found := self.find(name):
                yield found

    def head(self, upload: Upload, length: int) -> bytes:
        """See Place."""
        taken = b""
        for info in self._parts(upload):
            if len(taken) < length:
                taken += b"".join(self._store.chunks(info.path, length - len(taken)))
        return taken

    def _upload(self, id: str, name: str, size: int, digest: str) -> Upload:
        """An upload of which nothing is there yet."""
        file = f"{self.folder}/{id}/{cleaned(name)}"
        return Upload(id, name, size, digest, file, file, 0.0, 0)

    def _of(self, upload: Upload) -> str:
        """The folder of an upload."""
        return f"{self.folder}/{upload.id}"

    def _parts(self, upload: Upload) -> list[FileInfo]:
        """The whole parts that follow one another from the first byte on."""
        try:
            found = sorted((name, info) for name, _, info in self._store.entries(f"{self._of(upload)}/{PARTS}"))
        except DataError:
            return []
        parts, offset = [], 0
        for name, info in found:
            if name == _name(offset) and info.size:
                parts.append(info)
                offset += info.size
        return parts

    def _finish(self, upload: Upload) -> None:
        """Make one file of the parts; each step may be the last before this server is killed."""
        parts = self._parts(upload)
        if parts and sum(info.size for info in parts) == upload.size:
            join(self._store, [info.path for info in parts])
            self._store.rename(parts[0].path, upload.file)
            self._store.remove(f"{self._of(upload)}/{PARTS}")


class _Writer:
    """Writes bytes as parts. offset: where it is; what is in a part that is not closed yet counts."""

    def __init__(self, store: HdfsStore, upload: Upload, folder: str, offset: int) -> None:
        self._store, self._upload, self._folder = store, upload, folder
        self.offset = self._begun = offset  # of the part that is open
        self._chunks: queue.Queue[bytes | None] | None = None
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    def write(self, data: bytes) -> None:
        """See Writer."""
        rest = memoryview(data)
        while rest:
            if self._chunks is None:
                self._open()
            left = (FIRST_BYTES if not self._begun else BLOCK_BYTES) - (self.offset - self._begun)
            some = bytes(rest[:left])
            self._put(some)
            self.offset += len(some)
            rest = rest[len(some) :]
            if len(some) == left:
                self.close()

    def close(self) -> None:
        """Have the part that is open be whole, short as it may be; raises Full, or what HDFS says."""
        if self._chunks is None or self._thread is None:
            return
        self._put(None)
        self._thread.join()
        self._chunks = self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            self.offset = self._begun
            with _full(self._upload, self._begun):
                raise error
        with _full(self._upload, self._begun):
            if not self._store.exists(posixpath.dirname(self._folder) + "/" + ABOUT):
                self._store.remove(posixpath.dirname(self._folder))
                raise Gone(f"the upload of {self._upload.name!r} was deleted")
            self._store.rename(self._open_name, f"{self._folder}/{_name(self._begun)}")

    def _open(self) -> None:
        """Begin a part, by a name that no other one has: that of a killed server may be locked still."""
        self._begun = self.offset
        self._open_name = f"{self._folder}/.{_name(self._begun)}.{new_id()}"
        self._chunks = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._send, args=(self._chunks, self._open_name), daemon=True)
        self._thread.start()

    def _put(self, data: bytes | None) -> None:
        """Hand bytes to the thread that writes, unless it has failed."""
        assert self._chunks is not None
        while self._error is None:
            try:
                return self._chunks.put(data, timeout=1.0)
            except queue.Full:  # HDFS is slow, or away
                continue
        if data is not None:
            self.close()

    def _send(self, chunks: "queue.Queue[bytes | None]", path: str) -> None:
        """Write a part while its bytes come in; what goes wrong is kept for who writes."""
        try:
            write_part(self._store, path, iter(chunks.get, None))
        except Exception as error:  # whoever writes raises it
            self._error = error


def _name(offset: int) -> str:
    """What a part is called: by the byte that it begins at."""
    return f"{offset:020d}"


@contextmanager
def _full(upload: Upload, offset: int) -> Iterator[None]:
    """Say of what HDFS does not take now what is there."""
    try:
        yield
    except Unavailable as error:
        raise Full(
            f"HDFS takes no more of {upload.name!r}, after {offset:,} of {upload.size:,} bytes: {error}. What is there "
            "stays: send the file again to go on",
            offset,
        ) from error
