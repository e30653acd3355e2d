"""The MapReduce shape of a run: how rows reach shards, where shards are trained, where weights are combined.

The first job has two steps. Step 1 maps blocks of the CSV to packed rows, keyed by shard, and sends its
statistics to every shard; its reducer holds one shard, packs it, trains it and emits the shard and its result.
Step 2 lets only results through and combines them in one reducer. The output of step 1 stays: it is the cache of
shards. A later round is a one-step job, whose map reads cached shards, trains them, and whose reducer combines.

A stage (see mrdl.nn.architecture) begins with a round 0, its warm start: that trains one small sample of all rows,
whose weights every shard begins round 1 with.

A task is a pure function of (settings, round, shard): no clock, host or attempt is ever looked at.

Hadoop is given the file that defines the class: this one, or a script of the user's (see mrdl.cli.script).
"""

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any, BinaryIO

import numpy as np
from mrjob.job import MRJob
from mrjob.step import MRStep

from mrdl.data.csv import Block, BlockParser, whole_lines
from mrdl.data.hashing import warm_rank
from mrdl.data.preparation import Preparation, Scaling, prepare, refuse
from mrdl.data.schema import Schema
from mrdl.data.statistics import Statistics
from mrdl.errors import ConfigError, DamagedShard, Diverged, SetupError
from mrdl.mapreduce.status import training_status
from mrdl.mapreduce.task import INPUT_FILE, INPUT_START, is_task, keep_output, task_streams
from mrdl.nn.architecture import Architecture
from mrdl.nn.kinds import design
from mrdl.nn.weights import Weights, digest
from mrdl.rounds import combine, extensions
from mrdl.rounds.plan import Round
from mrdl.settings.config import WARM_ROWS, TrainConfig
from mrdl.shards import records
from mrdl.shards.keys import SAMPLES, VALIDATION_KEY, VALIDATION_ROWS, shard_keys
from mrdl.shards.loaded import LoadedShard
from mrdl.shards.placing import PlacedRows
from mrdl.shards.records import Write, key_of, split_line, unpack

READ_BYTES = 4 << 20  # of text parsed at once
MOST_BAD_ROWS = 100  # that a mapper looks for where one is enough to stop
COMBINE_KEY = b"combine"


class RoundJob(MRJob):
    """One job of a run; `--settings` is written by mrdl.rounds.driver, tasks get nothing else."""

    combine_rule: combine.Rule | None = None
    """A rule of your own in place of the setting `combine`: combine_rule = staticmethod(f)."""

    env: Mapping[str, str] = os.environ
    """What Hadoop, or mrjob in its place, tells a task; of tasks in one process each has its own."""

    def configure_args(self) -> None:
        """The files that each task gets."""
        super().configure_args()
        self.add_file_arg("--settings", help="what this job is to do, written by the driver")
        self.add_file_arg("--weights", help="the weights that this round starts from")

    def steps(self) -> list[MRStep]:
        """One step, or two in the first job."""
        one = {"mapper": self.mapper, "reducer": self.reducer}
        partitions = {"mapreduce.job.reduces": str(self.settings["reducers"])}
        alone = {"mapreduce.job.reduces": "1"}
        if self.settings["cached"]:
            # a cached shard is never cut: one file, one map, whole shards
            whole = {"mapreduce.input.fileinputformat.split.minsize": str(1 << 50)}
            return [MRStep(**one, jobconf={**alone, **whole})]
        return [MRStep(**one, jobconf=partitions), MRStep(**one, jobconf=alone)]

    def mapper(self, key: Any, value: Any) -> None:
        """Never called: run_mapper reads blocks. mrjob wants to see that there is one."""
        raise NotImplementedError

    def reducer(self, key: Any, values: Any) -> None:
        """Never called: see run_reducer."""
        raise NotImplementedError

    def run_mapper(self, step_num: int = 0) -> None:
        """One map task."""
        with task_streams(self) as (lines, write):
            if step_num:
                self._pass_results(lines, write)
            elif self.settings["cached"]:
                self._train_cached(lines, write)
            else:
                self._map_rows(lines, write)

    def run_reducer(self, step_num: int = 0) -> None:
        """One reduce task."""
        with task_streams(self) as (lines, write):
            if step_num or self.settings["cached"]:
                self._combine(lines, write)
            else:
                self._reduce_rows(lines, write)

    # --- settings ---

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What the driver wrote (mrdl.rounds.submission): config, schema, round and more. Read when first asked for."""
        with open(self.options.settings, encoding="utf-8") as file:
            return dict(json.load(file))

    @cached_property
    def config(self) -> TrainConfig:
        """The settings of the run; a rule or network kind of the user's is loaded with them."""
        extensions.load(self.settings.get("extensions", ()))
        return TrainConfig().with_changes(self.settings["config"])

    @cached_property
    def round(self) -> Round:
        """Which of the run's jobs this is."""
        return Round(**self.settings["round"])

    @property
    def schema(self) -> Schema:
        """The columns of the CSV."""
        schema = self.settings["schema"]
        return Schema(tuple(schema["columns"]), schema["label"], schema["header_crc"], tuple(schema["dropped"]))

    # --- rows to shards ---

    def parse(self, schema: Schema) -> Callable[[bytes], tuple[list[Block], Sequence[Any]]]:
        """How whole lines become rows; override it for another format of lines."""
        return BlockParser(schema).parse

    def _map_rows(self, stdin: BinaryIO, write: Write) -> None:
        if not importlib.util.find_spec("torch"):  # looked for, not imported: that would cost seconds
            raise SetupError(
                f"the Python of this node, {sys.executable}, has no torch: pip install torch, or --python-bin"
            )
        keys = shard_keys(self.config.shards, self.settings["reducers"])
        placed = PlacedRows(self.config, keys, len(self.schema.features), write)
        parse, line, place = self.parse(self.schema), 0, 0
        file = self.env.get(INPUT_FILE, "")
        start = int(self.env.get(INPUT_START, 0))
        texts = whole_lines(iter(lambda: stdin.read(READ_BYTES), b""), self.schema.header_crc)
        for text in texts:
            blocks, bad = parse(text)
            for block in blocks:
                placed.add(block)
            if bad:
                # a line number where the split begins the file, else the byte near which it lies
                placed.add_bad(file, line + 1 if start == 0 else None, start + place, text, bad)
            line += text.count(b"\n")
            place += len(text)
            if placed.statistics.bad_rows >= MOST_BAD_ROWS and self.config.bad_rows == "stop":
                placed.statistics.cut = next(texts, None) is not None
                while stdin.read(READ_BYTES):  # to the end: Hadoop takes a task that does not for one that failed
                    pass
                break
        placed.finish()

    def _reduce_rows(self, lines: Iterable[bytes], write: Write) -> None:
        shards = {key: i for i, key in enumerate(shard_keys(self.config.shards, self.settings["reducers"]))}
        for key, group in groupby(lines, key_of):
            loaded = LoadedShard(group, self.config.task_memory_mb << 20)
            if key == VALIDATION_KEY:
                loaded.write(key, b"V", write, loaded.order[:VALIDATION_ROWS])
                continue
            shard = shards.get(key)  # None: the warm start, which also tells the driver of the data
            kept = loaded if shard is not None else loaded.lowest(WARM_ROWS, warm_rank)
            problem = self._problem(loaded.statistics)
            about = {"problem": problem, "shard": shard, "rows": len(kept.order)}
            write(key, records.pack_statistics(b"P", loaded.statistics, **about))
            if problem is None:
                kept.write(key, b"B" if shard is None else b"D", write)
                if (shard is None) == (self.round.stage_round == 0):
                    write(key, combine.pack_result(self._train(shard or 0, kept)))

    def _problem(self, statistics: Statistics) -> str | None:
        config = self.config
        skip = config.bad_rows == "skip"
        problem = refuse(statistics, config.shards, skip, config.supervised, self.schema.label_name)
        if problem is None:
            try:
                self._architecture(statistics)
            except ConfigError as error:
                problem = str(error)
        return problem

    # --- training ---

    def _preparation(self, statistics: Statistics) -> Preparation:
        return prepare(statistics, self.schema, Scaling.from_meta(self.settings["scaling"]))

    def _architecture(self, statistics: Statistics) -> Architecture:
        config = self.config
        return design(config.kind, config.nodes, len(self.schema.features), len(statistics.classes), config.options)

    def _train_cached(self, lines: Iterable[bytes], write: Write) -> None:
        if not self.round.stage_round:
            of_warm = (line for line in lines if split_line(line)[1][:1] in (b"P", b"B"))
            result = self._train(0, LoadedShard(of_warm, self.config.task_memory_mb << 20))
            write(COMBINE_KEY, combine.pack_result(result))
            return
        for key, group in groupby(lines, key_of):
            if key not in SAMPLES:
                loaded = LoadedShard(group, self.config.task_memory_mb << 20)
                if loaded.shard is None:
                    raise DamagedShard("a cached shard does not tell which one it is")
                write(COMBINE_KEY, combine.pack_result(self._train(loaded.shard, loaded)))

    def _train(self, shard: int, loaded: LoadedShard) -> combine.ShardResult:
        """The one entrance to training: a loaded shard in, its result out. In a warm start the sample is shard 0."""
        from mrdl.nn import minibatch, trainer
        from mrdl.nn.device import pick_device
        from mrdl.nn.rows import Rows  # these import torch, which a task that does not train shall not pay for

        config, planned = self.config, self.round
        arch, preparation = self._architecture(loaded.statistics), self._preparation(loaded.statistics)
        stage = arch.stages[planned.stage]
        weights = start = self._start_weights(arch)
        loaded = loaded if planned.stage_round else loaded.lowest(config.warm_rows, warm_rank)
        targets = preparation.class_numbers(loaded.label_names)[loaded.codes] if preparation.classes else loaded.codes
        rows = Rows(
            loaded.features, targets.astype(np.int64), loaded.order,
            preparation.minimum, preparation.factor, preparation.threshold,
        )  # fmt: skip
        halved = self.settings["failed"].get(str(shard), 0)  # once for each time that the shard failed
        settings = minibatch.Hyperparameters(
            planned.epochs, config.batch_size, planned.learning_rate * 0.5**halved, planned.momentum, config.device,
            config.cd_steps, config.chains == "persistent", config.weight_cost,
        )  # fmt: skip

        def report(epoch: int, done: float, loss: float) -> None:
            self.set_status(training_status(shard, planned.number, epoch, settings.epochs, done, loss))

        try:
            if not planned.stage_round and stage.layer not in self.settings["fitted"]:
                weights = trainer.fit_visible(arch, stage, weights, rows)
            rng = np.random.default_rng([config.seed, planned.number, shard])
            trained, metrics = trainer.train_shard(arch, weights, rows, settings, rng, report, stage=stage)
        except Exception as error:
            error.add_note(f"in round {planned.number}, shard {shard} of {config.shards}, {len(rows)} rows")
            raise
        device = pick_device(config.device).type
        return combine.ShardResult(shard, len(rows), trained, metrics, digest(start), device)

    def _start_weights(self, arch: Architecture) -> Weights:
        from safetensors.numpy import load_file

        given: Weights = load_file(self.options.weights) if self.options.weights else {}
        weights = arch.completed(given, self.config.seed)
        arch.check(weights, "the weights that the round starts from")
        return weights

    # --- combining ---

    def _pass_results(self, lines: Iterable[bytes], write: Write) -> None:
        """All but rows of shards; what the data is like is said once, by the warm start's sample."""
        for line in lines:
            key, value = split_line(line)
            if key in SAMPLES or value[:1] == b"R":
                write(COMBINE_KEY, value)

    def _combine(self, lines: Iterable[bytes], write: Write) -> None:
        results = []
        for line in lines:
            _, value = split_line(line)
            if value[:1] == b"R":
                results.append(combine.to_result(*unpack(value)[1:]))
                if self.settings["emit_shards"]:
                    write(COMBINE_KEY, value)
            else:
                write(COMBINE_KEY, value)
        if results:
            rule = type(self).combine_rule or combine.RULES[self.config.combine]
            weights: Weights = {}
            left_out: dict[int, str] = {}
            diverged = ""
            try:
                weights, left_out = combine.combine(results, rule)
            except Diverged as error:  # said, not raised: the task would be tried again, and the shards be lost
                diverged = str(error)
            shards = combine.records(results, left_out)
            write(COMBINE_KEY, records.pack(b"W", {"shards": shards, "diverged": diverged}, weights))


if is_task():
    keep_output()  # a job file imports this before it prints


if __name__ == "__main__":
    RoundJob.run()
