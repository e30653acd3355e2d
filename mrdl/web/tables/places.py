"""What a place that uploads go to can do, and what may go wrong there."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from mrdl.errors import MrdlError


class Conflict(MrdlError):
    """A part that does not belong where the upload is. offset: where it is."""

    def __init__(self, words: str, offset: int) -> None:
        super().__init__(words)
        self.offset = offset


class Full(MrdlError):
    """The disk takes no more. offset: what of the upload is there."""

    def __init__(self, words: str, offset: int) -> None:
        super().__init__(words)
        self.offset = offset


class Gone(MrdlError):
    """The upload was deleted meanwhile."""


@dataclass(frozen=True)
class Upload:
    """An upload, whole or not.

    id: its name in addresses; name: the user's file name; size: bytes that it has when it is whole; digest: what the
    user's side knows the file by, "" for nothing; table: its name as a table; file: where it lies; changed: seconds
    since 1970; offset: the bytes that are here.
    """

    id: str
    name: str
    size: int
    digest: str
    table: str
    file: str
    changed: float
    offset: int

    @property
    def done(self) -> bool:
        """Whether all of it is here."""
        return self.offset == self.size

    def to_json(self) -> dict[str, Any]:
        """What the API answers."""
        told = {name: getattr(self, name) for name in ("name", "size", "offset", "done", "table")}
        return {"upload": self.id, **told}


class Writer(Protocol):
    """Takes the bytes of an upload."""

    def write(self, data: bytes) -> None:
        """Put bytes behind those that are there; raises Full, or Gone."""


class Place(Protocol):
    """A folder of uploads, on this machine or in HDFS."""

    @property
    def part_bytes(self) -> int:
        """The size of parts that suits it."""

    def begin(self, name: str, size: int, digest: str) -> Upload:
        """A new upload, or the unfinished one of the same name, size and digest; raises SetupError, or Full."""

    def find(self, upload: str) -> Upload | None:
        """The upload of an id."""

    def writing(self, upload: Upload, offset: int) -> AbstractContextManager[Writer]:
        """Take bytes from an offset on, for one at a time; when all are there the upload is done.

        Raises Conflict where another one sends it now, or the offset is not where it is.
        """

    def remove(self, upload: Upload) -> None:
        """Delete it with all that is there of it."""

    def all(self) -> Iterator[Upload]:
        """All uploads, whole or not, in no order."""

    def head(self, upload: Upload, length: int) -> bytes:
        """The first bytes of those that are here."""
