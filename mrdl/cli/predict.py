"""`mrdl predict`: what a model says of each row, on standard output, in the memory of a block of rows."""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

import mrdl
from mrdl.cli.screen import late_bar
from mrdl.errors import printable
from mrdl.settings.fields import names_as_text
from mrdl.storage.packing import is_packed
from mrdl.storage.store import store_of

if TYPE_CHECKING:
    from mrdl.model.model import Model


def define(parser: argparse.ArgumentParser) -> None:
    """Say what `mrdl predict` can be told."""
    parser.description = (
        "Print the label of each row, one a line, or its number; of several labels 0 or 1 for each, as CSV; of "
        "networks that learn without a label the reconstruction, as CSV."
    )
    parser.add_argument("model", help="a run folder, or a model file that train wrote")
    parser.add_argument("data", help="a CSV, with or without the label column; local or hdfs://")
    parser.add_argument("--proba", action="store_true", help="print the probability of each class instead, as CSV")
    parser.add_argument(
        "--features", action="store_true", help="print the features of RBMs, or an autoencoder's code, instead, as CSV"
    )
    parser.set_defaults(command=predict)


def predict(options: argparse.Namespace) -> None:
    """Print the label of each row; with --proba its probabilities, with --features its features, both as CSV.

    Raises ModelError where the network has none of them, DataError where the rows are not of the model's columns.
    """
    model = mrdl.load(options.model)
    text_of = _text_of(model, options)
    targets = model.preparation.targets
    names = (targets.names if targets else model.classes) if options.proba or (targets and _is_wide(model)) else ()
    heading = _as_data(names_as_text(names)) + "\n" if names else ""
    with _bar(options.data) as on_text:
        for rows in model.blocks(options.data, on_text):
            sys.stdout.write(heading + text_of(rows))
            heading = ""


def _text_of(model: "Model", options: argparse.Namespace) -> Callable[[np.ndarray], str]:
    """What is printed of rows, as a function of them.

    The rows are (rows, columns), as the model's `blocks` gives them; the text has a line for each.
    """
    if options.proba:
        return lambda rows: _lines(model.predict_proba(rows), "{:.6f}")
    if options.features:
        return lambda rows: _lines(model.transform(rows), "{:.6g}")
    if model.preparation.targets:
        given = "{:d}" if model.preparation.targets.flags else "{:.9g}"
        return lambda rows: _lines(model.predict(rows).reshape(len(rows), -1), given)
    if model.classifies:
        return lambda rows: "".join(f"{_as_data(label)}\n" for label in model.labels(rows))
    return lambda rows: _lines(model.reconstruct(rows), "{:.6g}")


def _is_wide(model: "Model") -> bool:
    """Whether a row has several targets, or flags, so that columns have names."""
    targets = model.preparation.targets
    return bool(targets and (targets.flags or len(targets.names) > 1))


def _lines(table: np.ndarray, form: str) -> str:
    """Rows as lines of CSV. table: (rows, columns); form: how a number is written."""
    return "".join(",".join(map(form.format, row)) + "\n" for row in table)


def _as_data(text: str) -> str:
    """The text for a file or a program as it is, for a terminal as it can be shown."""
    return printable(text) if sys.stdout.isatty() else text


@contextmanager
def _bar(data: str) -> Iterator[Callable[[int], None]]:
    """A bar over the bytes of a file; gives the function that moves it, by so many bytes.

    Packed files have no known end: the bar only counts there.
    """
    files = store_of(data).files(data)
    total = None if any(is_packed(info.path) for info in files) else sum(info.size for info in files)
    columns = (TextColumn("  {task.completed:,.0f} bytes"), BarColumn(30), TimeElapsedColumn())
    seen = not sys.stdout.isatty()  # else it would stand between the labels
    with late_bar(*columns, seen=seen) as move:
        yield lambda size: move(advance=size, total=total)
