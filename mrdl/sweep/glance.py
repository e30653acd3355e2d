"""A look at the index of a sweep that writes nothing: how far it is, and its best score."""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from mrdl.errors import MrdlError
from mrdl.sweep.ledger import Ledger


@dataclass(frozen=True)
class Glance:
    """How far a sweep is. counts: as `Ledger.counts` has them; measure: accuracy or r2; best: of the designs that are
    done, None without any; baseline: of knowing nothing, the accuracy, or of numbers the RMSE."""

    counts: dict[str, int]
    measure: str
    best: float | None
    baseline: float | None


def glance(index: Path) -> Glance | None:
    """How far the sweep of an index is; None where there is none, or none that can be read."""
    try:
        with contextlib.closing(Ledger(index, to_read=True)) as ledger:
            return Glance(ledger.counts(), *ledger.best())
    except (OSError, sqlite3.Error, MrdlError):
        return None
