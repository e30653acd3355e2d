"""Packs as one map-only job on YARN, a map task each; its output in HDFS outlives the driver."""

import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mrdl.errors import DataError, TrainingError, Unavailable
from mrdl.mapreduce import launch, shipping
from mrdl.mapreduce.arguments import Job
from mrdl.mapreduce.memory import Container, Containers, around
from mrdl.mapreduce.yarn import RUNNER, end_client, is_running
from mrdl.nn.backends.registry import source_of
from mrdl.storage.paths import plain_name
from mrdl.storage.store import hdfs_home, hdfs_store, read
from mrdl.sweep.jobs.pack import Item

if TYPE_CHECKING:
    from mrdl.sweep.folder import SweepFolder

WAVE = 200  # packs in one job: a job that is lost costs no more
LOOK_S = 2.5  # between two looks at what has come


def run(sweep: "SweepFolder", packs: Sequence[Sequence[str]], work: Mapping[str, Item]) -> None:
    """Train packs of arch_ids, and take in what became of them.

    Raises TrainingError, with a task's last words, where several tasks ran and none said anything.
    """
    from mrdl.sweep.jobs.pack_job import SweepJob

    folder = sweep.paths.work
    folder.mkdir(0o700, exist_ok=True)
    data = _stored_data(sweep)
    name = sweep.register(packs, on_yarn=True)
    lines = (json.dumps([work[arch_id] for arch_id in pack]) + "\n" for pack in packs)
    (folder / "packs.txt").write_text("".join(lines))
    (folder / "settings.json").write_text(json.dumps(sweep.settings()))
    package = shipping.zip_package(folder, source_of(sweep.spec.backend))
    tracker, harvest = RUNNER.tracker(name, folder, len(packs)), _Harvest(sweep, name)
    try:
        with plain_name(folder) as plain:
            job = SweepJob(_arguments(sweep, name, plain, plain / package.name, data))
            launch.ended_well(RUNNER, job, harvest.look_on)  # or not: what its tasks have told is there
    except BaseException:
        RUNNER.stop(name)
        raise
    harvest.look()
    hdfs_store().remove(_output(sweep, name) + "-files")
    if sweep.is_to_stop():
        sweep.parts.end(name)
        return
    words = tracker.failure_log()
    if not sweep.ledger.tried(name) and len(packs) > 1:
        raise TrainingError(f"the job {name} ended, and none of its {len(packs)} tasks said anything:\n{words}")
    sweep.parts.close_lost(name, [arch_id for pack in packs for arch_id in pack], words)


def wait_for(sweep: "SweepFolder", name: str) -> None:
    """Wait for a job that an earlier driver has intended, and take in what it tells: it is never sent twice.

    A job that YARN does not know may still be about to be sent, by a client that has outlived its driver: the client is
    ended, and where it runs on another machine it finds its output folder taken, which Hadoop refuses.
    """
    harvest = _Harvest(sweep, name)
    if not is_running(name):
        end_client(name)
        hdfs_store().mkdir(_output(sweep, name))
    while is_running(name):
        harvest.look_on()
        time.sleep(LOOK_S)
    harvest.look()


def container(of_training: int) -> Container:
    """What a map task needs whose trainings may take so many MB: Python with torch, and Java, come on top."""
    return around(of_training + 274)


class _Harvest:
    """Takes in the output of a job, file by file as its tasks end; looked at from one thread at a time."""

    def __init__(self, sweep: "SweepFolder", name: str) -> None:
        self._sweep, self._name, self._seen = sweep, name, set[str]()
        self._looked, self._stopping = 0.0, False

    def look_on(self) -> None:
        """Look from time to time while the job runs, say how far it is, and end it if the sweep is to stop."""
        if time.monotonic() - self._looked < LOOK_S:
            return
        with contextlib.suppress(Unavailable):  # it is looked at again
            self.look()
            if self._sweep.is_to_stop() and not self._stopping:
                RUNNER.stop(self._name)
                self._stopping = True
        self._looked = time.monotonic()

    def look(self) -> None:
        """Take in what is there; a copy is kept beside the ledger, begun anew by each driver."""
        store, output = hdfs_store(), _output(self._sweep, self._name)
        lines, found = list[bytes](), set[str]()
        with contextlib.suppress(DataError):  # there is none yet
            found = {info.path for info in store.files(f"{output}/part-*")}
        for path in sorted(found - self._seen):
            lines += [line.partition(b"\t")[2] + b"\n" for line in read(path).splitlines()]
        if lines:
            if not self._seen:
                self._sweep.parts.begin_on_yarn(self._name)
            self._sweep.parts.append(self._name, b"".join(lines))
            self._sweep.ledger.take_in(self._name, self._sweep.parts.records(self._name, lines))
        self._seen |= found
        self._sweep.report_progress(now=False)


def _stored_data(sweep: "SweepFolder") -> str:
    """The prepared data in HDFS, where all jobs of the sweep find it: a node fetches it once."""
    uri = hdfs_home(f"sweeps/{sweep.about['id']}/data.safetensors")
    if not hdfs_store().exists(uri):
        hdfs_store().put(str(sweep.paths.data), uri + ".new")
        hdfs_store().rename(uri + ".new", uri)
    return uri


def _output(sweep: "SweepFolder", name: str) -> str:
    """The folder in HDFS that a pack writes to."""
    return hdfs_home(f"sweeps/{sweep.about['id']}/{name}")


def _arguments(sweep: "SweepFolder", name: str, folder: Path, package: Path, data: str) -> list[str]:
    """The command line of a job of packs, of which only the output in HDFS is wanted."""
    output, site = _output(sweep, name), sweep.site
    needed = container(sweep.spec.memory_mb)
    job = Job(tag=name, work_dir=folder, output_dir=output, package=package, containers=Containers(needed), **site)
    files = ["--settings", str(folder / "settings.json"), "--data", data, str(folder / "packs.txt")]
    return [*RUNNER.arguments(job), "--no-cat-output", *files]
