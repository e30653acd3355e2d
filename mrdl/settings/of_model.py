"""The settings of the model: the network, how its inputs are made, and how it is trained."""

from dataclasses import dataclass

from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.engines.table import AUTO, EVERY
from mrdl.nn.initialisation import INITIALISATIONS
from mrdl.nn.optimizers import OPTIMIZERS, SCHEDULES
from mrdl.settings.class_weight import NONE, read_class_weight
from mrdl.settings.decides import MODEL
from mrdl.settings.fields import HANDED_DOWN, setting
from mrdl.settings.samples import MOST_WARM_ROWS, WARM_ROWS

UNITS, CHAINS = ("binary", "gaussian"), ("data", "persistent")
MOST_WEIGHTS = 500_000_000  # of a network: 2 GB, of which a task holds several copies
MOST_BATCH = 1_000_000
MOST_ROUNDS = 100_000
MOST_LEVELS = 10_000  # of a category: each is a column of the first layer


@dataclass(frozen=True)
class ModelSettings:
    """The settings that decide the bytes of the weights, beside those of the data."""

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
