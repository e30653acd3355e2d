"""A run from its settings to its model: look at the data, then round after round a job, a score and a commit.

The first job parses the text and leaves packed shards in a cache; whoever finds them there, a later round or
a later run, starts from them. Any round can be the first one: a run whose cache is gone parses again and goes on.
"""

import dataclasses
import json
import os
import shutil
import time
from typing import Any

from safetensors.numpy import save

from mrdl import launch
from mrdl.architecture import Architecture, Weights, design, digest
from mrdl.cache import Prepared, hdfs_home, prepared_from, shard_cache
from mrdl.combine import ShardResult
from mrdl.config import DATA, MODEL, TrainConfig
from mrdl.errors import ConfigError, DamagedShard, TrainingError
from mrdl.job import TrainJob
from mrdl.model import Model
from mrdl.preparation import Preparation, prepare
from mrdl.results import RunFolder, new_run_dir, versions
from mrdl.runners import RUNNERS
from mrdl.source import Source
from mrdl.storage import hdfs_store


def train(
    data: str | os.PathLike[str],
    config: TrainConfig | None = None,
    *,
    runner: str = "inline",
    resume: bool = False,
    show: bool = True,
    **settings: Any,
) -> Model:
    """Train on a CSV (a local or hdfs:// file, folder or glob) and return the model.

    `settings` are fields of TrainConfig by name, over `config`. `show` prints progress on standard error.
    Raises ConfigError, DataError or SetupError before anything runs, TrainingError if a job fails.
    """
    from mrdl.console import Console  # people's side of it, not needed by whoever brings their own

    config = (config or TrainConfig()).with_changes(settings)
    return Run(data, config, runner=runner, resume=resume, screen=Console() if show else None).execute()


class Run:
    """One training run. `screen` is told what happens: begin, progress, round_done, finish."""

    def __init__(
        self,
        data: str | os.PathLike[str],
        config: TrainConfig,
        *,
        runner: str = "inline",
        resume: bool = False,
        job_class: type[TrainJob] = TrainJob,
        initial: Weights | None = None,
        keep_shards: bool = False,
        screen: Any = None,
    ) -> None:
        self.data, self.config, self.runner = os.fspath(data), config, runner
        self.resume, self.job_class, self.screen = resume, job_class, screen
        self.initial, self.keep_shards = initial, keep_shards
        self.folder = RunFolder(config.run_dir or new_run_dir())
        self.seconds = 0.0
        self.tested: dict[str, float] | None = None
        self.prepared: Prepared | None = None
        self.results: list[ShardResult] = []
        if runner not in RUNNERS:
            raise ConfigError(f"runner {runner!r}, expected one of {', '.join(RUNNERS)}")

    def execute(self) -> Model:
        """Train to the end, or go on where the folder's newest whole round ends."""
        began = time.monotonic()
        if self.runner == "hadoop":
            launch.find_hadoop()
        self.source = Source.look_at(self.data, self.config)
        self.schema = self.source.schema
        if self.config.test:
            Source.look_at(self.config.test, self.config)  # a wrong path shall not be found after the training
        with self.folder.held():
            identity = self.folder.claim(self._identity(), self.resume)
            self.tag = identity["name"]
            self.folder.write(self.folder.config, self.config.to_toml().encode())
            self._tell("begin", self)
            model = self._rounds()
            self.folder.write(self.folder.model, model.to_bytes())
        self.tested = model.evaluate(self.config.test) if self.config.test else None
        self.seconds = time.monotonic() - began
        self._tell("finish", self, model, self.tested)
        return model

    def summary(self, model: Model) -> dict[str, Any]:
        """What `--json` prints; accuracy and loss are those of the test where there was one."""
        assert self.prepared is not None
        counted, scores = self.prepared.statistics, self.tested or model.rounds[-1]
        return {
            "accuracy": scores.get("accuracy"),
            "loss": scores.get("loss", model.rounds[-1]["training_loss"]),
            "rounds": len(model.rounds),
            "shards": self.config.shards,
            "rows": counted.training_rows + counted.validation_rows,
            "bad_rows": counted.bad_rows,
            "sha256": model.sha256,
            "seconds": round(self.seconds, 3),
            "run_dir": str(self.folder.path),
        }

    # --- rounds ---

    def _rounds(self) -> Model:
        last = self.config.rounds - self.keep_shards  # a finished round tells nothing of its shards' weights any more
        done, weights, history = self.folder.newest(self._settings_digest, at_most=last)
        weights = weights if done else self.initial or {}
        self.cache = shard_cache(self.source, self.config, self.runner, self.job_class)
        self._clear()  # what a killed driver left
        self.prepared = self.cache.load()
        if self.prepared:
            self.arch  # raises where the nodes do not fit the data, before any job  # noqa: B018
        if self.prepared is None and done == self.config.rounds:
            self._job(done, weights)  # for what it tells of the data; its weights are those of the round
        for round_ in range(done + 1, self.config.rounds + 1):
            weights, manifest = self._round(round_, weights, history[-1]["sha256"] if history else "")
            history.append(manifest)
            self._tell("round_done", manifest)
        return self._model(weights, history)

    def _round(self, round_: int, weights: Weights, parent: str) -> tuple[Weights, dict[str, Any]]:
        began = time.monotonic()
        try:
            self._job(round_, weights)
        except DamagedShard:
            self.cache.remove()
            self.prepared = None
            self._tell("note", "the cached shards are damaged: they are made again from the CSV")
            self._job(round_, weights)
        self.arch.check(self.combined, f"the result of round {round_}")
        scores = self._score(self.combined)
        rows = sum(shard["num_examples"] for shard in self.shards)
        manifest = {
            "round": round_,
            "sha256": digest(self.combined),
            "parent": parent,
            "settings": self._settings_digest,
            "rows": rows,
            "training_loss": sum(s["loss"] * s["num_examples"] for s in self.shards if not s["left_out"])
            / max(1, rows),
            "validation": scores,
            "shards": self.shards,
            "seconds": round(time.monotonic() - began, 3),
            "versions": versions(),
        }
        self.folder.commit(round_, self.combined, manifest)
        return self.combined, manifest

    def _score(self, weights: Weights) -> dict[str, float]:
        assert self.prepared is not None
        sample = self.prepared.validation
        if not len(sample.features):
            return {}
        targets = self.preparation.class_numbers(sample.label_names)[sample.codes]
        rows = sample.order
        model = Model(self.arch, weights, self.preparation)
        return model.score(sample.features[rows], targets[rows])

    @property
    def preparation(self) -> Preparation:
        """The scaling and classes of the data, once it was seen."""
        assert self.prepared is not None
        return prepare(self.prepared.statistics, self.schema, self.config.scaling)

    @property
    def arch(self) -> Architecture:
        """The layers, once the data was seen."""
        assert self.prepared is not None
        classes = len(self.prepared.statistics.classes)
        return design(self.config.kind, self.config.nodes, len(self.schema.features), classes)

    def _model(self, weights: Weights, history: list[dict[str, Any]]) -> Model:
        decides = [f.name for f in dataclasses.fields(self.config) if f.metadata["decides"] in (DATA, MODEL)]
        rounds = [
            {"round": m["round"], "training_loss": m["training_loss"], **m["validation"], "rows": m["rows"]}
            for m in history
        ]
        return Model(
            self.arch,
            weights,
            self.preparation,
            settings={name: getattr(self.config, name) for name in decides},
            rounds=rounds,
            lineage={"rounds": [m["sha256"] for m in history]},
            run_dir=str(self.folder.path),
            shard_weights=[result.weights for result in self.results],
        )

    # --- one job ---

    def _job(self, round_: int, weights: Weights) -> None:
        """Run the job of a round; leaves `combined`, `shards`, `results` and, after the first job, `prepared`."""
        cached = self.prepared is not None
        try:
            output = launch.read_output(launch.run(self.job_class, self._launch(round_, weights, cached)))
            if output.refused:
                raise self.source.refused(*output.refused, skip_bad_rows=self.config.bad_rows == "skip")
        except BaseException:
            self._clear()
            raise
        if not output.weights:
            raise TrainingError("the job ended well, but left no weights")
        self.combined, self.shards, self.results = output.weights, output.shards, output.results
        if not cached:
            self.prepared = prepared_from(output.of_data)
            self.cache.keep(self.tag, output.of_data)
        self._clear()

    def _clear(self) -> None:
        """End what a job of this run may still have running, a killed driver's too, and delete what it leaves."""
        launch.stop(self.runner, self.tag)
        shutil.rmtree(self.folder.work, ignore_errors=True)
        self.cache.abandon(self.tag)
        if self.runner == "hadoop":
            hdfs_store().remove(hdfs_home(f"tmp/{self.tag}"))

    def _launch(self, round_: int, weights: Weights, cached: bool) -> launch.Launch:
        work = self.folder.work
        work.mkdir(exist_ok=True)
        settings = work / "settings.json"
        about = {
            "config": dataclasses.asdict(self.config),
            "schema": dataclasses.asdict(self.schema),
            "round": round_,
            "cached": cached,
            "emit_shards": self.keep_shards,
        }
        settings.write_text(json.dumps(about))
        start = work / "weights.safetensors"
        if weights:
            start.write_bytes(save(weights))
        hadoop = self.runner == "hadoop"
        temporary = hdfs_home(f"tmp/{self.tag}") if hadoop else str(work)
        return launch.Launch(
            runner=self.runner,
            settings=settings,
            weights=start if weights else None,
            inputs=self.cache.shards() if cached else self.source.inputs(self.runner, work),
            work_dir=work,
            output_dir=f"{temporary}/round-{round_}",
            rows_dir=self.cache.beginnings(self.tag),
            tag=self.tag,
            shards=self.config.shards,
            cached=cached,
            python_bin=self.config.python_bin,
            mrjob_conf=self.config.mrjob_conf,
            package=launch.zip_package(work) if hadoop else None,
            on_progress=lambda progress: self._tell("progress", round_, progress),
        )

    # --- this and that ---

    def _identity(self) -> dict[str, Any]:
        settings = {
            f.name: list(value) if isinstance(value := getattr(self.config, f.name), tuple) else value
            for f in dataclasses.fields(self.config)
            if f.metadata["decides"] in (DATA, MODEL) and f.name != "rounds"
        }
        name = f"mrdl-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(3).hex()}"
        return {"name": name, "data": self.source.identity(), "settings": settings}

    @property
    def _settings_digest(self) -> str:
        return self.config.digest((DATA, MODEL), but=("rounds",))  # more rounds of the same run are the same run

    def _tell(self, what: str, *about: Any) -> None:
        if self.screen is not None:
            getattr(self.screen, what)(*about)
