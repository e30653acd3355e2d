"""One MapReduce job, from its command line to its output, or to the error of the task that failed."""

import contextlib
import dataclasses
import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mrjob.job import MRJob
from mrjob.step import StepFailedException

from mrdl.errors import MrdlError
from mrdl.mapreduce.arguments import Launch, training_options
from mrdl.mapreduce.runners import Runner
from mrdl.mapreduce.timeline import Span
from mrdl.mapreduce.tracking import Watcher, counted_cpu_s, retried_attempts
from mrdl.storage.paths import plain_name
from mrdl.storage.store import is_hdfs

logging.getLogger("mrjob").addHandler(logging.NullHandler())  # it warns of what it was told to leave out


@dataclass(frozen=True)
class Ended:
    """A job that is over.

    output: the records of its last step, in chunks of bytes; retried: attempts beyond each task's first; phases_s:
    seconds by phase, of which a tracker says what there are; cpu_s: CPU seconds of its tasks, None where they are not
    known; spans: finds where its time went, and may take some itself.
    """

    output: list[bytes]
    retried: int
    phases_s: dict[str, float]
    cpu_s: float | None = None
    spans: Callable[[], list[Span]] = list


def run(runner: Runner, job_class: type[MRJob], launch: Launch) -> Ended:
    """Run one job of a training to its end.

    runner: where its tasks run; job_class: mrjob's class of the job; launch: what it works on. Raises the error of a
    task that failed, if it is one of mrdl's, else TrainingError with the task's traceback; JobLost where no task said
    a word on YARN.
    """
    with contextlib.ExitStack() as held:
        return _run(runner, job_class, launch, _with_plain_names(launch, held))


def _run(runner: Runner, job_class: type[MRJob], launch: Launch, plain: Launch) -> Ended:
    """Run a job. plain: the same job as `launch`, by names of files that mrjob does not take for more than text."""
    job = job_class([*runner.arguments(plain), *training_options(plain)])
    _run_by(job, runner.mrjob_class(launch.cached, launch.reducers, launch.inputs))
    tracker = runner.tracker(launch.tag, launch.work_dir, launch.shards)
    try:
        with job.make_runner() as made, Watcher(lambda: launch.on_progress(tracker.progress())):
            made.run()
            chunks = list(made.cat_output())
        counters = made.counters()
        again = getattr(made, "retried", 0) or retried_attempts(counters)
        clients, of_job = [Span("client", "client", *call) for call in getattr(made, "calls", ())], tracker.spans()
        return Ended(chunks, again, tracker.phases_s(), counted_cpu_s(counters), lambda: [*clients, *of_job()])
    except StepFailedException as error:
        raise runner.error(tracker.failure_log()) from error
    except MrdlError:
        raise
    except Exception as error:
        if not runner.runs_here:
            raise
        raise runner.error("".join(traceback.format_exception(error))) from error


def ended_well(runner: Runner, job: MRJob, look: Callable[[], None]) -> bool:
    """Run a job whose tasks leave files of their own; returns whether it succeeded.

    look: is called each half second meanwhile, in a thread of its own.
    """
    _run_by(job, runner.mrjob_class(cached=False))
    try:
        with job.make_runner() as made, Watcher(look):
            made.run()
    except StepFailedException:
        return False
    return True


def _run_by(job: MRJob, mrjob_class: type) -> None:
    """Have a job run by a class of ours: mrjob 0.7.4 has no public way to say so. What that is told, by a parser of two
    hundred flags, is found out once: mrjob would do it again for its log."""
    job._runner_class = lambda: mrjob_class
    told = job._runner_kwargs()
    job._runner_kwargs = lambda: told


def _with_plain_names(launch: Launch, held: contextlib.ExitStack) -> Launch:
    """The same job, its local folders by names that mrjob takes for no more than text.

    held: what keeps those names; they are gone when it is closed.
    """

    def plain(path: Path) -> Path:
        return held.enter_context(plain_name(path.parent)) / path.name

    def plain_here(path: str) -> str:
        return path if is_hdfs(path) else str(plain(Path(path).absolute()))

    return dataclasses.replace(
        launch,
        order=plain(launch.order),
        weights=plain(launch.weights) if launch.weights else None,
        package=plain(launch.package) if launch.package else None,
        work_dir=held.enter_context(plain_name(launch.work_dir)),
        output_dir=plain_here(launch.output_dir),
        rows_dir=plain_here(launch.rows_dir),
    )
