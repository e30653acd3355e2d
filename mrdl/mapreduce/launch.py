"""One MapReduce job, from its command line to its output, or to the words of the task that failed."""

import contextlib
import dataclasses
import os
import shlex
import shutil
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mrjob.job import MRJob
from mrjob.step import StepFailedException

from mrdl.cluster.yarn import Cluster
from mrdl.errors import ConfigError, MrdlError, brief
from mrdl.mapreduce.arguments import Launch, _arguments
from mrdl.mapreduce.failures import failed
from mrdl.mapreduce.runners import runner_class
from mrdl.mapreduce.tracking import OnFiles, OnYarn, Watcher, cpu_seconds, retried
from mrdl.storage.paths import plain_name
from mrdl.storage.store import hdfs_store, is_hdfs

T = TypeVar("T")


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
