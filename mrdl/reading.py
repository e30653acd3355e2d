"""The rows that people give to a trained network, as numbers in the order of training."""

import os
from typing import Any

import numpy as np

from mrdl.data import read_table
from mrdl.errors import DataError
from mrdl.preparation import Preparation
from mrdl.schema import Schema, sniff
from mrdl.source import first_lines
from mrdl.storage import store_of, text_chunks


def features_of(values: Any, preparation: Preparation) -> np.ndarray:
    """Rows as (rows, columns) of numbers, missing values 0, in the order of training."""
    if isinstance(values, (str, os.PathLike)):
        return read_rows(values, preparation)[0]
    columns = preparation.columns
    if hasattr(values, "columns"):
        if missing := [name for name in columns if name not in values.columns]:
            if len(values.columns) != len(columns) or len(missing) != len(columns):
                raise DataError(f"the DataFrame has no column {missing[0]!r} ({len(missing)} are missing)")
            array = values.to_numpy(na_value=np.nan)
        else:
            array = values[list(columns)].to_numpy(na_value=np.nan)
    else:
        array = np.asarray(values)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or array.shape[1] != len(columns):
        raise DataError(f"the rows have shape {array.shape}, expected (rows, {len(columns)})")
    try:
        return np.nan_to_num(array.astype(np.float32), nan=0.0)
    except (TypeError, ValueError) as error:
        raise DataError(f"the rows hold a value that is not a number: {error}") from error


def read_rows(data: str | os.PathLike[str], preparation: Preparation) -> tuple[np.ndarray, list[str] | None]:
    """Features and labels of a CSV; labels None where the label column is not in it."""
    source = os.fspath(data)
    files = store_of(source).files(source)
    schema = _schema(first_lines(files, source), source, preparation)
    parts = [read_table(text_chunks(info.path), schema, info.path) for info in files]
    features = np.concatenate([part[0] for part in parts])
    labels = None if schema.label is None else [label for part in parts for label in part[1]]
    wanted = [schema.features.index(name) for name in preparation.columns]
    return (features if wanted == list(range(features.shape[1])) else features[:, wanted]), labels


def _schema(head: bytes, source: str, preparation: Preparation) -> Schema:
    """The columns of another CSV than the one of training: by name with a header, by place without."""
    columns, label, place = preparation.columns, preparation.label, preparation.label_index
    found = sniff(head, "none", "auto", source)
    labelled = place is not None and len(found.columns) == len(columns) + 1
    if labelled:
        found = sniff(head, str(place), "auto", source)
    if found.header_crc is not None and set(columns) <= set(found.columns):
        return Schema(
            found.columns,
            found.columns.index(label) if label in found.columns else None,
            found.header_crc,
        )
    if found.header_crc is not None and set(columns) & set(found.columns):
        missing = [name for name in columns if name not in found.columns]
        raise DataError(f"{source} has no column {missing[0]!r} ({len(missing)} are missing)")
    if labelled:
        return Schema((*columns[:place], label, *columns[place:]), place, found.header_crc)
    if len(found.columns) == len(columns):
        return Schema(columns, None, found.header_crc)
    raise DataError(
        f"{source} has {len(found.columns)} columns, expected {len(columns)}"
        + (f", or {len(columns) + 1} with the label {label!r}" if label else "")
    )
