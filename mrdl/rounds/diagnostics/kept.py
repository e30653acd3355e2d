"""The figures of a run's epochs, kept in its folder: diagnostics.jsonl, an object of JSON a line.

    {"round": 1, "stage": "", "epoch": 1, "rows": 1617, "steps": 51, "loss": 0.42, "layers": [
        {"layer": 0, "weight": 5.1, "gradient": 0.31, "update": 0.02, "ratio": 0.004, "moved": 0.11,
         "dead": 0.02, "saturated": null, "nonfinite": 0}, ...],
     "outputs": {"rows": 202, "loss": 0.4, "baseline": 2.3, "accuracy": 0.9, "said": 0.12, "majority": 0.11}}

mrdl.nn.diagnostics.figures says what each of them is. pandas.read_json(path, lines=True) reads the file.
"""

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mrdl.nn.diagnostics.figures import EpochFigures
from mrdl.rounds.folder import RunFolder

if TYPE_CHECKING:
    from mrdl.rounds.plan import Round


def read(folder: RunFolder) -> list[EpochFigures]:
    """The figures that a run's folder holds, in order; what is no line of them is passed over, [] without a file."""
    found = []
    try:
        lines = folder.diagnostics.read_bytes().splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            found.append(EpochFigures.from_json(json.loads(line)))
        except (ValueError, TypeError, KeyError):
            continue
    return found


def keep(folder: RunFolder, planned: "Round", stage: str, epochs: Sequence[EpochFigures]) -> None:
    """Keep the figures of a round in place of what the file has of it and of later ones.

    stage: its name. Nothing is written where there are none. Raises SetupError on a full disk.
    """
    if not epochs:
        return
    before = [each for each in read(folder) if each.round < planned.number]
    now = [dataclasses.replace(each, round=planned.number, stage=stage) for each in epochs]
    folder.write(folder.diagnostics, b"".join(json.dumps(each.to_json()).encode() + b"\n" for each in [*before, *now]))
