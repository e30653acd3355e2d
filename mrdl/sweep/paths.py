"""Where each file of a sweep lies: nobody else joins a path below its folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SweepPaths:
    """The files of the sweep in a folder.

    sweep.json            what it is: an id of its own, the spec, where the data came from
    data.safetensors      the prepared rows
    parts/JOB.jsonl       what tasks have told: the truth (of jobs on YARN: in HDFS, copied here)
    ledger.db             the index over it
    control/JOB.*         what a pack on this machine is to do, which designs it has begun, and what it said
    work/                 of the job on YARN that runs
    runs/ARCH_ID/         the run folder of a design with a job of its own
    """

    folder: Path

    @property
    def manifest(self) -> Path:
        """What the sweep is."""
        return self.folder / "sweep.json"

    @property
    def data(self) -> Path:
        """The prepared rows."""
        return self.folder / "data.safetensors"

    @property
    def index(self) -> Path:
        """The ledger."""
        return self.folder / "ledger.db"

    @property
    def parts(self) -> Path:
        """The folder of what tasks have told."""
        return self.folder / "parts"

    @property
    def control(self) -> Path:
        """The folder of what packs on this machine are told, and tell."""
        return self.folder / "control"

    @property
    def work(self) -> Path:
        """The folder of the job on YARN that runs."""
        return self.folder / "work"

    @property
    def stop_mark(self) -> Path:
        """The file that asks the driver to stop, by being there."""
        return self.folder / "stop"

    @property
    def report(self) -> Path:
        """The report, where it is given no other name."""
        return self.folder / "report.html"

    def part_of(self, job: str) -> Path:
        """What the tasks of a job have told."""
        return self.parts / f"{job}.jsonl"

    def control_of(self, job: str) -> Path:
        """What a pack on this machine is to do."""
        return self.control / f"{job}.json"

    def begun_of(self, job: str) -> Path:
        """Which designs of a pack are being trained."""
        return self.control_of(job).with_suffix(".begun")

    def errors_of(self, job: str) -> Path:
        """What a pack said beside its records."""
        return self.control_of(job).with_suffix(".err")

    def run_of(self, arch_id: str) -> Path:
        """The run folder of a design with a job of its own."""
        return self.folder / "runs" / arch_id

    def summary_of(self, arch_id: str) -> Path:
        """What that job printed as JSON."""
        return self.run_of(arch_id) / "out.json"

    def scores_of(self, arch_id: str) -> Path:
        """How that job's network does on the test rows."""
        return self.run_of(arch_id) / "scores.json"

    def run_errors_of(self, arch_id: str) -> Path:
        """What that job said beside it."""
        return self.run_of(arch_id) / "err.txt"
