"""The settings that are left to mrdl: for each a rule for pixels and one for tables, by the size of the data.

The rules for pixels were found on MNIST (scripts/bench/accuracy.py), those for tables by scripts/bench/tables.py, whose
page, docs/tables.md, has what else was tried. A setting that was said stays; each rule sees what is decided before it.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.kinds import DEFAULT_HIDDEN
from mrdl.nn.optimizers import OPTIMIZERS
from mrdl.settings.config import TrainConfig
from mrdl.settings.fields import decided
from mrdl.settings.samples import MOST_WARM_ROWS, WARM_ROWS, rows_within

PIXELS, TABLE = "pixels", "table"  # what data holds: pictures, or anything else
FULL_BATCH = 256  # the batch that the learning rate of a table is of; it goes with the root of the batch
WARM_BYTES = 32 << 20  # of a table's warm start, as float32
WARM_FLOPS = 425e9  # of a table's warm start: some seconds of a core, less than a round's start on YARN
LEAST_VALIDATION = 200  # rows kept out
FEW_ROWS = 2000
LEAST_STEPS = 600  # of a training in all


@dataclass(frozen=True)
class Size:
    """What is known of data before it is read. contents: PIXELS or TABLE; rows, columns: about so many.

    Size("table", rows=5_400, columns=28).rows == 4096
    """

    contents: str = PIXELS
    rows: int = 60_000
    columns: int = 784

    def __post_init__(self) -> None:
        """Round the rows to a power of two: an estimate that is a little off shall decide the same."""
        object.__setattr__(self, "rows", power_of_two(self.rows))

    def training_rows(self, config: TrainConfig) -> float:
        """Rows that are not kept out."""
        return max(1.0, self.rows * (1 - config.kept_out))

    def rows_of_shard(self, config: TrainConfig) -> float:
        """Rows of one of the shards."""
        return self.training_rows(config) / config.shards


def power_of_two(value: float) -> int:
    """The nearest power of two, 1 or more."""
    return 1 << max(0, round(math.log2(max(1.0, value))))


# --- tables ---


def _batch_size(size: Size, config: TrainConfig) -> int:
    """Some 400 steps an epoch of a shard; many shards are short of steps, and so have smaller batches."""
    most = {1: FULL_BATCH, 2: 128}.get(config.shards, 64)
    return min(most, max(16, power_of_two(size.rows_of_shard(config) / 400)))


def _learning_rate(size: Size, config: TrainConfig) -> float | None:
    """.1 for a batch of 256 and ReLU, for others as their own rates are to ReLU's."""
    if config.optimizer != "sgd":
        return None
    share = ACTIVATIONS[config.activation].learning_rate / ACTIVATIONS["relu"].learning_rate
    return float(f"{0.1 * share * math.sqrt(decided(config.batch_size) / FULL_BATCH):.3g}")


def _weight_decay(size: Size, config: TrainConfig) -> float:
    """The more the fewer rows there are, however they are shared out; where they are, .003 at least."""
    if config.optimizer != "sgd":
        return OPTIMIZERS[config.optimizer].weight_decay
    least = 0.001 if config.shards == 1 else 0.003
    return float(f"{min(0.03, max(least, 100 / size.training_rows(config))):.2g}")


def _passes(size: Size, config: TrainConfig) -> int:
    """The more the fewer rows there are; 10 of few rows, which are learnt by heart else, but LEAST_STEPS at least."""
    rows = size.training_rows(config)
    passes = min(20.0 if rows > FEW_ROWS else 10.0, max(3.0, 12 * (54_000 / rows) ** 0.4))
    return round(max(passes, LEAST_STEPS * min(1.0, decided(config.batch_size) / rows)))


def _warm_rows(size: Size, config: TrainConfig) -> int:
    """As many as fit into WARM_BYTES."""
    return rows_within(WARM_BYTES, size.columns, MOST_WARM_ROWS)


def _warm_epochs(size: Size, config: TrainConfig) -> int:
    """As many as WARM_FLOPS allow."""
    nodes = config.nodes or (size.columns, *(config.hidden or DEFAULT_HIDDEN), 1)
    parameters = sum((a + 1) * b for a, b in pairwise(nodes))
    rows = min(decided(config.warm_rows), size.training_rows(config))
    return round(min(8.0, max(2.0, WARM_FLOPS / (6 * parameters * max(1.0, rows)))))


def _keep(size: Size, config: TrainConfig) -> str:
    """The best round where enough rows are kept out: by few of them the best is chance."""
    return "best" if config.patience or size.rows * config.validation >= LEAST_VALIDATION else "last"


@dataclass(frozen=True)
class Rule:
    """What a setting is where it is left out. pixels: for them, and for any network that is no mlp; None: decided
    later, by the network's kind. table: for a table, by its size and what is decided so far; name: for people, empty
    where they are told it elsewhere."""

    pixels: Any
    table: Callable[[Size, TrainConfig], Any]
    name: str = ""


RULES = {
    "batch_size": Rule(16, _batch_size, "batch"),
    "learning_rate": Rule(None, _learning_rate, "learning rate"),
    "momentum": Rule(None, lambda size, config: 0.9 if config.optimizer == "sgd" else None, "momentum"),
    "weight_decay": Rule(None, _weight_decay, "weight decay"),
    "schedule": Rule("constant", lambda size, config: "annealing", "schedule"),
    "budget": Rule(12, _passes, "passes"),
    "warm_rows": Rule(WARM_ROWS, _warm_rows, "warm start of rows"),
    "warm_epochs": Rule(8, _warm_epochs, "times"),
    "keep": Rule(None, _keep, "keep the round that is"),
}
"""Setting -> its rule, in the order in which they are decided."""

# The number of rounds, and the outer momentum, that suit a number of shards: for pixels found by
# scripts/bench/accuracy.py, which gives MNIST's accuracy by shards and rounds. What was tried beside them stands in
# scripts/bench/learning_log.md.
SHARDS: dict[str, tuple[tuple[int, int, float], ...]] = {  # up to so many shards: rounds, outer momentum
    PIXELS: (
        (1, 3, 0.0),  # plain SGD: there is no mean to be short of steps
        (8, 3, 0.3),
        (16, 4, 0.5),
        (32, 4, 0.7),
        (9999, 6, 0.7),
    ),
    TABLE: ((1, 3, 0.0), (8, 3, 0.6), (16, 4, 0.7), (32, 5, 0.7), (9999, 6, 0.7)),
}


def fits(size: Size, config: TrainConfig) -> bool:
    """Whether the rules for tables apply: they are of an mlp whose inputs are no black and white pixels."""
    return size.contents == TABLE and config.kind == "mlp" and config.threshold is None


def filled(config: TrainConfig, size: Size) -> TrainConfig:
    """The settings with those decided that RULES and SHARDS have a word on; what was said stays."""
    for_table = fits(size, config)
    for name, rule in RULES.items():
        if getattr(config, name) is None:
            value = rule.table(size, config) if for_table else rule.pixels
            config = dataclasses.replace(config, **{name: value})
    by_shards = SHARDS[TABLE if for_table else PIXELS]
    rounds, momentum = next((rounds, momentum) for most, rounds, momentum in by_shards if config.shards <= most)
    return dataclasses.replace(
        config,
        rounds=config.rounds or rounds,
        outer_momentum=momentum if config.outer_momentum is None else config.outer_momentum,
    )


def told(asked: TrainConfig, resolved: TrainConfig, size: Size) -> str:
    """What was decided for a table, in one line; empty for pixels, which have one recipe.

    asked: the settings as they were said; resolved: what became of them.
    """
    if not fits(size, resolved):
        return ""
    chosen = {name: getattr(resolved, name) for name in RULES if getattr(asked, name) is None}
    if not resolved.warm_epochs:
        chosen = {name: value for name, value in chosen.items() if not name.startswith("warm_")}
    values = ", ".join(f"{RULES[name].name} {value}" for name, value in chosen.items() if value is not None)
    shards = f"{resolved.shards} shard" + "s" * (resolved.shards != 1)
    return f"a table of about {size.rows:,} rows in {shards}: {values}" if values else ""
