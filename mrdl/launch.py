"""One MapReduce job, from its command line to its output, or to the words of the task that failed."""

import contextlib
import dataclasses
import os
import shlex
import shutil
import signal
import traceback
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from mrjob.job import MRJob
from mrjob.step import StepFailedException

from mrdl import protocol
from mrdl.architecture import Weights
from mrdl.arguments import Job, arguments_of
from mrdl.cluster import HOW_TO, Cluster
from mrdl.combine import ShardResult
from mrdl.errors import ConfigError, MrdlError, SetupError
from mrdl.monitor import Progress, Watcher
from mrdl.paths import plain_name
from mrdl.preparation import Statistics
from mrdl.runners import runner_class
from mrdl.storage import hdfs_store, is_hdfs
from mrdl.task import PACKAGE
from mrdl.witness import OnFiles, OnYarn, cpu_seconds, failed, retried
from mrdl.words import brief

T = TypeVar("T")


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


@dataclass(frozen=True)
class Ended:
    """A job that is over. output: in chunks; retried: attempts beyond each task's first; spent: seconds by phase;
    cpu_s: CPU seconds of its tasks, None where they are not known."""

    output: list[bytes]
    retried: int
    spent: dict[str, float]
    cpu_s: float | None = None


def run(job_class: type[MRJob], launch: Launch) -> Ended:
    """Run a job to its end. Raises TrainingError with the task's traceback, JobLost where there is none on YARN."""
    with contextlib.ExitStack() as held:
        return _run(job_class, launch, _with_plain_names(launch, held))


def _run(job_class: type[MRJob], launch: Launch, plain: Launch) -> Ended:
    job = job_class(_arguments(plain))
    chosen = runner_class(launch.runner, launch.cached, launch.reducers, launch.inputs)
    job._runner_class = lambda: chosen
    witness = (OnYarn if launch.runner == "hadoop" else OnFiles)(launch.tag, launch.work_dir, launch.shards)
    try:
        with job.make_runner() as runner, Watcher(lambda: launch.on_progress(witness.look())):
            runner.run()
            chunks = list(runner.cat_output())
        counters = runner.counters()
        again = getattr(runner, "retried", 0) or retried(counters)
        return Ended(chunks, again, witness.spent(), cpu_seconds(counters))
    except StepFailedException as error:
        raise failed(witness.tasks_own_words(), on_yarn=launch.runner == "hadoop") from error
    except MrdlError:
        raise
    except Exception as error:
        if launch.runner != "inline":
            raise
        raise failed("".join(traceback.format_exception(error)), on_yarn=False) from error


def ended_well(job: MRJob, runner: str, look: Callable[[], None]) -> bool:
    """Run a job whose tasks tell by files of their own; `look` is called again and again meanwhile."""
    chosen = runner_class(runner, False)
    job._runner_class = lambda: chosen
    try:
        with job.make_runner() as made, Watcher(look):
            made.run()
    except StepFailedException:
        return False
    return True


def _with_plain_names(launch: Launch, held: contextlib.ExitStack) -> Launch:
    """The same job, its local folders by names that mrjob takes for no more than text, as long as they are held."""

    def plain(path: Path) -> Path:
        return held.enter_context(plain_name(path.parent)) / path.name

    def plain_here(path: str) -> str:
        return path if is_hdfs(path) else str(plain(Path(path).absolute()))

    return dataclasses.replace(
        launch,
        settings=plain(launch.settings),
        weights=plain(launch.weights) if launch.weights else None,
        package=plain(launch.package) if launch.package else None,
        work_dir=held.enter_context(plain_name(launch.work_dir)),
        output_dir=plain_here(launch.output_dir),
        rows_dir=plain_here(launch.rows_dir),
    )


@dataclass
class Output:
    """What a job has said. weights: combined; shards: a record for each shard; results: those of single shards,
    where they were asked for; of_data: the lines that tell of the data; refused: why the data was not trained on."""

    weights: Weights = field(default_factory=dict)
    shards: list[dict[str, Any]] = field(default_factory=list)
    results: list[ShardResult] = field(default_factory=list)
    of_data: list[bytes] = field(default_factory=list)
    refused: tuple[Statistics, str] | None = None
    diverged: str = ""


def read_output(chunks: Sequence[bytes]) -> Output:
    """The records of a job's output, in any order."""
    output = Output()
    for line in b"".join(chunks).splitlines():
        _, value = protocol.split_line(line)
        if value[:1] in b"VBP":
            output.of_data.append(line)
        if value[:1] in b"VB":
            continue
        tag, meta, arrays = protocol.unpack(value)
        if tag == b"P" and meta["problem"]:
            output.refused = protocol.to_statistics(meta, arrays), meta["problem"]
        elif tag == b"R":
            output.results.append(protocol.to_result(meta, arrays))
        elif tag == b"W":
            output.weights, output.shards, output.diverged = arrays, meta["shards"], meta["diverged"]
    output.results.sort(key=lambda result: result.shard)
    return output


def stop(runner: str, tag: str, patient: bool = True) -> None:
    """End what a run has on YARN, which goes on when the driver goes; tasks of the local runner end by themselves.

    patient: whether to wait for a YARN that is away. Raises SetupError where it cannot be ended.
    """
    if runner != "hadoop":
        return
    end_client(tag)
    if patient:
        _ask_yarn(lambda cluster: cluster.kill(tag))
    else:
        hdfs_store().cluster.kill(tag)


def end_client(tag: str) -> None:
    """End a Hadoop client on this machine that has outlived its driver, and may be about to send a job."""
    mark = f"mapreduce.job.tags={tag}".encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            if mark in path.read_bytes().split(b"\0"):
                os.kill(int(path.parent.name), signal.SIGKILL)


def is_running(tag: str) -> bool:
    """Whether YARN has an application with a tag that is not over."""
    return bool(_ask_yarn(lambda cluster: cluster.applications(tag)))


def _ask_yarn(ask: Callable[[Cluster], T]) -> T:
    """What YARN says, with the patience that a run has."""
    store = hdfs_store()
    return store.patience(lambda: ask(store.cluster))


def _arguments(launch: Launch) -> list[str]:
    """The command line of a training's job."""
    arguments = [*arguments_of(launch), "--settings", str(launch.settings), "--step-output-dir", launch.rows_dir]
    return arguments + (["--weights", str(launch.weights)] if launch.weights else [])


# --- the surroundings ---


def find_hadoop() -> None:
    """Raise SetupError, with the way out, unless `hadoop` can be run and its cluster is configured."""
    places = [os.environ.get(name) for name in ("HADOOP_HOME", "HADOOP_PREFIX", "HADOOP_INSTALL")]
    if not any(place and Path(place, "bin", "hadoop").exists() for place in places) and not shutil.which("hadoop"):
        raise SetupError(f"there is no `hadoop` on the PATH and no HADOOP_HOME. {HOW_TO}")
    Cluster.from_conf()


def check_site(runner: str, python_bin: str, mrjob_conf: str) -> None:
    """Raise ConfigError where the settings of the site name what is not there, as far as this machine can know."""
    if mrjob_conf:
        try:
            Path(mrjob_conf).read_bytes()
        except OSError as error:
            raise ConfigError(f"mrjob_conf {mrjob_conf} cannot be read: {error.strerror}") from error
    try:
        words = shlex.split(python_bin)
    except ValueError as error:
        raise ConfigError(f"python_bin is {brief(python_bin)}, expected a command: {error}") from error
    if words and runner == "local" and not shutil.which(words[0]):  # on YARN it is that of the nodes
        raise ConfigError(f"python_bin: there is no program {brief(words[0])} that can be run on this machine")


def slots(runner: str, memory_mb: int = 0) -> int:
    """How many training tasks can run at once; on YARN as if nobody else used it, of so much memory each."""
    if runner == "hadoop":
        return _ask_yarn(lambda cluster: cluster.slots(memory_mb))
    return 1 if runner == "inline" else len(os.sched_getaffinity(0))


def zip_package(folder: Path, also: Path | None = None, files: Mapping[str, Path] | None = None) -> Path:
    """mrdl itself as a zip for the nodes, which need not have it installed.

    also: a module or package beside it; files: single ones, name in the zip -> path.
    """
    path = folder / "mrdl.zip"
    with zipfile.ZipFile(path, "w") as file:
        for home in filter(None, (PACKAGE, also)):
            for source in sorted(home.rglob("*.py")) if home.is_dir() else [home]:
                file.write(source, source.relative_to(home.parent))
        for name, source in (files or {}).items():
            file.write(source, name)
    return path
