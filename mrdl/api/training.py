"""The doors of Python programs: train, and Sweep."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrdl.cli.sweep.bar import bar
from mrdl.cli.sweep.listing import HOME
from mrdl.data.frames.as_csv import written
from mrdl.data.frames.plain import categories_of, refuse_hashed_dates
from mrdl.errors import ConfigError
from mrdl.model.model import Model
from mrdl.rounds.driver import Run
from mrdl.rounds.events import Listener
from mrdl.rounds.folder import RunFolder, new_run_dir
from mrdl.settings.config import TrainConfig
from mrdl.settings.fields import names_as_text
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
    listeners: Sequence[Listener] = (),
    **settings: Any,
) -> Model:
    """Train a network on a table, and return the model, which is also in the run's folder.

    data: a CSV (a file, folder or glob, local or hdfs://, plain, gz or bz2), or a pandas DataFrame; config: the
    settings, mrdl's own by default; runner: where the tasks run: "inline" in this process, "local" in a process a
    core, "hadoop" on YARN; resume: go on with the run in `run_dir`, with its settings where no
    `config` is given; show: print progress on standard error;
    listeners: functions that are told each event of the run (see mrdl.rounds.events), and may end it early by
    raising StopRun; settings: fields of TrainConfig by name, over `config`; of several labels their names in a list.

    Raises ConfigError, DataError or SetupError, which say what is wrong, before anything runs; TrainingError where a
    job fails, or where a listener ended the run before there was a network.

        model = mrdl.train("digits.csv", nodes=[64, 100, 10], shards=2)
        model = mrdl.train(frame, label="digit", runner="local", show=False)
    """
    if resume and config is None and settings.get("run_dir"):
        config = RunFolder(settings["run_dir"]).settings()
    if isinstance(settings.get("label"), (list, tuple)):
        settings["label"] = names_as_text(settings["label"])
    config = (config or TrainConfig()).with_changes(settings)
    how: dict[str, Any] = {"runner": runner, "resume": resume, "listeners": listeners}
    if isinstance(data, (str, os.PathLike)):
        return _train(os.fspath(data), config, show, **how)
    if not hasattr(data, "columns"):
        raise ConfigError(f"the data is a {type(data).__name__}, expected a path or a DataFrame")
    run_dir = config.run_dir or str(new_run_dir())
    typed = (*config.category, *config.hash, *config.number, *config.date)
    said = (*typed, *config.drop, config.label or "", config.weights or "")
    refuse_hashed_dates(data, config.hash)
    category = (*config.category, *categories_of(data, said))
    config = config.with_changes({"header": "yes", "separator": ",", "run_dir": run_dir, "category": category})
    with written(data, Path(run_dir)) as path:
        return _train(str(path), config, show, **how)


def _train(data: str, config: TrainConfig, show: bool, listeners: Sequence[Listener], **how: Any) -> Model:
    """Train with a console before the caller's listeners, if there is somebody to see it."""
    from mrdl.cli.script import TrainJob

    if not show:
        return Run(data, config, job_class=TrainJob, listeners=listeners, **how).execute()
    from mrdl.cli.console import Console  # people's side of it, not needed by whoever brings their own
    from mrdl.cli.train import estimate_of

    console = Console()
    run = Run(data, config, job_class=TrainJob, listeners=[console, *listeners], **how)
    try:
        console.estimate = estimate_of(run)
        return run.execute()
    finally:
        console.close()


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
        self,
        data: str | Path,
        runner: str = "local",
        slots: int | None = None,
        show: bool = True,
        *,
        python_bin: str | None = None,
        mrjob_conf: str | None = None,
    ) -> "pd.DataFrame":
        """Train each design that is not over, on a labelled CSV (a file, folder or glob, local or hdfs://).

        runner: inline, local (a process a core) or hadoop; slots: trainings at a time, left out as many as there are;
        python_bin, mrjob_conf: Python that runs the tasks, and the cluster's own settings, its queue for instance.
        Returns the table that docs/sweeps.md describes. Raises ConfigError, DataError, SetupError or TrainingError.
        """
        with bar(show) as told:
            sweep = SweepFolder.create(self.folder, self._spec, str(data), on_progress=told)
            return SweepDriver(sweep).run(runner, slots, python_bin, mrjob_conf)

    def table(self) -> "pd.DataFrame":
        """The table as far as it is."""
        return SweepFolder(self.folder).table()

    def report(self, path: str | Path = "") -> Path:
        """Write the report, one HTML file that works offline (default: report.html in the folder); needs
        mrdl[sweep]."""
        from mrdl.reports.sweep_report import write_report

        folder = SweepFolder(self.folder)
        return write_report(folder.table(), folder.about, Path(path or self.folder / "report.html"))
