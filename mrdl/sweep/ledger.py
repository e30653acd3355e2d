"""The index of a sweep: which designs there are, which jobs were sent, what came back. One SQLite file.

The truth are the part files that tasks write; this file can be made again from them (`reindex`). An attempt is known
by its job and its design, so that the same part may be taken in any number of times.
"""

import dataclasses
import functools
import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast
from urllib.parse import quote

from mrdl.errors import ConfigError
from mrdl.sweep.record import Record, State, read_record

TABLES = """
CREATE TABLE IF NOT EXISTS arch (
    arch_id TEXT PRIMARY KEY, position INTEGER, spec TEXT, predicted_s REAL, backend TEXT,
    lost INTEGER DEFAULT 0, asked INTEGER DEFAULT 1
);
CREATE TABLE IF NOT EXISTS job (name TEXT PRIMARY KEY, state TEXT, packs TEXT, on_yarn INTEGER);
CREATE TABLE IF NOT EXISTS attempt (
    arch_id TEXT, job TEXT, status TEXT, record TEXT, PRIMARY KEY (arch_id, job)
);
CREATE INDEX IF NOT EXISTS of_status ON attempt (status, arch_id);
"""
OPEN, HARVESTED = "open", "harvested"
DONE = "status = 'done' AND arch_id IN (SELECT arch_id FROM arch)"  # of an attempt: what was never planned is no design
WRONG = (sqlite3.DatabaseError, ValueError, TypeError, AttributeError, KeyError, RecursionError, OverflowError)
PASSING = tuple(f"SQLITE_{name}" for name in ("BUSY", "LOCKED", "FULL", "IOERR", "READONLY", "CANTOPEN", "PERM"))
P = ParamSpec("P")
R = TypeVar("R")


def _with_way_out(method: Callable[P, R]) -> Callable[P, R]:
    """A method of the ledger whose errors say how to make a damaged one again."""

    @functools.wraps(method)
    def call(*args: P.args, **more: P.kwargs) -> R:
        try:
            return method(*args, **more)
        except WRONG as error:
            if getattr(error, "sqlite_errorname", "").startswith(PASSING):
                raise  # of a disk, or of who holds the file
            path = cast("Ledger", args[0]).path
            kind = "" if isinstance(error, sqlite3.DatabaseError) else f"{type(error).__name__}: "
            told = f"{path} is damaged ({kind}{str(error)[:200]})"
            raise ConfigError(f"{told}; make it again: mrdl sweep reindex {path.parent}") from error

    return call


class Waiting(NamedTuple):
    """A design that is neither over nor in an open job. seconds: predicted; lost: how often its task died."""

    arch_id: str
    text: str
    seconds: float
    lost: int
    backend: str


class Ledger:
    """What is known of a sweep's designs: which there are, which jobs were sent, what came back.

    A design is over when an attempt is done, or as many have failed as asked. Raises ConfigError, with the way out,
    where the file is damaged.

    Ledger(Path("sweeps/depth/ledger.db")).counts()["done"]
    """

    @_with_way_out
    def __init__(self, path: Path, *, to_read: bool = False) -> None:
        """The ledger of a file, made where there is none. to_read: nothing is made or written, not by any method."""
        self.path = path
        if to_read:
            place = f"file:{quote(str(path))}?mode=ro"
            self._db = sqlite3.connect(place, uri=True, timeout=30, isolation_level=None, check_same_thread=False)
            return
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(TABLES)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # --- designs ---

    @_with_way_out
    def plan(self, designs: Iterable[tuple[str, str, float, str]]) -> int:
        """Take in designs; those that are there stay. Returns how many came new.

        designs: (arch_id, canonical text, predicted seconds, back end) of each, in the order of the plan.
        """
        before = self.count()
        rows = [(arch_id, before + i, *about) for i, (arch_id, *about) in enumerate(designs)]
        with self._db:
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT OR IGNORE INTO arch (arch_id, position, spec, predicted_s, backend) VALUES (?, ?, ?, ?, ?)",
                rows,
            )
            self._db.execute("COMMIT")
        return self.count() - before

    @_with_way_out
    def count(self) -> int:
        """How many designs there are."""
        return int(self._db.execute("SELECT count(*) FROM arch").fetchone()[0])

    @_with_way_out
    def has(self, arch_ids: Sequence[str]) -> bool:
        """Whether all of these designs are planned."""
        there = {row[0] for row in self._db.execute("SELECT arch_id FROM arch")}
        return there.issuperset(arch_ids)

    @_with_way_out
    def waiting(self) -> list[Waiting]:
        """Designs that are neither over nor in an open job, in the order of the plan."""
        busy = {arch_id for _, packs in self.open_jobs() for pack in packs for arch_id in pack}
        rows = self._db.execute(
            "SELECT arch_id, spec, predicted_s, lost, backend FROM arch WHERE asked > "
            "(SELECT count(*) FROM attempt WHERE attempt.arch_id = arch.arch_id AND status = 'failed') "
            "AND NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.arch_id = arch.arch_id AND status = 'done') "
            "ORDER BY position"
        )
        return [Waiting(*row) for row in rows if row[0] not in busy]

    @_with_way_out
    def ask_again(self) -> int:
        """Let each design that failed be tried once more; returns how many."""
        with self._db:
            found = self._db.execute(
                "UPDATE arch SET lost = 0, asked = 1 + "
                "(SELECT count(*) FROM attempt WHERE attempt.arch_id = arch.arch_id AND status = 'failed') "
                "WHERE EXISTS (SELECT 1 FROM attempt WHERE attempt.arch_id = arch.arch_id AND status = 'failed') "
                "AND NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.arch_id = arch.arch_id AND status = 'done')"
            )
        return found.rowcount

    @_with_way_out
    def mark_lost(self, arch_ids: Iterable[str]) -> None:
        """Count that the task of these designs ended without a word of them."""
        with self._db:
            self._db.executemany("UPDATE arch SET lost = lost + 1 WHERE arch_id = ?", [(a,) for a in arch_ids])

    @_with_way_out
    def lost(self, arch_ids: Iterable[str], times: int) -> dict[str, tuple[str, str]]:
        """Those of some designs that were lost so many times, arch_id -> canonical, back end."""
        found, query = {}, "SELECT spec, backend, lost FROM arch WHERE arch_id = ?"
        for arch_id in arch_ids:
            text, backend, count = self._db.execute(query, (arch_id,)).fetchone()
            if count >= times:
                found[arch_id] = text, backend
        return found

    # --- jobs ---

    @_with_way_out
    def register(self, name: str, packs: Sequence[Sequence[str]], on_yarn: bool = False) -> None:
        """Write down a job before it is sent."""
        text = json.dumps([list(pack) for pack in packs])
        with self._db:
            self._db.execute("INSERT INTO job VALUES (?, ?, ?, ?)", (name, OPEN, text, on_yarn))

    @_with_way_out
    def is_on_yarn(self, name: str) -> bool:
        """Whether a job was sent to YARN, where it may outlive its driver."""
        return bool(self._db.execute("SELECT on_yarn FROM job WHERE name = ?", (name,)).fetchone()[0])

    @_with_way_out
    def open_jobs(self) -> list[tuple[str, list[list[str]]]]:
        """Jobs that were intended and not harvested, with the designs of their packs."""
        rows = self._db.execute("SELECT name, packs FROM job WHERE state = ? ORDER BY rowid", (OPEN,))
        return [(name, [list(map(str, pack)) for pack in json.loads(packs)]) for name, packs in rows]

    @_with_way_out
    def harvested(self, name: str) -> None:
        """Nothing more comes from this job."""
        with self._db:
            self._db.execute("UPDATE job SET state = ? WHERE name = ?", (HARVESTED, name))

    @_with_way_out
    def jobs(self) -> int:
        """The number of the last job, which is at the end of its name."""
        names = self._db.execute("SELECT name FROM job")
        return max((int(name.rpartition("-")[2]) for (name,) in names), default=0)

    # --- results ---

    @_with_way_out
    def take_in(self, job: str, records: Iterable[Record]) -> int:
        """Take in what a job's tasks told; returns how many attempts were new.

        job: its name; records: any number of times the same, as an attempt is known by its job and its design.
        """
        rows = [(r.arch_id, job, r.status, json.dumps(r.to_json(), sort_keys=True)) for r in records]
        with self._db:
            self._db.execute("BEGIN")
            found = self._db.executemany("INSERT OR IGNORE INTO attempt VALUES (?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")
        return found.rowcount

    @_with_way_out
    def tried(self, job: str) -> set[str]:
        """The designs of which a job has told."""
        return {row[0] for row in self._db.execute("SELECT arch_id FROM attempt WHERE job = ?", (job,))}

    @_with_way_out
    def results(self) -> list[Record]:
        """One record a design, in the order of the plan.

        Of several attempts it is the earliest that is done, or else the earliest; where there is none, the state is
        PLANNED. `attempts` counts all.
        """
        best: dict[str, Record] = {}
        attempts: dict[str, int] = {}
        rows = self._db.execute(
            "SELECT arch_id, status, record FROM attempt JOIN job ON job.name = attempt.job "
            "ORDER BY status = 'failed', job.rowid"
        )
        for arch_id, _, record in rows:
            attempts[arch_id] = attempts.get(arch_id, 0) + 1
            if arch_id not in best:
                best[arch_id] = read_record(record)
        planned = self._db.execute("SELECT arch_id, spec FROM arch ORDER BY position").fetchall()
        return [
            dataclasses.replace(
                best.get(arch_id) or Record(arch_id=arch_id, status=State.PLANNED),
                spec=spec,
                attempts=attempts.get(arch_id, 0),
            )
            for arch_id, spec in planned
        ]

    @_with_way_out
    def told(self, names: Sequence[str]) -> list[tuple[Any, ...]]:
        """Of each design its arch_id, text and status, then fields of its record by their names, None where not known.

        In the order of the plan, a row an attempt: the one that `results` would take is first. In bulk, so that 50,000
        are there in a second; nothing of it is checked.
        """
        fields = "".join(f", json_extract(record, '$.{name}')" for name in names)
        return self._db.execute(
            f"SELECT arch.arch_id, spec, status{fields} FROM arch LEFT JOIN attempt USING (arch_id) "
            "LEFT JOIN job ON job.name = attempt.job ORDER BY position, status = 'failed', job.rowid"
        ).fetchall()

    @_with_way_out
    def counts(self) -> dict[str, int]:
        """Designs by what became of them.

        designs: all; done, failed, running, planned: add up to them; collapsed, no_better: among those done;
        duplicates: trainings done beyond one a design.
        """
        total = self.count()
        done = dict(self._db.execute(f"SELECT arch_id, count(*) FROM attempt WHERE {DONE} GROUP BY arch_id"))
        waiting = len(self.waiting())
        running = sum(len({a for pack in packs for a in pack} - self.tried(name)) for name, packs in self.open_jobs())
        said = {name: self._said(name) for name in ("collapsed", "no_better")}
        return {
            "designs": total,
            "done": len(done),
            "failed": total - len(done) - waiting - running,
            **said,
            "running": running,
            "planned": waiting,
            "duplicates": sum(n - 1 for n in done.values()),
        }

    def _said(self, name: str) -> int:
        """How many designs are done of whose record a field, by its name, is true."""
        found = self._db.execute(
            f"SELECT count(DISTINCT arch_id) FROM attempt WHERE {DONE} AND json_extract(record, ?) = 1",
            (f"$.{name}",),
        )
        return int(found.fetchone()[0])

    @_with_way_out
    def best(self) -> tuple[str, float | None, float | None]:
        """What designs are compared by, accuracy or r2; the best of those done, and their baseline, None without any.

        The baseline of numbers is an RMSE.
        """
        accuracy, r2, share, rmse = self._db.execute(
            "SELECT max(json_extract(record, '$.accuracy')), max(json_extract(record, '$.r2')), "
            "max(json_extract(record, '$.baseline')), max(json_extract(record, '$.baseline_rmse')) "
            f"FROM attempt WHERE {DONE}"
        ).fetchone()
        return ("accuracy", accuracy, share) if accuracy is not None else ("r2", r2, rmse)

    @_with_way_out
    def speed(self) -> float:
        """Seconds that trainings took by seconds predicted, of all done; 1 before the first."""
        took, predicted = self._db.execute(
            "SELECT sum(json_extract(record, '$.wall_s')), sum(predicted_s) FROM attempt JOIN arch USING (arch_id) "
            "WHERE status = 'done'"
        ).fetchone()
        return float(took / predicted) if took and predicted else 1.0
