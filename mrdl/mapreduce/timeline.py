"""Where the seconds of a round go: spans of its clock, kept in a file of the run's folder, beside all that is compared.

No result hangs on them: a run without the file is the same run.
"""

import dataclasses
import json
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

# what a lane's spans lie in: of two spans at one time that of the greater depth tells what goes on
DEPTHS = {"driver": 0, "client": 1, "job": 2}
OF_TASKS = 3  # all other lanes are tasks, as `map 0`
# phases of a task as its counters tell them, in the order in which a task goes through them
COUNTED = ("container", "Python", "rows", "import", "train")


@dataclass(frozen=True)
class Span:
    """A part of a round's time.

    phase: what goes on; lane: who does it, as driver, client, job or map 0; start_s, end_s: in seconds of the clock.
    """

    phase: str
    lane: str
    start_s: float
    end_s: float

    @property
    def depth(self) -> int:
        """How deep in a round its lane lies: tasks are within a job, which is within its client, within the driver."""
        return DEPTHS.get(self.lane, OF_TASKS)


@dataclass(frozen=True)
class Timeline:
    """The spans of one round. name: of the round, for people; runner: where it ran."""

    round: int
    name: str
    runner: str
    spans: tuple[Span, ...]

    def to_json(self) -> dict[str, Any]:
        """The timeline as an object of JSON, which `from_json` reads."""
        spans = [[s.phase, s.lane, round(s.start_s, 3), round(s.end_s, 3)] for s in self.spans]
        return {**{f.name: getattr(self, f.name) for f in dataclasses.fields(self)}, "spans": spans}

    @classmethod
    def from_json(cls, told: Any) -> "Timeline":
        """The timeline that `to_json` has told; raises ValueError, KeyError or TypeError where it is none."""
        spans = tuple(Span(str(phase), str(lane), float(s), float(e)) for phase, lane, s, e in told["spans"])
        return cls(int(told["round"]), str(told["name"]), str(told["runner"]), spans)

    @property
    def seconds(self) -> float:
        """From the first span's begin to the last one's end."""
        ends = [span.end_s for span in self.spans]
        return max(ends) - min(span.start_s for span in self.spans) if ends else 0.0

    def shares(self) -> dict[str, float]:
        """The seconds of the clock by phase, which add up to `seconds`.

        At each moment the deepest spans tell what goes on: tasks that run side by side share it evenly.
        """
        edges = sorted({edge for span in self.spans for edge in (span.start_s, span.end_s)})
        found = dict.fromkeys((span.phase for span in self.spans), 0.0)
        for start, end in pairwise(edges):
            going_on = [span for span in self.spans if span.start_s <= start and span.end_s >= end]
            deepest = max((span.depth for span in going_on), default=None)
            phases = [span.phase for span in going_on if span.depth == deepest]
            for phase in phases:
                found[phase] += (end - start) / len(phases)
        return found


def of_task(lane: str, start_s: float, end_s: float, spent_s: dict[str, float]) -> list[Span]:
    """The phases of a task that went well, one after the other; what comes after them is its commit.

    start_s, end_s: of the clock; spent_s: phase of COUNTED -> its seconds, as far as the task told them. A task that
    told nothing is one span.
    """
    spans, at = list[Span](), start_s
    for phase in COUNTED:
        if spent_s.get(phase):
            until = min(at + spent_s[phase], end_s)
            spans.append(Span(phase, lane, at, until))
            at = until
    return [*spans, Span("commit" if spans else "task", lane, at, end_s)]


class Keeper:
    """Keeps the timelines of a run's rounds, a line each, in a thread of its own: a history server may take its time.

    path: of the file. with Keeper(path) as keeper: keeper.keep(lambda: timeline)
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, "timeline")

    def __enter__(self) -> "Keeper":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def keep(self, find: Callable[[], Timeline]) -> None:
        """Find a round's timeline and write it down, some time until the keeper is left."""
        self._thread.submit(self._keep, find)

    def _keep(self, find: Callable[[], Timeline]) -> None:
        """Write a timeline; where that fails the run goes on, and the log says so."""
        try:
            line = json.dumps(find().to_json()) + "\n"
            with self._path.open("a+b") as file:
                file.seek(max(0, file.tell() - 1))
                cut = file.read(1) not in (b"", b"\n")  # by a kill
                file.write(b"\n" * cut + line.encode())
        except Exception as error:
            log.warning("a round's times are not kept: %s: %s", type(error).__name__, error)


def kept(path: Path) -> list[Timeline]:
    """The timelines in a file by round, the last of each; lines that a kill has cut are passed over."""
    try:
        lines: Iterable[str] = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = {}
    for line in lines:
        try:
            timeline = Timeline.from_json(json.loads(line))
        except (ValueError, KeyError, TypeError):
            continue
        found[timeline.round] = timeline
    return [found[number] for number in sorted(found)]
