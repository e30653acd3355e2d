"""Asks Hadoop's history server when the attempts of a job's tasks began and ended, and what they counted."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mrdl.cluster.rest import Absent, Rest
from mrdl.cluster.yarn import Cluster

KNOWN_S = 10  # until the history server has read the file of a job that is over
LOOK_S = 0.2
ASKED = 64  # tasks that are asked for their counters: two questions each


@dataclass(frozen=True)
class Attempt:
    """One attempt of a task.

    task: its name, as `map 0`; state: as YARN has it; start_s, end_s: of its container, in seconds of the clock;
    counters: of one group by name, empty where they were not asked for or there were none.
    """

    task: str
    state: str
    start_s: float
    end_s: float
    counters: dict[str, int]


def attempts(cluster: Cluster, application: str, group: str) -> list[Attempt]:
    """Return the attempts of a job that is over. group: of the counters that are asked for.

    Raises Absent where the history server does not know the job after a while, Unavailable or SetupError where it does
    not answer.
    """
    job = application.replace("application", "job")
    base = f"{cluster.historyserver}/ws/v1/history/mapreduce/jobs/{job}/tasks"
    history = Rest("the history server", cluster.user, cluster.kerberos)
    tasks = _listed(_patient(history, base), "tasks", "task")
    return [found for i, task in enumerate(tasks) for found in _of_task(history, base, task, group, i < ASKED)]


def _patient(history: Rest, url: str) -> dict[str, Any]:
    """Return a page, which may come a little later."""
    deadline = time.monotonic() + KNOWN_S
    while True:
        try:
            return history.get(url)
        except Absent:
            if time.monotonic() > deadline:
                raise
        time.sleep(LOOK_S)


def _of_task(history: Rest, base: str, task: dict[str, Any], group: str, asks: bool) -> Iterator[Attempt]:
    """Return a task's attempts; where nobody asks, the task as if it were one."""
    name = f"{task['type'].lower()} {int(task['id'].rpartition('_')[2])}"
    url = f"{base}/{task['id']}/attempts"
    for found in _listed(history.get(url), "taskAttempts", "taskAttempt") if asks else [task]:
        well = asks and found["state"] == "SUCCEEDED"
        counters = _counters(history.get(f"{url}/{found['id']}/counters"), group) if well else {}
        yield Attempt(name, found["state"], found["startTime"] / 1000, found["finishTime"] / 1000, counters)


def _counters(page: dict[str, Any], group: str) -> dict[str, int]:
    """Return the counters of a group by name."""
    groups = _listed(page, "jobTaskAttemptCounters", "taskAttemptCounterGroup")
    return {
        counter["name"]: int(counter["value"])
        for found in groups
        if found["counterGroupName"] == group
        for counter in _listed({"of": found}, "of", "counter")
    }


def _listed(page: dict[str, Any], outer: str, inner: str) -> list[dict[str, Any]]:
    """Return a list of YARN's JSON, which leaves the list away around a single element, and null for none."""
    found = (page.get(outer) or {}).get(inner) or []
    return [found] if isinstance(found, dict) else list(found)
