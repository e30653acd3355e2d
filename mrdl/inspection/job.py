"""The job of an inspection: maps sum up their rows, and one reducer what they tell, some columns at a time.

Hadoop is given this file.
"""

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

from mrdl.data.columnar.pieces import Piece, lines_of
from mrdl.data.text.csv import whole_lines
from mrdl.data.text.schema import Schema
from mrdl.inspection.reader import Reader
from mrdl.inspection.summary import Summary
from mrdl.mapreduce.lean import LeanJob, MRStep
from mrdl.mapreduce.task import is_task, keep_output, task_streams
from mrdl.shards.records import Tag, Write, key_of, pack, split_line, unpack

READ_BYTES = 4 << 20  # of text parsed at once


class InspectionJob(LeanJob):
    """One pass over a table; `--order` is the schema of its columns, written by the driver."""

    env: Mapping[str, str] = os.environ
    """What Hadoop, or mrjob in its place, tells a task."""

    def configure_args(self) -> None:
        """Name the file that each task gets."""
        super().configure_args()
        self.add_file_arg("--order", help="the columns, written by the driver")

    def steps(self) -> list[MRStep]:
        """One step."""
        one = {"mapreduce.job.reduces": "1"}
        return [MRStep(mapper=self.mapper, reducer=self.reducer, jobconf=one)]

    def mapper(self, key: Any, value: Any) -> None:
        """Never called: run_mapper reads blocks. mrjob wants to see that there is one."""
        raise NotImplementedError

    def reducer(self, key: Any, values: Any) -> None:
        """Never called: see run_reducer."""
        raise NotImplementedError

    def run_mapper(self, step_num: int = 0) -> None:
        """Do the work of one map task."""
        told = json.loads(Path(self.options.order).read_text(encoding="utf-8"))
        schema = Schema.from_meta(told["schema"])
        with task_streams(self) as (text, write):
            lines = lines_of_pieces(text, schema) if told["pieces"] else lines_of_text(text, schema)
            sum_up(lines, write, schema)

    def run_reducer(self, step_num: int = 0) -> None:
        """Do the work of the reduce task."""
        with task_streams(self) as (lines, write):
            merge(lines, write)


def lines_of_text(text: BinaryIO, schema: Schema) -> Iterator[bytes]:
    """The whole lines of a text, without its header."""
    return whole_lines(iter(lambda: text.read(READ_BYTES), b""), schema.header_crc)


def lines_of_pieces(pieces: Iterable[bytes], schema: Schema) -> Iterator[bytes]:
    """The rows of pieces of files as lines of text. pieces: a line each (see mrdl.data.columnar.pieces)."""
    return itertools.chain.from_iterable(lines_of(Piece.from_json(piece), schema) for piece in list(pieces))


def sum_up(lines: Iterable[bytes], write: Write, schema: Schema) -> None:
    """Write what rows tell of their columns, a record for each group of them. lines: whole ones, some at a time."""
    reader, summary = Reader(schema), Summary(len(schema.columns))
    for some in lines:
        summary.add(reader.read(some))
    _write(summary, write)


def merge(lines: Iterable[bytes], write: Write) -> None:
    """Write what all parts of a table tell of its columns. lines: of `sum_up`, sorted by key."""
    for key, group in groupby(lines, key_of):
        whole: Summary | None = None
        for line in group:
            part = to_part(line)
            if whole is None:
                whole = part
            else:
                whole.merge(part)
        if whole is not None:
            ((_, meta, arrays),) = whole.parts()
            write(key, pack(Tag.COLUMNS, meta, arrays))


def to_part(line: bytes) -> Summary:
    """What a line tells of some columns."""
    _, meta, arrays = unpack(split_line(line)[1])
    return Summary.from_part(meta, arrays)


def _write(summary: Summary, write: Write) -> None:
    """Write a summary, a record for each group of its columns."""
    for group, meta, arrays in summary.parts():
        write(b"%06d" % group, pack(Tag.COLUMNS, meta, arrays))


if is_task():
    keep_output()  # a job file imports this before it prints


if __name__ == "__main__":
    InspectionJob.run()
