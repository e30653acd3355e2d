"""What a run is, as far as it is known before its first job: the data looked at, the settings completed by it."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrdl.data.schema import Schema
from mrdl.data.source import Source
from mrdl.mapreduce.runners import Runner
from mrdl.nn.architecture import Architecture, Stage
from mrdl.nn.weights import digest
from mrdl.rounds.extensions import code_of_run
from mrdl.rounds.holdout import Holdout
from mrdl.rounds.initial import Initial, with_nodes_of_start
from mrdl.rounds.job import RoundJob
from mrdl.rounds.plan import Round, architecture_of, rounds_of
from mrdl.settings.config import DATA, MODEL, TrainConfig
from mrdl.settings.user_code import check_for_tasks
from mrdl.shards.cache import ShardCache, shard_cache


@dataclass(frozen=True)
class Setup:
    """A run that can begin.

    config: the settings, with the label and the nodes that data or a model to start from decide; label: which column
    that is, and why, for people; architecture: the network, as far as it is known before the data was read; initial:
    what it starts from; rounds: all of them; holdout: the CSV that the network is tested on.
    """

    source: Source
    config: TrainConfig
    runner: Runner
    job_class: type[RoundJob]
    label: str
    architecture: Architecture
    initial: Initial
    rounds: tuple[Round, ...]
    holdout: Holdout

    @classmethod
    def of(
        cls,
        data: str,
        config: TrainConfig,
        runner: Runner,
        job_class: type[RoundJob],
        weights: Mapping[str, np.ndarray] | None,
    ) -> "Setup":
        """Look at the data and check that all fits together.

        config: resolved; weights: the caller's own to start from. Raises ConfigError, DataError or SetupError, which
        say what is wrong, before anything runs.
        """
        runner.check(config.python_bin, config.mrjob_conf)
        if not runner.runs_here:
            check_for_tasks(code_of_run(config, job_class), job_class)
        source = Source.look_at(data, config)
        is_plain = job_class.parse is RoundJob.parse  # and the data is the CSV that it looks like
        label = source.head.label(config.label, config.supervised, judged=is_plain)
        if is_plain:
            source.check_columns(said=bool(config.label))
        # one run, whether the label was said or not
        config = config.with_changes({"label": config.label or str(source.schema.label)})
        config = with_nodes_of_start(config)
        architecture = architecture_of(config, source.schema)
        initial = Initial.of(config, architecture, source.schema, weights)
        rounds = tuple(rounds_of(config, architecture.stages, initial.stage))
        holdout = Holdout.of(config, source, plain=is_plain)
        return cls(source, config, runner, job_class, label, architecture, initial, rounds, holdout)

    @property
    def schema(self) -> Schema:
        """The columns of the data."""
        return self.source.schema

    def cache(self) -> ShardCache:
        """The cache of the run's shards."""
        return shard_cache(self.source, self.config, self.runner.home("shards"), self.job_class)

    def stage_of(self, planned: Round) -> Stage:
        """The stage that a round trains."""
        return self.architecture.stages[planned.stage]

    def name_of(self, planned: Round) -> str:
        """A round for people, as `layer 1, round 2/3`."""
        number = f"round {planned.stage_round}/{planned.stage_rounds}" if planned.stage_round else "warm start"
        stage = self.stage_of(planned).name
        return f"{stage}, {number}" if stage else number

    def identity(self) -> dict[str, Any]:
        """What run.json says of the run: a new name, and the digests of data, settings and code that make it this one
        and no other."""
        settings = self.config.said((DATA, MODEL), but=self._may_change)
        if self.initial.weights:
            settings["initial"] = digest(self.initial.weights)
        name = f"mrdl-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}"
        code = code_of_run(self.config, self.job_class).digests
        return {"name": name, "data": self.source.identity(), "settings": settings, "code": code}

    @property
    def settings_digest(self) -> str:
        """The digest of the settings that decide what a round learns."""
        return self.config.digest((DATA, MODEL), but=self._may_change)

    @property
    def _may_change(self) -> tuple[str, ...]:
        """Settings that a run may go on with changed: more rounds of the same run are the same run, unless a later
        stage or the schedule builds on their number."""
        longer = self.config.schedule == "constant" and len(self.architecture.stages) == 1
        return ("budget", "rounds") if longer else ("budget",)
