"""What tasks have told, in files that are the truth of a sweep: parts/JOB.jsonl, one record a line."""

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from mrdl.errors import ConfigError
from mrdl.storage import atomic
from mrdl.sweep.ledger import Ledger
from mrdl.sweep.paths import SweepPaths
from mrdl.sweep.record import Record, State, line_of, read_record

ON_YARN, OVER = b'{"on_yarn": true}\n', b'{"over": true}\n'  # the first and the last line of a part from YARN
JOB_NAME = re.compile(r"(?s:.+)-\d{5,9}")
LOST = 3  # times: among many, among few, alone


class Parts:
    """The part files of a sweep's folder and the ledger that indexes them.

    describe: describe(arch_id, text, **told), the record of a design by its canonical text and what was told of it.
    """

    def __init__(self, paths: SweepPaths, ledger: Ledger, describe: Callable[..., Record]) -> None:
        self._paths, self._ledger, self._describe = paths, ledger, describe
        self._read = dict[str, int]()  # bytes of a part that are in the ledger

    def path(self, job: str) -> Path:
        """The file of what a job has told."""
        return self._paths.part_of(job)

    def write(self, job: str, lines: bytes) -> None:
        """Keep what a job has told, beside and renamed."""
        atomic.write(self.path(job), lines)

    def append(self, job: str, lines: bytes) -> None:
        """Keep more of what a job has told."""
        with open(self.path(job), "ab+") as part:
            if part.tell():
                part.seek(-1, os.SEEK_END)
                if part.read(1) != b"\n":  # a task that was killed has begun a line
                    part.write(b"\n")
            part.write(lines)

    def begin_on_yarn(self, job: str) -> None:
        """Note that a job goes to YARN, where it may outlive its driver and this machine's index."""
        self.write(job, ON_YARN)

    def end(self, job: str) -> None:
        """Nothing more comes from a job."""
        if self._ledger.is_on_yarn(job):
            self.append(job, OVER)
        self._ledger.harvested(job)

    def take_in(self, job: str) -> None:
        """Take into the ledger what a job has told since it was last asked."""
        self._ledger.take_in(job, self._news(job))

    def _news(self, job: str) -> Iterator[Record]:
        """The new records of a job; a last line that is not whole yet is left for later."""
        with contextlib.suppress(FileNotFoundError), open(self.path(job), "rb") as file:
            file.seek(self._read.get(job, 0))
            for line in file:
                if line.endswith(b"\n"):
                    self._read[job] = self._read.get(job, 0) + len(line)
                    yield from self.records(job, [line])

    def records(self, job: str, lines: Iterable[bytes]) -> Iterator[Record]:
        """The records in lines that a job's tasks have written. What a killed task has begun is no JSON, and is left
        out; raises ConfigError, with the way out, for what no task writes."""
        for line in lines:
            if line in (ON_YARN, OVER) or not _is_json(line):
                continue
            try:
                yield read_record(line)
            except ValueError as error:
                raise ConfigError(
                    f"{self.path(job)} has a line that is damaged: {error}. Delete the line {_beginning(line)} and run "
                    f"`mrdl sweep reindex {self._paths.folder}`: its design is trained again"
                ) from error

    def close(self, job: str, records: Sequence[Record]) -> None:
        """Keep all that a job has told, and let it be over."""
        self.write(job, lines_of(records))
        self._ledger.take_in(job, records)
        self.end(job)

    def close_lost(self, job: str, suspects: Sequence[str], words: str) -> None:
        """A job is over. Of the designs that may have ended a task of it, those that it did not tell of are lost; those
        lost for the third time are rows."""
        told = self._ledger.tried(job)
        if missing := [arch_id for arch_id in suspects if arch_id not in told]:
            self._ledger.mark_lost(missing)
            reason = "its task died three times, the last time with it alone in it"
            records = [
                self._describe(arch_id, text, backend=backend, status=State.FAILED, reason=reason, log=words)
                for arch_id, (text, backend) in self._ledger.lost(missing, LOST).items()
            ]
            self.append(job, lines_of(records))
            self._ledger.take_in(job, records)
        self.end(job)

    def reindex(self) -> None:
        """Take all parts into an empty ledger; what was sent to YARN and not seen to its end stays open."""
        for part in sorted(self._paths.parts.glob("*.jsonl")):
            if not JOB_NAME.fullmatch(part.stem):
                raise ConfigError(f"{part} is no part of this sweep, expected a job's name and number: move it away")
            lines = part.read_bytes().splitlines(keepends=True)
            on_yarn = lines[:1] == [ON_YARN]
            self._ledger.register(part.stem, [], on_yarn)
            self.take_in(part.stem)
            if not on_yarn or OVER in lines:
                self._ledger.harvested(part.stem)


def _is_json(line: bytes) -> bool:
    """Whether a line is JSON, however deep, and so not a torn one."""
    try:
        json.loads(line)
    except RecursionError:
        return True  # but of no record
    except ValueError:
        return False
    return True


def _beginning(line: bytes) -> str:
    """The first bytes of a line, for people."""
    return repr(line[:40].decode(errors="replace")) + "..."


def lines_of(records: Sequence[Record]) -> bytes:
    """Records as a part holds them."""
    return b"".join(map(line_of, records))
