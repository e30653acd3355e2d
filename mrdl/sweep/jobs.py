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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mrdl
from mrdl.results import RunFolder
from mrdl.sweep.dataset import Dataset
from mrdl.sweep.ledger import Waiting
from mrdl.sweep.pack import about_design
from mrdl.sweep.refusals import refused_by_train
from mrdl.sweep.space import Design, design_of
from mrdl.task import DIES_WITH_DRIVER, with_package

if TYPE_CHECKING:
    from mrdl.sweep.folder import SweepFolder

POLL_S = 0.5


def rounds_of(epochs: int) -> int:
    """Rounds that epochs are shared out among, as evenly as can be: 3 to 12 where they can be divided so."""
    fitting = [rounds for rounds in range(3, 13) if epochs % rounds == 0]
    return fitting[0] if fitting else epochs


class Jobs:
    """Runs a job for each design of a sweep, so many in flight."""

    def __init__(self, sweep: "SweepFolder", runner: str, in_flight: int) -> None:
        self._sweep, self._runner, self._in_flight = sweep, runner, max(1, in_flight)
        self._data = Dataset.load(sweep.path / "data.safetensors")

    def run(self, designs: Sequence[Waiting]) -> None:
        """Train designs that are in no open job."""
        queue, running = list(designs), dict[str, tuple[subprocess.Popen[bytes], str, str, float]]()
        late = set[str]()
        try:
            while running or (queue and not self._sweep.stopped()):
                while queue and len(running) < self._in_flight and not self._sweep.stopped():
                    arch_id, text, *_ = queue.pop(0)
                    name = self._sweep.intend([[arch_id]])
                    if problem := refused_by_train(design_of(text)):
                        self._sweep.parts.close(
                            name, [self._record(arch_id, text, {"status": "failed", "reason": problem})]
                        )
                        continue
                    running[name] = self._start(arch_id, design_of(text)), arch_id, text, time.monotonic()
                time.sleep(POLL_S)
                for name, (process, arch_id, text, began) in list(running.items()):
                    if time.monotonic() - began > self._sweep.spec.job_wall_s and name not in late:
                        late.add(name)
                        process.terminate()  # it ends its job on YARN
                    if process.poll() is not None:
                        told = self._told(arch_id, process.returncode, time.monotonic() - began, name in late)
                        self._sweep.parts.close(name, [self._record(arch_id, text, told)])
                        del running[name]
                self._sweep.tell(now=False)
        except BaseException:
            for process, *_ in running.values():
                process.terminate()  # it ends its job on YARN
                process.wait()
            raise

    def _folder(self, arch_id: str) -> Path:
        return self._sweep.path / "runs" / arch_id

    def _start(self, arch_id: str, design: Design) -> subprocess.Popen[bytes]:
        spec, folder = self._sweep.spec, self._folder(arch_id)
        nodes = (self._data.columns, *design.hidden, len(self._data.classes))
        rounds, shards = rounds_of(design.epochs), spec.shards
        words = [
            "train", self._sweep.about["source"], "-r", self._runner, "--json", "--run-dir", folder,
            "--label", spec.label, "--header", spec.header, "--validation", spec.test_fraction,
            "--nodes", ",".join(map(str, nodes)), "--activation", design.activation,
            "--rounds", rounds, "--epochs", design.epochs // rounds,
            "--batch-size", design.batch_size, "--learning-rate", design.learning_rate, "--seed", design.seed,
        ]  # fmt: skip
        if shards:
            words += ["--shards", shards]
        if shards == 1:
            words += ["--warm-rows", 0]  # it is for the sake of several
        if (folder / "run.json").exists():
            words.append("--resume")
        folder.mkdir(parents=True, exist_ok=True)
        env = with_package(**{DIES_WITH_DRIVER: str(os.getpid())})
        program = [sys.executable, "-m", "mrdl.sweep.training", self._sweep.data, folder / "scores.json"]
        with open(folder / "out.json", "wb") as out, open(folder / "err.txt", "wb") as err:
            return subprocess.Popen([*map(str, program), *map(str, words)], stdout=out, stderr=err, env=env)

    def _told(self, arch_id: str, status: int, wall_s: float, late: bool) -> dict[str, Any]:
        folder = self._folder(arch_id)
        words = (folder / "err.txt").read_text(errors="replace")[-2000:]
        if status:
            last = words.strip().splitlines()[-1:] or ["it said nothing"]
            reason = "took longer than its limit" if late else last[0][:300]
            return {"status": "failed", "reason": reason, "log": words, "wall_s": round(wall_s, 3)}
        found = json.loads((folder / "out.json").read_text().splitlines()[-1])
        manifests = RunFolder(folder).manifests()
        return {
            "status": "done", "reason": "", **json.loads((folder / "scores.json").read_text()), "device": "cpu",
            "wall_s": round(wall_s, 3),
            "cpu_s": round(sum(m["seconds"] for m in manifests), 3), "shards": found["shards"],
            "curve": [m["training_loss"] for m in manifests if m["stage_round"]], "weights": found["sha256"],
        }  # fmt: skip

    def _record(self, arch_id: str, text: str, told: dict[str, Any]) -> dict[str, Any]:
        return {
            "arch_id": arch_id, "spec": text, **about_design(design_of(text), self._data), **told,
            "backend": "mrdl train", "data": self._data.digest, "versions": {"mrdl": mrdl.__version__},
        }  # fmt: skip
