"""The driver of a sweep: pack, send, harvest, and send again what was lost, each design once.

A job is written into the ledger before it is sent, so that whenever the driver dies the next one knows what to look
for: it waits for what still runs on YARN, takes in what is there, and trains the rest.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mrdl import launch
from mrdl.cluster import HOW_TO
from mrdl.errors import ConfigError, SetupError
from mrdl.sweep import cost, on_yarn
from mrdl.sweep.batched import grouped
from mrdl.sweep.fit import backend
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.jobs import Jobs
from mrdl.sweep.processes import Processes
from mrdl.sweep.refusals import refused_by_train
from mrdl.sweep.space import design_of

if TYPE_CHECKING:
    import pandas as pd

LARGE_S = 200.0  # ten times what a job on YARN costs


class SweepDriver(SweepFolder):
    """A sweep that can be run."""

    def run(self, runner: str = "local", slots: int = 0) -> "pd.DataFrame":
        """Train all designs that are not over, and return the table."""
        if runner not in ("inline", "local", "hadoop"):
            raise ConfigError(f"runner {runner!r}, expected one of inline, local, hadoop")
        if slots < 0:
            raise ConfigError(f"slots is {slots}, expected 1 or more, or 0 for all there are")
        backend(self.spec.backend)
        self.dataset()
        if runner == "hadoop":
            launch.find_hadoop()
        slots = slots or launch.slots(runner, on_yarn.memory_mb(self.spec.memory_mb))
        (self.path / "stop").unlink(missing_ok=True)
        with self.held():
            self._recover()
            while not self.stopped() and ((waiting := self.ledger.waiting()) or self.plan_more()):
                if waiting:
                    self._wave(waiting, runner, slots)
            self.tell()
        return self.table()

    def _recover(self) -> None:
        """Whatever an earlier driver left: wait for what runs on YARN, take in what is there, give up the rest."""
        for name, _ in self.ledger.open_jobs():
            if not self.ledger.is_on_yarn(name):
                self.parts.take_in(name)  # its process died with its driver: what is missing is planned again
            elif _has_hadoop():
                on_yarn.adopt(self, name)
            else:
                raise SetupError(f"the job {name} may still run on YARN. {HOW_TO}")
            self.parts.end(name)

    def _wave(self, waiting: Sequence[tuple[str, str, float, int]], runner: str, slots: int) -> None:
        """A job for each large design, or packs of small ones; those that were lost before stand alone, so that the
        culprit is found."""
        speed = self.ledger.speed()
        large = [one for one in waiting if self._is_large(one[1], one[2] * speed)]
        if large:
            Jobs(self, runner, self.spec.in_flight).run([(arch_id, text) for arch_id, text, _, _ in large])
            return
        texts = {arch_id: text for arch_id, text, _, _ in waiting}
        packs = self._packs(
            {arch_id: seconds * speed for arch_id, _, seconds, lost in waiting if not lost}, texts, slots
        )
        packs += [[arch_id] for arch_id, _, _, lost in waiting if lost]
        if runner == "hadoop":
            on_yarn.run(self, packs[: on_yarn.WAVE], texts)
        else:
            Processes(self, 1 if runner == "inline" else slots).run(packs, texts)

    def _packs(self, seconds: dict[str, float], texts: dict[str, str], slots: int) -> list[list[str]]:
        """Designs, and what they take, shared out; those that train together stay together."""
        if not seconds:
            return []
        groups = grouped({a: design_of(texts[a]) for a in seconds}, self.spec.backend, self.dataset().columns)
        units = [(group, sum(seconds[arch_id] for arch_id in group)) for group in groups]
        return cost.packs(units, slots, min(self.spec.pack_s, cost.share(units, slots)))

    def _is_large(self, text: str, seconds: float) -> bool:
        """Whether a design is worth a job of its own, with the data shared out among shards, and can be one."""
        if self.spec.route == "auto":
            known = self.spec.backend in ("torch", "batched")
            return seconds >= LARGE_S and known and not refused_by_train(design_of(text))
        return self.spec.route == "job"


def _has_hadoop() -> bool:
    try:
        launch.find_hadoop()
    except SetupError:
        return False
    return True
