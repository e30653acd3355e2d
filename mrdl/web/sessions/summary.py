"""What the page says of a session in a line: how it stands, how far it is, and its score beside its baseline.

What is read of a folder is kept until one of its files changes; whether somebody works on it is asked each time.
"""

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mrdl.errors import MrdlError
from mrdl.reports.places import BETWEEN
from mrdl.reports.runs import RUNNING, RunState, about_run, asked, ended
from mrdl.rounds.folder import RunFolder
from mrdl.rounds.manifest import shown_score
from mrdl.rounds.provenance import DONE, FAILED, STOPPED, utc
from mrdl.storage.lock import is_held
from mrdl.storage.process import Process
from mrdl.sweep.glance import Glance, glance
from mrdl.sweep.paths import SweepPaths
from mrdl.web.commands import BEGINNING, words_of
from mrdl.web.found import no_session
from mrdl.web.home import Home, Session
from mrdl.web.labels import label_of, without_folders
from mrdl.web.scores import told_score
from mrdl.web.sessions.children import last_part
from mrdl.web.sessions.kept import Kept, kept_of

WAITING = "waiting"
INTERRUPTED = f"{BEGINNING}interrupted"
Marks = tuple[tuple[int, int] | None, ...]


@dataclass(frozen=True)
class Told:
    """What the files of a session say of it. done, of: rounds or designs, None where it is not known; state: where
    nobody works on it."""

    table: str = ""
    label: str | None = None
    runner: str | None = None
    state: RunState = field(default_factory=lambda: RunState(STOPPED))
    done: int | None = None
    of: int | None = None
    score: dict[str, Any] | None = None
    started: str | None = None
    failed: int = 0


_known: dict[Path, tuple[Marks, Told]] = {}


def summary_of(home: Home, key: str) -> dict[str, Any]:
    """The summary of a key's session; raises 404 where there is none."""
    session = home.session(key)
    if session is None:
        raise no_session(key)
    return summary(home, session)


def summary(home: Home, session: Session) -> dict[str, Any]:
    """What the page says of a session, as an object of JSON.

    state: running, waiting, stopped, failed or done, with its reason; done, of: rounds of a run, or designs of a sweep,
    null where they are not known; score: of the best, with its baseline; changed: when its files last did; by: web or
    command line.
    """
    kept = kept_of(home, session.key)
    about = kept.about()
    held = is_held(session.folder)  # asked first: who lets go has written before how it ended
    told, changed = _told(session)
    now = state_of(session, kept, told, held)
    return {
        "key": session.key,
        "kind": session.kind,
        "title": about.get("title") or session.key.replace(BETWEEN, "/"),
        "table": about.get("table") or told.table,
        "label": told.label,
        "state": now.name,
        "reason": now.reason or None,
        "done": told.done,
        "of": told.of,
        "score": told.score,
        "started": told.started or about.get("started"),
        "changed": changed or about.get("started"),
        "by": "web" if "kind" in about else "command line",
        "runner": told.runner or about.get("runner"),
        "folder": str(session.folder),
    }


def actions(summary: dict[str, Any], failed: int) -> list[str]:
    """What can be done with a session now, of stop, resume, retry and delete.

    summary: of `summary`; failed: designs of a sweep that failed. Only what runs or waits can be stopped, and what runs
    cannot be deleted.
    """
    name = summary["state"]
    if name == RUNNING:
        return ["stop"]
    if name == WAITING:
        return ["stop", "delete"]
    retry = ["retry"] if failed and summary["kind"] == "sweep" else []
    return [*([] if name == DONE or summary["done"] is None else ["resume"]), *retry, "delete"]


def failed_of(session: Session) -> int:
    """The designs of a sweep that failed; 0 of a run."""
    return _told(session)[0].failed


def state_of(session: Session, kept: Kept, told: Told, held: bool | None = None) -> RunState:
    """How a session stands: by who holds its folder, by the process that the page has started, or by its files.

    held: whether somebody held the folder just before the files were read, as who lets go has written how it ended;
    left out: it is asked now.
    """
    if is_held(session.folder) if held is None else held:
        return RunState(RUNNING)
    process = kept.process()
    if process is not None and process.is_alive() and not _has_held(session, process):
        return RunState(WAITING)
    if is_held(session.folder):  # it has begun meanwhile
        return RunState(RUNNING)
    return _ended(kept, told.state)


def _ended(kept: Kept, state: RunState) -> RunState:
    """How a session stands that nobody works on, with all that its last command said where that ended in vain."""
    said, reason = last_part(kept.log), state.reason
    if state.name == STOPPED and not reason:
        lines = [line for line in said.splitlines() if line.startswith(BEGINNING)]
        if not lines or lines[-1].startswith(INTERRUPTED):
            return state
    elif state.name != FAILED or not words_of(said).startswith(reason):
        return state
    # a run's folder has the first line alone: those that follow say where, and the way out
    return RunState(FAILED, without_folders(words_of(said), kept.folder.parent.parent))


def _has_held(session: Session, process: Process) -> bool:
    """Whether a process was the last that held the folder, so that it is about to end."""
    try:
        return (session.folder / "lock").read_text() == str(process.pid)
    except OSError:
        return False


def _told(session: Session) -> tuple[Told, str | None]:
    """What the files say, read again where one has changed since, and when that was."""
    read, files = OF[session.kind]
    places = [session.folder / name for name in files]
    marks = tuple(_mark(place) for place in places)
    known = _known.get(session.folder)
    if known is None or known[0] != marks:
        known = _known[session.folder] = marks, read(session.folder)
    latest = max((mark[0] for mark in marks if mark), default=None)
    return known[1], None if latest is None else utc(latest / 1e9)


def _mark(path: Path) -> tuple[int, int] | None:
    """What tells whether a file has changed: when it was written, in ns, and its size; None where it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


# --- runs ---


def _of_run(path: Path) -> Told:
    """What the files of a run say."""
    folder = RunFolder(path)
    try:
        about = folder.about()
    except MrdlError as error:
        return Told(state=RunState(FAILED, str(error)) if folder.identity.exists() else RunState(STOPPED))
    told, settings, drivers = about_run(folder), about.get("settings", {}), about.get("drivers", [])
    last = drivers[-1] if drivers else {}
    return Told(
        table=str(told["data"]),
        label=settings.get("label"),
        runner=last.get("runner"),
        state=ended(folder, drivers),
        done=told["rounds"],
        of=_rounds_asked(folder),
        score=_score_of_run(told),
        started=drivers[0].get("start") if drivers else None,
    )


def _rounds_asked(folder: RunFolder) -> int | None:
    """The rounds that a run has in the end; None where a later stage is still to tell."""
    config = asked(folder)
    stages = {manifest.stage for manifest in folder.manifests()}
    return config.rounds if stages <= {""} else None


def _score_of_run(told: dict[str, Any]) -> dict[str, Any] | None:
    """The measure that people look at first, and what knowing nothing would have."""
    found, of = told["validation"], ""
    if "r2" in found:
        if told.get("baseline_rmse") is not None:
            of = f"0 (always the mean: RMSE {told['baseline_rmse']:.6g})"
        return told_score("r2", found["r2"], of)
    if found.get("accuracy") is not None:
        if told.get("baseline") is not None:
            of = f"{shown_score('accuracy', told['baseline'])} (always {told['usual']!r})"
        return told_score("accuracy", found["accuracy"], of)
    return None if told["loss"] is None else told_score("loss", told["loss"])


# --- sweeps ---


def _of_sweep(path: Path) -> Told:
    """What the files of a sweep say."""
    paths = SweepPaths(path)
    about: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError, RecursionError):
        about = json.loads(paths.manifest.read_bytes())
    found = glance(paths.index)
    begun = _mark(paths.data)
    common = Told(
        table=str(about.get("source", "")),
        label=label_of(about.get("label")),
        started=utc(begun[0] / 1e9) if begun else None,
    )
    return common if found is None else _with_index(common, found)


def _with_index(common: Told, found: Glance) -> Told:
    """What is told of a sweep, with what its index has."""
    counts = found.counts
    is_over = counts["designs"] > 0 and not counts["planned"] and not counts["running"]
    return Told(
        table=common.table,
        label=common.label,
        started=common.started,
        state=RunState(DONE if is_over else STOPPED),
        done=counts["done"] + counts["failed"],
        of=counts["designs"],
        score=_score_of_sweep(found),
        failed=counts["failed"],
    )


def _score_of_sweep(found: Glance) -> dict[str, Any] | None:
    """The best score of a sweep, and what knowing nothing would have."""
    if found.best is None:
        return None
    baseline = ""
    if found.baseline is not None:
        of_numbers = f"0 (always the mean: RMSE {found.baseline:.6g})"
        baseline = of_numbers if found.measure == "r2" else shown_score("accuracy", found.baseline)
    return told_score(found.measure, found.best, baseline)


OF: dict[str, tuple[Callable[[Path], Told], tuple[str, ...]]] = {
    "run": (_of_run, ("run.json", "history.jsonl", "rounds", "config.toml", "model.safetensors")),
    "sweep": (_of_sweep, ("sweep.json", "ledger.db", "ledger.db-wal")),
}
"""What is trained -> what reads its folder, and the files that change when that has something new to tell."""
