"""The command line of a job, as mrjob's own options have it; nothing else builds one."""

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mrdl.errors import ConfigError, brief
from mrdl.mapreduce.memory import Containers
from mrdl.mapreduce.status import Progress


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a job needs whatever it does.

    tag: by which it is found on YARN; work_dir: a folder of its own, on this machine; output_dir: where it may write,
    in HDFS for a runner that reads there.

    python_bin, mrjob_conf: what the user says of the nodes, as in TrainConfig; containers: what its tasks
    need of a node; package: mrdl as a zip, for nodes that do not share this file system; roots: folders of
    the user's modules, on this machine.
    """

    tag: str
    work_dir: Path
    output_dir: str
    python_bin: str | None = None
    mrjob_conf: str | None = None
    containers: Containers = Containers()
    package: Path | None = None
    roots: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Launch(Job):
    """One job of a training.

    order: the file of what it is to do; weights: the file of those that it starts from; inputs: files or URIs;
    rows_dir: where step 1 of two leaves its output; shards: how many are trained; cached: whether the input is shards;
    reducers: of step 1; on_progress: is told how far the job is, from a thread of its own.
    """

    order: Path
    weights: Path | None
    inputs: Sequence[str]
    rows_dir: str
    shards: int
    cached: bool
    reducers: int
    on_progress: Callable[[Progress], None] = field(default=lambda progress: None)


def options_of(job: Job, runner: str, without_conf: Sequence[str]) -> list[str]:
    """The options that every job gets. without_conf: those in place of the user's own mrjob.conf."""
    options = ["-r", runner, "--cleanup", "NONE", "--no-read-logs", "--no-check-input-paths"]
    options += ["--local-tmp-dir", str(job.work_dir), "--output-dir", job.output_dir]
    return options + (["--conf-path", job.mrjob_conf] if job.mrjob_conf else list(without_conf))


def python_options(job: Job, variables: Mapping[str, str] | None = None) -> list[str]:
    """The options of tasks that are processes: which Python, and its environment. variables: more of that."""
    program = ["--python-bin", job.python_bin or sys.executable]
    # one thread, whatever a node has: a sum must not depend on how it is shared out
    return program + environment({"OMP_NUM_THREADS": "1", "SETUPTOOLS_USE_DISTUTILS": "stdlib", **(variables or {})})


def training_options(launch: Launch) -> list[str]:
    """The options of a training's own job class: its files, and where its first step writes."""
    options = ["--order", str(launch.order), "--step-output-dir", launch.rows_dir]
    return options + (["--weights", str(launch.weights)] if launch.weights else [])


def environment(variables: Mapping[str, str]) -> list[str]:
    """The options that give tasks variables of their environment."""
    return [word for name, value in variables.items() for word in ("--cmdenv", f"{name}={value}")]


def properties(of_job: Mapping[str, str]) -> list[str]:
    """The options that give Hadoop properties of a job."""
    return [word for name, value in of_job.items() for word in ("-D", f"{name}={value}")]


def check_options(python_bin: str | None, mrjob_conf: str | None) -> None:
    """Raise ConfigError where what the user says of the nodes is no command, or no file that can be read."""
    if mrjob_conf:
        try:
            Path(mrjob_conf).read_bytes()
        except OSError as error:
            raise ConfigError(f"mrjob_conf {mrjob_conf} cannot be read: {error.strerror}") from error
    try:
        shlex.split(python_bin or "")
    except ValueError as error:
        raise ConfigError(f"python_bin is {brief(str(python_bin))}, expected a command: {error}") from error
