"""A sweep as the pages see it: counts, how long it still takes, the designs that came, and those that run."""

import json
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from mrdl.reports.runs import RUNNING, RunState
from mrdl.rounds.folder import RunFolder
from mrdl.rounds.manifest import shown_score
from mrdl.rounds.provenance import DONE as DONE_SWEEP
from mrdl.rounds.provenance import FAILED as FAILED_SWEEP
from mrdl.rounds.provenance import STOPPED
from mrdl.storage.lock import is_held
from mrdl.sweep.manifest import read_about
from mrdl.sweep.paths import SweepPaths
from mrdl.sweep.spec import Spec, spec_of
from mrdl.web.home import Home, Session
from mrdl.web.scores import told_score
from mrdl.web.sessions.kept import kept_of
from mrdl.web.sessions.summary import Told, state_of
from mrdl.web.watching.arrays import COLLAPSED, DONE, FAILED, Designs, number
from mrdl.web.watching.eta import Clock, eta
from mrdl.web.watching.index import Index
from mrdl.web.watching.source import Event

BEST = 10
MOST_BYTES = 2400  # of an event of designs: one a second is less than 200 kB a minute
MOST_RUNNING = 40
MOST_REASONS = 10  # of failures that are told as warnings
ETA_S = 5.0  # between two states of which only the range of time differs
CODE = {"done": 0, "collapsed": 1, "failed": 2}
"""What became of a design, as points have it."""


class SweepSource:
    """Reads the folder of a sweep; a Source. designs: what is known of them; score_name: accuracy or r2."""

    def __init__(self, home: Home, session: Session) -> None:
        self._session, self._kept = session, kept_of(home, session.key)
        self.paths = SweepPaths(session.folder)
        self.designs = Designs()
        self.index = Index(self.paths.index)
        self._clock = Clock(self.paths)
        self._spec: Spec | None = None
        self._is_held, self._problem = False, ""
        self._asked_at = 0.0
        self._state: dict[str, Any] = {}
        self._state_at = 0.0
        self._about: tuple[Any, ...] | None = None
        self._reasons: dict[str, int] = {}  # why designs failed -> the attempt that told it first
        self._reasons_of = (0, 0)  # generation and attempts that were looked at for them

    def close(self) -> None:
        """See Source."""
        self.index.close()

    # --- reading ---

    def look(self) -> bool:
        """See Source. An index that somebody just writes is looked at the next time; one that is away or damaged is a
        problem that the state tells, with the way out. The range of the time that is left is told each ETA_S seconds at
        most.
        """
        before = (self.designs.generation, self.designs.came)
        began = time.monotonic()
        with_asked = began >= self._asked_at
        try:
            self.index.read_into(self.designs, with_asked)
            self._problem = ""
        except FileNotFoundError:
            is_planned = self.paths.manifest.exists() and not is_held(self.paths.folder)
            self._problem = "its index is not there: mrdl sweep reindex makes it again" if is_planned else ""
        except (OSError, sqlite3.Error, LookupError, ValueError, TypeError) as error:
            if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                return False
            self._problem = f"its index cannot be read ({str(error)[:200]}): mrdl sweep reindex makes it again"
        if with_asked:  # no more than a fiftieth of the time is spent on it
            self._asked_at = time.monotonic() + 50 * (time.monotonic() - began)
        self._is_held = is_held(self.paths.folder)
        self._find_reasons()
        if self._about is None and self.designs.came and not self._problem:
            self._about = self.index.about()
        told = self._tell_state()
        differs = {**told, "eta": None} != {**self._state, "eta": None}
        if differs or (told["eta"] != self._state.get("eta") and began - self._state_at >= ETA_S):
            self._state, self._state_at = told, began
            return True
        return (self.designs.generation, self.designs.came) != before

    def _find_reasons(self) -> None:
        """Why designs fail, each reason once."""
        designs = self.designs
        generation, start = self._reasons_of
        if generation != designs.generation:
            self._reasons, start, self._about = {}, 0, None
        for i in range(start, designs.came):
            place = designs.came_place[i]
            if place >= 0 and (reason := designs.reason[place]) and len(self._reasons) < MOST_REASONS:
                self._reasons.setdefault(reason, i + 1)
        self._reasons_of = designs.generation, designs.came

    # --- telling ---

    @property
    def cursor(self) -> str:
        """See Source: which index, how many attempts, and a sum over them."""
        designs = self.designs
        return f"{self.index.identity}.{designs.came}.{designs.came_chain[-1] if designs.came else 0}"

    @property
    def standing(self) -> tuple[str, str]:
        """See Source."""
        return self.cursor, str(self._state.get("state"))

    def since(self, cursor: str | None) -> list[Event]:
        """See Source; without an id there is only the state to tell."""
        came = self.designs.came if cursor is None else self._came_until(cursor)
        if came is None:
            return [Event("reset", {}, self.cursor), Event("state", self._state, self.cursor)]
        events = []
        if came < self.designs.came:
            events.append(Event("designs", self._news(came), self.cursor))
        first = -1 if cursor is None else came
        for reason, at in self._reasons.items():
            if at > first:
                events.append(Event("warning", {"words": words_of(reason)}, self.cursor))
        return [*events, Event("state", self._state, self.cursor)]

    def _came_until(self, cursor: str) -> int | None:
        """The attempts that a reader has heard of; None where they are others than those here."""
        identity, _, rest = cursor.partition(".")
        came, _, chain = rest.partition(".")
        if identity != self.index.identity or not (came.isdigit() and int(came) <= self.designs.came):
            return None
        known = self.designs.came_chain[int(came) - 1] if int(came) else 0
        return int(came) if str(known) == chain else None

    def _news(self, came: int) -> dict[str, Any]:
        """The designs of the attempts from one on, the last ones first to be listed where there are too many."""
        places = list(dict.fromkeys(place for place in self.designs.came_place[came:][::-1] if place >= 0))
        listed, size = [], 0
        for place in places:
            row = self._point(place)
            size += len(json.dumps(row, separators=(",", ":"))) + 1
            if size > MOST_BYTES:
                break
            listed.append(row)
        return {"new": listed[::-1], "more": len(places) - len(listed)}

    def _point(self, place: int) -> list[Any]:
        """A design as the event `designs` has it: position, parameters, depth, score, code of its state."""
        known = self.designs.numbers
        score, parameters = number(known["score"][place]), int(known["parameters"][place])
        score = None if score is None else float(f"{score:.5g}")
        about = [int(known["position"][place]), parameters if parameters >= 0 else None, int(known["depth"][place])]
        return [*about, score, self.code(place)]

    def code(self, place: int) -> int:
        """What became of a design that was tried, of CODE."""
        known = self.designs.numbers
        if not known["n_done"][place]:
            return CODE["failed"]
        return CODE["collapsed"] if known["said"][place] & COLLAPSED else CODE["done"]

    def _tell_state(self) -> dict[str, Any]:
        """What the event `state` tells of the sweep."""
        counts = self.designs.counts() if len(self.designs) else {}
        best = self._best(1)
        name, reason = self.state(counts)
        return {
            "state": name,
            "reason": reason,
            "counts": counts or None,
            "eta": eta(self.designs, self._clock) if counts and self._is_held else None,
            "done": counts.get("done", 0) + counts.get("failed", 0),
            "of": counts.get("designs", 0),
            "score": self._score_of(best[0]) if best else None,
        }

    def _score_of(self, place: int) -> dict[str, Any]:
        """The score of a design for people, with what knowing nothing would reach."""
        value, baseline = float(self.designs.numbers["score"][place]), self.baseline
        told = None if baseline is None else shown_score(self.score_name, baseline)
        return told_score(self.score_name, value, told)

    def state(self, counts: dict[str, int]) -> tuple[str, str]:
        """Whether the sweep is running, done, stopped or failed, and why."""
        if self._is_held and self.paths.stop_mark.exists():
            return RUNNING, self._problem or "it stops when the packs that run are over"
        if self._problem and not self._is_held:
            return FAILED_SWEEP, self._problem
        is_over = counts and not counts["planned"] and not counts["running"]
        by_files = RunState(DONE_SWEEP if is_over else STOPPED)
        found = state_of(self._session, self._kept, Told(state=by_files))
        return found.name, self._problem or found.reason

    def told(self) -> dict[str, Any]:
        """See Source."""
        states = self.designs.states()
        higher = {"score_name": self.score_name, "higher_is_better": True, "baseline": self.baseline}
        return {
            "counts": self._state.get("counts"),
            "eta": self._state.get("eta"),
            **higher,
            "is_adaptive": self.paths.manifest.exists() and self.spec.is_adaptive(),
            "best": [self.designs.row(place, DONE) for place in self._best(BEST)],
            "running": self.running(),
            "failures": self.failures(states),
            "warnings": [words_of(reason) for reason in self._reasons],
            "last_event_id": self.cursor,
        }

    def _best(self, count: int) -> Sequence[int]:
        """The places of the designs of the highest scores, the first of equals first."""
        scores = np.where(self.designs.numbers["n_done"] > 0, self.designs.numbers["score"], np.nan)
        known = np.flatnonzero(~np.isnan(scores))
        if count < len(known):  # to sort 50,000 is more than to find ten
            least = np.partition(scores[known], -count)[-count]
            known = known[scores[known] >= least]
        return known[np.argsort(-scores[known], kind="stable")][:count].tolist()

    def failures(self, states: np.ndarray) -> list[dict[str, Any]]:
        """Why designs failed, and how many for each reason."""
        counts: dict[str, int] = {}
        for place in np.flatnonzero(states == FAILED).tolist():
            reason = self.designs.reason[place] or "no reason is known"
            counts[reason] = counts.get(reason, 0) + 1
        ordered = sorted(counts.items(), key=lambda pair: -pair[1])[:MOST_REASONS]
        return [{"reason": reason, "count": count} for reason, count in ordered]

    def running(self) -> list[dict[str, Any]]:
        """Designs that are being trained, with the learning curve of those that have jobs of their own."""
        found: list[dict[str, Any]] = []
        for arch_id in self._trained_now():
            place = self.designs.places.get(arch_id)
            if place is None or len(found) >= MOST_RUNNING:
                continue
            about = {"arch_id": arch_id, "position": int(self.designs.numbers["position"][place])}
            about |= {"hidden": self.designs.hidden[place], "depth": int(self.designs.numbers["depth"][place])}
            folder = self.paths.run_of(arch_id)
            if folder.is_dir():
                rounds = [m for m in RunFolder(folder).manifests() if not m.is_warm_start]
                about["curve"] = [m.training_loss for m in rounds]
            found.append(about)
        return found

    def _trained_now(self) -> list[str]:
        """The designs that tasks have begun; where tasks do not say, those that open jobs have."""
        if not self._is_held:
            return []
        found: list[str] = []
        for name, left in list(self.designs.left.items()):
            try:
                begun = json.loads(self.paths.begun_of(name).read_bytes())
            except (OSError, ValueError):
                begun = sorted(left, key=lambda arch_id: self.designs.places.get(arch_id, 0))
            found += [arch_id for arch_id in begun if arch_id in left]
        return found

    @property
    def spec(self) -> Spec:
        """What the sweep is of; raises ConfigError where its manifest is damaged."""
        if self._spec is None:
            self._spec = spec_of(read_about(self.paths.manifest)["spec"])
        return self._spec

    @property
    def score_name(self) -> str:
        """What designs are compared by."""
        if self._about is not None:
            return "r2" if self._about[0] else "accuracy"
        try:
            with safe_open(self.paths.data, framework="numpy") as file:
                return "accuracy" if file.metadata()["classes"] else "r2"
        except (OSError, SafetensorError, KeyError, TypeError):
            return "accuracy"

    @property
    def baseline(self) -> float | None:
        """The score of always saying the majority class, or the mean; None before a design is done."""
        if self._about is None:
            return None
        return 0.0 if self._about[0] else self._about[1]


def words_of(reason: str) -> str:
    """A reason of failures as a warning."""
    return f"designs fail: {reason}"
