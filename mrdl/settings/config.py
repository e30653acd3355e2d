"""The settings of a training run: one frozen dataclass, from which files, flags and help are made."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from mrdl.errors import ConfigError
from mrdl.metrics.measures import ARGMAX, DECISIONS, MEASURES
from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.engines.table import AUTO, EVERY
from mrdl.nn.initialisation import INITIALISATIONS
from mrdl.nn.optimizers import OPTIMIZERS, SCHEDULES
from mrdl.settings import fields
from mrdl.settings.class_weight import NONE, read_class_weight
from mrdl.settings.columns import SETTINGS, with_table
from mrdl.settings.fields import HANDED_DOWN, setting
from mrdl.settings.files import read_toml, toml_of

# What a setting decides. Settings of the data decide which rows lie in which shard (the key of the
# cache of shards), those of the model decide the bytes of the weights, those of the run neither.
DATA, MODEL, RUN = "data", "model", "run"

UNITS, CHAINS = ("binary", "gaussian"), ("data", "persistent")
MOST_WEIGHTS = 500_000_000  # of a network: 2 GB, of which a task holds several copies
MOST_KEPT_OUT = 0.9
MOST_BATCH = 1_000_000
MOST_ROUNDS = 100_000
FLOAT32_MAX = 3.4028234663852886e38
MOST_LEVELS = 10_000  # of a category: each is a column of the first layer
ALIASES = {"ignore": "drop"}  # other names of settings
WARM_ROWS = 20_000  # of the warm start's sample that are kept with the shards, where no setting says more
MOST_WARM_ROWS = 1_000_000
SAMPLE_BYTES = 64 << 20  # of those that are kept, and of the rows that the driver scores, as float32
LEAST_SAMPLE = 1000  # rows, however wide

REFUSED = {
    "batch_norm": "there is no batch_norm: its means and deviations are those of a shard's batches, which are not "
    "those of the mean of all shards' weights. Inputs are scaled and initial weights drawn so that small networks "
    "train without it; for deep ones take residual = yes",
}
"""What other libraries have as a setting and this one has not -> why, in words."""


def rows_within(size: int, columns: int, most: int) -> int:
    """Rows of so many columns that `size` bytes hold as float32: LEAST_SAMPLE at least, `most` at most."""
    return min(most, max(LEAST_SAMPLE, size // (4 * max(1, columns))))


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """What one training run is to do. Each field is a key in a TOML file, a flag and a row in the docs.

    A setting that is left out is None; `resolved`, or the plan of a run, decides it. Raises ConfigError where a value
    is none that its field may have, or where two do not go together.

    TrainConfig(kind="mlp", nodes=(784, 500, 10), shards=8)
    TrainConfig().with_changes({"nodes": "784,500,10"}) == TrainConfig(nodes=(784, 500, 10))
    """

    label: str | None = setting(
        None,
        "label column: its name or its index (-1: the last), or several with commas between; none for unlabelled data; "
        "left out: the first column, where it looks like classes",
        DATA,
    )
    task: str = setting(
        "auto",
        "what is learnt of the label: classes, numbers (regress), or 0 or 1 in each of several columns (multilabel); "
        "auto: numbers where it holds real or many different ones, else classes",
        DATA,
        ("auto", "classify", "regress", "multilabel"),
    )
    header: str = setting("auto", "whether the first line names the columns", DATA, ("auto", "yes", "no"))
    drop: tuple[str, ...] = setting(
        (), "columns to leave out: names or indices, with commas between; --ignore is the same", DATA
    )
    category: tuple[str, ...] = setting((), "columns of categories: each text, or number, stands for itself", DATA)
    hash: tuple[str, ...] = setting(
        (),
        "columns of very many levels, as ids: those of one bucket of a hash count as one; their number may follow, as "
        "id=256, else it is 64",
        DATA,
    )
    number: tuple[str, ...] = setting((), "columns of numbers; a writing may follow, as price=1.234,5", DATA)
    date: tuple[str, ...] = setting((), "columns of dates; a pattern may follow, as when=%d/%m/%Y", DATA)
    separator: str = setting("auto", "what stands between cells: one mark, tab, blank (any number), or auto", DATA)
    weights: str | None = setting(
        None, "column that says how much each row counts in training: its name or its index", DATA
    )
    bad_rows: str = setting(
        "stop",
        "rows that cannot be read: stop before training, or skip and count them",
        DATA,
        ("stop", "skip"),
    )
    validation: float = setting(
        0.1, "fraction of the rows, chosen by their hash, kept out of training", DATA, least=0, most=MOST_KEPT_OUT
    )
    test_fraction: float = setting(
        0.0,
        "fraction of the rows, kept out too, that choose nothing and score the final network",
        DATA,
        least=0,
        most=0.5,
    )
    shards: int = setting(
        4, "parts of the data, each trained by one task; any number of free slots is enough", DATA, least=1, most=9999
    )
    kind: str = setting("mlp", "network kind", MODEL, ("mlp", "autoencoder", "rbm", "dbn"), table="nn.kinds.KINDS")
    nodes: tuple[int, ...] = setting(
        (),
        "nodes of each layer, as 784,500,100,10; left out: the first and the last by the data, between them `hidden`, "
        "or 500,100",
        MODEL,
    )
    hidden: tuple[int, ...] = setting(
        (), "nodes of the layers between alone, as 500,100, the first and the last being the data's", MODEL
    )
    activation: str = setting("relu", "of an mlp's or autoencoder's hidden layers", MODEL, tuple(ACTIVATIONS))
    loss: str = setting(
        "auto",
        "how far off numbers are: mean squared or absolute error, or huber's of both; auto: mse",
        MODEL,
        ("auto", "mse", "mae", "huber"),
    )
    residual: bool = setting(
        False, "whether an mlp's hidden layer adds what goes in to what it gives, where both are as wide", MODEL
    )
    initialisation: str = setting(
        "auto", "how initial weights are drawn; auto: Xavier's, with ReLU's gain", MODEL, tuple(INITIALISATIONS)
    )
    visible: str = setting("binary", "an RBM's visible units; the layers above have binary ones", MODEL, UNITS)
    fine_tune: str = setting(
        "classifier", "what becomes of a dbn's stack of RBMs", MODEL, ("classifier", "autoencoder")
    )
    threshold: float | None = setting(
        None, "values above it count as 1, others as 0 (the paper: 35); left out: scaled", MODEL
    )
    scaling: str = setting(
        "auto",
        "how values are scaled: standard to mean 0 and deviation 1, column and common to [0, 1] by the range of each "
        "column or of all; auto: standard for an mlp of a table, common for pixels, else column",
        MODEL,
        ("auto", "standard", "column", "common"),
    )
    missing: str = setting(
        "auto",
        "what a missing number becomes: the mean, the median, or zero; auto: the mean where scaling is standard, else "
        "the least value",
        MODEL,
        ("auto", "mean", "median", "zero"),
    )
    fill: tuple[str, ...] = setting(
        (), "columns whose missing numbers become something else: as age=median,debt=0", MODEL
    )
    levels: int = setting(
        32,
        "most levels of a category that have an input of their own; the rest of them share one",
        MODEL,
        least=1,
        most=MOST_LEVELS,
    )
    budget: int | None = setting(
        None,
        "passes over the data in all, shared out among rounds where epochs is left out; left out: 12, of a table 3 to "
        "20, by rows",
        MODEL,
        least=1,
    )
    rounds: int | None = setting(
        None,
        "times that all shards are trained and combined; left out: 3 to 6, by shards",
        MODEL,
        least=1,
        most=MOST_ROUNDS,
    )
    epochs: int | None = setting(
        None, "passes over a shard in each round; left out: the budget's share", MODEL, least=1
    )
    batch_size: int | None = setting(
        None,
        "rows in a mini-batch; left out: 16, of a table 16 to 256, by rows and shards",
        MODEL,
        least=1,
        most=MOST_BATCH,
    )
    optimizer: str = setting("sgd", "how gradients move the weights of a shard", MODEL, tuple(OPTIMIZERS))
    class_weight: str = setting(
        NONE,
        "how much rows of a class count in training: none, balanced (each class as much), or by class, as yes=5,no=1",
        MODEL,
        read=read_class_weight,
    )
    learning_rate: float | None = setting(
        None,
        "step size; left out: the network kind's own for sgd, for a table 0.1 * (batch_size / 256) ** 0.5, 0.001 for "
        "adam",
        MODEL,
        above=0,
        most=1e6,
    )
    weight_decay: float | None = setting(
        None,
        "times the learning rate, by which each step shrinks all weights, but RBMs'; left out: 0, 0.01 for adamw, of a "
        "table by sgd 0.001 to 0.03, by rows",
        MODEL,
        least=0,
        most=10,
    )
    schedule: str | None = setting(
        None,
        "how the learning rate falls: linear and cosine from round to round; annealing is a cosine from step to step, "
        "which ends at 0 with the last round; left out: constant, of a table annealing",
        MODEL,
        tuple(SCHEDULES),
    )
    momentum: float | None = setting(
        None,
        "momentum, of adam its first beta; left out: the network kind's own for sgd, 0.9 for adam and tables",
        MODEL,
        least=0,
        most=0.999,
    )
    dropout: float = setting(
        0.0, "share of what hidden layers give that each step leaves out, but RBMs'", MODEL, least=0, most=0.95
    )
    label_smoothing: float = setting(
        0.0, "part of each row that a classifier takes to be of all classes alike", MODEL, least=0, most=0.9
    )
    cd_steps: int = setting(1, "steps of an RBM's Gibbs chain in each update, the k of CD-k", MODEL, least=1)
    chains: str = setting("data", "where an RBM's chains begin: at the data, or where they ended", MODEL, CHAINS)
    weight_cost: float = setting(2e-4, "L2 penalty on an RBM's weights", MODEL, least=0, most=1)
    layer_rounds: int | None = setting(
        None, "rounds of each RBM of a dbn; left out: as many as rounds", MODEL, least=1, most=MOST_ROUNDS
    )
    layer_epochs: int | None = setting(
        None, "passes over a shard in each of those; left out: as many as epochs", MODEL, least=1
    )
    layer_learning_rate: float | None = setting(
        None, "step size of a dbn's RBMs; left out: their own", MODEL, above=0, most=1e6
    )
    warm_rows: int | None = setting(
        None,
        f"rows of the warm start, a sample that all shards start from; 0: none; left out: {WARM_ROWS}, of a table as "
        "many as 32 MiB hold",
        MODEL,
        least=0,
        most=MOST_WARM_ROWS,
    )
    warm_epochs: int | None = setting(
        None, "passes over those rows; left out: 8, of a table 2 to 8, by their number and the network", MODEL, least=0
    )
    combine: str = setting(
        "mean", "rule that combines the shards' weights", MODEL, ("mean", "uniform"), table=HANDED_DOWN
    )
    outer_momentum: float | None = setting(
        None,
        "momentum from round to round of the combined step; left out: 0 to 0.7, by shards",
        MODEL,
        least=0,
        most=0.999,
    )
    outer_step: float | None = setting(
        None,
        "length of the combined step, 1 is the mean of the shards; left out: searched on the validation rows",
        MODEL,
        above=0,
        most=10,
    )
    seed: int = setting(0, "seed of the initial weights and of the order of rows", MODEL, least=0, most=2**64 - 1)
    engine: str = setting(
        "auto",
        "what computes: numpy, torch, or auto, which is torch where this machine has a GPU or numpy lacks something",
        MODEL,
        (AUTO, *EVERY),
    )
    device: str = setting("auto", "where shards are trained: cuda where a node has it", MODEL, ("auto", "cpu", "cuda"))
    patience: int | None = setting(
        None,
        "stop after so many rounds that were no better on the validation rows, and keep the best; left out: never",
        RUN,
        least=1,
    )
    stop_on: str = setting("loss", "measure by which a round is better than another", RUN, tuple(MEASURES))
    keep: str | None = setting(
        None,
        "which round is the network: the best by stop_on, or the last; left out: with patience, and of a table that "
        "keeps 200 rows out, the best, else the last",
        RUN,
        ("best", "last"),
    )
    decision: str = setting(
        ARGMAX,
        "which of two classes is said: the more probable one, or from the probability on that is best by a measure",
        RUN,
        DECISIONS,
    )
    start_from: str | None = setting(
        None,
        "a model file whose weights and scaling the training starts from; the RBMs of a dbn stay as they are there",
        RUN,
        is_path=True,
    )
    test: str | None = setting(None, "a CSV that the final network is tested on", RUN, is_path=True)
    run_dir: str | None = setting(None, "folder of the run; left out: runs/ and the time", RUN, is_path=True)
    cache_dir: str | None = setting(
        None, "folder (or hdfs:// folder) for the parsed shards, reused by later runs", RUN, is_path=True
    )
    tasks: int | None = setting(
        None,
        "map tasks that a round's shards are shared out among; left out: as many as can run at once",
        RUN,
        least=1,
    )
    wait_s: int = setting(300, "seconds to wait for HDFS or YARN to come back, before the run stops", RUN, least=0)
    task_memory_mb: int = setting(1024, "a shard larger than this is trained from a memory-mapped file", RUN, least=1)
    python_bin: str | None = setting(None, "Python that runs the tasks; left out: this one", RUN)
    mrjob_conf: str | None = setting(None, "mrjob.conf with the cluster's own settings", RUN, is_path=True)

    def __post_init__(self) -> None:
        fields.check(self)
        if self.nodes and (len(self.nodes) < 2 or min(self.nodes) < 1):
            raise ConfigError(f"nodes is {list(self.nodes)}, expected two or more numbers above 0, as 784,500,10")
        if self.hidden and min(self.hidden) < 1:
            raise ConfigError(f"hidden is {list(self.hidden)}, expected numbers above 0, as 500,100")
        if (weights := sum(a * b for a, b in pairwise(self.nodes))) > MOST_WEIGHTS:
            raise ConfigError(f"nodes would have {weights:,} weights, expected {MOST_WEIGHTS:,} or fewer")
        if self.threshold is not None and not abs(self.threshold) <= FLOAT32_MAX:
            raise ConfigError(f"threshold is {self.threshold!r}, expected a number that 32 bits can hold")
        if self.kept_out > MOST_KEPT_OUT:
            raise ConfigError(
                f"validation and test_fraction are {self.kept_out:g} in all, expected {MOST_KEPT_OUT} or less"
            )
        if self.patience and not self.validation:
            raise ConfigError("patience needs validation rows, but validation is 0")
        if self.decision != ARGMAX and not self.validation:
            raise ConfigError(f"decision = {self.decision} is chosen on validation rows, but validation is 0")
        if self.keep == "best" and not self.validation:
            raise ConfigError("keep = best needs validation rows, but validation is 0")

    @property
    def options(self) -> dict[str, str]:
        """What the network kinds can be told beside their nodes; each takes what it has a use for."""
        return {
            "activation": self.activation,
            "visible": self.visible,
            "fine_tune": self.fine_tune,
            "residual": "yes" if self.residual else "no",
            "loss": self._loss,
        }

    @property
    def kept_out(self) -> float:
        """The fraction of the rows that is not trained on."""
        return self.validation + self.test_fraction

    @property
    def keeps_best(self) -> bool:
        """Whether the best round is the network, and not the last one."""
        return self.keep == "best" or (self.keep is None and self.patience is not None)

    @property
    def _loss(self) -> str:
        """The name of what an mlp is trained by."""
        of_numbers = "mse" if self.loss == "auto" else self.loss
        return {"regress": of_numbers, "multilabel": "multilabel"}.get(self.task, "nll")

    @property
    def samples(self) -> bool:
        """Whether a sample of the rows decides how values are scaled or filled in."""
        filled = (self.missing, *(way.rpartition("=")[2] for way in self.fill))
        return self.scaling == "standard" or any(way in ("mean", "median") for way in filled)

    def sample_rows(self, columns: int) -> int:
        """Rows of the warm start's sample that are kept with the shards, of a table with so many columns."""
        return max(rows_within(SAMPLE_BYTES, columns, WARM_ROWS), self.warm_rows or 0)

    @property
    def supervised(self) -> bool:
        """Whether classes, numbers or flags are learnt, and so a label is needed."""
        from mrdl.nn.kinds import character  # imports numpy

        return character(self.kind, self.nodes, self.options)[0]

    def with_changes(self, changes: Mapping[str, Any]) -> "TrainConfig":
        """A copy with some settings changed.

        changes: name -> value, or its text as from a file or a flag; None or "" leaves out what may be left out.
        Raises ConfigError for a name that is no setting, and for a value that it cannot have.
        """
        for name in REFUSED.keys() & changes.keys():
            raise ConfigError(REFUSED[name])
        if twice := [name for name in ALIASES if name in changes and ALIASES[name] in changes]:
            raise ConfigError(f"{twice[0]} is another name of {ALIASES[twice[0]]}: leave out one of them")
        changes = {ALIASES.get(name, name): value for name, value in changes.items()}
        return dataclasses.replace(self, **fields.values_of(TrainConfig, changes))

    def said(self, decides: tuple[str, ...], but: tuple[str, ...] = ()) -> dict[str, Any]:
        """The settings that decide one thing, as JSON has them.

        decides: of DATA, MODEL and RUN those that are wanted; but: names that are left out.
        """
        names = [f.name for f in dataclasses.fields(self) if f.metadata["decides"] in decides and f.name not in but]
        return {name: list(v) if isinstance(v := getattr(self, name), tuple) else v for name in sorted(names)}

    def digest(self, decides: tuple[str, ...], but: tuple[str, ...] = ()) -> str:
        """A short hash of the settings that decide one thing, the same whoever gave them, and how.

        decides, but: as `said` has them.
        """
        return hashlib.sha256(json.dumps(self.said(decides, but)).encode()).hexdigest()[:16]

    def to_toml(self) -> str:
        """The settings as a TOML file that from_file reads back, each with its meaning."""
        return toml_of(self)


def from_file(local_path: str, base: TrainConfig | None = None) -> TrainConfig:
    """The settings of a TOML file; tables such as [training] only group them, [columns] says what columns are.

    local_path: of the file; base: the settings that it goes over, mrdl's own where there are none. Raises ConfigError,
    with the file's name, where it cannot be read or holds something wrong.

    from_file("configs/mnist_mlp.toml").nodes == (784, 500, 100, 10)
    """
    read = read_toml(local_path)
    try:
        return from_tables(read, base)
    except ConfigError as error:
        raise ConfigError(f"{error} ({Path(local_path)})") from error


def from_tables(read: Mapping[str, Any], base: TrainConfig | None = None) -> TrainConfig:
    """The settings of a TOML file's content; base, and what is raised, as from_file has them.

    from_tables({"training": {"rounds": 3}}).rounds == 3
    """
    flat: dict[str, Any] = {}
    of_columns: dict[str, Any] = {}
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    for key, value in read.items():
        if key == "columns" and isinstance(value, dict):
            of_columns = value
        else:
            flat |= value if isinstance(value, dict) and key not in names else {key: value}
    config = (base or TrainConfig()).with_changes(flat)
    said = {name for name in SETTINGS.values() if name in {ALIASES.get(key, key) for key in flat}}
    return config.with_changes(with_table({name: getattr(config, name) for name in said}, of_columns))
