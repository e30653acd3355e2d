"""The command line of a job, as mrjob's own options have it."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mrdl.mapreduce.shipping import PACKAGE
from mrdl.mapreduce.status import Progress
from mrdl.mapreduce.task import DIES_WITH_DRIVER


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a job needs whatever it does. tag: by which it is found on YARN; work_dir: a folder of its own, on this
    machine; output_dir: where it may write, in HDFS for the hadoop runner.

    python_bin, mrjob_conf: what the user says of the nodes, as in TrainConfig; package: mrdl as a zip, for nodes that
    do not share this file system; roots: folders of the user's modules, on this machine.
    """

    runner: str
    tag: str
    work_dir: Path
    output_dir: str
    python_bin: str = ""
    mrjob_conf: str = ""
    package: Path | None = None
    roots: Sequence[str] = ()


def arguments_of(job: Job) -> list[str]:
    """mrjob's options for a job; what it works on is added by who knows it."""
    arguments = ["-r", job.runner, "--cleanup", "NONE", "--no-read-logs", "--no-check-input-paths"]
    arguments += ["--local-tmp-dir", str(job.work_dir), "--output-dir", job.output_dir]
    if job.mrjob_conf:
        arguments += ["--conf-path", job.mrjob_conf]
    else:
        arguments += ["--no-conf"] if job.runner != "hadoop" else []
        arguments += ["--no-bootstrap-mrjob"] if job.runner != "inline" else []
    if job.runner != "inline":
        arguments += ["--python-bin", job.python_bin or sys.executable]
        arguments += _environment({"OMP_NUM_THREADS": "1", "SETUPTOOLS_USE_DISTUTILS": "stdlib"})
    if job.runner == "local":
        arguments += _environment(_of_local(job))
    if job.runner == "hadoop":
        arguments += _of_hadoop(job)
    return arguments


def _environment(variables: dict[str, str]) -> list[str]:
    return [part for name, value in variables.items() for part in ("--cmdenv", f"{name}={value}")]


def _of_local(job: Job) -> dict[str, str]:
    """The environment of tasks on this machine."""
    path = os.pathsep.join(filter(None, [str(PACKAGE.parent), *job.roots, os.environ.get("PYTHONPATH", "")]))
    # without SAFEPATH the folder of the job file, mrdl's own perhaps, hides modules of the same names
    return {"PYTHONPATH": path, "PYTHONSAFEPATH": "1", DIES_WITH_DRIVER: str(os.getpid())}


def _of_hadoop(job: Job) -> list[str]:
    properties = {
        "mapreduce.job.tags": job.tag,
        "mapreduce.job.name": job.tag,
        # a second attempt beside the first gives the same bytes, for twice the work
        "mapreduce.map.speculative": "false",
        "mapreduce.reduce.speculative": "false",
        "mapreduce.job.reduce.slowstart.completedmaps": "1.0",
        "mapreduce.task.progress-report.interval": "500",
    }
    arguments = [part for name, value in properties.items() for part in ("-D", f"{name}={value}")]
    arguments += ["--hadoop-tmp-dir", job.output_dir + "-files"]
    if job.package:
        env = {"PYTHONPATH": "mrdl.zip", "PYTHONSAFEPATH": "1"}
        arguments += ["--files", f"{job.package}#mrdl.zip", *_environment(env)]
    return arguments


@dataclass(frozen=True, kw_only=True)
class Launch(Job):
    """One job of a training. inputs: files or URIs; rows_dir: where step 1 of two leaves its output."""

    settings: Path
    weights: Path | None
    inputs: Sequence[str]
    rows_dir: str
    shards: int
    cached: bool
    reducers: int
    on_progress: Callable[[Progress], None] = field(default=lambda progress: None)


def _arguments(launch: Launch) -> list[str]:
    """The command line of a training's job."""
    arguments = [*arguments_of(launch), "--settings", str(launch.settings), "--step-output-dir", launch.rows_dir]
    return arguments + (["--weights", str(launch.weights)] if launch.weights else [])
