"""A training of its own: `mrdl train`, and then its network on the rows that packs test on, too.

Run as a program: python -m mrdl.cli.sweep.training DATA SCORES train ...; DATA is the prepared data of the sweep,
SCORES the file for what becomes of it.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrdl.data.dataset import load_data
from mrdl.errors import DataError
from mrdl.mapreduce.task import die_with_driver
from mrdl.model.forward import Forward
from mrdl.nn.backends.training import on_test_rows
from mrdl.nn.engines.choice import to_score
from mrdl.nn.engines.table import engine_of
from mrdl.nn.rows import Dataset
from mrdl.storage import atomic
from mrdl.sweep.jobs.pack import scores_of

if TYPE_CHECKING:
    from mrdl.model.model import Model


def scores(model: "Model", data: Dataset) -> dict[str, Any]:
    """What a record says of a trained network, by all test rows of a sweep. Raises DataError where it was trained on
    other data."""
    targets = model.preparation.targets
    if tuple(targets.deviation.tolist() if targets else ()) != data.unit:
        raise DataError("the numbers of the label are others now than when the sweep was planned")
    if model.classes != data.classes:
        raise DataError(
            f"the classes are {_few(model.classes)} now, but {_few(data.classes)} when the sweep was planned"
        )
    engine = engine_of(to_score(model.settings.get("engine"), model.arch), "cpu")
    found = on_test_rows(Forward(model.arch, model.weights, engine).output, data)
    return {"loss": found.loss, **scores_of(found.predicted, data)}


def _few(classes: tuple[str, ...]) -> str:
    return ", ".join(classes[:10]) + ", ..." * (len(classes) > 10)


def main() -> int:
    """Train by the command's own words, and leave the scores."""
    die_with_driver()
    from mrdl.cli.main import main as command

    data, place, *words = sys.argv[1:]

    def tell(model: "Model") -> None:
        atomic.write(Path(place), json.dumps(scores(model, load_data(data))).encode())

    return command(words, on_model=tell)


if __name__ == "__main__":
    sys.exit(main())
