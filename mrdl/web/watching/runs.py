"""A run as the pages see it: its rounds with losses and scores, how it stands, and what a person should know of it."""

import contextlib
import os
import time
import tomllib
import zlib
from typing import Any

from mrdl.errors import ConfigError, DamagedRound
from mrdl.model.baseline import as_json, told_baseline, told_worth
from mrdl.reports.runs import RUNNING, RunState, kept, state
from mrdl.rounds.folder import RunFolder
from mrdl.rounds.manifest import Manifest
from mrdl.rounds.provenance import STOPPED
from mrdl.web.home import Home, Session
from mrdl.web.scores import told_score
from mrdl.web.sessions.kept import kept_of
from mrdl.web.sessions.summary import Told, state_of
from mrdl.web.watching.source import Event, plain

SETTLED_S = 2.0  # after a folder was changed: its time tells of no more changes within a tick of the clock


class RunSource:
    """Reads the folder of a run; a Source. rounds: the manifests, in order, warm starts too."""

    def __init__(self, home: Home, session: Session) -> None:
        self._session, self._kept = session, kept_of(home, session.key)
        self.folder = RunFolder(session.folder)
        self.rounds: list[Manifest] = []
        self._files: dict[str, tuple[int, int]] = {}  # name -> inode and time of what was read
        self._read: dict[str, Manifest] = {}
        self._rounds_ns, self._settled = 0, False
        self._about: dict[str, Any] = {}
        self._about_ns = 0
        self._chain: list[int] = []  # of each round a sum over the weights' digests up to it
        self._state: dict[str, Any] = {}
        self._warnings: list[str] = []

    def close(self) -> None:
        """See Source."""

    # --- reading ---

    def look(self) -> bool:
        """See Source."""
        before = (self.cursor, self._state, self._warnings)
        self._read_about()
        self._read_rounds()
        self._state = self._tell_state()
        self._warnings = self.warnings()
        return before != (self.cursor, self._state, self._warnings)

    def _read_about(self) -> None:
        """Read run.json again, if it has changed."""
        with contextlib.suppress(OSError, ConfigError):
            changed = self.folder.identity.stat().st_mtime_ns
            if changed != self._about_ns:
                self._about, self._about_ns = self.folder.about(), changed

    def _read_rounds(self) -> None:
        """The manifests that are new, or were written again; a damaged one is as good as none."""
        try:
            changed = self.folder.rounds.stat().st_mtime_ns
        except OSError:
            changed, found = 0, []
        else:
            if changed == self._rounds_ns and self._settled:
                return
            self._settled = time.time_ns() - changed > SETTLED_S * 1e9
            with os.scandir(self.folder.rounds) as entries:
                found = [each for each in entries if each.name.endswith(".json") and each.name[:-5].isdigit()]
        self._rounds_ns, files = changed, {}
        for entry in found:
            with contextlib.suppress(OSError):
                status = entry.stat()
                files[entry.name] = (status.st_ino, status.st_mtime_ns)
        for name in [name for name in self._read if name not in files]:
            del self._read[name]
        for name in [name for name, file in files.items() if self._files.get(name) != file]:
            self._read.pop(name, None)
            with contextlib.suppress(DamagedRound):
                self._read[name] = self.folder.manifest(int(name[:-5]))
        self._files = files
        self.rounds = sorted(self._read.values(), key=lambda manifest: manifest.round)
        chain, self._chain = 0, []
        for manifest in self.rounds:
            chain = zlib.crc32(f"{manifest.round} {manifest.sha256}".encode(), chain)
            self._chain.append(chain)

    # --- telling ---

    @property
    def cursor(self) -> str:
        """See Source: how many rounds, a sum over them, and how many warnings."""
        return f"{len(self.rounds)}.{self._chain[-1] if self._chain else 0}.{len(self._warnings)}"

    @property
    def standing(self) -> tuple[str, str]:
        """See Source."""
        return self.cursor, str(self._state.get("state"))

    def since(self, cursor: str | None) -> list[Event]:
        """See Source; without an id all rounds are told."""
        first, warnings = (0, 0) if cursor is None else self._heard(cursor)
        events = []
        if first is None:
            events, first = [Event("reset", {}, f"0.0.{len(self._warnings)}")], 0
            warnings = len(self._warnings)
        for number in range(first, len(self.rounds)):
            told = round_told(self.rounds[number])
            events.append(Event("round", told, f"{number + 1}.{self._chain[number]}.{warnings}"))
        for words in self._warnings[warnings:]:
            events.append(Event("warning", {"words": words}, self.cursor))
        return [*events, Event("state", self._state, self.cursor)]

    def _heard(self, cursor: str) -> tuple[int | None, int]:
        """The rounds and warnings that a reader has heard of; None where the rounds are others than those here."""
        parts = cursor.split(".")
        if len(parts) != 3 or not all(part.isdigit() for part in parts):
            return None, 0
        rounds, chain, warnings = map(int, parts)
        if rounds > len(self.rounds) or (rounds and self._chain[rounds - 1] != chain):
            return None, 0
        return rounds, min(warnings, len(self._warnings))

    def told(self) -> dict[str, Any]:
        """See Source."""
        best = kept(self.folder, self.trained)
        return {
            "rounds": [round_told(manifest) for manifest in self.rounds],
            "kept": best.round if best else None,
            "score": self._state["score"],
            "settings": self.settings(),
            "warnings": self._warnings,
            "report_ready": bool(self.trained),
            "has_model": self.folder.model.exists(),
            "last_event_id": self.cursor,
        }

    @property
    def trained(self) -> list[Manifest]:
        """The rounds without warm starts."""
        return [manifest for manifest in self.rounds if not manifest.is_warm_start]

    def settings(self) -> dict[str, Any]:
        """The settings, resolved; empty where their file cannot be read."""
        with contextlib.suppress(OSError, ValueError, RecursionError):
            return dict(plain(tomllib.loads(self.folder.config.read_text(encoding="utf-8"))))
        return {}

    def _tell_state(self) -> dict[str, Any]:
        """What the event `state` tells of the run."""
        how, best = self.state(), kept(self.folder, self.trained)
        return {
            "state": how.name,
            "reason": how.reason,
            "done": len(self.trained),
            "of": self._of(),
            "score": score_told(best) if best else None,
        }

    def state(self) -> RunState:
        """How the run stands."""
        drivers = self._about.get("drivers", [])
        by_files = state(self.folder, drivers) if self._about else RunState(STOPPED)
        return state_of(self._session, self._kept, Told(state=by_files))

    def _of(self) -> int | None:
        """The rounds that the run was asked for; None where it is not known, or where there are several stages."""
        planned = self.settings().get("rounds")
        return planned if isinstance(planned, int) and not any(m.stage for m in self.rounds) else None

    def warnings(self) -> list[str]:
        """What a person should know: attempts that were repeated, shards left out, a network that is no better than
        knowing nothing, once it is over."""
        found = []
        for manifest in self.rounds:
            if manifest.retried:
                found.append(f"{name_of(manifest)}: {manifest.retried} attempts of tasks were repeated")
            found += [f"{name_of(manifest)}: shard {s.shard} was left out, {s.left_out}" for s in manifest.left_out]
        best = kept(self.folder, self.trained)
        is_over = self._state.get("state") != RUNNING
        if best and is_over and as_json(best.validation, best.majority).get("no_better"):
            found.append(told_baseline(best.validation, best.majority))
        return found


def name_of(manifest: Manifest) -> str:
    """A round for people: round 3, or layer 1, round 2."""
    number = f"round {manifest.stage_round}" if manifest.stage_round else "warm start"
    return f"{manifest.stage}, {number}" if manifest.stage else number


def round_told(manifest: Manifest) -> dict[str, Any]:
    """A round as the pages have it."""
    return {
        "round": manifest.round,
        "stage": manifest.stage,
        "stage_round": manifest.stage_round,
        "name": name_of(manifest),
        "losses": [shard.loss for shard in manifest.shards],
        "left_out": [{"shard": shard.shard, "why": shard.left_out} for shard in manifest.left_out],
        "retried": manifest.retried,
        "training_loss": manifest.training_loss,
        "validation": dict(manifest.validation),
        "majority": manifest.majority,
        "seconds": manifest.seconds,
        "rows": manifest.rows,
    }


def score_told(best: Manifest) -> dict[str, Any]:
    """How good the network of a round is, for people, with what knowing nothing would reach."""
    scores = best.validation
    for name in ("r2", "accuracy", "loss"):
        if name in scores:
            told = told_score(name, scores[name], told_baseline(scores, best.majority))
            return {**told, "worth": told_worth(scores), **as_json(scores, best.majority)}
    return told_score("loss", best.training_loss, name="training loss")
