"""The data set of a run: its files, its columns, and where in it a bad row lies."""

import dataclasses
import hashlib
import json
import os
import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mrdl.config import TrainConfig
from mrdl.errors import ConfigError, DataError, MrdlError
from mrdl.formats import refuse_by_name, refuse_other_formats
from mrdl.preparation import Statistics
from mrdl.schema import Schema, filled_lines, header_crc, sniff
from mrdl.storage import head, is_hdfs, is_packed, store_of, text_chunks
from mrdl.webhdfs import FileInfo

HEAD_BYTES = 1 << 20


def first_lines(files: Sequence[FileInfo], name: str) -> bytes:
    """The beginning of a data set, enough of it to decide the columns: two lines that are not blank, if it has them.

    Programs that write many files leave some with nothing in them, or with nothing but the header. Raises DataError
    for a file that is no text.
    """
    start = b""
    for info in files:
        refuse_by_name(info.path)
    for info in filter(lambda info: info.size, files):
        text = _beginning(info, info.path if len(files) > 1 else name)
        above, here = filled_lines(start), filled_lines(text)
        repeated = bool(above and here) and header_crc(above[0]) == header_crc(here[0])
        start = b"\n".join([*above, text]) if above and not repeated else text
        if len(above) * (not repeated) + len(here) >= 2:
            break
    return start


def _beginning(info: FileInfo, shown: str) -> bytes:
    """The first two lines of a file, at least, or all of it."""
    length = HEAD_BYTES
    while True:
        start = head(info.path, length)
        refuse_other_formats(start, shown)
        if start.count(b"\n") >= 2 or start.count(b"\r") >= 2:
            return start
        if length >= info.size:
            return b"".join(text_chunks(info.path))  # to its end: a packed file may be damaged
        length *= 4  # a line longer than a megabyte


@dataclasses.dataclass(frozen=True)
class Source:
    """A CSV as the user named it: a file, folder or glob, local or in HDFS."""

    name: str
    files: tuple[FileInfo, ...]
    schema: Schema

    @classmethod
    def look_at(cls, name: str, config: TrainConfig) -> "Source":
        """List the files, and decide the columns by the head of the first that is not empty.

        Raises DataError or ConfigError where there is nothing, or nothing to train on.
        """
        files = store_of(name).files(name)
        return cls(name, tuple(files), sniff(first_lines(files, name), config.label, config.header, name))

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(info.size for info in self.files)

    def identity(self) -> dict[str, Any]:
        """What must not change between the rounds of a run."""
        sha = hashlib.sha256(json.dumps([dataclasses.astuple(info) for info in self.files]).encode())
        return {"source": self.name, "files": len(self.files), "bytes": self.size, "sha256": sha.hexdigest()[:16]}

    def inputs(self, runner: str, work: Path) -> list[str]:
        """The paths for a job; files in HDFS are fetched to `work` for a runner that cannot read there."""
        paths = [info.path for info in self.files if info.size]
        if runner == "hadoop" or not is_hdfs(self.name):
            return paths
        (work / "input").mkdir()
        local = [work / "input" / f"{i:04d}{posixpath.splitext(path)[1]}" for i, path in enumerate(paths)]
        for path, fetched in zip(paths, local, strict=True):
            with open(fetched, "wb") as file:
                file.writelines(store_of(path).chunks(path))
        return [str(path) for path in local]

    def check_packed(self) -> None:
        """Read every packed file to its end; raises DataError, with its name, where one is damaged."""
        for info in self.files:
            if is_packed(info.path):
                for _ in text_chunks(info.path):
                    pass

    def refused(self, statistics: Statistics, problem: str, skip_bad_rows: bool) -> MrdlError:
        """The error for data that the tasks found unfit; nothing was trained."""
        if statistics.bad_rows and not skip_bad_rows:
            return self._bad_rows(statistics, [self._place(file, at) for file, at, _, _ in statistics.bad])
        kind = ConfigError if problem.startswith("nodes") else DataError
        return kind(f"{self.name}: {problem}")

    def _place(self, file: str, at: int) -> str:
        """Where a bad row lies, in words; at: a line number, or less the byte near which it lies."""
        path = file.removeprefix("file://")
        if at < 0 and not is_hdfs(path) and os.path.exists(path):
            with open(path, "rb") as text:
                at = text.read(-at).count(b"\n") + 1
        if is_hdfs(self.name) and not is_hdfs(path):  # it was fetched
            path = [info.path for info in self.files if info.size][int(Path(path).stem)]
        shown = self.name if len(self.files) == 1 else path
        return f"{shown} line {at}" if at > 0 else f"{shown} near byte {-at}"

    def _bad_rows(self, statistics: Statistics, places: Sequence[str]) -> DataError:
        shown = [f"  {place}: {reason}" for place, (_, _, reason, _) in zip(places, statistics.bad, strict=True)]
        more = statistics.bad_rows - len(shown)
        total = statistics.training_rows + statistics.validation_rows + statistics.bad_rows
        return DataError(
            f"{statistics.bad_rows} of {total} rows cannot be read; nothing was trained.\n"
            + "\n".join(shown)
            + (f"\n  ... and {more} more" if more else "")
            + "\nMend them, or leave them out with --bad-rows skip."
        )
