"""A data set measured: the rows a second that one core of this machine parses, and trains on, of its head."""

import dataclasses
import math
import sys
import time
from dataclasses import dataclass

import numpy as np

from mrdl.data.contents import contents_of
from mrdl.data.levels import by_dictionary, dictionaries_of
from mrdl.data.preparation.categories import ROWS_OF_LEVEL
from mrdl.data.preparation.preparation import Preparation, prepare
from mrdl.data.preparation.scaling import Scaling
from mrdl.data.sample import Sample, rows_for
from mrdl.data.source import Source
from mrdl.data.statistics import Statistics
from mrdl.data.text.csv import Block, BlockParser, whole_lines
from mrdl.data.text.schema import filled_lines
from mrdl.errors import DataError
from mrdl.nn import trainer
from mrdl.nn.architecture import Stage
from mrdl.nn.engines.choice import choose
from mrdl.nn.engines.table import engine_of
from mrdl.nn.rows import Rows
from mrdl.preflight.memory import Shape
from mrdl.rounds.plan import Round, hyperparameters, network_of, resolved
from mrdl.settings.config import TrainConfig
from mrdl.settings.fields import decided
from mrdl.settings.recipe import PIXELS, Size
from mrdl.storage.store import head

HEAD_BYTES = 4 << 20
SLOW_RATE = 1e-6  # of learning: what is measured is time, and no weight may grow out of bounds
PROBE_S = 0.2  # of training, to see whether it is worth measuring longer


@dataclass(frozen=True)
class Data:
    """What the head of a data set tells of all of it.

    size: bytes, unpacked; classes: those seen, 0 where none are learnt; parsed_per_s: rows a second of one core;
    trained_per_s: the same of each stage of the network; contents: pixels or a table, as a recipe has it; inputs: of
    the network, as many as columns where it is not said.
    """

    rows: int
    size: int
    columns: int
    classes: int
    parsed_per_s: float
    trained_per_s: tuple[float, ...]
    contents: str = PIXELS
    inputs: int = 0

    def recipe_size(self) -> Size:
        """What a recipe is decided by."""
        return Size(self.contents, self.rows, self.columns - 1)

    @property
    def shape(self) -> Shape:
        """The size of the table and of what learns it."""
        return Shape(self.rows, self.columns, self.inputs or self.columns, self.classes)


def measure(source: Source, config: TrainConfig, seconds: float = 1.0, share: float | None = None) -> Data:
    """Measure a data set: parse its head and train on it, for about so many seconds.

    config: as the user left it, or resolved; share: of the rows that the run goes through, after which it is known well
    enough what they take, None where there is no run to come. Raises DataError where no row of its head can be read.
    """
    text = _head_with_rows(source)
    parts = list(whole_lines([text], source.schema.header_crc))
    for part in parts[:1]:
        _parse(source, part[: part.find(b"\n") + 1])  # the first call loads libraries
    began = time.perf_counter()
    blocks = [block for part in parts for block in _parse(source, part)]
    spent = time.perf_counter() - began
    rows = sum(len(block.features) for block in blocks)
    if not rows:
        raise DataError(f"{source.name}: no row of the first {len(text)} bytes can be read")
    size = source.unpacked
    names = sorted({name for block in blocks for name in block.label_names})
    total = source.rows or max(rows, round(rows * size / max(1, len(text))))
    contents = contents_of(source.head)
    config = resolved(config, Size(contents, total, len(source.schema.features)))
    enough = share and math.ceil(share * total * decided(config.rounds) * decided(config.epochs))
    prepared, preparation = _prepared_rows(source, config, blocks, names)
    return Data(
        rows=total,
        size=size,
        columns=len(source.schema.columns),
        classes=len(names) if config.supervised and not source.schema.targets else 0,
        parsed_per_s=rows / spent,
        trained_per_s=_training_speeds(config, prepared, preparation, seconds, enough or sys.maxsize),
        contents=contents,
        inputs=preparation.width,
    )


def _head_with_rows(source: Source) -> bytes:
    """The head, of whole lines, of the first file with more than a header; of the last one where none has."""
    if source.listing:
        return source.head.text
    text = b""
    for info in source.files:
        text = head(info.path, HEAD_BYTES)
        if len(filled_lines(text)) >= 2:
            break
    return text[: text.rfind(b"\n") + 1] or text


def _parse(source: Source, text: bytes) -> list[Block]:
    """The good rows of a text of whole lines, in blocks."""
    return BlockParser(source.schema).parse(text)[0]


def _training_speeds(
    config: TrainConfig, rows: Rows, prepared: Preparation, seconds: float, enough: int
) -> tuple[float, ...]:
    """The rows a second that the training loop goes through, for each stage of the network.

    config: resolved; prepared: how the rows are; seconds: that may be spent on all stages together; enough: rows of a
    stage after which no more are needed.
    """
    arch = network_of(config, prepared)
    weights = arch.initial_weights(0)
    once = Round(number=1, stage=0, stage_round=1, stage_rounds=1, epochs=1, learning_rate=SLOW_RATE, momentum=0.8)
    settings = hyperparameters(config, once, SLOW_RATE)
    engine = engine_of(choose(config.engine, arch, config.optimizer, config.device), config.device)
    share_s = seconds / len(arch.stages)

    def speed(stage: Stage) -> float:
        """The rows a second of a stage, by a training of half its share of the seconds or more, or of enough rows."""
        count = 20 * decided(config.batch_size)
        while True:
            some = dataclasses.replace(rows, order=np.resize(rows.order, count))
            began = time.perf_counter()
            trainer.train_shard(arch, weights, some, settings, np.random.default_rng(0), engine, stage=stage)
            spent = time.perf_counter() - began
            if spent >= share_s / 2 or count >= enough:
                return count / spent
            count = max(2 * count, min(enough, int(count * 0.7 * share_s / max(spent, 1e-3))))

    return tuple(map(speed, arch.stages))


def _prepared_rows(
    source: Source, config: TrainConfig, blocks: list[Block], names: list[str]
) -> tuple[Rows, Preparation]:
    """The rows of parsed blocks, and how they are prepared: as in a run, by statistics of these rows."""
    levels: dict[int, set[str]] = {}
    for block in blocks:
        for place, names_of_codes in block.levels.items():
            levels.setdefault(place, set()).update(names_of_codes)
    known = dictionaries_of(levels)
    features = np.concatenate([by_dictionary(block.features, block.levels, known) for block in blocks])
    numbers = {name: i for i, name in enumerate(names)}
    codes = np.concatenate([np.array([numbers[n] for n in b.label_names], np.int64)[b.label_codes] for b in blocks])
    statistics = Statistics.empty(features.shape[1], source.schema.beside)
    statistics.training_rows, statistics.classes = len(features), dict.fromkeys(names, 1)
    statistics.add_range(features)
    statistics.add_targets(features)
    statistics.levels = {place: dict.fromkeys(of, ROWS_OF_LEVEL) for place, of in levels.items()}
    statistics.sample = Sample.of(features[: rows_for(features.shape[1])]) if config.samples else None
    found = prepare(statistics, source.schema, Scaling.of(config, source.schema))
    wanted = found.wanted(features, codes, names)
    rows = Rows(features, wanted, np.arange(len(features)), found.inputs.encoding)
    return rows, found
