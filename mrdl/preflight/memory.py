"""How much memory a training takes, of its tasks and its driver, by the size of the table and of the network."""

from dataclasses import dataclass
from math import ceil

from mrdl.mapreduce.memory import ENGINES, LIGHT_MB, MB, PARSE_MB, ROWS, WEIGHTS, Needs, parameters, rows_of_task
from mrdl.nn.kinds import DEFAULT_HIDDEN
from mrdl.settings.config import TrainConfig
from mrdl.settings.fields import decided
from mrdl.shards.keys import VALIDATION_ROWS

DRIVER_MB = 130  # of a driver's Python (scripts/bench/wide.py)
DRIVER_ROWS = 3.0  # times the bytes of the rows that are kept out, which the driver scores
DRIVER_SAMPLE = 4.5  # times the bytes of the warm start's sample, which the driver keeps with the cache
DRIVER_WEIGHTS = 8.0  # times the bytes of the network: of a round, the one before, the velocity, and as they come
ENOUGH_MB = 300  # for a task, where its settings can be chosen
VALUE_BYTES = 4


@dataclass(frozen=True)
class Shape:
    """The size of a table and of what learns it. columns: of values; inputs: of the network; outputs: of it."""

    rows: int
    columns: int
    inputs: int
    outputs: int

    def weights(self, config: TrainConfig) -> int:
        """The number of the network's weights."""
        return parameters(config.nodes or (self.inputs, *(config.hidden or DEFAULT_HIDDEN), max(1, self.outputs)))

    def weights_mb(self, config: TrainConfig) -> float:
        """MB of them."""
        return VALUE_BYTES * self.weights(config) / MB

    def rows_mb(self, rows: float) -> float:
        """MB of so many rows, as they are trained."""
        return VALUE_BYTES * rows * self.columns / MB


def task_mb(shape: Shape, config: TrainConfig) -> int:
    """MB of the largest task: one that trains a shard or the warm start's sample, or one that reads text.

    config: resolved. Rows beyond `task_memory_mb` lie in a file.
    """
    in_memory = min(shape.rows_mb(_rows_of_task(shape, config)), config.task_memory_mb)
    needs = Needs(_engine(config), round(in_memory * MB), shape.weights(config), config.shards)
    return ceil(max(needs.training_mb, LIGHT_MB + PARSE_MB))


def driver_mb(shape: Shape, config: TrainConfig) -> int:
    """MB of the driver. config: resolved."""
    kept_out = min(VALIDATION_ROWS, config.kept_out * shape.rows)
    sample = min(config.sample_rows(shape.columns), _training_rows(shape, config))
    of_rows = DRIVER_ROWS * shape.rows_mb(kept_out) + DRIVER_SAMPLE * shape.rows_mb(sample)
    return ceil(DRIVER_MB + of_rows + DRIVER_WEIGHTS * shape.weights_mb(config))


def to_fit(shape: Shape, config: TrainConfig) -> str:
    """The flags by which a task takes ENOUGH_MB or less, "" where it does, or no number of shards helps."""
    free_mb = ENOUGH_MB - ENGINES[_engine(config)] - WEIGHTS * shape.weights_mb(config)
    rows = int(free_mb / ROWS / shape.rows_mb(1)) if shape.columns else 0
    if rows < 1 or _rows_of_task(shape, config) <= rows:
        return ""
    shards = max(config.shards, ceil(_training_rows(shape, config) / rows))
    warm = f" --warm-rows {rows}" if config.warm_epochs and decided(config.warm_rows) > rows else ""
    return f"--shards {shards}{warm}"


def _training_rows(shape: Shape, config: TrainConfig) -> float:
    return shape.rows * (1 - config.kept_out)


def _rows_of_task(shape: Shape, config: TrainConfig) -> float:
    return rows_of_task(config, _training_rows(shape, config))


def _engine(config: TrainConfig) -> str:
    return config.engine if config.engine in ENGINES else "numpy"
