"""The doors of Python programs: train, and Sweep."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrdl.cli.sweep.bar import bar
from mrdl.cli.sweep.listing import HOME
from mrdl.data import frame
from mrdl.errors import ConfigError
from mrdl.model.model import Model
from mrdl.rounds.driver import Run
from mrdl.rounds.folder import new_run_dir
from mrdl.settings.config import TrainConfig
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.spec import read_spec

if TYPE_CHECKING:
    import pandas as pd


def train(
    data: "str | os.PathLike[str] | pd.DataFrame",
    config: TrainConfig | None = None,
    *,
    runner: str = "inline",
    resume: bool = False,
    show: bool = True,
    **settings: Any,
) -> Model:
    """Train on a CSV (a local or hdfs:// file, folder or glob) or a DataFrame, and return the model.

    mrdl.train("digits.csv", shards=2), mrdl.train(frame, label="digit")

    `settings` are fields of TrainConfig by name, over `config`. `show` prints progress on standard error.
    Raises ConfigError, DataError or SetupError before anything runs, TrainingError if a job fails.
    """
    from mrdl.cli.console import Console  # people's side of it, not needed by whoever brings their own
    from mrdl.cli.script import TrainJob

    config, screen = (config or TrainConfig()).with_changes(settings), Console() if show else None
    how: dict[str, Any] = {"runner": runner, "resume": resume, "screen": screen, "job_class": TrainJob}
    if isinstance(data, (str, os.PathLike)):
        return Run(data, config, **how).execute()
    if not hasattr(data, "columns"):
        raise ConfigError(f"the data is a {type(data).__name__}, expected a path or a DataFrame")
    run_dir = config.run_dir or str(new_run_dir())
    config = config.with_changes({"header": "yes", "run_dir": run_dir})
    with frame.written(data, Path(run_dir)) as path:
        return Run(path, config, **how).execute()


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
        Returns the table that docs/sweeps.md describes. Raises ConfigError, DataError, SetupError or TrainingError.
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
        from mrdl.reports.sweep_report import write_report

        folder = SweepFolder(self.folder)
        return write_report(folder.table(), folder.about, Path(path or self.folder / "report.html"))
