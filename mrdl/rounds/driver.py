"""A run from its settings to its model: look at the data, then round after round a job, a step, a score and a commit.

A run goes through the stages of its network, each a warm start and then rounds. Any round can be the first one of this
process: a run whose cache of shards is gone parses the text again and goes on.
"""

import dataclasses
import os
import time
from collections import Counter
from contextlib import suppress
from typing import Any

from mrdl.data.source import Source
from mrdl.errors import Diverged
from mrdl.mapreduce.runners import runner_of
from mrdl.model.baseline import as_json
from mrdl.model.model import Model
from mrdl.nn.weights import Weights, digest
from mrdl.rounds import outer_step, provenance
from mrdl.rounds.combine import ShardResult
from mrdl.rounds.extensions import code_of_run
from mrdl.rounds.folder import Checkpoint, RunFolder, new_run_dir
from mrdl.rounds.holdout import Holdout
from mrdl.rounds.initial import Initial, with_nodes_of_start
from mrdl.rounds.job import RoundJob
from mrdl.rounds.manifest import Manifest, best_round, rows_trained, seconds_by_phase, training_loss
from mrdl.rounds.plan import Round, architecture_of, base_rate, resolved, rounds_of
from mrdl.rounds.submission import Submission
from mrdl.rounds.validation import Judge
from mrdl.settings.config import DATA, MODEL, TrainConfig
from mrdl.settings.fields import decided
from mrdl.settings.user_code import check_for_tasks, refuse_while_loading
from mrdl.shards.cache import shard_cache
from mrdl.storage.store import is_hdfs, waiting


class Run:
    """One training run. `screen` is told what happens: begin, progress, round_done, note, finish."""

    def __init__(
        self,
        data: str | os.PathLike[str],
        config: TrainConfig,
        *,
        runner: str = "inline",
        resume: bool = False,
        job_class: type[RoundJob] = RoundJob,
        initial: Weights | None = None,
        keep_shards: bool = False,
        screen: Any = None,
    ) -> None:
        refuse_while_loading()
        self.data, self.config, self.runner = os.fspath(data), resolved(config), runner_of(runner)
        self.resume, self.job_class, self.screen = resume, job_class, screen
        self.initial_weights, self.keep_shards = initial, keep_shards
        self.folder = RunFolder(config.run_dir or new_run_dir())
        self.seconds = 0.0
        self.tested: dict[str, float] | None = None
        self.results: list[ShardResult] = []
        self._judge: Judge | None = None
        if resume:  # what is not said is as it was; the budget's epochs are not those of other --rounds
            kept = {name: value for name, value in self.folder.asked_for().items() if getattr(config, name) is None}
            self.config = self.config.with_changes(kept)

    def execute(self) -> Model:
        """Train to the end, or go on where the folder's newest whole round ends."""
        began = time.monotonic()
        self.runner.check(self.config.python_bin, self.config.mrjob_conf)
        if not self.runner.runs_here:
            check_for_tasks(code_of_run(self.config, self.job_class), self.job_class)
        self.source = Source.look_at(self.data, self.config)
        self.schema = self.source.schema
        as_it_is = self.job_class.parse is RoundJob.parse
        self.label = self.source.head.label(self.config.label, self.config.supervised, judged=as_it_is)
        if as_it_is:
            self.source.check_columns(said=bool(self.config.label))
        # one run, whether the label was said or not
        self.config = self.config.with_changes({"label": self.config.label or str(self.schema.label)})
        self.config = with_nodes_of_start(self.config)
        self.architecture = architecture_of(self.config, self.schema)
        self.initial = Initial.of(self.config, self.architecture, self.schema, self.initial_weights)
        self.rounds = rounds_of(self.config, self.architecture.stages, self.initial.stage)
        self.holdout = Holdout.of(self.config, self.source, plain=as_it_is)
        with self.folder.held():
            cache = shard_cache(self.source, self.config, self.runner.home("shards"), self.job_class)
            driver = provenance.driver(self.runner.name, cache.folder)
            self.identity = self.folder.claim(self._identity(), self.resume, driver)
            with self.folder.recorded(provenance.left(self.identity["drivers"])) as self.left:
                self.folder.write(self.folder.config, self.config.to_toml().encode())
                self._tell("begin", self)
                asks_hadoop = self.runner.reads_hdfs or is_hdfs(self.data)
                with waiting(asks_hadoop, self.config.wait_s, lambda text: self._tell("note", text)):
                    model = self._rounds()
                self.folder.write(self.folder.model, model.to_bytes())
        self.tested = model.evaluate(self.config.test) if self.config.test else None
        self.seconds = time.monotonic() - began
        self._tell("finish", self, model, self.tested)
        return model

    def summary(self, model: Model) -> dict[str, Any]:
        """What `--json` prints; accuracy and loss are those of the test where there was one."""
        assert self.submission.prepared is not None
        counted, scores = self.submission.prepared.statistics, self.tested or model.validation
        return {
            "accuracy": scores.get("accuracy"),
            **as_json(scores, model.preparation.majority),
            "loss": scores.get("loss", model.rounds[-1]["training_loss"]),
            "rounds": len(model.rounds),
            "shards": self.config.shards,
            "rows": counted.training_rows + counted.validation_rows,
            "label": self.schema.label_name or None,
            "bad_rows": counted.bad_rows,
            "sha256": model.sha256,
            "seconds": round(self.seconds, 3),
            "run_dir": str(self.folder.path),
        }

    # --- rounds ---

    def _rounds(self) -> Model:
        rounds = self.rounds
        last = rounds[-1].number - self.keep_shards  # a finished round tells nothing of its shards' weights any more
        history, now = self.folder.newest(self._settings_digest, rounds[0].number, last)
        if now is None:
            now = Checkpoint(rounds[0].number - 1, self.initial.weights, {})
        else:
            self.folder.write_history(history)
            if told := provenance.differ(history[-1].versions, provenance.versions()):
                self._tell("note", f"round {now.number} was made with other versions, the bytes may differ: {told}")
        self.submission = Submission(
            self.source, self.config, self.runner, self.job_class, self.folder, self.identity["name"],
            scaling=self.initial.scaling, fitted_layers=self.initial.fitted_layers, emit_shards=self.keep_shards,
            left=self.left,
            on_progress=lambda *about: self._tell("progress", *about),
            note=lambda text: self._tell("note", text),
        )  # fmt: skip
        if self.submission.prepared:
            self.judge.arch  # raises where the nodes do not fit the data, before any job  # noqa: B018
        elif now.number == rounds[-1].number or self._patience_is_over(history):
            with suppress(Diverged):  # it is run for what it tells of the data, not for its weights
                self.submission.run(rounds[-1], now.weights, {})
        for planned in rounds:
            if planned.number <= now.number or self._patience_is_over(history):
                continue
            try:
                now, manifest = self._round(planned, now, history)
            except Diverged as error:
                raise self._stopped(error, now, history) from error
            history.append(manifest)
            self._tell("round_done", manifest)
            self.holdout.check(self.submission.prepared.statistics.classes if self.submission.prepared else ())
        return self._model(now, history)

    def _round(self, planned: Round, before: Checkpoint, history: list[Manifest]) -> tuple[Checkpoint, Manifest]:
        began, stage = time.monotonic(), self.architecture.stages[planned.stage]
        if planned.stage and (not history or history[-1].stage != stage.name):
            begun = self.architecture.begun(stage, before.weights, self.initial.weights)
            before = Checkpoint(before.number, begun, {})
        failed = Counter(
            shard.shard
            for manifest in history
            if manifest.stage == stage.name and not manifest.is_warm_start
            for shard in manifest.left_out
            if shard.num_examples
        )
        output, job = self.submission.run(planned, before.weights, failed)
        self.judge.arch.check(output.weights, f"the result of round {planned.number}")
        self.results = output.results
        now, length = (
            self._step(planned, before, output.weights)
            if planned.stage_round
            else (Checkpoint(planned.number, output.weights, {}), 1.0)
        )
        shards = tuple(output.shards)
        seconds = time.monotonic() - began
        manifest = Manifest(
            round=planned.number,
            stage=stage.name,
            stage_round=planned.stage_round,
            sha256=digest(now.weights),
            velocity=digest(now.velocity),
            parent=history[-1].sha256 if history else "",
            settings=self._settings_digest,
            rows=rows_trained(shards),
            training_loss=training_loss(shards),
            shards=shards,
            validation=self.judge.score(planned.stage, now.weights),
            majority=self.judge.preparation.majority,
            outer_step=length,
            retried=job.retried,
            seconds=round(seconds, 3),
            spent=seconds_by_phase(seconds, job.phases_s),
            cpu_s=job.cpu_s,
            versions=provenance.versions(),
        )
        self.folder.commit(now, manifest)
        return now, manifest

    def _step(self, planned: Round, before: Checkpoint, mean: Weights) -> tuple[Checkpoint, float]:
        """The outer step from the weights before the round to those after it, and its length."""
        start = self.judge.arch.completed(before.weights, self.config.seed, self.config.initialisation)
        step, velocity = outer_step.nesterov(start, mean, before.velocity, decided(self.config.outer_momentum))
        length = self.config.outer_step
        if length is None:
            length = outer_step.best_length(
                lambda at: self.judge.loss(planned.stage, outer_step.along(start, step, at))
            )
        plain = length == 1 and not self.config.outer_momentum  # the mean to the bit: a sum of differences may miss it
        return Checkpoint(planned.number, mean if plain else outer_step.along(start, step, length), velocity), length

    def _patience_is_over(self, history: list[Manifest]) -> bool:
        rounds = self._of_last_stage(history)
        return bool(self.config.patience and rounds and rounds[-1].round - best_round(rounds) >= self.config.patience)

    def _of_last_stage(self, history: list[Manifest]) -> list[Manifest]:
        """Its rounds, without the warm start: those that may be stopped early, and of which the best is kept."""
        return [m for m in history if m.stage == self.architecture.stages[-1].name and not m.is_warm_start]

    def _stopped(self, error: Diverged, now: Checkpoint, history: list[Manifest]) -> Diverged:
        """The error of a round in which every shard failed; what was learnt before it is kept as a network."""
        stages, i = self.architecture.stages, next(t.stage for t in self.rounds if t.number > now.number)
        layers = stages[i].layer is not None and stages[-1].layer is None
        flag = "--layer-learning-rate" if layers else "--learning-rate"
        rate = base_rate(self.config, stages, i) / 2
        advice = f"Start again with {flag} {rate:g} in another --run-dir"
        if not self._of_last_stage(history):
            return Diverged(f"{error} {advice}.")
        model = self._model(now, history)
        self.folder.write(self.folder.model, model.to_bytes())
        kept = model.rounds[-1]["round"]
        return Diverged(f"{error} {advice}, or take the network of round {kept}, in {self.folder.model}.")

    @property
    def judge(self) -> Judge:
        """What tells how good weights are, once the data was seen."""
        prepared = self.submission.prepared
        assert prepared is not None
        if self._judge is None or self._judge.prepared is not prepared:  # the shards were made, or made again
            self._judge = Judge(self.config, self.schema, self.initial.scaling, prepared)
        return self._judge

    def _model(self, now: Checkpoint, history: list[Manifest]) -> Model:
        if self.config.patience:
            best = best_round(self._of_last_stage(history))
            now = now if best == now.number else self.folder.read_best(best)
            history = [m for m in history if m.round <= best]
        decides = [f.name for f in dataclasses.fields(self.config) if f.metadata["decides"] in (DATA, MODEL)]
        return Model(
            self.judge.arch,
            now.weights,
            self.judge.preparation,
            settings={name: getattr(self.config, name) for name in decides},
            rounds=[m.history_row() for m in history if not m.is_warm_start],
            lineage={"rounds": [m.sha256 for m in history]},
            run_dir=str(self.folder.path),
            shard_weights=[result.weights for result in self.results],
        )

    # --- this and that ---

    def _identity(self) -> dict[str, Any]:
        settings = self.config.said((DATA, MODEL), but=self._may_change)
        if self.initial.weights:
            settings["initial"] = digest(self.initial.weights)
        name = f"mrdl-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}"
        code = code_of_run(self.config, self.job_class).digests
        return {"name": name, "data": self.source.identity(), "settings": settings, "code": code}

    @property
    def _may_change(self) -> tuple[str, ...]:
        """Settings that a run may go on with changed: more rounds of the same run are the same run, unless a later
        stage or the schedule builds on their number."""
        longer = self.config.schedule == "constant" and len(self.architecture.stages) == 1
        return ("budget", "rounds") if longer else ("budget",)

    @property
    def _settings_digest(self) -> str:
        return self.config.digest((DATA, MODEL), but=self._may_change)

    def _tell(self, what: str, *about: Any) -> None:
        if self.screen is not None:
            getattr(self.screen, what)(*about)
