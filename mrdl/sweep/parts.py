"""What tasks have told, in files that are the truth of a sweep: parts/JOB.jsonl, one record a line."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mrdl.sweep.ledger import Ledger

LOST_TWICE = 2


class Parts:
    """The part files of a sweep's folder and the ledger that indexes them.

    describe: the record of a design of which nothing but its canonical text is known.
    """

    def __init__(self, folder: Path, ledger: Ledger, describe: Callable[[str, str], dict[str, Any]]) -> None:
        self._folder, self._ledger, self._describe = folder, ledger, describe

    def path(self, job: str) -> Path:
        """The file of what a job has told."""
        return self._folder / f"{job}.jsonl"

    def write(self, job: str, lines: bytes) -> None:
        """Keep what a job has told, beside and renamed."""
        beside = self._folder / f".{job}.jsonl"
        beside.write_bytes(lines)
        os.replace(beside, self.path(job))

    def append(self, job: str, lines: bytes) -> None:
        """Keep more of what a job has told."""
        with open(self.path(job), "ab") as part:
            part.write(lines)

    def take_in(self, job: str) -> None:
        """Take into the ledger what a job has told by now."""
        self._ledger.take_in(job, self.read(job))

    def read(self, job: str) -> Iterator[dict[str, Any]]:
        """The records of a job; a last line that is not whole yet is left for later."""
        with contextlib.suppress(FileNotFoundError), open(self.path(job), "rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    with contextlib.suppress(ValueError):  # the rest of a line that a killed task began
                        yield json.loads(line)

    def close(self, job: str, records: Sequence[dict[str, Any]]) -> None:
        """Keep all that a job has told, and let it be over."""
        self.write(job, lines_of(records))
        self._ledger.take_in(job, records)
        self._ledger.harvested(job)

    def over(self, job: str, pack: Sequence[str], words: str) -> None:
        """A job is over: designs that it did not tell of are lost; those lost for the second time are rows."""
        told = self._ledger.tried(job)
        if missing := [arch_id for arch_id in pack if arch_id not in told]:
            self._ledger.lose(missing)
            reason = "its task died twice, with it alone in it"
            records = [
                {**self._describe(arch_id, text), "status": "failed", "reason": reason, "log": words}
                for arch_id, text in self._ledger.lost(missing, LOST_TWICE).items()
            ]
            self.append(job, lines_of(records))
            self._ledger.take_in(job, records)
        self._ledger.harvested(job)

    def reindex(self) -> None:
        """Take all parts into an empty ledger."""
        for part in sorted(self._folder.glob("*.jsonl")):
            self._ledger.intend(part.stem, [])
            self.take_in(part.stem)
            self._ledger.harvested(part.stem)


def lines_of(records: Sequence[dict[str, Any]]) -> bytes:
    """Records as a part holds them."""
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)
