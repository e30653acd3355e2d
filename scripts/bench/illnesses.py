"""How often diagnostics find what is wrong with a training, how often they cry wolf, and what they cost.

    python scripts/bench/illnesses.py [judge|first|second|cost]

Sets of twelve seeded illnesses and twenty healthy runs, each a run of mrdl. The bounds of mrdl/nn/diagnostics/rules.py
were chosen on `first` and `second`; `judge`, which they are judged by, has other tables, other seeds, and other
strengths of the illnesses. An illness is found where one of its flags is raised in the first fifth of the planned
epochs; whatever is flagged in a healthy run, up to its end, is a false alarm. `cost` trains with diagnostics and
without, in turn.
"""

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from common import DIGITS

from mrdl.errors import Diverged
from mrdl.nn.diagnostics.observer import Observer
from mrdl.nn.diagnostics.rules import flags_of
from mrdl.nn.encoding.encoding import Encoding
from mrdl.nn.engines.table import EVERY, engine_of
from mrdl.nn.kinds import mlp
from mrdl.nn.minibatch import Hyperparameters
from mrdl.nn.rows import Rows
from mrdl.nn.trainer import train_shard
from mrdl.rounds.diagnostics import judged, kept
from mrdl.rounds.driver import Run
from mrdl.settings.config import TrainConfig

FIRST = 0.2  # of the planned epochs
Table = tuple[np.ndarray, np.ndarray]  # inputs (rows, columns), targets (rows,)


# --- tables ---


def digits(seed: int) -> Table:
    """The ten digits."""
    read = np.loadtxt(DIGITS, delimiter=",", skiprows=1)
    return read[:, 1:], read[:, 0].astype(int)


def odd_digits(seed: int) -> Table:
    """Whether a digit is odd."""
    x, y = digits(seed)
    return x, y % 2


def blobs(seed: int) -> Table:
    """Four classes around three centres each."""
    rng = np.random.default_rng(seed)
    centres, which = rng.normal(0, 2, (12, 10)), rng.integers(0, 12, 2000)
    return centres[which] + rng.normal(0, 1, (2000, 10)), which % 4


def crossed(seed: int) -> Table:
    """Two classes by the sign of a product, and eight columns that say nothing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3000, 10))
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


def rare(seed: int, share: float = 0.1) -> Table:
    """One row in ten is of a class that a plane cuts off, with noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3000, 8))
    score = x[:, 0] + x[:, 1] - x[:, 2] + rng.normal(0, 0.5, 3000)
    return x, (score > np.quantile(score, 1 - share)).astype(int)


def line(seed: int) -> Table:
    """A number, linear in eight columns, with noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2000, 8))
    return x, x @ rng.normal(size=8) + rng.normal(0, 0.5, 2000)


def rings(seed: int) -> Table:
    """Three rings around each other."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, 2400)
    angle, far = rng.uniform(0, 2 * np.pi, 2400), 1 + y + rng.normal(0, 0.15, 2400)
    return np.stack([far * np.cos(angle), far * np.sin(angle), rng.normal(size=2400)], 1), y


def faint(seed: int) -> Table:
    """Three classes that overlap: six rows in ten can be told."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, 4000)
    return rng.normal(size=(3, 6))[y] * 0.5 + rng.normal(size=(4000, 6)), y


def rarer(seed: int) -> Table:
    """One row in twenty."""
    return rare(seed, 0.05)


def waves(seed: int) -> Table:
    """A number, a sum of sines and squares."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, (2500, 6))
    return x, np.sin(2 * x[:, 0]) + x[:, 1] ** 2 - x[:, 2] * x[:, 3] + rng.normal(0, 0.2, 2500)


def large_digits(seed: int) -> Table:
    """Whether a digit is above 4."""
    x, y = digits(seed)
    return x, (y > 4).astype(int)


def spirals(seed: int) -> Table:
    """Two arms of a spiral, and two columns that say nothing."""
    rng = np.random.default_rng(seed)
    y, far = rng.integers(0, 2, 3000), rng.uniform(0.3, 2.5, 3000)
    angle = 1.5 * far + np.pi * y
    x = np.stack([far * np.cos(angle), far * np.sin(angle)], 1) + rng.normal(0, 0.1, (3000, 2))
    return np.hstack([x, rng.normal(size=(3000, 2))]), y


def grid(seed: int) -> Table:
    """Five classes in the cells of a grid."""
    rng = np.random.default_rng(seed)
    x, cells = rng.uniform(0, 4, (3000, 5)), rng.integers(0, 5, (4, 4))
    return x, cells[x[:, 0].astype(int), x[:, 1].astype(int)]


def steps(seed: int) -> Table:
    """A number with jumps, of seven columns."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2200, 7))
    return x, 2.0 * (x[:, 0] > 0) + np.abs(x[:, 1]) + x[:, 2] + rng.normal(0, 0.3, 2200)


def islands(seed: int) -> Table:
    """One row in twelve lies in one of three islands."""
    rng = np.random.default_rng(seed)
    y = (rng.random(3200) < 0.08).astype(int)
    centres = rng.normal(0, 2, (3, 6))[rng.integers(0, 3, 3200)]
    return np.where(y[:, None] == 1, centres + rng.normal(0, 0.4, (3200, 6)), rng.normal(0, 1.5, (3200, 6))), y


def noisy(seed: int, rows: int = 240, columns: int = 30) -> Table:
    """A small table in which a third of the labels is wrong."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns))
    y = (x[:, 0] + x[:, 1] > 0).astype(int)
    return x, np.where(rng.random(rows) < 0.33, 1 - y, y)


def shuffled(table: Callable[[int], Table], seed: int) -> Table:
    """A table whose labels belong to other rows."""
    x, y = table(seed)
    return x, np.random.default_rng(seed).permutation(y)


# --- trainings ---


@dataclass(frozen=True)
class Case:
    """A training. name: for the table; table: its rows; settings: of mrdl; start: changes its initial weights; flags:
    one of which is to be raised, none for a healthy run."""

    name: str
    table: Callable[[int], Table]
    seed: int
    settings: dict[str, Any] = field(default_factory=dict)
    start: Callable[[dict[str, np.ndarray]], None] = lambda weights: None
    flags: tuple[str, ...] = ()


USUAL = {"shards": 2, "rounds": 10, "epochs": 2, "warm_rows": 0, "diagnostics": True}


def scaled(factor: float) -> Callable[[dict[str, np.ndarray]], None]:
    """Initial weights that are so many times too large."""

    def change(weights: dict[str, np.ndarray]) -> None:
        for name in weights:
            weights[name] = weights[name] * np.float32(factor)

    return change


def biased(layer: int, bias: float) -> Callable[[dict[str, np.ndarray]], None]:
    """Initial biases of a layer, at which no unit gives anything."""

    def change(weights: dict[str, np.ndarray]) -> None:
        weights[f"layers.{layer}.bias"] = np.full_like(weights[f"layers.{layer}.bias"], bias)

    return change


SETS = {
    "first": (blobs, crossed, line, rare, digits, 0, 100.0, 40.0, 9, 30, (240, 30), 1e-7, 5.0),
    "second": (rings, odd_digits, waves, rarer, odd_digits, 1000, 30.0, 20.0, 7, 20, (300, 24), 1e-6, 8.0),
    "judge": (grid, large_digits, steps, islands, large_digits, 5000, 60.0, 30.0, 8, 25, (280, 28), 3e-7, 6.5),
}
"""Of each set: tables of many classes, of two, of numbers, with a rare class, and of the labels to be shuffled; its
seed; and of illnesses the learning rate, the factor of initial weights, depth and width of the sigmoids, rows and
columns of the small table, the small learning rate, the weight decay."""


def illnesses(which: str) -> list[Case]:
    """The twelve illnesses of a set."""
    many, two, numbers, uneven, told, seed, rate, factor, depth, width, shape, slow, decay = SETS[which]
    high = ("learning rate too high", "exploding")
    return [
        Case("learning rate far too high", two, seed, {"hidden": (50, 20), "learning_rate": rate}, flags=high),
        Case("initial weights far too large", many, seed + 1, {"hidden": (40, 40, 40)}, scaled(factor), ("exploding",)),
        Case(
            "deep sigmoid network",
            two,
            seed + 2,
            {"hidden": (width,) * depth, "activation": "sigmoid", "learning_rate": 0.05},
            flags=("vanishing",),
        ),
        Case("dead first layer", many, seed + 3, {"hidden": (30, 20)}, biased(0, -30.0), ("dead layer",)),
        Case("dead second layer", digits, seed + 4, {"hidden": (40, 20)}, biased(1, -40.0), ("dead layer",)),
        Case(
            "saturated tanh", many, seed + 5, {"hidden": (40, 20), "activation": "tanh"}, scaled(factor), ("saturated",)
        ),
        Case("learning rate too high, numbers", numbers, seed + 6, {"hidden": (40,), "learning_rate": 3.0}, flags=high),
        Case(
            "learning rate too low",
            many,
            seed + 7,
            {"hidden": (30, 20), "learning_rate": slow},
            flags=("learning rate too low",),
        ),
        Case(
            "decay drowns the signal",
            uneven,
            seed + 8,
            {"hidden": (30,), "weight_decay": decay, "learning_rate": 0.05},
            flags=("collapsed to the majority", "no progress"),
        ),
        Case(
            "threshold empties the inputs",
            two,
            seed + 9,
            {"hidden": (30,), "threshold": 1e6},
            flags=("no progress", "collapsed to the majority"),
        ),
        Case(
            "small noisy table",
            lambda s: noisy(s, *shape),
            seed + 10,
            {"hidden": (200, 100), "rounds": 20, "learning_rate": 0.05, "batch_size": 16, "shards": 1},
            flags=("over-fitting",),
        ),
        Case(
            "labels shuffled",
            lambda s: shuffled(told, s),
            seed + 11,
            {"hidden": (60,)},
            flags=("labels shuffled",),
        ),
    ]


HEALTHY: dict[str, tuple[int, tuple[Callable[[int], Table], ...], list[dict[str, Any]]]] = {
    "first": (
        100,
        (digits, blobs, crossed, line, rare),
        [
            {"hidden": (40,)},
            {"hidden": (40, 20), "activation": "tanh"},
            {"hidden": (40, 20), "optimizer": "adam"},
            {"hidden": (30, 30, 30), "dropout": 0.1, "warm_rows": None},
        ],
    ),
    "second": (
        2000,
        (odd_digits, rings, faint, waves, rarer),
        [
            {"hidden": (64,), "activation": "sigmoid"},
            {"hidden": (50, 25), "batch_size": 64, "shards": 3},
            {"hidden": (32,), "optimizer": "adamw", "warm_rows": None},
            {"hidden": (24, 24, 24, 24), "residual": True},
        ],
    ),
    "judge": (
        7000,
        (large_digits, spirals, grid, steps, islands),
        [
            {"hidden": (48,), "activation": "sigmoid", "batch_size": 32},
            {"hidden": (32, 32, 32), "shards": 1},
            {"hidden": (50, 30), "activation": "tanh", "optimizer": "adam"},
            {"hidden": (40, 40, 40), "residual": True, "warm_rows": None, "shards": 4},
        ],
    ),
}
"""Of each set: its seed, five tables, and four ways to train each."""


def healthy(which: str) -> list[Case]:
    """The twenty healthy trainings of a set."""
    seed, tables, ways = HEALTHY[which]
    return [
        Case(f"{table.__name__}, {' '.join(str(v) for v in way.values())}", table, seed + 10 * i + j, way)
        for i, table in enumerate(tables)
        for j, way in enumerate(ways)
    ]


def write(table: Table, path: Path) -> None:
    """Write a table as a CSV, its label last."""
    x, y = table
    header = ",".join([*(f"x{i}" for i in range(x.shape[1])), "label"])
    label = [f"c{v}" for v in y] if y.dtype.kind == "i" else [f"{v:.6g}" for v in y]
    lines = [",".join([*(f"{v:.6g}" for v in row), told]) for row, told in zip(x, label, strict=True)]
    path.write_text("\n".join([header, *lines]) + "\n")


def run(case: Case, folder: Path) -> tuple[list[tuple[float, str, str]], int]:
    """Train a case: (part of the planned epochs, flag, why) of what was flagged, and the epochs planned."""
    data = folder / "table.csv"
    write(table := case.table(case.seed), data)
    changes: dict[str, Any] = {**USUAL, **case.settings, "label": "label", "seed": case.seed}
    changes |= {"task": "regress"} if table[1].dtype.kind == "f" else {}
    kinds = len(np.unique(table[1])) if table[1].dtype.kind == "i" else 1
    changes["nodes"] = (table[0].shape[1], *changes.pop("hidden"), kinds)
    changes |= {"run_dir": str(folder / "run"), "cache_dir": str(folder / "cache")}
    config = TrainConfig().with_changes({k: v for k, v in changes.items() if v is not None})
    weights = Run(str(data), config).setup.architecture.initial_weights(case.seed)
    case.start(weights)
    training = Run(str(data), config, initial=weights)
    planned = sum(each.epochs for each in training.setup.rounds)
    with contextlib.suppress(Diverged):
        training.train()
    epochs = kept.read(training.folder)
    seen = judged.with_validation(epochs, training.folder.manifests())
    at = {(each.round, each.epoch): i + 1 for i, each in enumerate(epochs)}
    return [(at[flag.round, flag.epoch] / planned, flag.name, flag.why) for flag in flags_of(seen)], planned


def bench(which: str) -> None:
    """Run all cases of a set and print the tables."""
    found = 0
    print("| illness | flags, and the part of the training after which each was raised |\n|---|---|")
    for case in illnesses(which):
        with tempfile.TemporaryDirectory() as folder:
            flags, _ = run(case, Path(folder))
        hit = any(name in case.flags and at <= FIRST for at, name, _ in flags)
        found += hit
        told = ", ".join(f"{name} ({at:.0%})" for at, name, _ in flags) or "none"
        print(f"| {case.name} | {'' if hit else 'NOT FOUND: '}{told} |", flush=True)
    alarms = []
    for case in healthy(which):
        with tempfile.TemporaryDirectory() as folder:
            flags, _ = run(case, Path(folder))
        if flags:
            alarms.append(f"{case.name}: " + ", ".join(f"{name} ({at:.0%}; {why})" for at, name, why in flags))
    print(f"\n{found} of 12 illnesses found in the first fifth; {len(alarms)} false alarms in 20 healthy runs")
    print("\n".join(alarms))


# --- cost ---


def cost() -> None:
    """Print the seconds of trainings with diagnostics and without, in turn, by engine and network."""
    rng = np.random.default_rng(0)
    print(
        "| engine | network | rows | without, CPU s | with, CPU s | cost, median of pairs |\n|---|---|--:|--:|--:|--:|"
    )
    for nodes, rows, epochs, repeats in (
        ((20, 16, 4), 2000, 4, 25),
        ((64, 24, 10), 1000, 4, 25),
        ((784, 500, 100, 10), 4000, 2, 5),
    ):
        arch = mlp(nodes)
        x = rng.integers(0, 255, (rows, nodes[0]), dtype=np.uint8)
        encoding = Encoding(np.zeros(nodes[0], np.float32), np.full(nodes[0], 1 / 255, np.float32))
        table = Rows(x, rng.integers(0, nodes[-1], rows), rng.permutation(rows), encoding)
        weights, settings = arch.initial_weights(0), Hyperparameters(epochs, 16, 0.03, 0.8)
        for name in EVERY:
            engine, taken = engine_of(name, "cpu"), {False: [], True: []}
            for i in range(2 * repeats):
                watched = bool(i % 2)
                began = time.process_time()
                train_shard(
                    arch, weights, table, settings, np.random.default_rng(0), engine,
                    observer=Observer() if watched else None,
                )  # fmt: skip
                taken[watched].append(time.process_time() - began)
            plain, seen = (min(taken[each]) for each in (False, True))
            middle = statistics.median(b / a for a, b in zip(taken[False], taken[True], strict=True))
            shape = "-".join(map(str, nodes))
            print(f"| {name} | {shape} | {rows} | {plain:.4f} | {seen:.4f} | {middle - 1:+.1%} |", flush=True)


if __name__ == "__main__":
    what = sys.argv[1:] or ["judge", "cost"]
    for each in what:
        cost() if each == "cost" else bench(each)
