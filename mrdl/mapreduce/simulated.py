"""What the runners of this machine share: Hadoop's way with splits and keys, without Hadoop.

mrjob 0.7.4 has no public way to do this, so private names of it are overridden: `_input_paths_for_step` (an input is
one file, whatever its name looks like), `_split_mapper_input` (every member of a packed file is read, and a cached
shard is never cut) and `_split_reducer_input` (keys go to the reducers that Hadoop would give them).
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from mrdl.errors import MrdlError
from mrdl.mapreduce.arguments import check_options
from mrdl.mapreduce.failures import error_of_log
from mrdl.mapreduce.tracking import FileTracker
from mrdl.shards.keys import hadoop_partition
from mrdl.shards.records import key_of
from mrdl.storage import measured
from mrdl.storage.packing import is_packed
from mrdl.storage.store import text_chunks, user_cache

WHOLE = 1 << 62  # bytes: no split ends before its file does
SPLIT_BYTES = 8 << 20  # smaller splits cost more to start than to parse


class OnThisMachine:
    """What is alike of runners (see Runner) whose tasks end with their driver, and whose data lies on local disks."""

    name: str
    reads_hdfs = False
    mrjob_base: ClassVar[type]

    @property
    def place(self) -> str:
        """See Runner: this machine by its name, for a home may be shared."""
        return measured.of_this_machine(self.name)

    def check(self, python_bin: str | None = None, mrjob_conf: str | None = None) -> None:
        """See Runner."""
        check_options(python_bin, mrjob_conf)

    def home(self, below: str) -> str:
        """See Runner."""
        return str(user_cache() / below)

    def temporary(self, tag: str, work: Path) -> str:
        """See Runner."""
        return str(work)

    def mrjob_class(self, cached: bool, reducers: int = 1, inputs: Sequence[str] | None = None) -> type:
        """See Runner."""
        return type("Runner", (self.mrjob_base,), {"cached": cached, "reducers": reducers, "inputs": inputs})

    def tracker(self, tag: str, work_dir: Path, shards: int) -> FileTracker:
        """See Runner."""
        return FileTracker(work_dir, shards)

    def error(self, log: str) -> MrdlError:
        """See Runner."""
        return error_of_log(log)

    def stop(self, tag: str, patient: bool = True) -> None:
        """See Runner: tasks end by themselves."""


class AsHadoop:
    """A mixin for mrjob's own runners: cuts the CSV at line ends, but no packed file, cached shard or result, and parts
    keys as Hadoop does."""

    cached = False
    reducers = 1
    inputs: Sequence[str] | None = None

    def _input_paths_for_step(self, step_num: int) -> Iterable[str]:
        if step_num or self.inputs is None:
            return super()._input_paths_for_step(step_num)  # type: ignore[misc]
        return self.inputs

    def _split_mapper_input(self, input_paths: Iterable[str], step_num: int) -> list[dict[str, Any]]:
        """See mrjob: text is cut into splits, what is packed or cached goes whole."""
        paths = list(input_paths)
        size = WHOLE
        if not self.cached and not step_num:
            cut = int(self._pick_mapper_split_size(paths, step_num))  # type: ignore[attr-defined]
            size = max(cut, SPLIT_BYTES)
        files = self._yield_split_fileobjs("mapper", step_num)  # type: ignore[attr-defined]
        return [split for path in paths for split in _cut(path, WHOLE if is_packed(path) else size, files)]

    def _split_reducer_input(self, step_num: int) -> int:
        """See mrjob: lines go to the reducers that Hadoop's partitioner would give them."""
        reducers = 1 if step_num or self.cached else self.reducers
        files = self._yield_split_fileobjs("reducer", step_num)  # type: ignore[attr-defined]
        with contextlib.ExitStack() as stack:
            parts = [stack.enter_context(next(files)) for _ in range(reducers)]
            lines = stack.enter_context(open(self._sorted_reducer_input_path(step_num), "rb"))  # type: ignore[attr-defined]
            for line in lines:
                parts[hadoop_partition(key_of(line), reducers)].write(line)
        return reducers


def _cut(path: str, size: int, files: Iterator[BinaryIO]) -> Iterator[dict[str, Any]]:
    """Copy a text to the next of the files, each of whole lines and no less than `size` bytes but for the last."""
    pieces, start = _pieces(path, size), 0
    for piece, ends in pieces:
        with next(files) as file:
            length = file.write(piece)
            while not ends and (more := next(pieces, None)):
                piece, ends = more
                length += file.write(piece)
        yield {"file": path, "start": start, "length": length}
        start += length


def _pieces(path: str, size: int) -> Iterator[tuple[bytes, bool]]:
    """A text in pieces, and whether a part ends with a piece: at the first line end after `size` bytes of it."""
    length = 0
    for chunk in text_chunks(path):
        while chunk:
            end = chunk.find(b"\n", max(0, size - length - 1)) + 1
            piece = chunk[:end] if end else chunk
            yield piece, bool(end)
            length, chunk = 0 if end else length + len(piece), chunk[len(piece) :]
