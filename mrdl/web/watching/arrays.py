"""The designs of a sweep in arrays, a number each, so that 50,000 of them are little: what came of each, and counts."""

import sys
import zlib
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

PLANNED, RUNNING, DONE, FAILED = range(4)
NAMES = ("planned", "running", "done", "failed")
"""What became of a design, by number."""
COLLAPSED, NO_BETTER = 1, 2  # bits of what is said of designs that are done
LAST = 1 << 40  # a job that is after all others
NUMBERS = {
    "position": np.int64,
    "predicted_s": np.float64,
    "asked": np.int32,
    "depth": np.int32,
    "learning_rate": np.float64,
    "epochs": np.int64,
    "n_done": np.int32,
    "n_failed": np.int32,
    "order": np.int64,
    "said": np.uint8,
    "score": np.float64,
    "loss": np.float64,
    "parameters": np.int64,
    "wall_s": np.float64,
}
AT_FIRST = {"order": 2 * LAST, "score": np.nan, "loss": np.nan, "wall_s": np.nan, "parameters": -1}


class Designs:
    """The designs of a sweep, and the attempts at them in the order in which they came; a Reader of an index.

    ids, hidden, activation, optimizer, seed, reason: lists of texts and whole numbers, a design each; numbers: an array
    of each name of NUMBERS. A design's place is its index in all of these. generation: how often it began anew.
    """

    def __init__(self) -> None:
        self.generation = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """See Reader."""
        self.generation += 1
        self.ids: list[str] = []
        self.places: dict[str, int] = {}
        self.hidden: list[str] = []
        self.activation: list[str] = []
        self.optimizer: list[str] = []
        self.seed: list[int] = []
        self.reason: list[str | None] = []
        self.numbers = {name: np.empty(0, kind) for name, kind in NUMBERS.items()}
        self.job_orders: dict[str, int] = {}
        self.on_yarn: set[str] = set()
        self.left: dict[str, set[str]] = {}  # open job -> designs of which it has not told
        self.packs: dict[str, list[list[str]]] = {}  # open job -> its packs
        self.came_place = array("i")  # of each attempt the place of its design,
        self.came_job = array("q")  # the number of its job,
        self.came_wall_s = array("d")
        self.came_chain = array("I")  # and a sum over all up to it, by which one knows that they are the same
        self._strays: set[str] = set()

    # --- what is read ---

    def add_designs(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """See Reader."""
        first = len(self.ids)
        for i, row in enumerate(rows, first):
            hidden = row[5][1:-1].replace(",", "-") if isinstance(row[5], str) else ""
            self.ids.append(row[1])
            self.places[row[1]] = i
            self.hidden.append(sys.intern(hidden))
            self.activation.append(sys.intern(str(row[6])))
            self.optimizer.append(sys.intern(str(row[7])))
            self.seed.append(row[10] or 0)
            self.reason.append(None)
        new = {name: np.full(len(rows), AT_FIRST.get(name, 0), kind) for name, kind in NUMBERS.items()}
        for name, column in (("position", 2), ("predicted_s", 3), ("asked", 4), ("learning_rate", 8), ("epochs", 9)):
            new[name][:] = [row[column] or 0 for row in rows]
        new["depth"][:] = [text.count("-") + 1 if text else 0 for text in self.hidden[first:]]
        self.numbers = {name: np.concatenate([known, new[name]]) for name, known in self.numbers.items()}
        if not self._strays.isdisjoint(row[1] for row in rows):
            raise LookupError("what was told of designs before they were planned is read again")

    def add_jobs(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """See Reader."""
        for rowid, name, is_on_yarn in rows:
            self.job_orders[name] = rowid
            if is_on_yarn:
                self.on_yarn.add(name)

    def set_open(self, packs: Mapping[str, list[list[str]] | None]) -> None:
        """See Reader."""
        for name in self.left.keys() - packs.keys():
            del self.left[name], self.packs[name]
        for name, given in packs.items():
            if given is not None:
                self.left[name] = {arch_id for pack in given for arch_id in pack}
                self.packs[name] = given

    def add_attempts(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """See Reader."""
        known = self.numbers
        chain = self.came_chain[-1] if self.came_chain else 0
        for _, arch_id, job, status, score, loss, parameters, collapsed, no_better, wall_s, reason in rows:
            if job in self.left:
                self.left[job].discard(arch_id)
            chain = zlib.crc32(f"{arch_id} {job}".encode(), chain)
            place = self.places.get(arch_id, -1)
            self.came_place.append(place)
            self.came_job.append(self.job_orders.get(job, LAST))
            self.came_wall_s.append(wall_s or 0.0)
            self.came_chain.append(chain)
            if place < 0:
                self._strays.add(arch_id)
                continue
            is_done = status == "done"
            known["n_done" if is_done else "n_failed"][place] += 1
            if is_done:
                known["said"][place] |= COLLAPSED * (collapsed == 1) | NO_BETTER * (no_better == 1)
            order = self.job_orders.get(job, LAST) + (0 if is_done else LAST)
            if job in self.job_orders and order < known["order"][place]:
                known["order"][place] = order
                self.reason[place] = None if is_done else reason
                values = (("score", score), ("loss", loss), ("wall_s", wall_s), ("parameters", parameters))
                for name, value in values:
                    known[name][place] = AT_FIRST[name] if value is None else value

    def set_asked(self, asked: Sequence[tuple[str, int]]) -> None:
        """See Reader."""
        for arch_id, times in asked:
            self.numbers["asked"][self.places[arch_id]] = times

    # --- what came of it ---

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def came(self) -> int:
        """How many attempts there were."""
        return len(self.came_place)

    def states(self) -> np.ndarray:
        """What became of each design, (designs,) int8, of NAMES."""
        is_done, is_waiting = self._masks()
        found = np.where(is_done, DONE, FAILED).astype(np.int8)
        found[is_waiting] = PLANNED
        runs = [self.places[arch_id] for left in self.left.values() for arch_id in left if arch_id in self.places]
        is_left = np.zeros(len(self), bool)
        is_left[runs] = True
        found[is_left & ~is_done] = RUNNING
        return found

    def _masks(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each design whether it is done, and whether it waits, in no open job."""
        is_done = self.numbers["n_done"] > 0
        is_busy = np.zeros(len(self), bool)
        in_packs = (arch_id for packs in self.packs.values() for pack in packs for arch_id in pack)
        is_busy[[self.places[arch_id] for arch_id in in_packs if arch_id in self.places]] = True
        is_waiting = (self.numbers["asked"] > self.numbers["n_failed"]) & ~is_done & ~is_busy
        return is_done, is_waiting

    def counts(self) -> dict[str, int]:
        """Designs by what became of them, as Ledger.counts tells it."""
        is_done, is_waiting = self._masks()
        said, total = self.numbers["said"], len(self)
        done, waiting = int(is_done.sum()), int(is_waiting.sum())
        running = sum(map(len, self.left.values()))
        return {
            "designs": total,
            "done": done,
            "failed": total - done - waiting - running,
            "collapsed": int((said & COLLAPSED > 0).sum()),
            "no_better": int((said & NO_BETTER > 0).sum()),
            "running": running,
            "planned": waiting,
            "duplicates": int((self.numbers["n_done"][is_done] - 1).sum()),
        }

    def left_s(self) -> float:
        """Seconds that were predicted of the designs that are not over."""
        return float(self.numbers["predicted_s"][self.states() < DONE].sum())

    # --- for pages ---

    def row(self, place: int, state: int) -> dict[str, Any]:
        """A design as a row of the pages' table. place: its index; state: a number, of NAMES. None is not known."""
        known = self.numbers
        parameters = int(known["parameters"][place])
        return {
            "arch_id": self.ids[place],
            "position": int(known["position"][place]),
            "state": NAMES[state],
            "hidden": self.hidden[place],
            "depth": int(known["depth"][place]),
            "parameters": parameters if parameters >= 0 else None,
            "activation": self.activation[place],
            "optimizer": self.optimizer[place],
            "learning_rate": float(known["learning_rate"][place]),
            "epochs": int(known["epochs"][place]),
            "seed": self.seed[place],
            "score": number(known["score"][place]),
            "loss": number(known["loss"][place]),
            "collapsed": bool(known["said"][place] & COLLAPSED),
            "no_better": bool(known["said"][place] & NO_BETTER),
            "wall_s": number(known["wall_s"][place]),
            "reason": self.reason[place],
        }


def number(value: Any) -> float | None:
    """A number as JSON has it: None where it is not known."""
    return float(value) if np.isfinite(value) else None
