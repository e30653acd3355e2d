"""The rounds of a run that has begun: each a job, a step, a score and a commit.

A run goes through the stages of its network, each a warm start and then rounds. Any round can be the first one of this
process: a run whose cache of shards is gone parses the text again and goes on.
"""

import copy
import dataclasses
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property

from mrdl.data.statistics import Statistics
from mrdl.errors import Diverged, TrainingError
from mrdl.mapreduce.launch import Ended
from mrdl.mapreduce.timeline import Keeper, Span, Timeline
from mrdl.mapreduce.tracking import now
from mrdl.model.model import Model
from mrdl.nn.diagnostics.figures import EpochFigures
from mrdl.nn.weights import Weights, digest
from mrdl.rounds import outer_step, provenance
from mrdl.rounds.combine import ShardResult
from mrdl.rounds.diagnostics import judged, kept
from mrdl.rounds.events import Listeners, RoundDone
from mrdl.rounds.folder import Checkpoint, RunFolder
from mrdl.rounds.manifest import Manifest, best_round, rows_trained, seconds_by_phase, training_loss
from mrdl.rounds.order import Output
from mrdl.rounds.plan import Round, base_rate, refusal_of
from mrdl.rounds.setup import Setup
from mrdl.rounds.submission import Submission
from mrdl.rounds.validation import Validation
from mrdl.settings.decides import DATA, MODEL
from mrdl.settings.fields import decided


class Training:
    """Trains the rounds of a run that are not done yet.

    history: the manifests of those that are done; now: the state after the last of them; results: those of each shard
    of the last round, where they were asked for; stopped: why a listener ended the run early, None where none did.
    """

    def __init__(
        self, setup: Setup, folder: RunFolder, submission: Submission, listeners: Listeners, keep_shards: bool
    ) -> None:
        """Find the newest whole round. keep_shards: whether the result of each shard is asked for, which a finished
        round tells nothing of any more: the last one is trained again."""
        self.results: list[ShardResult] = []
        self.stopped: str | None = None
        self._flagged: set[str] = set()
        self._setup = setup
        self._config = setup.config
        self._folder = folder
        self._submission = submission
        self._listeners = listeners
        last = setup.rounds[-1].number - 1 if keep_shards else setup.rounds[-1].number
        self.history, found = folder.newest(setup.settings_digest, setup.rounds[0].number, last)
        self.now = found or Checkpoint(setup.rounds[0].number - 1, setup.initial.weights, {})
        if self.history:
            folder.write_history(self.history)
            self._note_versions()

    def run(self) -> Model:
        """Train to the last round, or to an earlier end that patience or a listener makes; returns the network.

        Raises ConfigError or DataError where the data turns out not to fit, TrainingError where a job fails, Diverged
        where no shard gave usable weights.
        """
        with Keeper(self._folder.timeline) as self._keeper:
            self._run()
        self._check_stop()
        if self.stopped is not None:
            self._listeners.note(f"the run stops early: {self.stopped}; --resume goes on")
        return self._model()

    def _run(self) -> None:
        """Train the rounds that are left."""
        self._check_stop()
        if self._submission.prepared:
            self._check_cached(self._submission.prepared.statistics)
        elif self.now.number == self._setup.rounds[-1].number or self._is_over():
            with suppress(Diverged):  # it is run for what it tells of the data, not for its weights
                self._submission.run(self._setup.rounds[0], self._setup.initial.weights, {})
        for planned in self._setup.rounds:
            if planned.number <= self.now.number:
                continue
            if self._is_over():
                break
            self._train(planned)

    def _check_cached(self, statistics: Statistics) -> None:
        """Raise the error of cached shards that these settings cannot train on, whatever those of the run that made
        them could."""
        setup = self._setup
        if refusal := refusal_of(self._config, setup.schema, setup.initial.scaling, statistics):
            raise setup.source.refused(statistics, refusal)

    @cached_property
    def validation(self) -> Validation:
        """What tells how good weights are, made once, when the data was seen."""
        assert self._submission.prepared is not None
        setup = self._setup
        return Validation(self._config, setup.schema, setup.initial.scaling, self._submission.prepared)

    # --- a round ---

    def _train(self, planned: Round) -> None:
        """Train a round, keep it and tell of it."""
        try:
            manifest = self._round(planned)
        except Diverged as error:
            self._diagnose(planned, error.diagnostics)
            raise self._diverged(error, planned) from error
        self.history.append(manifest)
        told = copy.deepcopy(manifest)  # a listener may do with its own what it likes
        self._listeners.tell(RoundDone, name=self._setup.name_of(planned), manifest=told)
        self._setup.holdout.check(self.validation.prepared.statistics.classes)

    def _round(self, planned: Round) -> Manifest:
        """Train a round from the state now, and commit what comes of it; returns its manifest.

        Raises Diverged where no shard gave usable weights: then the state is that before the round.
        """
        began = time.monotonic()
        before = self._state_before(planned)
        output, job = self._submission.run(planned, before.weights, self._failures(planned))
        self.validation.architecture.check(output.weights, f"the result of round {planned.number}")
        self.results = output.results
        if planned.is_warm_start:
            self.now, length = Checkpoint(planned.number, output.weights, {}), 1.0
        else:
            self.now, length = self._step(planned, before, output.weights)
        manifest = self._manifest(planned, output, job, length, began)
        self._diagnose(planned, output.diagnostics, manifest)
        self._folder.commit(self.now, manifest)
        self._keep_times(planned, job, time.monotonic() - began)
        return manifest

    def _diagnose(self, planned: Round, epochs: Sequence[EpochFigures], manifest: Manifest | None = None) -> None:
        """Keep the figures of a round's epochs, and note what looks ill that was not noted before.

        epochs: empty where none were asked for; manifest: of the round, None where it has none.
        """
        if not epochs:
            return
        kept.keep(self._folder, planned, self._setup.stage_of(planned).name, epochs)
        rounds = [*self.history, *([manifest] if manifest else [])]
        for flag in judged.flags(self._folder, rounds):
            if flag.name not in self._flagged:
                self._flagged.add(flag.name)
                self._listeners.note(str(flag))

    def _keep_times(self, planned: Round, job: Ended, seconds: float) -> None:
        """Have the timeline of a round kept that ends now."""
        end = now()
        whole = Span("driver", "driver", end - seconds, end)
        name, runner = self._setup.name_of(planned), self._submission.runner
        self._keeper.keep(lambda: Timeline(planned.number, name, runner, (whole, *job.spans())))

    def _state_before(self, planned: Round) -> Checkpoint:
        """The state that a round starts from; a further stage starts from what the one before it has left."""
        stage = self._setup.stage_of(planned)
        if not planned.stage or (self.history and self.history[-1].stage == stage.name):
            return self.now
        begun = self._setup.architecture.begun(stage, self.now.weights, self._setup.initial.weights)
        return Checkpoint(self.now.number, begun, {})

    def _failures(self, planned: Round) -> Counter[int]:
        """How often each shard with rows was left out before, in the rounds of the same stage."""
        stage = self._setup.stage_of(planned).name
        rounds = [manifest for manifest in self.history if manifest.stage == stage and not manifest.is_warm_start]
        return Counter(shard.shard for manifest in rounds for shard in manifest.left_out if shard.num_examples)

    def _step(self, planned: Round, before: Checkpoint, mean: Weights) -> tuple[Checkpoint, float]:
        """The outer step from the state before a round to that after it, and its length.

        mean: the combined weights of the shards. The length is searched on the rows kept out where none is set.
        """
        config = self._config
        start = self.validation.architecture.completed(before.weights, config.seed, config.initialisation)
        step, velocity = outer_step.nesterov(start, mean, before.velocity, decided(config.outer_momentum))
        length = config.outer_step
        if length is None:
            length = outer_step.best_length(
                lambda at: self.validation.loss(planned.stage, outer_step.along(start, step, at))
            )
        plain = length == 1 and not config.outer_momentum  # the mean to the bit: a sum of differences may miss it
        return Checkpoint(planned.number, mean if plain else outer_step.along(start, step, length), velocity), length

    def _manifest(self, planned: Round, output: Output, job: Ended, length: float, began: float) -> Manifest:
        """What is known of the round that leads to the state now."""
        shards = tuple(output.shards)
        validation = self.validation.score(planned.stage, self.now.weights)
        seconds = time.monotonic() - began
        return Manifest(
            round=planned.number,
            stage=self._setup.stage_of(planned).name,
            stage_round=planned.stage_round,
            sha256=digest(self.now.weights),
            velocity=digest(self.now.velocity),
            parent=self.history[-1].sha256 if self.history else "",
            settings=self._setup.settings_digest,
            rows=rows_trained(shards),
            training_loss=training_loss(shards),
            shards=shards,
            validation=validation,
            majority=self.validation.preparation.usual,
            outer_step=length,
            retried=job.retried,
            seconds=round(seconds, 3),
            spent=seconds_by_phase(seconds, job.phases_s),
            cpu_s=job.cpu_s,
            versions=provenance.versions(),
        )

    # --- the end ---

    def _is_over(self) -> bool:
        """Whether no further round is to be trained.

        A listener asked for it, or as many rounds as the setting `patience` says were no better on the validation rows.
        """
        if self._listeners.stop is not None:
            return True
        patience, rounds = self._config.patience, self._rounds_of_last_stage()
        return bool(patience and rounds and rounds[-1].round - best_round(rounds, self._config.stop_on) >= patience)

    def _check_stop(self) -> None:
        """Take note of a listener that ended the run; raises TrainingError where there is no network yet."""
        reason = self._listeners.stop
        if reason is None or self.now.number == self._setup.rounds[-1].number:
            return
        self.stopped = reason
        if not self._rounds_of_last_stage():
            raise TrainingError(f"the run was stopped before there was a network of it: {reason}.")

    def _rounds_of_last_stage(self) -> list[Manifest]:
        """The rounds that may be stopped early, and of which the best is kept: not the warm start."""
        last = self._setup.architecture.stages[-1].name
        return [manifest for manifest in self.history if manifest.stage == last and not manifest.is_warm_start]

    def _diverged(self, error: Diverged, planned: Round) -> Diverged:
        """The error of a round in which every shard failed; what was learnt before it is kept as a network."""
        stages = self._setup.architecture.stages
        is_below = stages[planned.stage].layer is not None and stages[-1].layer is None
        flag = "--layer-learning-rate" if is_below else "--learning-rate"
        rate = base_rate(self._config, stages, planned.stage) / 2
        advice = f"Start again with {flag} {rate:g} in another --run-dir"
        if not self._rounds_of_last_stage():
            return Diverged(f"{error} {advice}.")
        model = self._model()
        self._folder.write(self._folder.model, model.to_bytes())
        kept = model.rounds[-1]["round"]
        return Diverged(f"{error} {advice}, or take the network of round {kept}, in {self._folder.model}.")

    def _model(self) -> Model:
        """The network of the rounds that are done: that of the best one where the settings say so, else of the last.

        Raises ConfigError, with the way out, where the best round is damaged.
        """
        now, history = self.now, self.history
        if self._config.keeps_best:
            best = best_round(self._rounds_of_last_stage(), self._config.stop_on)
            now = now if best == now.number else self._folder.read_best(best)
            history = [manifest for manifest in history if manifest.round <= best]
        fields = [f.name for f in dataclasses.fields(self._config) if f.metadata["decides"] in (DATA, MODEL)]
        return Model(
            self.validation.architecture,
            now.weights,
            self.validation.preparation.with_own_dictionary(),
            settings={name: getattr(self._config, name) for name in fields},
            rounds=[manifest.history_row() for manifest in history if not manifest.is_warm_start],
            lineage={"rounds": [manifest.sha256 for manifest in history]},
            run_dir=str(self._folder.path),
            cut=self.validation.cut(now.weights),
            shard_weights=[result.weights for result in self.results],
        )

    def _note_versions(self) -> None:
        """Note where the round that the run goes on from was made with other versions."""
        if differ := provenance.differ(self.history[-1].versions, provenance.versions()):
            text = f"round {self.now.number} was made with other versions, the bytes may differ: {differ}"
            self._listeners.note(text)
