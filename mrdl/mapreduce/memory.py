"""What the containers of a job's tasks need of a node's memory: Python, its rows and weights, and the JVM beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from mrdl.settings.config import TrainConfig
from mrdl.settings.fields import decided

MB = 1 << 20
STEP_MB = 128  # containers come in multiples of it
SPARE = 1.15  # measured peaks are one machine's: other builds of the libraries take a little more or less
# MB of a task's Python before its rows and weights, by engine: peak of one on a shard of 0.1 MB. Most of torch's is its
# CUDA build, which `pip install torch` brings.
ENGINES = {"numpy": 110, "torch": 590}
LIGHT_MB = 90  # of a Python that does not train: numpy, pyarrow, mrjob
PARSE_MB = 160  # of a text's blocks, parsed and packed: with LIGHT_MB 250 for 110 MB of MNIST
ROWS = 2.0  # times the bytes of a shard's rows: packed and as they are trained
WEIGHTS = 8.0  # times the bytes of a network that trains: weights, gradients, momentum, and its result as it is sent
COMBINED = 8.0  # times the bytes of a network, beside one of each shard, that are combined
JVM_MB = 110  # of a task's JVM beside its heap: code, classes, threads
HEAP_MB = 128  # of a JVM whose lines are small: its buffer of SORT_MB, and Hadoop
SORT_MB = 32
HEAP_WEIGHTS = 6.0  # times the bytes of the longest line, a network: read, grown into, and copied


@dataclass(frozen=True)
class Container:
    """What a task asks of a node. memory_mb: of all its processes; heap_mb: of that, the JVM's heap at most."""

    memory_mb: int
    heap_mb: int

    def with_sort_of(self, sort_mb: int) -> "Container":
        """This container for a JVM whose buffer is so large, if that is more than SORT_MB."""
        more = max(0, sort_mb - SORT_MB)
        return Container(-(-(self.memory_mb + more) // STEP_MB) * STEP_MB, self.heap_mb + more) if more else self


class Containers(NamedTuple):
    """Of a job's map and reduce tasks; None where the cluster's own will do."""

    map: Container | None = None
    reduce: Container | None = None


def parameters(nodes: Sequence[int]) -> int:
    """The weights and biases of a network by the nodes of its layers."""
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(nodes))


def rows_of_task(config: TrainConfig, rows: float, sample: bool = True) -> float:
    """The rows that a task of a training holds at most: those of a shard, or of the warm start's sample.

    config: resolved; rows: trained on in all; sample: whether a task of the job holds that.
    """
    warm = min(decided(config.warm_rows), rows) if sample and config.shards > 1 and config.warm_epochs else 0
    return max(rows / config.shards, warm)


@dataclass(frozen=True)
class Needs:
    """What decides how much memory the tasks of a training need.

    engine: of ENGINES; rows_bytes: of the rows in memory, see rows_of_task; weights: of the network, their number;
    shards: whose weights are combined.

    Needs("torch", 12 << 20, 450_000, 4).training().memory_mb == 1024
    """

    engine: str
    rows_bytes: int
    weights: int
    shards: int

    @property
    def training_mb(self) -> float:
        """MB of the Python of a task that trains a shard, as measured, nothing to spare."""
        return ENGINES[self.engine] + ROWS * self.rows_bytes / MB + WEIGHTS * 4 * self.weights / MB

    def training(self) -> Container:
        """What a task needs that trains a shard."""
        return _container(self.training_mb, self.weights)

    def combining(self) -> Container:
        """What a task needs that combines the weights of shards."""
        return _container(LIGHT_MB + (COMBINED + self.shards) * 4 * self.weights / MB, self.weights)

    def of_job(self, cached: bool) -> Containers:
        """What the tasks of a job need: on cached shards its maps train; on text its reducers do, and combine."""
        if cached:
            return Containers(self.training(), self.combining())
        training, combining = self.training(), self.combining()
        both = Container(max(training.memory_mb, combining.memory_mb), max(training.heap_mb, combining.heap_mb))
        return Containers(_container(LIGHT_MB + PARSE_MB, self.weights), both)


def around(python_mb: int) -> Container:
    """The container of a Python that takes so much, and whose lines are small."""
    return Container(python_mb + JVM_MB + HEAP_MB, HEAP_MB)


def _container(python_mb: float, weights: int) -> Container:
    """The container of a Python beside its JVM, whose longest line holds so many weights; rounded up."""
    heap_mb = HEAP_MB + int(HEAP_WEIGHTS * 4 * weights / MB)
    needed = SPARE * python_mb + JVM_MB + heap_mb
    return Container(-int(-needed // STEP_MB) * STEP_MB, heap_mb)
