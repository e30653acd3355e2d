"""The index of a sweep as the pages read it: what is new alone, by a connection that can write nothing."""

import contextlib
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

BUSY_S = 0.2  # that somebody else may hold the index; it is looked at again soon
AT_ONCE = 2000  # rows that are fetched, so that other threads get their turn
ARCH = """SELECT rowid, arch_id, position, predicted_s, asked, json_extract(spec, '$.hidden'),
json_extract(spec, '$.activation'), json_extract(spec, '$.optimizer'), json_extract(spec, '$.learning_rate'),
json_extract(spec, '$.epochs'), json_extract(spec, '$.seed') FROM arch WHERE rowid > ? ORDER BY rowid"""
JOBS = "SELECT rowid, name, on_yarn FROM job WHERE rowid > ? ORDER BY rowid"
OPEN = "SELECT name FROM job WHERE state = 'open'"
PACKS = "SELECT packs FROM job WHERE name = ?"
ATTEMPTS = """SELECT rowid, arch_id, job, status, ifnull(json_extract(record, '$.accuracy'), json_extract(record,
'$.r2')), json_extract(record, '$.loss'), json_extract(record, '$.parameters'), json_extract(record, '$.collapsed'),
json_extract(record, '$.no_better'), json_extract(record, '$.wall_s'), json_extract(record, '$.reason')
FROM attempt WHERE rowid > ? ORDER BY rowid"""
ASKED = """SELECT DISTINCT arch_id, asked FROM attempt JOIN arch USING (arch_id) WHERE status = 'failed'"""
ABOUT = """SELECT json_extract(record, '$.accuracy') IS NULL, json_extract(record, '$.baseline'),
json_extract(record, '$.baseline_rmse') FROM attempt WHERE status = 'done' LIMIT 1"""
RECORDS = """SELECT record FROM attempt JOIN job ON job.name = attempt.job WHERE arch_id = ?
ORDER BY status = 'failed', job.rowid"""
SPEC = "SELECT spec, backend, predicted_s FROM arch WHERE arch_id = ?"


Row = tuple[Any, ...]


class Reader(Protocol):
    """What takes in rows of an index as they are read."""

    def begin_anew(self) -> None:
        """Forget all: it is another index than before."""

    def add_designs(self, rows: Sequence[Row]) -> None:
        """Take in rows of ARCH."""

    def add_jobs(self, rows: Sequence[Row]) -> None:
        """Take in rows of JOBS."""

    def set_open(self, packs: Mapping[str, list[list[str]] | None]) -> None:
        """Take in the jobs that are open now, with their packs, or None where those were given before."""

    def add_attempts(self, rows: Sequence[Row]) -> None:
        """Take in rows of ATTEMPTS."""

    def set_asked(self, asked: Sequence[tuple[str, int]]) -> None:
        """Take in how often designs that failed may do so."""


class Index:
    """Reads the index of a sweep, as long as there is one.

    What nobody has open is read as it lies, so that no file is made beside it; else as SQLite reads what others write.
    Used by one thread at a time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, ...] | None = None  # the very file that is open
        self._seen: Row | None = None  # by what a change is known
        self._at = {"designs": 0, "jobs": 0, "attempts": 0}  # the last rows read
        self._packs: set[str] = set()  # jobs whose packs were given

    @property
    def identity(self) -> str:
        """What tells the index from one that is made later in its place; empty before it was read."""
        return f"{self._file[1]:x}" if self._file else ""

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
        self._db, self._seen = None, None

    def read_into(self, reader: Reader, with_asked: bool) -> bool:
        """Give a reader what is new, and say whether there was anything.

        with_asked: look how often designs may fail, which costs more. Raises OSError or sqlite3.Error where it cannot
        be read now: it may be made anew, or damaged.
        """
        status = self._path.stat()
        file = (status.st_dev, status.st_ino)
        is_written = self._log.exists()
        kept = () if is_written else (status.st_mtime_ns, status.st_size)
        if self._seen is None or self._seen[0] != kept or file != self._file:
            self.close()
            self._db = self._connect(is_written)
        assert self._db is not None
        seen = (kept, self._db.execute("PRAGMA data_version").fetchone()[0])
        if seen == self._seen and not with_asked:
            return False
        self._db.execute("BEGIN")
        try:
            if file != self._file:
                self._file, self._at, self._packs = file, dict.fromkeys(self._at, 0), set()
                reader.begin_anew()
            self._read(reader, with_asked)
            if not is_written and self._path.stat().st_mtime_ns != status.st_mtime_ns:
                raise sqlite3.OperationalError("the index was written while it was read")
        except BaseException:  # a part was given
            self._file = None
            raise
        finally:
            self._db.execute("COMMIT")
        self._seen = seen
        return True

    def records(self, arch_id: str) -> tuple[Row, list[str]] | None:
        """What the index has of a design: its spec, back end and predicted seconds, and what its trainings told, the
        one that counts first; None where there is no such design."""
        is_written = self._log.exists()
        with contextlib.closing(self._connect(is_written)) as db:
            about = db.execute(SPEC, (arch_id,)).fetchone()
            return about and (about, [row[0] for row in db.execute(RECORDS, (arch_id,))])

    def about(self) -> Row | None:
        """Of the first design that is done: whether it learns numbers, and its two baselines; None where none is."""
        assert self._db is not None
        return self._db.execute(ABOUT).fetchone()

    def _connect(self, is_written: bool) -> sqlite3.Connection:
        """Open the index to read alone. is_written: whether somebody may write it meanwhile."""
        place = f"file:{quote(str(self._path))}?mode=ro{'' if is_written else '&immutable=1'}"
        return sqlite3.connect(place, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)

    def _read(self, reader: Reader, with_asked: bool) -> None:
        """All that is new, of one moment."""
        assert self._db is not None
        self._fetch("designs", ARCH, reader.add_designs)
        self._fetch("jobs", JOBS, reader.add_jobs)
        names = [name for (name,) in self._db.execute(OPEN)]
        reader.set_open({name: None if name in self._packs else self._packs_of(name) for name in names})
        self._packs = set(names)
        self._fetch("attempts", ATTEMPTS, reader.add_attempts)
        if with_asked:
            reader.set_asked(self._db.execute(ASKED).fetchall())

    def _packs_of(self, name: str) -> list[list[str]]:
        """The designs of each pack of a job, by arch_id."""
        assert self._db is not None
        (text,) = self._db.execute(PACKS, (name,)).fetchone()
        return [list(map(str, pack)) for pack in json.loads(text)]

    def _fetch(self, what: str, query: str, take: Callable[[Sequence[Row]], None]) -> None:
        """Give the rows of a query that come after those that were given."""
        assert self._db is not None
        cursor = self._db.execute(query, (self._at[what],))
        while rows := cursor.fetchmany(AT_ONCE):
            take(rows)
            self._at[what] = rows[-1][0]
