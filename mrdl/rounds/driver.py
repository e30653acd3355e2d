"""A run from its settings to its model: what a caller asks for, and what comes of it."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mrdl.data.statistics import Statistics
from mrdl.mapreduce.runners import runner_of
from mrdl.model.baseline import as_json
from mrdl.model.model import Model
from mrdl.rounds import provenance
from mrdl.rounds.combine import ShardResult
from mrdl.rounds.events import Began, Failed, Finished, Listener, Listeners, PlannedRound, Progressed
from mrdl.rounds.folder import RunFolder, new_run_dir
from mrdl.rounds.job import RoundJob
from mrdl.rounds.plan import resolved
from mrdl.rounds.setup import Setup
from mrdl.rounds.submission import Submission
from mrdl.rounds.training import Training
from mrdl.settings.config import TrainConfig
from mrdl.settings.user_code import refuse_while_loading
from mrdl.storage.store import is_hdfs, waiting


@dataclass(frozen=True)
class Trained:
    """What a run ends in.

    statistics: of its data; results: those of each shard of the last round, where they were asked for; test: measure
    by name on the CSV or the fraction of the rows that the settings test on, empty without; remarks: for people;
    seconds: in all; stopped: why a listener ended it early, None where none did.
    """

    model: Model
    run_dir: str
    label: str | None
    shards: int
    statistics: Statistics
    results: tuple[ShardResult, ...]
    test: Mapping[str, float]
    remarks: tuple[str, ...]
    seconds: float
    stopped: str | None

    def summary(self) -> dict[str, Any]:
        """What `--json` prints, as an object of JSON.

        Accuracy, or of numbers rmse, mae and r2, and loss are those of the test where there was one, else of the rows
        kept out, else the training loss.
        """
        model, scores = self.model, self.test or self.model.validation
        return {
            **{
                name: scores.get(name)
                for name in ("accuracy", "balanced_accuracy", "auc", "f1")
                if "rmse" not in scores
            },
            **as_json(scores, model.preparation.usual),
            "loss": scores.get("loss", model.rounds[-1]["training_loss"]),
            "rounds": len(model.rounds),
            "shards": self.shards,
            "rows": self.statistics.training_rows + self.statistics.validation_rows,
            "label": self.label,
            "bad_rows": self.statistics.bad_rows,
            "sha256": model.sha256,
            "seconds": round(self.seconds, 3),
            "run_dir": self.run_dir,
        }


class Run:
    """A training that was asked for.

    data: a CSV, local or hdfs://; config: the settings; runner: by name; resume: whether it goes on where its folder's
    newest whole round ends; job_class: a user's own; initial: weights to start from, by name; keep_shards: whether the
    result of each shard is wanted; listeners: are told its events, see mrdl.rounds.events. Raises ConfigError for
    settings that contradict each other, or a runner that there is not.

    Run("data.csv", TrainConfig(shards=2), listeners=[print]).execute()
    """

    def __init__(
        self,
        data: str | os.PathLike[str],
        config: TrainConfig,
        *,
        runner: str = "inline",
        resume: bool = False,
        job_class: type[RoundJob] = RoundJob,
        initial: Mapping[str, np.ndarray] | None = None,
        keep_shards: bool = False,
        listeners: Iterable[Listener] = (),
    ) -> None:
        refuse_while_loading()
        self.data = os.fspath(data)
        self.config = config
        resolved(config)  # raises where settings contradict each other, before the data is looked at
        self.runner = runner_of(runner)
        self.folder = RunFolder(config.run_dir or new_run_dir())
        self._resume = resume
        self._job_class = job_class
        self._initial = initial
        self._keep_shards = keep_shards
        self._listeners = tuple(listeners)
        if resume:  # what is not said is as it was; the budget's epochs are not those of other --rounds
            kept = {name: value for name, value in self.folder.asked_for().items() if getattr(config, name) is None}
            self.config = self.config.with_changes(kept)

    @cached_property
    def setup(self) -> Setup:
        """The run as it is known before its first job. Raises ConfigError, DataError or SetupError, which say what is
        wrong, before anything runs."""
        return Setup.of(self.data, self.config, self.runner, self._job_class, self._initial)

    def execute(self) -> Model:
        """The network: train to the end, or go on where the folder's newest whole round ends.

        Raises what `train` raises.
        """
        return self.train().model

    def train(self) -> Trained:
        """Train to the end, or go on where the folder's newest whole round ends.

        Raises what `setup` raises, TrainingError where a job fails, or where a listener stopped the run before there
        was a network.
        """
        began, setup = time.monotonic(), self.setup
        listeners = Listeners(self._listeners)
        with _told_of_failure(listeners):
            training, model = self._train(setup, listeners)
            trained = Trained(
                model=model,
                run_dir=str(self.folder.path),
                label=setup.schema.label_name or None,
                shards=setup.config.shards,
                statistics=training.validation.prepared.statistics,
                results=tuple(training.results),
                test=self._test(model, training),
                remarks=tuple(training.validation.remarks(model)),
                seconds=time.monotonic() - began,
                stopped=training.stopped,
            )
        self._tell_of_end(trained, listeners)
        return trained

    def _test(self, model: Model, training: Training) -> dict[str, float]:
        """The measures of the final network on rows that decided nothing: a CSV, or a part of those kept out."""
        return model.evaluate(self.config.test) if self.config.test else training.validation.test(model)

    def _train(self, setup: Setup, listeners: Listeners) -> tuple[Training, Model]:
        """Hold the folder, train, and leave the network there.

        Listeners hear nothing before the run has its name, which it gets with the folder. Whatever ends the training
        is kept in run.json.
        """
        folder = self.folder
        with folder.held():
            driver = provenance.driver(self.runner.name, setup.cache().folder)
            identity = folder.claim(setup.identity(), self._resume, driver)
            listeners.run = identity["name"]
            with folder.recorded(provenance.left(identity["drivers"])) as record:
                folder.write(folder.config, setup.config.to_toml().encode())
                self._tell_of_start(setup, listeners)
                asks_hadoop = self.runner.reads_hdfs or is_hdfs(self.data)
                with waiting(asks_hadoop, setup.config.wait_s, listeners.note):
                    submission = self._submission(setup, identity["name"], record.left, listeners)
                    training = Training(setup, folder, submission, listeners, self._keep_shards)
                    try:
                        model = training.run()
                    finally:
                        record.stopped = training.stopped
                folder.write(folder.model, model.to_bytes())
        return training, model

    def _submission(self, setup: Setup, name: str, left: list[tuple[str, str]], listeners: Listeners) -> Submission:
        """What runs the jobs of the rounds. left: what earlier drivers may have left."""
        names = {planned.number: setup.name_of(planned) for planned in setup.rounds}
        return Submission(
            setup.source,
            setup.config,
            self.runner,
            self._job_class,
            self.folder,
            name,
            scaling=setup.initial.scaling,
            fitted_layers=setup.initial.fitted_layers,
            emit_shards=self._keep_shards,
            left=left,
            on_progress=lambda round_, progress: listeners.tell(
                Progressed, round=round_, name=names[round_], fraction=progress.fraction, text=progress.text
            ),
            note=listeners.note,
        )

    def _tell_of_start(self, setup: Setup, listeners: Listeners) -> None:
        """Tell that the run begins, and what its columns were taken for."""
        listeners.tell(
            Began,
            data=self.data,
            files=len(setup.source.files),
            size=setup.source.size,
            columns=len(setup.schema.columns),
            label=setup.label,
            recipe=setup.recipe,
            config=setup.config,
            runner=self.runner.name,
            run_dir=str(self.folder.path),
            rounds=tuple(
                PlannedRound(planned.number, setup.stage_of(planned).name, setup.name_of(planned))
                for planned in setup.rounds
            ),
        )
        for told in setup.source.told:
            listeners.note(told)

    def _tell_of_end(self, trained: Trained, listeners: Listeners) -> None:
        """Tell that the run is over, and what came of it."""
        model, counted = trained.model, trained.statistics
        listeners.tell(
            Finished,
            model=str(self.folder.model),
            kind=model.arch.kind,
            nodes=tuple(model.arch.nodes),
            sha256=model.sha256,
            training_rows=counted.training_rows,
            validation_rows=counted.validation_rows,
            bad_rows=counted.bad_rows,
            missing=counted.missing,
            validation=dict(model.validation),
            test=dict(trained.test),
            majority=model.preparation.usual,
            remarks=trained.remarks,
            seconds=trained.seconds,
            stopped=trained.stopped,
        )


@contextmanager
def _told_of_failure(listeners: Listeners) -> Iterator[None]:
    """Inside, whatever ends a run that has begun is told."""
    try:
        yield
    except BaseException as error:
        end = provenance.end(error)
        listeners.tell(Failed, ended=end["ended"], reason=end["reason"])
        raise
