"""The runners of a job by their names, and what each of them has to say: a file each, loaded when it is asked for."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mrdl.errors import ConfigError, MrdlError

if TYPE_CHECKING:
    from mrdl.mapreduce.arguments import Job
    from mrdl.mapreduce.tracking import Tracker

RUNNERS = {"inline": "mrdl.mapreduce.inline", "local": "mrdl.mapreduce.local", "hadoop": "mrdl.mapreduce.yarn"}
"""The name of each runner, as `-r` has it -> the module whose RUNNER it is."""


class Runner(Protocol):
    """Where the tasks of a job run, and all that differs by that; nobody compares its name."""

    name: str
    """As `-r` has it."""
    runs_here: bool
    """Whether tasks run in this process, one after the other, and have what it has loaded."""
    reads_hdfs: bool
    """Whether tasks run on the cluster: they read and write HDFS, are sent mrdl itself, and can be lost by Hadoop."""
    typical_s: tuple[float, float]
    """Seconds beside the work, of the first job and of each round's, where nothing was measured."""

    @property
    def place(self) -> str:
        """The name that its measured costs are kept by: of this machine, or the address of the cluster."""

    def check(self, python_bin: str | None = None, mrjob_conf: str | None = None) -> None:
        """Raise ConfigError or SetupError where its tasks cannot run, as far as this machine can know.

        python_bin, mrjob_conf: what the user says of the nodes, as in TrainConfig.
        """

    def slots(self, memory_mb: int | None = None) -> int:
        """The number of tasks that can run at once, on YARN as if nobody else used it.

        memory_mb: of each task; left out, what the cluster is configured for.
        """

    def home(self, below: str) -> str:
        """The folder of a name where this user's data is kept between runs, in HDFS or on this machine."""

    def temporary(self, tag: str, work: Path) -> str:
        """The folder where the jobs of a run write. tag: the run's name; work: its folder on this machine."""

    def arguments(self, job: "Job") -> list[str]:
        """mrjob's options for a job; the options of the job's own class are not among them."""

    def mrjob_class(self, cached: bool, reducers: int = 1, inputs: Sequence[str] | None = None) -> type:
        """mrjob's own runner for a job.

        cached: whether the input is shards, which are never cut; reducers: of step 1; inputs: the files of step 1, by
        their literal names; left out, those of the job's command line.
        """

    def tracker(self, tag: str, work_dir: Path, shards: int) -> "Tracker":
        """What watches a job that is about to start. shards: those whose progress is the job's."""

    def error(self, log: str) -> MrdlError:
        """The error for a job that failed. log: what its tracker found."""

    def stop(self, tag: str, patient: bool = True) -> None:
        """End what a run may still have running, also where its driver was killed; raise SetupError where that fails.

        patient: whether to wait for a YARN that is away.
        """


def runner_of(name: str) -> Runner:
    """The runner of a name. Raises ConfigError for any other.

    runner_of("local").slots() is the number of this machine's cores.
    """
    if name not in RUNNERS:
        raise ConfigError(f"runner {name!r}, expected one of {', '.join(RUNNERS)}")
    found: Runner = importlib.import_module(RUNNERS[name]).RUNNER
    return found
