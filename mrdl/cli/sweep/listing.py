"""The sweeps of a folder in a table, read from their indexes alone, so that it is there at once."""

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from rich.table import Table

from mrdl.cli.screen import Screen
from mrdl.cli.sweep.bar import words
from mrdl.errors import MrdlError
from mrdl.reports.places import PLACES, below
from mrdl.sweep.ledger import Ledger
from mrdl.sweep.paths import SweepPaths

HOME = PLACES["sweep"][0]  # where sweeps are kept that were not given a folder


def folder_of(name: str) -> Path:
    """A sweep's folder, by its path or by its name below sweeps/, in which "~" may stand for "/".

    folder_of("sweep_depth") == Path("sweeps/sweep_depth"), where there is no such sweep here
    """
    path = Path(name)
    if SweepPaths(path).manifest.exists():
        return path
    inner = Path(below("sweep", name))
    return inner if SweepPaths(inner).manifest.exists() else Path(HOME) / name


def show_all(options: Any) -> None:
    """Show the sweeps below sweeps/, one a line: its name, its data, its designs and how far it is."""
    table = Table(box=None, pad_edge=False)
    for name in ("sweep", "data", "designs", "state"):
        table.add_column(name)
    for path in sorted(Path(HOME).glob("*/sweep.json")):
        table.add_row(path.parent.name, *(_of_index(path.parent) or _of_folder(path.parent)))
    Screen(width=160).print(table if table.row_count else f"no sweeps in {HOME}")


def _of_index(folder: Path) -> list[str] | None:
    """Data, designs and state as the index has them; None where there is none that can be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, sqlite3.DatabaseError):
        about, index = json.loads(SweepPaths(folder).manifest.read_text()), SweepPaths(folder).index
        if index.exists() and about["id"] and isinstance(about["spec"], dict):
            ledger = Ledger(index)
            with contextlib.closing(ledger):
                counts = ledger.counts()
            return [str(about["source"]), str(counts["designs"]), words(counts)]
    return None


def _of_folder(folder: Path) -> list[str]:
    """The same by opening the sweep, which makes its index again or says what is wrong with it."""
    from mrdl.sweep.folder import SweepFolder  # loads what trains, which takes a second

    try:
        sweep = SweepFolder(folder)
        counts = sweep.ledger.counts()
        return [sweep.about["source"], str(counts["designs"]), words(counts)]
    except MrdlError as error:
        return ["", "", str(error)]
