"""A training of its own: `mrdl train`, and then its network on the rows that packs test on, too.

Run as a program: python -m mrdl.sweep.training DATA SCORES train ...; DATA is the prepared data of the sweep,
SCORES the file for what becomes of it.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrdl import atomic
from mrdl.errors import DataError
from mrdl.sweep.dataset import Dataset, load_data
from mrdl.sweep.fit import on_test_rows
from mrdl.sweep.pack import verdicts
from mrdl.task import die_with_driver

if TYPE_CHECKING:
    from mrdl.model import Model


def scores(model: "Model", data: Dataset) -> dict[str, Any]:
    """What a record says of a trained network, by all test rows of a sweep. Raises DataError where it was trained on
    other data."""
    if model.classes != data.classes:
        raise DataError(
            f"the classes are {_few(model.classes)} now, but {_few(data.classes)} when the sweep was planned"
        )
    found = on_test_rows(model.net(prepared=True), data)
    accuracy = float((found.predicted == data.test_y).mean())
    return {"accuracy": accuracy, "loss": found.loss, **verdicts(found.predicted, data)}


def _few(classes: tuple[str, ...]) -> str:
    return ", ".join(classes[:10]) + ", ..." * (len(classes) > 10)


def main() -> int:
    """Train by the command's own words, and leave the scores."""
    die_with_driver()
    from mrdl.__main__ import main as command

    data, place, *words = sys.argv[1:]

    def tell(model: "Model") -> None:
        atomic.write(Path(place), json.dumps(scores(model, load_data(data))).encode())

    return command(words, on_model=tell)


if __name__ == "__main__":
    sys.exit(main())
