"""One training job a design, data-parallel as `mrdl train` has it, several of them in flight.

Each is a process of `mrdl train` with a run folder of its own below the sweep's, so that a design is resumed after its
last round whatever dies. The rows kept out are those that packs test on: both choose them by the same hash.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mrdl.data.dataset import load_data
from mrdl.mapreduce.runners import Runner
from mrdl.mapreduce.shipping import with_package
from mrdl.mapreduce.task import DIES_WITH_DRIVER, cpu_seconds
from mrdl.nn.backends.registry import engine_name
from mrdl.nn.design import design_of
from mrdl.rounds.folder import RunFolder
from mrdl.rounds.manifest import Manifest
from mrdl.settings.fields import names_as_text
from mrdl.sweep.jobs.child import TAIL, over_limit
from mrdl.sweep.jobs.queue_loop import run_queue
from mrdl.sweep.ledger import Waiting
from mrdl.sweep.record import State
from mrdl.sweep.routes import settings_of_design

if TYPE_CHECKING:
    from mrdl.sweep.folder import SweepFolder

NOT_KNOWN = "not known"


def rounds_of(epochs: int) -> tuple[int, int]:
    """Rounds that epochs are shared out among, 3 to 12 where there are as many, and the epochs of each: all alike, and
    together as few as can be, but not fewer than asked for: 97 are trained as 7 rounds of 14."""
    most = min(12, epochs)
    least = min(3, most)
    shares = [(rounds, -(-epochs // rounds)) for rounds in range(least, most + 1)]
    return min(shares, key=lambda share: share[0] * share[1])


@dataclass(frozen=True)
class Training:
    """A job of one design that runs. began: by the monotonic clock, in seconds."""

    process: subprocess.Popen[bytes]
    arch_id: str
    text: str
    began: float


class Jobs:
    """Runs a job for each design of a sweep, so many in flight."""

    def __init__(self, sweep: "SweepFolder", runner: Runner, in_flight: int) -> None:
        self._sweep, self._runner, self._in_flight = sweep, runner, max(1, in_flight)
        self._data = load_data(sweep.paths.data)
        self._late = set[str]()  # jobs that were ended, as they took more CPU time than they may

    def run(self, designs: Sequence[Waiting]) -> None:
        """Train designs that are in no open job."""
        run_queue(self._sweep, designs, self._in_flight, self._begin, self._is_over, _end)

    def _begin(self, one: Waiting) -> tuple[str, Training]:
        """Begin the training of a design; returns its name and the training."""
        name = self._sweep.register([[one.arch_id]])
        self._sweep.check_source()
        process = self._start(one)
        return name, Training(process, one.arch_id, one.text, time.monotonic())

    def _is_over(self, name: str, job: Training) -> bool:
        """Take in what a job has told, if it is over; end one that took more CPU time than it may."""
        if name not in self._late and self._used(job.process.pid, job.arch_id) > self._sweep.spec.job_cpu_s:
            self._late.add(name)
            job.process.terminate()  # it ends its job on YARN
        if job.process.poll() is None:
            return False
        wall_s, is_late = time.monotonic() - job.began, name in self._late
        told = self._told(job.arch_id, job.process.returncode, wall_s, is_late)
        self._sweep.parts.close(name, [self._sweep.record(job.arch_id, job.text, backend="mrdl train", **told)])
        return True

    def _used(self, pid: int, arch_id: str) -> float:
        """CPU seconds that a job has taken until now; of its tasks on YARN those of the rounds that are over."""
        on_yarn = RunFolder(self._sweep.paths.run_of(arch_id)).manifests() if self._runner.reads_hdfs else []
        return cpu_seconds(pid) + (_sum_of(on_yarn) or 0.0)

    def _start(self, one: Waiting) -> subprocess.Popen[bytes]:
        """Start `mrdl train` for a design, in a process of its own, which ends with this one.

        One that was begun before goes on after its last round. What it says goes into files of the sweep.
        """
        paths, spec, arch_id, design = self._sweep.paths, self._sweep.spec, one.arch_id, design_of(one.text)
        folder = paths.run_of(arch_id)
        (rounds, epochs), shards = rounds_of(design.epochs), spec.shards
        words = [
            "train",
            self._sweep.about["source"],
            "-r",
            self._runner.name,
            "--json",
            "--run-dir",
            folder,
            "--header",
            spec.header,
            "--task",
            spec.task,
            "--validation",
            spec.test_fraction,
            "--rounds",
            rounds,
            "--epochs",
            epochs,
            "--device",
            spec.device,
            "--engine",
            engine_name(one.backend),
        ]
        for name, value in settings_of_design(design, self._data.columns, self._data.outputs).items():
            text = ",".join(map(str, value)) if isinstance(value, tuple) else value
            words.append(f"--{name.replace('_', '-')}={text}")
        words += [word for name, value in self._sweep.site.items() for word in ("--" + name.replace("_", "-"), value)]
        if spec.label is not None:
            words += ["--label", spec.label]
        for name, value in spec.columns.items():
            if value:
                words.append(f"--{name}={value if isinstance(value, str) else names_as_text(value)}")
        if shards:
            words += ["--shards", shards]
        if shards == 1:
            words += ["--warm-rows", 0]  # it is for the sake of several
        if RunFolder(folder).identity.exists():
            words.append("--resume")
        folder.mkdir(parents=True, exist_ok=True)
        env = with_package(**{DIES_WITH_DRIVER: str(os.getpid())})
        program = [sys.executable, "-m", "mrdl.cli.sweep.training", paths.data, paths.scores_of(arch_id)]
        with open(paths.summary_of(arch_id), "wb") as out, open(paths.run_errors_of(arch_id), "wb") as err:
            return subprocess.Popen([*map(str, program), *map(str, words)], stdout=out, stderr=err, env=env)

    def _told(self, arch_id: str, status: int, wall_s: float, late: bool) -> dict[str, Any]:
        """What the record of an ended training says: its measures, or why it failed."""
        paths = self._sweep.paths
        run, words = RunFolder(paths.run_of(arch_id)), paths.run_errors_of(arch_id).read_text(errors="replace")[-TAIL:]
        if status:
            last = words.strip().splitlines()[-1:] or ["it said nothing"]
            reason = over_limit(self._sweep.spec.job_cpu_s) if late else last[0][:300]
            return {"status": State.FAILED, "reason": reason, "log": words, "wall_s": round(wall_s, 3)}
        found = json.loads(paths.summary_of(arch_id).read_text().splitlines()[-1])
        manifests = run.manifests()
        return {
            "status": State.DONE,
            "reason": "",
            **json.loads(paths.scores_of(arch_id).read_text()),
            "device": ", ".join(sorted({shard.device or NOT_KNOWN for m in manifests for shard in m.shards})),
            "wall_s": round(wall_s, 3),
            "cpu_s": _sum_of(manifests),
            "shards": found["shards"],
            "trained_epochs": run.asked_for()["epochs"] * sum(not m.is_warm_start for m in manifests),
            "curve": [m.training_loss for m in manifests if not m.is_warm_start],
            "weights": found["sha256"],
        }


def _end(job: Training) -> None:
    """End a training, and wait for its process."""
    job.process.terminate()  # it ends its job on YARN
    job.process.wait()


def _sum_of(manifests: Sequence[Manifest]) -> float | None:
    """CPU seconds of the tasks of all rounds; None where those of a round are not known."""
    seconds = [manifest.cpu_s for manifest in manifests]
    return None if None in seconds else round(sum(map(float, filter(None, seconds))), 3)
