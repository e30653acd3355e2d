"""Packs in processes of this machine, so many at a time; each ends when its driver ends."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mrdl.mapreduce.shipping import with_package
from mrdl.mapreduce.task import DIES_WITH_DRIVER, kill_tasks
from mrdl.sweep.jobs.pack import Item

if TYPE_CHECKING:
    from mrdl.sweep.folder import SweepFolder

POLL_S = 0.5


class Processes:
    """Runs packs of a sweep, so many at a time."""

    def __init__(self, sweep: "SweepFolder", slots: int) -> None:
        self._sweep, self._slots = sweep, slots

    def run(self, packs: Sequence[Sequence[str]], work: Mapping[str, Item]) -> None:
        """Each pack is a job of its own, and a process of its own; its part grows line by line."""
        queue, running = list(packs), dict[str, tuple[subprocess.Popen[bytes], Sequence[str]]]()
        control = self._sweep.path / "control"
        control.mkdir(exist_ok=True)
        try:
            while running or (queue and not self._sweep.stopped()):
                while queue and len(running) < self._slots and not self._sweep.stopped():
                    pack = queue.pop(0)
                    name = self._sweep.intend([pack])
                    about = {
                        **self._sweep.settings(),
                        "data": str(self._sweep.data),
                        "work": [work[arch_id] for arch_id in pack],
                    }
                    (control / f"{name}.json").write_text(json.dumps(about))
                    running[name] = self._start(name), pack
                time.sleep(POLL_S / 5 if len(running) < self._slots else POLL_S)
                for name, (process, pack) in list(running.items()):
                    over = process.poll() is not None  # asked before the part is read: nothing comes after its end
                    self._sweep.parts.take_in(name)
                    if over:
                        self._sweep.parts.over(name, self._suspects(name, pack), self._last_words(name))
                        del running[name]
                self._sweep.tell(now=False)
        except BaseException:
            for process, _ in running.values():
                process.kill()
                process.wait()
            kill_tasks()
            raise

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        python = shlex.split(self._sweep.site.get("python_bin", "")) or [sys.executable]
        command = [*python, "-m", "mrdl.sweep.jobs.pack", str(self._sweep.path / "control" / f"{name}.json")]
        env = with_package(**{DIES_WITH_DRIVER: str(os.getpid()), "OMP_NUM_THREADS": "1"})
        with open(self._sweep.path / "control" / f"{name}.err", "wb") as err:
            return subprocess.Popen([*command, str(self._sweep.parts.path(name))], env=env, stdout=err, stderr=err)

    def _suspects(self, name: str, pack: Sequence[str]) -> Sequence[str]:
        """The designs that were trained when a process ended; all of its pack where it had not begun."""
        try:
            return list(json.loads((self._sweep.path / "control" / f"{name}.begun").read_text()))
        except (OSError, ValueError):
            return pack

    def _last_words(self, name: str) -> str:
        try:
            return (self._sweep.path / "control" / f"{name}.err").read_text(errors="replace")[-2000:]
        except OSError:
            return ""
