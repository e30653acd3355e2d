"""The driver of a sweep: pack, send, harvest, and send again what was lost, each design once.

A job is written into the ledger before it is sent, so that whenever the driver dies the next one knows what to look
for: it waits for what still runs on YARN, takes in what is there, and trains the rest.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mrdl.cluster import yarn
from mrdl.cluster.site import HOW_TO
from mrdl.errors import ConfigError, SetupError
from mrdl.mapreduce.runners import Runner, runner_of
from mrdl.nn.backends.groups import grouped
from mrdl.nn.backends.registry import BACKENDS, own_backend
from mrdl.nn.design import design_of
from mrdl.sweep import cost
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.jobs import yarn_packs
from mrdl.sweep.jobs.local_packs import Processes
from mrdl.sweep.jobs.trainings import Jobs
from mrdl.sweep.ledger import Waiting

if TYPE_CHECKING:
    import pandas as pd

FEW = 8  # designs in a pack of those that were lost
LARGE_S = 200.0  # ten times what a job on YARN costs


class SweepDriver:
    """Trains the designs of a sweep.

    SweepDriver(SweepFolder("sweeps/depth")).run("local")
    """

    def __init__(self, sweep: SweepFolder) -> None:
        self._sweep = sweep

    def run(
        self,
        runner: str = "local",
        slots: int | None = None,
        python_bin: str | None = None,
        mrjob_conf: str | None = None,
    ) -> "pd.DataFrame":
        """Train all designs that are not over, and return the table.

        runner: inline, local or hadoop; slots: trainings at a time, left out as many as there are; python_bin,
        mrjob_conf: as TrainConfig has them, and as they were when the sweep was run before, where they are left out.
        """
        where, sweep = runner_of(runner), self._sweep
        if slots is not None and slots < 1:
            raise ConfigError(f"slots is {slots}, expected 1 or more")
        if sweep.spec.backend not in BACKENDS:
            own_backend(sweep.spec.backend)  # what is wrong with it is told at once
        sweep.dataset()
        where.check(**sweep.site)
        slots = slots or where.slots(yarn_packs.container(sweep.spec.memory_mb).memory_mb)
        sweep.paths.stop_mark.unlink(missing_ok=True)
        with sweep.held():
            sweep.keep_site(python_bin, mrjob_conf)
            self._recover()
            while not sweep.is_to_stop() and ((waiting := sweep.ledger.waiting()) or sweep.plan_more()):
                if waiting:
                    self._wave(waiting, where, slots)
            sweep.report_progress()
        return sweep.table()

    def _recover(self) -> None:
        """Whatever an earlier driver left: wait for what runs on YARN, take in what is there, give up the rest."""
        for name, _ in self._sweep.ledger.open_jobs():
            if not self._sweep.ledger.is_on_yarn(name):
                self._sweep.parts.take_in(name)  # its process died with its driver: what is missing is planned again
            elif _has_hadoop():
                yarn_packs.wait_for(self._sweep, name)
            else:
                raise SetupError(f"the job {name} may still run on YARN. {HOW_TO}")
            self._sweep.parts.end(name)

    def _wave(self, waiting: Sequence[Waiting], runner: Runner, slots: int) -> None:
        """A job for each large design, or packs of small ones; those that were lost once are sent among few, those that
        were lost again alone, so that the culprit is found."""
        speed = self._sweep.ledger.speed()
        if large := [one for one in waiting if self._is_large(one, speed)]:
            Jobs(self._sweep, runner, self._sweep.spec.in_flight).run(large)
            return
        packs = self._packs([one for one in waiting if not one.lost], speed, slots)
        once = [one.arch_id for one in waiting if one.lost == 1]
        packs += [once[i : i + FEW] for i in range(0, len(once), FEW)]
        packs += [[one.arch_id] for one in waiting if one.lost > 1]
        work = {one.arch_id: (one.arch_id, one.text, one.backend) for one in waiting}
        if runner.reads_hdfs:
            yarn_packs.run(self._sweep, packs[: yarn_packs.WAVE], work)
        else:
            Processes(self._sweep, 1 if runner.runs_here else slots).run(packs, work)

    def _packs(self, waiting: Sequence[Waiting], speed: float, slots: int) -> list[list[str]]:
        """Designs shared out by the time that they take; those that train together stay together."""
        if not waiting:
            return []
        designs = ((one.arch_id, design_of(one.text), one.backend) for one in waiting)
        groups = grouped(designs, self._sweep.dataset().columns)
        seconds = {one.arch_id: one.seconds * speed for one in waiting}
        units = [(group, sum(seconds[arch_id] for arch_id in group)) for group in groups]
        return cost.packs(units, slots, min(self._sweep.spec.pack_s, cost.pack_seconds(units, slots)))

    def _is_large(self, one: Waiting, speed: float) -> bool:
        """Whether a design is worth a job of its own, with the data shared out among shards, and can be one."""
        if self._sweep.spec.route == "auto":
            return one.seconds * speed >= LARGE_S and one.backend in BACKENDS
        return self._sweep.spec.route == "job"


def _has_hadoop() -> bool:
    """Whether there is a Hadoop on this machine."""
    try:
        yarn.find_hadoop()
    except SetupError:
        return False
    return True
