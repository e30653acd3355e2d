"""Uploads in a folder of this machine: tables/ID/NAME, with `.part` behind it until it is whole.

The length of that file is where the upload is, so that a server that was killed goes on from the last byte written.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mrdl.errors import DISK_TAKES_NO_MORE, SetupError
from mrdl.storage import atomic
from mrdl.web.tables.naming import ID, PART, cleaned, new_id
from mrdl.web.tables.places import Conflict, Full, Gone, Upload

ABOUT = ".upload.json"  # hidden: the folder of a table holds one file of data
SYNC_BYTES = 64 << 20  # written, after which the disk is waited for, so that it is not at the end for all of it
PART_BYTES = 8 << 20


@dataclass(frozen=True)
class LocalPlace:
    """The uploads below a folder. folder: where; named: the folder as tables are named, from the home.

    LocalPlace(Path("lab/tables"), "tables").begin("digits.csv", 265038, "")
    """

    folder: Path
    named: str
    part_bytes: int = PART_BYTES

    def begin(self, name: str, size: int, digest: str) -> Upload:
        """See Place."""
        for each in self.all():
            if not each.done and (each.name, each.size, each.digest) == (name, size, digest):
                return each
        upload = self._upload(new_id(), name, size, digest)
        try:
            path = Path(upload.file)
            path.parent.mkdir(parents=True)
            about = {key: asdict(upload)[key] for key in ("name", "size", "digest")}
            path.with_name(path.name + PART).touch()
            atomic.write(path.with_name(ABOUT), json.dumps(about).encode())
        except OSError as error:
            shutil.rmtree(Path(upload.file).parent, ignore_errors=True)
            raise _told(error, upload) from error
        return self._now(upload)

    def find(self, upload: str) -> Upload | None:
        """See Place."""
        if not ID.fullmatch(upload):
            return None
        try:
            about = json.loads((self.folder / upload / ABOUT).read_bytes())
            return self._now(self._upload(upload, about["name"], about["size"], about["digest"]))
        except (OSError, ValueError, KeyError, Gone):
            return None

    @contextmanager
    def writing(self, upload: Upload, offset: int) -> Iterator["_Writer"]:
        """See Place."""
        try:
            file = os.open(upload.file + PART, os.O_WRONLY)
        except FileNotFoundError:
            if (found := self.find(upload.id)) is None:
                raise Gone(f"the upload of {upload.name!r} was deleted") from None
            raise Conflict(f"{upload.name!r} is here already, all of it", found.offset) from None
        try:
            there = os.fstat(file).st_size
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # which a server that dies lets go of
            except BlockingIOError:
                raise Conflict(f"{upload.name!r} is being sent by another page now", there) from None
            there = os.fstat(file).st_size
            if offset != there:
                raise Conflict(f"{upload.name!r} is at byte {there:,}, not at {offset:,}", there)
            os.lseek(file, there, os.SEEK_SET)
            writer = _Writer(file, upload, there)
            yield writer
            if writer.offset == upload.size:
                self._finish(upload, file)
        finally:
            os.close(file)

    def remove(self, upload: Upload) -> None:
        """See Place. One that is being sent ends with Gone."""
        shutil.rmtree(Path(upload.file).parent, ignore_errors=True)

    def all(self) -> Iterator[Upload]:
        """See Place."""
        try:
            names = [entry.name for entry in os.scandir(self.folder)]
        except FileNotFoundError:
            return
        yield from (found for name in names if (found := self.find(name)))

    def head(self, upload: Upload, length: int) -> bytes:
        """See Place."""
        for path in (upload.file, upload.file + PART, upload.file):  # it may be renamed meanwhile
            try:
                with open(path, "rb") as file:
                    return file.read(length)
            except FileNotFoundError:
                continue
        raise Gone(f"the upload of {upload.name!r} was deleted")

    def _upload(self, id: str, name: str, size: int, digest: str) -> Upload:
        """An upload of which nothing is there yet."""
        file = cleaned(name)
        return Upload(id, name, size, digest, f"{self.named}/{id}/{file}", str(self.folder / id / file), 0.0, 0)

    def _now(self, upload: Upload) -> Upload:
        """The upload as it is now; raises Gone."""
        for path in (upload.file, upload.file + PART, upload.file):
            try:
                found = os.stat(path)
            except FileNotFoundError:
                continue
            if path != upload.file and found.st_size == upload.size:  # killed before it was renamed, or empty
                self._finish(upload, None)
            return replace(upload, offset=min(found.st_size, upload.size), changed=found.st_mtime)
        raise Gone(f"the upload of {upload.name!r} was deleted")

    def _finish(self, upload: Upload, file: int | None) -> None:
        """Give the file that is whole its name."""
        try:
            if file is not None:
                os.fsync(file)
            os.rename(upload.file + PART, upload.file)
        except FileNotFoundError:
            if not os.path.exists(upload.file):
                raise Gone(f"the upload of {upload.name!r} was deleted") from None
        except OSError as error:
            raise _told(error, upload) from error


class _Writer:
    """Writes behind the end of a file. offset: where it is."""

    def __init__(self, file: int, upload: Upload, offset: int) -> None:
        self._file, self._upload = file, upload
        self.offset = self._synced = offset

    def write(self, data: bytes) -> None:
        """See Writer."""
        rest = memoryview(data)
        try:
            while rest:  # a disk that is nearly full takes a part
                written = os.write(self._file, rest)
                self.offset += written
                rest = rest[written:]
            if self.offset - self._synced >= SYNC_BYTES:
                os.fdatasync(self._file)
                self._synced = self.offset
        except OSError as error:
            raise _told(error, self._upload, self.offset) from error
        if not os.fstat(self._file).st_nlink:
            raise Gone(f"the upload of {self._upload.name!r} was deleted")


def _told(error: OSError, upload: Upload, offset: int = 0) -> Full | SetupError:
    """What a disk refused, in words."""
    if error.errno in DISK_TAKES_NO_MORE:
        return Full(
            f"the disk takes no more of {upload.name!r}, after {offset:,} of {upload.size:,} bytes: {error.strerror}. "
            "What is here stays: make room, and send the file again to go on",
            offset,
        )
    return SetupError(f"the folder of tables, {Path(upload.file).parent.parent}, cannot be written: {error.strerror}")
