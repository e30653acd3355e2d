"""What the tasks of a job do, as plain functions: the lines that Hadoop brings in, `write`, and the driver's order.

Nothing else comes in: a task is a pure function of (settings, round, shard), no clock, host or attempt is looked at.
mrdl.rounds.job calls these functions; they do not import it, as the task's program is that file, by another name.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, BinaryIO

import numpy as np

from mrdl.data.hashing import warm_rank
from mrdl.data.preparation.preparation import prepare
from mrdl.data.row_weights import RowWeights
from mrdl.errors import DamagedShard, Diverged
from mrdl.mapreduce.status import training_status
from mrdl.mapreduce.task import INPUT_FILE, INPUT_START, timed
from mrdl.nn import trainer
from mrdl.nn.architecture import Architecture
from mrdl.nn.diagnostics.figures import merged
from mrdl.nn.diagnostics.observer import Observer
from mrdl.nn.engines.choice import engines_for
from mrdl.nn.engines.table import engine_of, need_torch
from mrdl.nn.kinds import outline
from mrdl.nn.rows import Rows
from mrdl.nn.weights import Weights, digest
from mrdl.rounds.combine import Rule, ShardResult, combine, pack_result, shard_records, to_result
from mrdl.rounds.order import Order
from mrdl.rounds.plan import hyperparameters, refusal_of
from mrdl.settings.config import TrainConfig
from mrdl.settings.fields import decided
from mrdl.settings.samples import SAMPLE_BYTES, rows_within
from mrdl.shards.keys import SAMPLES, VALIDATION_KEY, VALIDATION_ROWS, shard_keys
from mrdl.shards.loaded import LoadedShard
from mrdl.shards.lowest import Lowest
from mrdl.shards.placing import PlacedRows
from mrdl.shards.reading import Parse, Reading
from mrdl.shards.records import Tag, Write, key_of, pack, pack_statistics, split_line, unpack

READ_BYTES = 4 << 20  # of text parsed at once
MOST_BAD_ROWS = 100  # that a mapper looks for where one is enough to stop
COMBINE_KEY = b"combine"


@dataclass(frozen=True)
class Split:
    """The part of the input that a map task reads.

    file: its path, empty where nobody tells; start: the byte of the file that the part begins at.
    """

    file: str
    start: int

    @classmethod
    def of(cls, env: Mapping[str, str]) -> "Split":
        """The split that Hadoop, or mrjob in its place, tells a task of by environment variables."""
        return cls(env.get(INPUT_FILE, ""), int(env.get(INPUT_START, 0)))


# --- from text to shards ---


def map_rows(text: BinaryIO, write: Write, order: Order, parse: Parse, split: Split) -> None:
    """Place each row of a split in its shard, and tell every shard the statistics of the split.

    text: the split; parse: makes its lines rows; split: where it lies, to say where a bad row is.

    Where bad rows stop the run it ends at some hundred of them. Raises SetupError where the library of the engine is
    not installed on the node: said before the rows are read, not after.
    """
    reading = _reading(order, write, parse)
    if reading.lines(iter(lambda: text.read(READ_BYTES), b""), split.file, split.start):
        _read_to_the_end(text)
    reading.placed.finish()


def map_pieces(lines: Iterable[bytes], write: Write, order: Order, parse: Parse) -> None:
    """Do what `map_rows` does with pieces of files, which are opened here.

    lines: a piece each (see mrdl.data.columnar); parse: makes lines rows, of text.
    """
    reading = _reading(order, write, parse)
    reading.pieces(lines)
    reading.placed.finish()


def _reading(order: Order, write: Write, parse: Parse) -> Reading:
    """What reads and gathers the rows of a map task."""
    _find_engine(order)
    config, schema = order.config, order.schema
    keys = shard_keys(config.shards, order.reducers)
    placed = PlacedRows(config, keys, len(schema.places), write, schema.beside)
    return Reading(placed, schema, parse, MOST_BAD_ROWS if config.bad_rows == "stop" else None)


def _find_engine(order: Order) -> None:
    """Raise SetupError where this node's Python has not the library of the engine."""
    config = order.config
    if config.engine == "torch":
        able = engines_for(outline(config.kind, config.nodes, config.options), config.optimizer)
        by_numpy = "numpy" in able and config.device != "cuda"
        need_torch("another --python-bin", *["--engine numpy"] * by_numpy)


def _read_to_the_end(text: BinaryIO) -> None:
    """Read what is left of a task's input: Hadoop takes a task that leaves some of it for one that failed."""
    while text.read(READ_BYTES):
        pass


def reduce_rows(
    lines: Iterable[bytes], write: Write, order: Order, weights: Weights, tell: Callable[[str], None]
) -> None:
    """Pack the shards of a reducer for the cache, and train those that the round trains.

    lines: of rows and statistics, sorted by key, of all map tasks; weights: that the round starts from; tell: is
    given the status of the training, in words.

    Data that cannot be trained on is told to the driver, with the reason, and its shards are not packed.
    """
    shards = {key: shard for shard, key in enumerate(shard_keys(order.config.shards, order.reducers))}
    for key, group in groupby(lines, key_of):
        if key == VALIDATION_KEY:
            _keep_out(group, write, order)
        else:  # in a function of its own, by whose end the rows are let go
            _reduce_shard(key, shards.get(key), group, write, order, weights, tell)


def _keep_out(lines: Iterable[bytes], write: Write, order: Order) -> None:
    """Pack the rows that are kept out of training, and that the driver scores."""
    most = rows_within(SAMPLE_BYTES, len(order.schema.places), VALIDATION_ROWS)
    loaded = _load(lines, order, Lowest(most, lambda hashes: hashes))
    loaded.write(VALIDATION_KEY, Tag.VALIDATION_ROWS, write, loaded.order[:most])


def _reduce_shard(
    key: bytes,
    shard: int | None,
    lines: Iterable[bytes],
    write: Write,
    order: Order,
    weights: Weights,
    tell: Callable[[str], None],
) -> None:
    """Pack a shard, None being the sample of the warm start, which also tells the driver of the data, and train it if
    the round does."""
    if shard is None:
        most = order.config.sample_rows(len(order.schema.places))
        kept = _load(lines, order, Lowest(most, warm_rank)).lowest(most, warm_rank)
    else:
        kept = _load(lines, order)
    if order.scaling.samples and (shard is None or order.config.shards == 1):
        kept.statistics.sample = kept.sampled()
    refusal = refusal_of(order.config, order.schema, order.scaling, kept.statistics)
    problem = refusal.to_json() if refusal else None
    write(key, pack_statistics(Tag.STATISTICS, kept.statistics, problem=problem, shard=shard, rows=len(kept.order)))
    if refusal is None:
        kept.write(key, Tag.WARM_ROWS if shard is None else Tag.SHARD_ROWS, write)
        if (shard is None) == order.round.is_warm_start:
            write(key, pack_result(train(shard or 0, kept, order, weights, tell)))


def _load(lines: Iterable[bytes], order: Order, lowest: Lowest | None = None) -> LoadedShard:
    """The shard of these lines, its rows in a file where they take more memory than the settings say.

    lowest: which rows are wanted, None: all.
    """
    return LoadedShard(lines, order.config.task_memory_mb << 20, lowest)


# --- training ---


def train_cached(
    lines: Iterable[bytes], write: Write, order: Order, weights: Weights, tell: Callable[[str], None]
) -> None:
    """Train the cached shards of a map task, or in a stage's warm start its sample.

    lines: whole shards as the first job packed them, one after the other; weights: that the round starts from; tell:
    is given the status of the training, in words. Raises DamagedShard where a shard is not whole, SetupError where
    the library of the engine is not installed on the node.
    """
    _find_engine(order)
    if order.round.is_warm_start:
        sample = (line for line in lines if Tag.of(split_line(line)[1]) in (Tag.STATISTICS, Tag.WARM_ROWS))
        write(COMBINE_KEY, pack_result(train(0, _load(sample, order), order, weights, tell)))
        return
    for key, group in groupby(lines, key_of):
        if key not in SAMPLES:
            _train_cached_shard(group, write, order, weights, tell)


def _train_cached_shard(
    lines: Iterable[bytes], write: Write, order: Order, weights: Weights, tell: Callable[[str], None]
) -> None:
    """Train a shard of a map task; its rows are let go at the end, before the next one is loaded."""
    loaded = _load(lines, order)
    if loaded.shard is None:
        raise DamagedShard("a cached shard does not tell which one it is")
    write(COMBINE_KEY, pack_result(train(loaded.shard, loaded, order, weights, tell)))


def train(shard: int, loaded: LoadedShard, order: Order, given: Weights, tell: Callable[[str], None]) -> ShardResult:
    """The result of a training; the one entrance to it: a loaded shard in, its result out.

    shard: its number, 0 for the sample of a warm start; given: the weights that the round starts from, whose tensors
    may be too few: the seed gives the others; tell: is given the status of the training, in words.
    """
    config, planned = order.config, order.round
    arch = order.architecture(loaded.statistics)
    stage = arch.stages[planned.stage]
    weights = start = _start_weights(arch, given, config)
    rows = _rows_to_train(loaded, order)
    # more gently the more often the shard failed
    rate = planned.learning_rate * 0.5 ** order.failures.get(shard, 0)
    settings = hyperparameters(config, planned, rate)
    with timed("import"):
        engine = engine_of(config.engine, config.device)

    def report(epoch: int, done: float, loss: float) -> None:
        tell(training_status(shard, planned.number, epoch, settings.epochs, done, loss))

    observer = Observer() if config.diagnostics else None
    try:
        if planned.is_warm_start and stage.layer not in order.fitted_layers:
            weights = trainer.fit_visible(arch, stage, weights, rows, engine)
        rng = np.random.default_rng([config.seed, planned.number, shard])
        with timed("train"):
            trained, metrics = trainer.train_shard(
                arch, weights, rows, settings, rng, engine, report, stage=stage, observer=observer
            )
    except Exception as error:
        error.add_note(f"in round {planned.number}, shard {shard} of {config.shards}, {len(rows)} rows")
        raise
    epochs = tuple(observer.epochs) if observer else ()
    return ShardResult(shard, len(rows), trained, metrics, digest(start), engine.device, epochs)


def _start_weights(arch: Architecture, given: Weights, config: TrainConfig) -> Weights:
    """The weights that a training starts from, whole; raises ConfigError where they are of another network."""
    weights = arch.completed(given, config.seed, config.initialisation)
    arch.check(weights, "the weights that the round starts from")
    return weights


def _rows_to_train(loaded: LoadedShard, order: Order) -> Rows:
    """The rows as a training takes them: in a warm start so many as the settings say, of those that are cached."""
    preparation = prepare(loaded.statistics, order.schema, order.scaling)
    if order.round.is_warm_start:
        loaded = loaded.lowest(decided(order.config.warm_rows), warm_rank)
    targets = preparation.wanted(loaded.features, loaded.codes, loaded.label_names)
    weights = RowWeights.of(order.config.class_weight, order.schema, loaded.statistics)
    return Rows(
        features=loaded.features,
        targets=targets,
        order=loaded.order,
        encoding=preparation.inputs.encoding,
        weights=weights.of_rows(loaded.features, targets),
    )


# --- combining ---


def pass_results(lines: Iterable[bytes], write: Write) -> None:
    """Pass on the results of shards, and what the samples tell of the data; rows of shards stay where they are.

    Every shard tells the statistics of all the data: those with the warm start's sample are enough.
    """
    for line in lines:
        key, value = split_line(line)
        if key in SAMPLES or Tag.of(value) is Tag.RESULT:
            write(COMBINE_KEY, value)


def combine_results(lines: Iterable[bytes], write: Write, order: Order, rule: Rule) -> None:
    """Combine the results of all shards to one set of weights, and pass on what tells of the data.

    lines: in any order; rule: makes the results, in the order of shards, one set of weights. Where no shard is fit
    that is told beside empty weights.
    """
    results = []
    for line in lines:
        _, value = split_line(line)
        is_result = Tag.of(value) is Tag.RESULT
        if is_result:
            results.append(to_result(*unpack(value)[1:]))
        if order.emit_shards or not is_result:
            write(COMBINE_KEY, value)
    if not results:  # the data was refused
        return
    weights: Weights = {}
    left_out: dict[int, str] = {}
    diverged = ""
    try:
        weights, left_out = combine(results, rule)
    except Diverged as error:  # said, not raised: the task would be tried again, and the shards be lost
        diverged = str(error)
    shards = [record.to_json() for record in shard_records(results, left_out)]
    about: dict[str, Any] = {"shards": shards, "diverged": diverged}
    if epochs := merged(result.diagnostics for result in sorted(results, key=lambda result: result.shard)):
        about["diagnostics"] = [epoch.to_json() for epoch in epochs]
    write(COMBINE_KEY, pack(Tag.WEIGHTS, about, weights))
