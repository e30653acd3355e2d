"""The promise, put to the test on a job of one's own: run it calm, then with seeded faults, and compare the bytes.

Each trial is a run of its own, as a user would start it, that faults hit at random moments. A driver that was killed
is started again with --resume; nothing else is helped along.
"""

import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mrdl.drill.faults import FAULTS, Trial
from mrdl.errors import TrainingError
from mrdl.mapreduce.runners import runner_of
from mrdl.storage.store import store_of

FAULTS_A_TRIAL = 3


@dataclass
class Report:
    """What came of a drill. hits: fault -> how often; equal: fault -> how often the bytes were those of the calm run;
    wrong: what the other trials ended in."""

    runner: str
    calm: str = ""
    calm_s: float = 0.0
    trials: int = 0
    hits: dict[str, int] = field(default_factory=dict)
    equal: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def count(self, hit: Sequence[str], found: str) -> None:
        """Take in a trial: the faults that hit it, and what it ended in."""
        for fault in hit:
            self.hits[fault] = self.hits.get(fault, 0) + 1
            self.equal[fault] = self.equal.get(fault, 0) + (found == self.calm)


def drill(
    words: Sequence[str],
    runner: str,
    faults: int,
    seed: int,
    folder: Path,
    on_progress: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Run `mrdl train WORDS` calm, then under at least so many faults. folder: where the runs may write.

    Raises TrainingError if even the calm run fails.
    """
    rng = np.random.default_rng(seed)
    report = Report(runner)
    where = runner_of(runner)
    cache = where.home("drill") if where.reads_hdfs else f"{folder}/cache"
    calm = Trial(words, folder / "calm", f"{cache}/calm", runner, rng)
    began = time.monotonic()
    calm.start()
    report.calm = calm.finish()
    report.calm_s = time.monotonic() - began
    if len(report.calm) != 64:
        raise TrainingError(f"the run fails without any fault:\n{report.calm}")
    on_progress(report)
    while sum(report.hits.values()) < faults:
        wanted = min(FAULTS_A_TRIAL, faults - sum(report.hits.values()))
        name = f"trial-{report.trials + 1}"
        # every third trial parses its text itself, so that faults hit the first job, too
        own = report.trials % 3 == 0
        trial = Trial(words, folder / name, f"{cache}/{name if own else 'calm'}", runner, rng)
        try:
            hit = _under_fire(trial, wanted, report.calm_s)
            found = trial.finish()
        except BaseException:
            trial.end(signal.SIGTERM)  # which also ends its job on YARN
            raise
        report.trials += 1
        report.count(hit, found)
        if found != report.calm:
            report.wrong.append(f"{name} ({', '.join(hit)}): {found}")
        else:
            shutil.rmtree(trial.run_dir)
        on_progress(report)
    store_of(cache).remove(cache)
    return report


def _under_fire(trial: Trial, wanted: int, calm_s: float) -> list[str]:
    """Start a trial and let faults hit it at random moments; returns those that did."""
    faults, hit = FAULTS[trial.runner], []
    trial.start()
    for _ in range(wanted):
        time.sleep(float(trial.rng.uniform(0, calm_s / wanted)))
        assert trial.process
        if trial.process.poll() is not None:
            break
        name = str(trial.rng.choice(list(faults)))
        if faults[name](trial):
            hit.append(name)
        if trial.process.poll() is not None:
            trial.start()
    return hit
