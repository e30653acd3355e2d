"""What a run tells while it goes on, and those who listen.

    from mrdl.rounds.events import RoundDone, StopRun

    def watch(event):
        if isinstance(event, RoundDone):
            print(event.name, event.manifest.summary())
            if event.manifest.training_loss > 10:
                raise StopRun("the loss is above 10")

    mrdl.train("data.csv", listeners=[watch])

A run begins with Began and ends with Finished or Failed. In between it tells Progressed again and again, from a thread
of its own but never two events at once, RoundDone when a round is kept, and Noted what a person should know. Listeners
get copies: whatever they do, fail or take their time, the run ends in the same bytes.
"""

import dataclasses
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mrdl.rounds import provenance
from mrdl.rounds.manifest import Manifest
from mrdl.settings.config import TrainConfig

log = logging.getLogger(__name__)


class StopRun(Exception):  # noqa: N818
    """Raised by a listener, ends the run after the round that is under way, which is kept: an early stop.

    reason: why, for people. The network is that of the rounds until then, and --resume goes on with the others. A run
    that has no network by then, since no round of its last stage is over, ends with a TrainingError.

    raise StopRun("it is Monday")
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens in a run. run: its name in run.json; at: when, as 2026-01-31T12:00:00Z."""

    run: str
    at: str

    def to_json(self) -> dict[str, Any]:
        """The event as an object of JSON: `event` is its kind, the rest its parts."""
        return {"event": type(self).__name__, **dataclasses.asdict(self)}


@dataclass(frozen=True)
class PlannedRound:
    """A round to come. number: counts through the run; stage: its name, empty where there is one alone; name: for
    people, as `layer 1, round 2/3`."""

    number: int
    stage: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Began(Event):
    """A run starts, or goes on: its data and settings are checked, no job has run yet.

    data: its path; files, size, columns: how many files, bytes and columns it has; label: which column that is, and
    why, for people; recipe: what was decided for a table, for people; config: the settings, resolved; runner: by name;
    run_dir: the run's folder; rounds: all of them.
    """

    data: str
    files: int
    size: int
    columns: int
    label: str
    recipe: str
    config: TrainConfig
    runner: str
    run_dir: str
    rounds: tuple[PlannedRound, ...]


@dataclass(frozen=True, kw_only=True)
class Progressed(Event):
    """A round's job goes on. round, name: as in PlannedRound; fraction: of the round, 0 to 1; text: for people."""

    round: int
    name: str
    fraction: float
    text: str


@dataclass(frozen=True, kw_only=True)
class RoundDone(Event):
    """A round is over, and is kept whatever happens from here on. name: as in PlannedRound."""

    name: str
    manifest: Manifest

    def to_json(self) -> dict[str, Any]:
        """See Event; the manifest is that of the round's file."""
        return {**super().to_json(), "manifest": self.manifest.to_json()}


@dataclass(frozen=True, kw_only=True)
class Noted(Event):
    """Something that a person should know."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """A run is over, and its network is in its folder.

    model: the network's file; kind, nodes, sha256: of the network, the digest that of its weights; training_rows,
    validation_rows, bad_rows: rows trained on, kept out, left out; missing: cells without a value; validation, test:
    name -> measure, empty where there were no such rows; majority: the most frequent class, or the mean of numbers;
    remarks: on the classes, for people; seconds: in all; stopped: why a listener ended it early, None where none
    did.
    """

    model: str
    kind: str
    nodes: tuple[int, ...]
    sha256: str
    training_rows: int
    validation_rows: int
    bad_rows: int
    missing: int
    validation: Mapping[str, Any]
    test: Mapping[str, Any]
    majority: str
    remarks: tuple[str, ...]
    seconds: float
    stopped: str | None


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """A run that had begun ends without a network. ended, reason: as in run.json: failed and why, or interrupted."""

    ended: str
    reason: str | None


Listener = Callable[[Event], None]
"""Is told each event of a run; may raise StopRun."""


class Listeners:
    """Tells the events of a run to all who listen, one event at a time.

    run: the run's name, None until it has begun; stop: why a listener asked the run to stop, None while none has. A
    listener that raises anything else is told of once, as a note to the others and a warning in the log, and goes on
    being told.
    """

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self.run: str | None = None
        self.stop: str | None = None
        self._listeners = tuple(listeners)
        self._failed = set[int]()
        self._lock = threading.RLock()  # progress comes from another thread

    def tell(self, kind: type[Event], /, **parts: Any) -> None:
        """Make an event of a kind and tell it; nothing is told before the run has a name."""
        if self.run is None:
            return
        event = kind(run=self.run, at=provenance.utc(), **parts)
        with self._lock:
            for number, listener in enumerate(self._listeners):
                self._tell(number, listener, event)

    def note(self, text: str) -> None:
        """Tell what a person should know."""
        self.tell(Noted, text=text)

    def _tell(self, number: int, listener: Listener, event: Event) -> None:
        """Tell one listener an event, and take note of what it raises."""
        try:
            listener(event)
        except StopRun as stop:
            self.stop = self.stop or stop.reason
        except Exception as error:
            if number in self._failed:
                return
            self._failed.add(number)
            name = getattr(listener, "__qualname__", type(listener).__name__)
            text = f"the listener {name} failed, the run goes on: {type(error).__name__}: {error}"
            log.warning(text, exc_info=error)
            self.note(text)
