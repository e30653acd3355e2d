"""Drills a training: runs it calm, then under seeded faults, and compares the bytes of the networks.

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

from mrdl.drill.faults import faults_of
from mrdl.drill.trial import Trial
from mrdl.errors import TrainingError
from mrdl.mapreduce.runners import runner_of
from mrdl.storage.store import store_of

FAULTS_A_TRIAL = 3


@dataclass
class Report:
    """What came of a drill.

    runner: where the runs' tasks were; calm: sha256 of the calm run's network, None before it; calm_s: its seconds.
    trials: runs under fire.
    hits: fault -> how often it hit; equal: fault -> in how many of these the bytes were those of the calm run.
    wrong: what the trials ended in whose bytes were others.
    """

    runner: str
    calm: str | None = None
    calm_s: float = 0.0
    trials: int = 0
    hits: dict[str, int] = field(default_factory=dict)
    equal: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def count(self, hit: Sequence[str], found: str | None) -> None:
        """Count a trial. hit: the faults that hit it; found: the sha256 it ended in, None where it failed."""
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
    """Run `mrdl train WORDS` calm, then under at least so many faults; returns what came of it.

    words: what follows `mrdl train`, without run and cache folders; runner: its -r; seed: of the faults.
    folder: where the runs may write; on_progress: called with the report so far after each run.
    Raises TrainingError if even the calm run fails.

    drill(["data.csv", "-r", "local"], "local", faults=20, seed=0, folder=Path("drill")).wrong == []
    """
    rng = np.random.default_rng(seed)
    report = Report(runner)
    where = runner_of(runner)
    cache = where.home("drill") if where.reads_hdfs else f"{folder}/cache"
    _run_calm(report, Trial(words, folder / "calm", f"{cache}/calm", runner, rng))
    on_progress(report)
    while sum(report.hits.values()) < faults:
        name = f"trial-{report.trials + 1}"
        # every third trial parses its text itself, so that faults hit the first job, too
        own = report.trials % 3 == 0
        trial = Trial(words, folder / name, f"{cache}/{name if own else 'calm'}", runner, rng)
        _run_under_fire(report, trial, min(FAULTS_A_TRIAL, faults - sum(report.hits.values())))
        on_progress(report)
    store_of(cache).remove(cache)
    return report


def _run_calm(report: Report, trial: Trial) -> None:
    """Run a trial without faults and report its bytes and seconds; raises TrainingError where it fails."""
    began = time.monotonic()
    trial.start()
    outcome = trial.finish()
    if outcome.sha256 is None:
        raise TrainingError(f"the run fails without any fault:\n{outcome}")
    report.calm = outcome.sha256
    report.calm_s = time.monotonic() - began


def _run_under_fire(report: Report, trial: Trial, wanted: int) -> None:
    """Run a trial under so many faults at most and report it; its folder stays where its bytes are others."""
    try:
        hit = _strike(trial, wanted, report.calm_s)
        outcome = trial.finish()
    except BaseException:
        trial.end(signal.SIGTERM)  # which also ends its job on YARN
        raise
    report.trials += 1
    report.count(hit, outcome.sha256)
    if outcome.sha256 != report.calm:
        report.wrong.append(f"{trial.run_dir.name} ({', '.join(hit)}): {outcome}")
    else:
        shutil.rmtree(trial.run_dir)


def _strike(trial: Trial, wanted: int, calm_s: float) -> list[str]:
    """Start a trial and let faults hit it at random moments; returns the names of those that did.

    wanted: how many may hit, at most; calm_s: the seconds of a calm run, over which they are spread.
    """
    faults = faults_of(trial.runner)
    hit = []
    trial.start()
    for _ in range(wanted):
        time.sleep(float(trial.rng.uniform(0, calm_s / wanted)))
        assert trial.process
        if trial.process.poll() is not None:
            break
        name = str(trial.rng.choice(list(faults)))
        if faults[name].strike(trial):
            hit.append(name)
        if trial.process.poll() is not None:
            trial.start()
    return hit
