"""What the jobs of a runner cost beside their work: measured here and kept, else typical."""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import numpy as np

from mrdl.mapreduce.runners import runner_of
from mrdl.rounds.driver import Run
from mrdl.settings.config import TrainConfig
from mrdl.storage import measured
from mrdl.storage.store import store_of

SHARED = "speed of a busy core"  # by that of one that is alone
TYPICAL_SHARED = 0.85  # of two cores that multiply matrices side by side (scripts/bench/advise.py)
DRIVER_S = 1.5  # the driver's own look at the data, and its end
INLINE_ROUND_S = 0.1
MEASURING_S = 15.0  # what `measure_here` takes on two cores
IMPORTS_ROWS = "import mrdl.rounds.job"  # by every task
IMPORTS_TRAINING = "import mrdl.rounds.job, mrdl.nn.trainer"  # by a task that trains


@dataclass(frozen=True)
class Costs:
    """What a runner takes beside the work.

    first_s: seconds for the first job; round_s: for each round's; slots: tasks at a time; shared: the speed of a task
    when all slots are busy, by that of one alone.
    """

    first_s: float
    round_s: float
    slots: int
    shared: float = 1.0


def costs(runner: str) -> Costs:
    """The costs of a runner as they were measured here, else those that are typical."""
    found = runner_of(runner)
    first_s, round_s = measured.known(found.place, 2) or found.typical_s
    (shared,) = measured.known(measured.of_this_machine(SHARED), 1) or (TYPICAL_SHARED,)
    return Costs(first_s, round_s, found.slots(), shared)


def is_known(runner: str) -> bool:
    """Whether the costs of a runner were measured here."""
    return measured.known(runner_of(runner).place, 2) is not None


def keep(runner: str, first_s: float, round_s: float) -> None:
    """Remember what the jobs of a runner cost here, in seconds beside their work.

    first_s: of the first job, from the start of the command; round_s: of the job of each round.
    """
    measured.keep(runner_of(runner).place, [round(first_s, 3), round(round_s, 3)])


def measure_here() -> None:
    """Measure the runners of this machine, by what each process of a job needs to get to its work; keep it."""
    light = _seconds_of(IMPORTS_ROWS)
    heavy = _seconds_of(IMPORTS_TRAINING)
    side_by_side = _seconds_of(IMPORTS_TRAINING, at_once=_cores())
    keep("inline", heavy + DRIVER_S, INLINE_ROUND_S)
    # the first job: a mapper, a reducer that trains, a mapper and a reducer that combine; a round: two tasks
    keep("local", heavy + DRIVER_S + 3 * light + side_by_side, side_by_side + light)
    measured.keep(measured.of_this_machine(SHARED), [round(_shared(), 3)])


def measure_cluster(runner: str) -> None:
    """Measure a runner on a cluster, by a run on it that has next to nothing to do; keep it."""
    where = runner_of(runner)
    home = where.home("advise")
    store = store_of(home)
    path = f"{home}/rows.csv"
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.arange(400) % 2, rng.integers(0, 256, (400, 8))])
    store.write(path, "".join(",".join(map(str, row)) + "\n" for row in rows).encode())
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            nodes=(8, 4, 2),
            shards=max(2, where.slots()),
            rounds=1,
            epochs=1,
            warm_epochs=1,
            run_dir=f"{folder}/run",
            cache_dir=f"{home}/cache",
        )
        run = Run(path, config, runner=runner)
        run.execute()
        first_s, round_s = [manifest.seconds for manifest in run.folder.manifests()]
    store.remove(home)
    keep(runner, first_s + _seconds_of(IMPORTS_TRAINING) + DRIVER_S, round_s)


def _cores() -> int:
    """The number of cores that this process may use."""
    return runner_of("local").slots()


def _shared() -> float:
    """The speed at which a core multiplies matrices when all cores do, by that of one alone: 1 where none is in the
    way of another. The matrices are those of a training of MNIST by batches of 16 rows.
    """
    code = (
        "import time, numpy as np; a, b = np.ones((16, 784), np.float32), np.ones((784, 500), np.float32); n = 0;"
        "v = np.zeros(400_000, np.float32); end = time.perf_counter() + 1.5\n"
        "while time.perf_counter() < end: a @ b; v *= 0.5; v += v; n += 1\n"
        "print(n)"
    )

    def all_at_once(count: int) -> float:
        """The products of a process, on average over so many at once."""
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        words = [sys.executable, "-c", code]
        processes = [subprocess.Popen(words, stdout=subprocess.PIPE, env=env) for _ in range(count)]
        return sum(int(process.communicate()[0]) for process in processes) / count

    cores = _cores()
    return min(1.0, all_at_once(cores) / all_at_once(1)) if cores > 1 else 1.0


def _seconds_of(code: str, at_once: int = 1) -> float:
    """The seconds until so many processes have run some code side by side."""
    began = time.perf_counter()
    for process in [subprocess.Popen([sys.executable, "-c", code]) for _ in range(at_once)]:
        process.wait()
    return time.perf_counter() - began
