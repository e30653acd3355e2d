"""A training of its own: `mrdl train`, and then its network on the rows that packs test on, too.

Run as a program: python -m mrdl.sweep.training DATA SCORES train ...; DATA is the prepared data of the sweep, SCORES
the file for what becomes of it.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mrdl import atomic
from mrdl.errors import DataError
from mrdl.sweep.dataset import Dataset
from mrdl.sweep.pack import verdicts
from mrdl.task import die_with_driver

if TYPE_CHECKING:
    from mrdl.model import Model

ROWS = 4096  # that go through the network at once


def scores(model: "Model", data: Dataset) -> dict[str, Any]:
    """What a record says of a trained network, by all test rows of a sweep. Raises DataError where it was trained on
    other data."""
    import torch
    from torch.nn.functional import nll_loss

    if model.classes != data.classes:
        raise DataError(
            f"the classes are {_few(model.classes)} now, but {_few(data.classes)} when the sweep was planned"
        )
    net, predicted, loss = model.net(prepared=True), list[np.ndarray](), 0.0
    with torch.no_grad():
        for start in range(0, len(data.test_y), ROWS):
            x, y = (torch.from_numpy(np.array(rows[start : start + ROWS])) for rows in (data.test_x, data.test_y))
            log_p = net(x)[:, : len(data.classes)].log_softmax(1)
            predicted.append(log_p.argmax(1).numpy())
            loss += float(nll_loss(log_p, y, reduction="sum"))
    said = np.concatenate(predicted)
    accuracy = float((said == data.test_y).mean())
    return {"accuracy": accuracy, "loss": loss / len(said), **verdicts(said, data)}


def _few(classes: tuple[str, ...]) -> str:
    return ", ".join(classes[:10]) + ", ..." * (len(classes) > 10)


def main() -> int:
    """Train by the command's own words, and leave the scores."""
    die_with_driver()
    from mrdl.__main__ import main as command

    data, place, *words = sys.argv[1:]

    def tell(model: "Model") -> None:
        atomic.write(Path(place), json.dumps(scores(model, Dataset.load(data))).encode())

    return command(words, on_model=tell)


if __name__ == "__main__":
    sys.exit(main())
