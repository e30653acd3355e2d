"""What can be seen of a job from outside: its progress, its phases, the log of a task that failed."""

import contextvars
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from mrdl.cluster import history
from mrdl.cluster.yarn import Cluster
from mrdl.errors import SetupError, Unavailable
from mrdl.mapreduce import timeline
from mrdl.mapreduce.status import EVERY_S, Progress
from mrdl.mapreduce.task import CPU_COUNTER, GROUP, UNIT
from mrdl.mapreduce.timeline import Span, of_task
from mrdl.storage.store import hdfs_store

OVER = "FAILED,KILLED,FINISHED"  # states of an application that YARN remembers
TAIL_BYTES = 4096  # of a task's standard error: its last status is there
OF_TASK = re.compile(r"(mapper|reducer)/(\d+)/stderr$")  # what mrjob keeps of a task, by its kind and number
COUNTED = re.compile(rf"^reporter:counter:{GROUP},(\w+){UNIT},(\d+)", re.M)
LANES = {"mapper": "map", "reducer": "reduce"}


class Tracker(Protocol):
    """What watches one job from outside; it is made before the job starts, so that it knows an earlier one's traces."""

    def progress(self) -> Progress:
        """The job's progress by now; asked again and again while it runs, from one thread at a time."""

    def phases_s(self) -> dict[str, float]:
        """The seconds of each phase, by its name; asked when the job is over."""

    def spans(self) -> Callable[[], list[Span]]:
        """What finds the spans of the job and its tasks, and may take its time; asked when the job is over."""

    def failure_log(self) -> str:
        """The standard error of a task that failed; empty where no task said anything."""


class FileTracker:
    """Watches a job of this machine, by what its tasks write to standard error.

    work_dir: the folder below which mrjob keeps that, a file a task; shards: those whose progress is the job's.
    """

    def __init__(self, work_dir: Path, shards: int) -> None:
        self._work_dir = work_dir
        self._began = now()
        self._progress = Progress(shards)

    def progress(self) -> Progress:
        """See Tracker."""
        self._progress.read(last_statuses(self._work_dir, self._began))
        return self._progress

    def phases_s(self) -> dict[str, float]:
        """See Tracker."""
        return {"job": now() - self._began}

    def spans(self) -> Callable[[], list[Span]]:
        """See Tracker; the files of the tasks are read at once, for they go."""
        job, tasks = Span("job", "job", self._began, now()), list[Span]()
        for path in self._work_dir.glob("*/step/*/*/*/stderr"):
            found, end_s = OF_TASK.search(path.as_posix()), path.stat().st_mtime
            if found and end_s >= self._began:
                spent = _counted(COUNTED.findall(path.read_text(errors="replace")))
                tasks += of_task(f"{LANES[found[1]]} {int(found[2])}", end_s - sum(spent.values()), end_s, spent)
        return lambda: [job, *tasks]

    def failure_log(self) -> str:
        """See Tracker."""
        logs = sorted(self._work_dir.glob("*/step/*/*/*/stderr"), key=lambda path: path.stat().st_mtime)
        texts = [path.read_text(errors="replace") for path in logs]
        return next((text for text in texts if "Traceback" in text), texts[-1] if texts else "")


class YarnTracker:
    """Watches the applications of one job on YARN; those of earlier jobs of the run are not looked at.

    tag: the run's name, by which YARN knows its applications; shards: those whose progress is the job's.
    """

    def __init__(self, tag: str, shards: int) -> None:
        self._cluster = hdfs_store().cluster
        self._tag = tag
        self._progress = Progress(shards)
        self._began = now()
        over = hdfs_store().retry(lambda: self._cluster.applications(tag, OVER))
        self._before = {application["id"] for application in over}
        self._mapped: dict[str, float] = {}  # when the maps of an application were first seen to be done

    def progress(self) -> Progress:
        """See Tracker; a YARN that does not answer is told in the progress's text."""
        progress = self._progress
        try:
            self._read(progress)
        except Unavailable:
            progress.text = "YARN does not answer"
        except SetupError:  # what the job's end hangs on is asked elsewhere
            progress.text = "YARN does not tell how far it is"
        return progress

    def _read(self, progress: Progress) -> None:
        """Take in what the tasks of the running applications say, or, before they say anything, what YARN does."""
        for application in self._cluster.applications(self._tag):
            statuses, mapped, reduced = self._cluster.statuses(application["id"])
            if mapped >= 100:
                self._mapped.setdefault(application["id"], now())
            before = progress.text
            progress.read(statuses)
            if progress.text == before and not progress.done:
                running = application["state"] == "RUNNING"
                progress.text = f"map {mapped:.0f}% reduce {reduced:.0f}%" if running else "waiting for a free slot"

    def phases_s(self) -> dict[str, float]:
        """See Tracker. client: outside of YARN; queue: until the ApplicationMaster runs; map and reduce: to half a
        second."""
        whole, phases = now() - self._began, {"queue": 0.0, "map": 0.0, "reduce": 0.0}
        for application in self._over():
            start, end = application["startedTime"] / 1000, application["finishedTime"] / 1000
            launched = application.get("launchTime", 0) / 1000 or start
            mapped = min(max(self._mapped.get(application["id"], end), launched), end)
            phases["queue"] += launched - start
            phases["map"] += mapped - launched
            phases["reduce"] += end - mapped
        return {"client": max(0.0, whole - sum(phases.values())), **phases}

    def spans(self) -> Callable[[], list[Span]]:
        """See Tracker: what YARN knows is asked now, what the history server knows later."""
        over, cluster = self._over(), self._cluster
        return lambda: [span for application in over for span in _spans_of(cluster, application)]

    def failure_log(self) -> str:
        """See Tracker."""
        for application in sorted(self._over(), key=lambda a: -a["startedTime"])[:1]:
            return self._cluster.failure(application["id"]) or str(application.get("diagnostics", ""))
        return ""

    def _over(self) -> list[dict[str, Any]]:
        """The applications of this job that are over, as YARN describes them."""
        try:
            return [a for a in self._cluster.applications(self._tag, OVER) if a["id"] not in self._before]
        except SetupError:
            return []  # YARN was away at that moment; the job's result does not hang on it


def _spans_of(cluster: Cluster, application: dict[str, Any]) -> Iterator[Span]:
    """The spans of an application that is over, and of its tasks; raises what `history.attempts` raises."""
    start, end = application["startedTime"] / 1000, application["finishedTime"] / 1000
    launched = application.get("launchTime", 0) / 1000 or start
    yield Span("queue", "job", start, launched)
    yield Span("master", "job", launched, end)
    for attempt in history.attempts(cluster, application["id"], GROUP):
        if attempt.state == "SUCCEEDED":
            spent = _counted((name.removesuffix(UNIT), ms) for name, ms in attempt.counters.items())
            yield from of_task(attempt.task, attempt.start_s, attempt.end_s, spent)
        else:
            yield Span(f"{attempt.state.lower()} attempt", attempt.task, attempt.start_s, attempt.end_s)


def _counted(found: Iterable[tuple[str, str | int]]) -> dict[str, float]:
    """Seconds by phase of a task. found: phase and milliseconds, as its counters have them."""
    return {phase: int(ms) / 1000 for phase, ms in found if phase in timeline.COUNTED}


def retried_attempts(counters: list[dict[str, dict[str, int]]]) -> int:
    """The number of attempts of tasks that failed or were killed, by Hadoop's counters of each step."""
    names = [f"{what} {kind} tasks" for what in ("Failed", "Killed") for kind in ("map", "reduce")]
    groups = [step.get("Job Counters", step.get("Job Counters ", {})) for step in counters]
    return sum(group.get(name, 0) for group in groups for name in names)


def counted_cpu_s(counters: list[dict[str, dict[str, int]]]) -> float | None:
    """The CPU seconds that the tasks of all steps say they have used; None where nothing came of their counters."""
    group, name = CPU_COUNTER
    found = [step[group][name] for step in counters if name in step.get(group, {})]
    return sum(found) / 1000 if found else None


class Watcher:
    """Calls a function each half second in a thread of its own, as long as it is entered.

    with Watcher(lambda: print(tracker.progress().text)): runner.run()
    """

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._over = threading.Event()
        # in a copy of this context, for a run waits for its services in all of its threads alike
        self._thread = threading.Thread(target=contextvars.copy_context().run, args=(self._run,), daemon=True)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            self._look()


def last_statuses(folder: Path, since: float) -> list[str]:
    """The newest status line of every task that mrjob has started below a folder on this machine.

    since: when the job began, in seconds of the clock; tasks that wrote nothing after that are an earlier job's.
    """
    found = []
    for stderr in folder.glob("*/step/*/*/*/stderr"):
        try:
            if stderr.stat().st_mtime < since:
                continue
            with stderr.open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            continue  # the job has just ended and its files go
        found += [line for line in lines if line.startswith("reporter:status:")][-1:]
    return found


def now() -> float:
    """Wall-clock seconds, for reports only: no result may depend on it."""
    return time.time()
