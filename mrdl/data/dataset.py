"""Reads and prepares the data of a sweep once, split in two by the rows' hashes."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from mrdl.data.contents import TABLE, contents_of
from mrdl.data.hashing import hash_order, is_integral, is_validation, label_hashes, row_hash, warm_rank
from mrdl.data.levels import LevelCodes, by_dictionary, dictionaries_of
from mrdl.data.preparation.preparation import prepare
from mrdl.data.preparation.scaling import STANDARD, Scaling
from mrdl.data.sample import Sample, rows_for
from mrdl.data.source import Source
from mrdl.data.statistics import Statistics
from mrdl.data.target import problem
from mrdl.data.text.columns import IN_A_SPEC
from mrdl.data.text.csv import read_blocks
from mrdl.errors import DataError
from mrdl.nn.rows import Dataset
from mrdl.settings.config import TrainConfig
from mrdl.storage import atomic
from mrdl.storage.store import text_chunks


def save_data(data: Dataset, path: Path) -> None:
    """Write the data of a sweep into one safetensors file, beside and renamed."""
    arrays = {name: getattr(data, name) for name in ("train_x", "train_y", "test_x", "test_y")}
    with atomic.beside(path) as place:
        save_file(arrays, place, {"classes": "\n".join(data.classes), "digest": data.digest})


def load_data(path: str | Path) -> Dataset:
    """Return the data of a file that `save_data` wrote, mapped: tasks of one node share its pages."""
    with safe_open(path, framework="numpy") as file:
        about: dict[str, Any] = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return Dataset(**arrays, classes=tuple(about["classes"].split("\n")), digest=about["digest"])


def identity_of(name: str, label: str | None, header: str, drop: Sequence[str] = ()) -> dict[str, Any]:
    """Return by what the files of a CSV are known again, whatever their path: their content where that costs little."""
    identity = Source.look_at(name, TrainConfig(label=label, header=header, drop=tuple(drop))).identity()
    return {key: value for key, value in identity.items() if key != "source"}


def prepare_data(name: str, label: str | None, header: str, test_fraction: float, drop: Sequence[str] = ()) -> Dataset:
    """Read a labelled CSV (a file, folder or glob, local or hdfs://) and prepare it as every training of mrdl does.

    label, header, drop: as the settings of TrainConfig; test_fraction: of rows that are kept out, above 0 and below 1.
    Statistics are of the training rows alone. Raises DataError or ConfigError where it cannot be trained on.

    prepare_data("digits.csv", "digit", "auto", 0.2).train_x  # (rows, 64) float32
    """
    source = Source.look_at(name, TrainConfig(label=label, header=header, drop=tuple(drop)))
    if source.schema.label is None:
        raise DataError(f"{name} has no label column, but a sweep learns classes: {IN_A_SPEC.label} ...")
    learnt = source.head.learnt(label, wording=IN_A_SPEC)  # raises where these are no classes
    if learnt.schema.targets:
        raise DataError(f"{name}: the label is {learnt.told}, but a sweep learns classes")
    source.check_columns(bool(label), IN_A_SPEC)
    x, labels, codes, levels = _read(source)
    hashes = row_hash(x, label_hashes(labels)[codes], {place: known.hashes for place, known in levels.items()})
    names = {place: list(known.names) for place, known in levels.items()}
    x = by_dictionary(x, names, dictionaries_of(names))
    names = {place: sorted(known) for place, known in names.items()}
    order = hash_order(hashes, x, codes, labels)
    kept_out = is_validation(hashes, test_fraction)[order]
    train, test = order[~kept_out], order[kept_out]
    if not len(train) or not len(test):
        raise DataError(f"{name}: {len(train)} rows to train on and {len(test)} to test on; both parts need some")
    counted = _statistics(x, labels, codes, train, names)
    x = by_dictionary(x, names, dictionaries_of(counted.levels))
    scaling = Scaling(STANDARD if contents_of(source.head) == TABLE else "auto")
    if scaling.samples:
        lowest = np.argsort(warm_rank(hashes[train]), kind="stable")[: rows_for(x.shape[1])]
        counted.sample = Sample.of(x[train[np.sort(lowest)]])
    if why := problem(source.schema.label_name, counted.classes, IN_A_SPEC):
        raise DataError(f"{name}: {why}")
    preparation = prepare(counted, source.schema, scaling)
    numbers = preparation.class_numbers(labels)[codes]
    scaled = preparation.scale(x)
    parts = {
        "train_x": scaled[train],
        "train_y": numbers[train],
        "test_x": scaled[test],
        "test_y": numbers[test],
    }
    sha = hashlib.sha256("\n".join(preparation.classes).encode())
    for array in parts.values():
        sha.update(np.ascontiguousarray(array).tobytes())
    return Dataset(**parts, classes=preparation.classes, digest=sha.hexdigest()[:16], label=learnt.told)


def _read(source: Source) -> tuple[np.ndarray, list[str], np.ndarray, dict[int, LevelCodes]]:
    """Read all files of a source.

    Returns features (rows, columns), the sorted labels, each row's place among them, (rows,) int64, and of each column
    of categories, by its place, the levels that its values are codes of.
    """
    features, codes = [np.zeros((0, len(source.schema.features)), np.uint8)], [np.zeros(0, np.int64)]
    names: dict[str, int] = {}
    levels: dict[int, LevelCodes] = {}
    for info in source.files:
        for block in read_blocks(text_chunks(info.path), source.schema, info.path):
            for place, found in block.levels.items():
                levels.setdefault(place, LevelCodes()).add(found)
            known = {place: levels[place].names for place in block.levels}
            features.append(by_dictionary(block.features, block.levels, known))
            renumber = np.array([names.setdefault(name, len(names)) for name in block.label_names], np.int64)
            codes.append(renumber[block.label_codes])
    labels = sorted(names)
    place_of = np.argsort(np.argsort(list(names)))  # of each label as it came among the sorted ones
    return np.concatenate(features), labels, place_of[np.concatenate(codes)], levels


def _statistics(
    x: np.ndarray, labels: list[str], codes: np.ndarray, train: np.ndarray, levels: Mapping[int, Sequence[str]]
) -> Statistics:
    """Count rows as the mappers of a run do: the range and the levels of the training rows alone, the classes of all.

    x: (rows, columns); codes: (rows,) int64, index in labels; train: (training rows,), indices in x; levels: of each
    column of categories, by its place, what its values are indices of.
    """
    counted = Statistics.empty(x.shape[1])
    counted.training_rows = len(train)
    counted.integral = not levels and is_integral(x, or_missing=True)
    counted.add_range(x[train].astype(np.float32))
    for place, names in levels.items():
        counted.minimum[place], counted.maximum[place] = np.inf, -np.inf
        found = x[train, place]
        rows = np.bincount(found[~np.isnan(found)].astype(np.intp), minlength=len(names)).tolist()
        counted.add_levels({place: {name: count for name, count in zip(names, rows, strict=True) if count}})
    counted.classes = {label: int(n) for label, n in zip(labels, np.bincount(codes), strict=True)}
    return counted
