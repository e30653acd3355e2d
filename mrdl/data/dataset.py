"""Reads and prepares the data of a sweep once, split in two by the rows' hashes."""

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from mrdl.data.contents import contents_of
from mrdl.data.hashing import FEW, hash_order, is_integral, is_validation, label_hashes, row_hash, warm_rank
from mrdl.data.levels import LevelCodes, by_dictionary, dictionaries_of
from mrdl.data.preparation.fitness import refuse
from mrdl.data.preparation.preparation import Preparation, prepare
from mrdl.data.preparation.scaling import STANDARD, Scaling
from mrdl.data.sample import Sample, rows_for
from mrdl.data.source import Source
from mrdl.data.statistics import Statistics
from mrdl.data.text.columns import IN_A_SPEC
from mrdl.data.values import AUTO
from mrdl.errors import DataError
from mrdl.nn.rows import Dataset
from mrdl.settings.config import TrainConfig
from mrdl.settings.recipe import TABLE
from mrdl.storage import atomic

log = logging.getLogger(__name__)


def save_data(data: Dataset, path: Path) -> None:
    """Write the data of a sweep into one safetensors file, beside and renamed."""
    arrays = {name: getattr(data, name) for name in ("train_x", "train_y", "test_x", "test_y")}
    with atomic.beside(path) as place:
        about = {"classes": "\n".join(data.classes), "digest": data.digest}
        save_file(arrays, place, {**about, "loss": data.loss, "unit": json.dumps(data.unit)})


def load_data(path: str | Path) -> Dataset:
    """Return the data of a file that `save_data` wrote, mapped: tasks of one node share its pages."""
    with safe_open(path, framework="numpy") as file:
        about: dict[str, Any] = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    classes = tuple(about["classes"].split("\n")) if about["classes"] else ()
    learnt = {"loss": about["loss"], "unit": tuple(json.loads(about["unit"]))} if "loss" in about else {}
    return Dataset(**arrays, classes=classes, digest=about["digest"], **learnt)


def identity_of(name: str, label: str | None, header: str, **columns: Any) -> dict[str, Any]:
    """Return by what the files of a CSV are known again, whatever their path: their content where that costs little."""
    identity = Source.look_at(name, TrainConfig(label=label, header=header, **columns)).identity()
    return {key: value for key, value in identity.items() if key != "source"}


def prepare_data(
    name: str, label: str | None, header: str, test_fraction: float, task: str = AUTO, **columns: Any
) -> Dataset:
    """Read a labelled CSV (a file, folder or glob, local or hdfs://) and prepare it as every training of mrdl does.

    label, header, task: as the settings of TrainConfig, columns: other ones of it that say what columns are, as drop;
    test_fraction: of rows that are kept out, above 0 and below 1. Statistics are of the training rows alone.
    Raises DataError or ConfigError where it cannot be trained on.

    prepare_data("digits.csv", "digit", "auto", 0.2).train_x  # (rows, 64) float32
    """
    source, config, told = _learnable(name, TrainConfig(label=label, header=header, task=task, **columns))
    rows = _in_order_of_names(*_read(source))
    train, test = _split(name, rows, test_fraction)
    preparation, rows = _prepare(source, config, rows, train)
    return _dataset(preparation, rows, train, test, config.options["loss"], told)


@dataclass(frozen=True)
class _Rows:
    """All rows of a source.

    features: (rows, columns); labels: the sorted ones; codes: (rows,) int64, each row's place among them; hashes:
    (rows,) uint64; levels: of each column of categories, by its place, what its values are indices of.
    """

    features: np.ndarray
    labels: list[str]
    codes: np.ndarray
    hashes: np.ndarray
    levels: dict[int, list[str]]


def _learnable(name: str, config: TrainConfig) -> tuple[Source, TrainConfig, str]:
    """Look at a CSV: its source, the settings with what is learnt of it, and that in words.

    Raises DataError or ConfigError where it is nothing that a sweep can learn.
    """
    source = Source.look_at(name, config)
    if not source.schema.label_names:
        raise DataError(f"{name} has no label column, but a sweep learns one: {IN_A_SPEC.label} ...")
    source, config, told = source.decided(config, wording=IN_A_SPEC)  # raises where it cannot be learnt
    for line in source.told:
        log.warning("%s: %s", name, line)
    if source.schema.flags:
        raise DataError(f"{name}: the label is {told}, but a sweep learns classes or numbers")
    source.check_columns(IN_A_SPEC)
    return source, config, told


def _read(source: Source) -> tuple[np.ndarray, list[str], np.ndarray, dict[int, LevelCodes]]:
    """Read all files of a source.

    Returns features (rows, columns), the sorted labels, each row's place among them, (rows,) int64, and of each column
    of categories, by its place, the levels that its values are codes of.
    """
    features, codes = [np.zeros((0, len(source.schema.places)), np.uint8)], [np.zeros(0, np.int64)]
    names: dict[str, int] = {}
    levels: dict[int, LevelCodes] = {}
    for block in source.blocks():
        for place, found in block.levels.items():
            levels.setdefault(place, LevelCodes()).add(found)
        known = {place: levels[place].names for place in block.levels}
        features.append(by_dictionary(block.features, block.levels, known))
        renumber = np.array([names.setdefault(name, len(names)) for name in block.label_names], np.int64)
        codes.append(renumber[block.label_codes])
    labels = sorted(names)
    place_of = np.argsort(np.argsort(list(names)))  # of each label as it came among the sorted ones
    return np.concatenate(features), labels, place_of[np.concatenate(codes)], levels


def _in_order_of_names(x: np.ndarray, labels: list[str], codes: np.ndarray, levels: dict[int, LevelCodes]) -> _Rows:
    """Hash rows, and number the levels of their categories in the order of their names, whatever came first.

    x: (rows, columns), whose codes are those of the levels; codes: (rows,) int64, index in labels.
    """
    hashes = row_hash(x, label_hashes(labels)[codes], {place: known.hashes for place, known in levels.items()})
    names = {place: list(known.names) for place, known in levels.items()}
    x = by_dictionary(x, names, dictionaries_of(names))
    return _Rows(x, labels, codes, hashes, {place: sorted(known) for place, known in names.items()})


def _split(name: str, rows: _Rows, test_fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the rows to train on, and of those to test on, in an order that no file shows in.

    Raises DataError where one part is empty, and warns of one that is small.
    """
    order = hash_order(rows.hashes, rows.features, rows.codes, rows.labels)
    kept_out = is_validation(rows.hashes, test_fraction)[order]
    train, test = order[~kept_out], order[kept_out]
    if not len(train) or not len(test):
        raise DataError(f"{name}: {len(train)} rows to train on and {len(test)} to test on; both parts need some")
    if (different := len(np.unique(rows.hashes[test]))) < FEW:
        tested = f"{len(test)} to test on" + f", copies of {different}" * (different < len(test))
        log.warning("%s: %d rows to train on and %s: so few tell designs apart by chance", name, len(train), tested)
    return train, test


def _prepare(source: Source, config: TrainConfig, rows: _Rows, train: np.ndarray) -> tuple[Preparation, _Rows]:
    """Return how rows are scaled, by the statistics of the training rows alone, and the rows as it takes them.

    Raises DataError or ConfigError where they cannot be trained on.
    """
    counted = _statistics(rows, train, len(source.schema.targets))
    x = by_dictionary(rows.features, rows.levels, dictionaries_of(counted.levels))
    scaling = Scaling(STANDARD if contents_of(source.head) == TABLE else "auto")
    if scaling.samples:
        lowest = np.argsort(warm_rank(rows.hashes[train]), kind="stable")[: rows_for(x.shape[1])]
        counted.sample = Sample.of(x[train[np.sort(lowest)]])
    if refusal := refuse(counted, source.schema, 1, False, config.task, IN_A_SPEC):
        raise source.refused(counted, refusal)
    return prepare(counted, source.schema, scaling), replace(rows, features=x)


def _statistics(rows: _Rows, train: np.ndarray, targets: int) -> Statistics:
    """Count rows as the mappers of a run do: the range and the levels of the training rows alone, the classes of all.

    train: (training rows,), their places; targets: how many there are, which are the last columns.
    """
    x, labels = rows.features, rows.labels
    counted = Statistics.empty(x.shape[1], targets)
    counted.training_rows = len(train)
    counted.integral = not rows.levels and is_integral(x[:, : x.shape[1] - targets], or_missing=True)
    counted.add_targets(x[train])
    counted.add_range(x[train].astype(np.float32))
    for place, names in rows.levels.items():
        counted.minimum[place], counted.maximum[place] = np.inf, -np.inf
        found = x[train, place]
        counts = np.bincount(found[~np.isnan(found)].astype(np.intp), minlength=len(names)).tolist()
        counted.add_levels({place: {name: count for name, count in zip(names, counts, strict=True) if count}})
    counted.classes = {label: int(n) for label, n in zip(labels, np.bincount(rows.codes), strict=True)}
    return counted


def _dataset(
    preparation: Preparation, rows: _Rows, train: np.ndarray, test: np.ndarray, loss: str, told: str
) -> Dataset:
    """Return the scaled rows to train on and those to test on, with a digest of both and of what is learnt."""
    wanted = preparation.wanted(rows.features, rows.codes, rows.labels)
    scaled = preparation.scale(rows.features)
    parts = {
        "train_x": scaled[train],
        "train_y": wanted[train],
        "test_x": scaled[test],
        "test_y": wanted[test],
    }
    targets = preparation.targets
    sha = hashlib.sha256("\n".join(preparation.classes if targets is None else (loss, *targets.names)).encode())
    for array in parts.values():
        sha.update(np.ascontiguousarray(array).tobytes())
    unit = tuple(targets.deviation.tolist()) if targets else ()
    return Dataset(**parts, classes=preparation.classes, digest=sha.hexdigest()[:16], label=told, loss=loss, unit=unit)
