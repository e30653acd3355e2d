"""A sweep from Python."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrdl.sweep.bar import bar
from mrdl.sweep.engine import SweepDriver
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.listing import HOME
from mrdl.sweep.spec import read_spec

if TYPE_CHECKING:
    import pandas as pd


class Sweep:
    """Many architectures on one data set: `Sweep("spec.toml").run("data.csv")` is a table, one row a design.

    spec: the path of a TOML file, or its content as a dict; folder: where the sweep is kept, and goes on where it is
    there already (default: sweeps/ and the name of the spec's file). Raises ConfigError for a wrong spec.
    """

    def __init__(self, spec: str | Path | Mapping[str, Any], folder: str | Path = "") -> None:
        if isinstance(spec, Mapping):
            self._spec, name = dict(spec), "sweep"
        else:
            read_spec(str(spec))  # errors that name the file
            self._spec, name = tomllib.loads(Path(spec).read_text(encoding="utf-8-sig")), Path(spec).stem
        self.folder = Path(folder or f"{HOME}/{name}")

    def run(
        self, data: str | Path, runner: str = "local", slots: int = 0, show: bool = True, *,
        python_bin: str = "", mrjob_conf: str = "",
    ) -> "pd.DataFrame":  # fmt: skip
        """Train each design that is not over, on a labelled CSV (a file, folder or glob, local or hdfs://).

        runner: inline, local (a process a core) or hadoop; slots: trainings at a time, 0: as many as there are;
        python_bin, mrjob_conf: Python that runs the tasks, and the cluster's own settings, its queue for instance.
        Returns the table that the README describes. Raises ConfigError, DataError, SetupError or TrainingError.
        """
        with bar(show) as told:
            sweep = SweepDriver.create(self.folder, self._spec, str(data), on_progress=told)
            return sweep.run(runner, slots, python_bin, mrjob_conf)

    def table(self) -> "pd.DataFrame":
        """The table as far as it is."""
        return SweepFolder(self.folder).table()

    def report(self, path: str | Path = "") -> Path:
        """Write the report, one HTML file that works offline (default: report.html in the folder); needs
        mrdl[sweep]."""
        from mrdl.sweep.report import write_report

        folder = SweepFolder(self.folder)
        return write_report(folder.table(), folder.about, Path(path or self.folder / "report.html"))
