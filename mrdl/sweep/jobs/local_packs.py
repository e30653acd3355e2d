"""Packs in processes of this machine, so many at a time; each ends when its driver ends."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mrdl.mapreduce.shipping import with_package
from mrdl.mapreduce.task import DIES_WITH_DRIVER, kill_tasks
from mrdl.sweep.jobs.child import TAIL
from mrdl.sweep.jobs.pack import Item
from mrdl.sweep.jobs.queue_loop import run_queue

if TYPE_CHECKING:
    from mrdl.sweep.folder import SweepFolder

Running = tuple[subprocess.Popen[bytes], Sequence[str]]
"""The process of a pack, and the pack."""


class Processes:
    """Runs packs of a sweep, so many at a time."""

    def __init__(self, sweep: "SweepFolder", slots: int) -> None:
        self._sweep, self._slots = sweep, slots

    def run(self, packs: Sequence[Sequence[str]], work: Mapping[str, Item]) -> None:
        """Each pack is a job of its own, and a process of its own; its part grows line by line.

        packs: the arch_ids of each; work: the designs by arch_id.
        """
        self._sweep.paths.control.mkdir(exist_ok=True)
        try:
            run_queue(self._sweep, packs, self._slots, partial(self._start, work), self._is_over, _end)
        except BaseException:
            kill_tasks()
            raise

    def _start(self, work: Mapping[str, Item], pack: Sequence[str]) -> tuple[str, Running]:
        """Start a pack of designs in a process of its own; returns its name and the process."""
        paths, name = self._sweep.paths, self._sweep.register([pack])
        told = {"data": str(paths.data), "stop_mark": str(paths.stop_mark), "work": [work[a] for a in pack]}
        paths.control_of(name).write_text(json.dumps({**self._sweep.settings(), **told}))
        python = shlex.split(self._sweep.site.get("python_bin", "")) or [sys.executable]
        command = [*python, "-m", "mrdl.sweep.jobs.pack", str(paths.control_of(name)), str(paths.part_of(name))]
        env = with_package(**{DIES_WITH_DRIVER: str(os.getpid()), "OMP_NUM_THREADS": "1"})
        with open(paths.errors_of(name), "wb") as errors:
            return name, (subprocess.Popen(command, env=env, stdout=errors, stderr=errors), pack)

    def _is_over(self, name: str, running: Running) -> bool:
        """Take in what a pack has told, and say whether it is over."""
        process, pack = running
        is_over = process.poll() is not None  # asked before the part is read: nothing comes after its end
        self._sweep.parts.take_in(name)
        if is_over:
            self._sweep.parts.close_lost(name, self._suspects(name, pack), self._last_words(name))
        return is_over

    def _suspects(self, name: str, pack: Sequence[str]) -> Sequence[str]:
        """The designs that were trained when a process ended; all of its pack where it had not begun."""
        try:
            return list(json.loads(self._sweep.paths.begun_of(name).read_text()))
        except (OSError, ValueError):
            return pack

    def _last_words(self, name: str) -> str:
        """The end of what the process of a pack has told."""
        try:
            return self._sweep.paths.errors_of(name).read_text(errors="replace")[-TAIL:]
        except OSError:
            return ""


def _end(running: Running) -> None:
    """End the process of a pack, and wait for it."""
    process, _ = running
    process.kill()
    process.wait()
