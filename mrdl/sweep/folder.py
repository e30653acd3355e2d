"""The folder of a sweep: what it is, its data, its plan, what tasks have told, and the index over that."""

import contextlib
import dataclasses
import json
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from safetensors import SafetensorError

from mrdl.data.dataset import identity_of, load_data, prepare_data, save_data
from mrdl.errors import ConfigError, SetupError, cannot_write
from mrdl.nn.backends.groups import chosen
from mrdl.nn.backends.registry import look_for
from mrdl.nn.design import Design, design_of
from mrdl.nn.rows import Dataset
from mrdl.storage import atomic
from mrdl.storage.lock import held, is_held
from mrdl.sweep import cost
from mrdl.sweep.ledger import Ledger
from mrdl.sweep.manifest import read_about
from mrdl.sweep.parts import Parts
from mrdl.sweep.paths import SweepPaths
from mrdl.sweep.record import Record, record_of
from mrdl.sweep.routes import backend_of
from mrdl.sweep.samplers import next_designs
from mrdl.sweep.spec import Spec, spec_of

if TYPE_CHECKING:
    import pandas as pd

AGAIN = "go on with `mrdl sweep resume`"
NAMED = 40  # characters of the folder's name in that of its jobs
COLUMNS = (
    "arch_id",
    "status",
    "reason",
    "depth",
    "width",
    "hidden",
    "parameters",
    "activation",
    "initialisation",
    "residual",
    "dropout",
    "batch_size",
    "optimizer",
    "learning_rate",
    "epochs",
    "trained_epochs",
    "seed",
    "accuracy",
    "baseline",
    "collapsed",
    "no_better",
    "loss",
    "curve",
    "wall_s",
    "cpu_s",
    "together",
    "device",
    "backend",
    "attempts",
    "data",
    "log",
)


OF_NUMBERS = {"accuracy": ("r2", "rmse"), "baseline": ("baseline_rmse",)}
"""Columns of a sweep of classes -> those in their place where numbers are learnt."""


def look_at(spec: Spec, data: str) -> tuple[Spec, Dataset, list[Design]]:
    """A spec with the back end that trains it here, its prepared data, and its designs.

    data: a labelled CSV, a file, folder or glob, local or hdfs://. Raises ConfigError or DataError where they cannot be
    trained. Code of a back end of one's own is looked for, not run.
    """
    look_for(spec.backend)
    prepared = prepare_data(data, spec.label, spec.header, spec.test_fraction, spec.task, **spec.columns)
    designs = spec.designs(prepared.columns, prepared.outputs)
    return dataclasses.replace(spec, backend=backend_of(spec, designs, prepared.loss)), prepared, designs


class SweepFolder:
    """A sweep in its folder: its spec, its data, its plan, and what came of it.

    path: the folder; paths: where its files lie; about: the content of sweep.json; spec; ledger; parts.

    SweepFolder("sweeps/depth").table()
    """

    def __init__(
        self,
        folder: str | Path,
        on_progress: Callable[[dict[str, int]], None] = lambda counts: None,
        reindex: bool = False,
        designs: Sequence[Design] = (),
    ) -> None:
        """A sweep that is there. reindex: make its index again; designs: those of its spec, if they are known."""
        self.path = Path(folder).absolute()
        self.paths = SweepPaths(self.path)
        self._on_progress, self._tell_at = on_progress, 0.0
        if not self.paths.manifest.exists():
            raise ConfigError(f"{self.path} is not the folder of a sweep: it has no sweep.json")
        self.about = read_about(self.paths.manifest)
        self.spec = dataclasses.replace(spec_of(self.about["spec"]), backend=self.about["backend"])
        if reindex or not self.paths.index.exists():
            self._make_index(self.paths.index, designs)
        self.ledger = Ledger(self.paths.index)
        self.parts = self._parts()
        self.ledger.count()

    @classmethod
    def create(cls, folder: str | Path, about: dict[str, Any], data: str, **more: Any) -> Self:
        """A new sweep, planned; nothing changes where it is there already.

        folder: where it is kept; about: the content of a spec's file; data: a labelled CSV; more: as SweepFolder takes
        it. Raises ConfigError for a wrong spec, or where the folder holds another sweep; DataError for wrong data;
        SetupError where the folder cannot be written. Nothing is written before data and spec are known to fit.
        """
        path = Path(folder).absolute()
        paths = SweepPaths(path)
        spec, prepared, designs = look_at(spec_of(about), data)  # what is wrong is told before anything is written
        known = identity_of(data, spec.label, spec.header, **spec.columns)
        if paths.manifest.exists():
            sweep = cls(path, **more)
            if sweep.about["spec"] != json.loads(json.dumps(about)) or sweep.dataset().digest != prepared.digest:
                raise ConfigError(f"{path} holds a sweep of another spec or other data; use another --dir")
            return sweep
        try:
            paths.parts.mkdir(parents=True, exist_ok=True)
            save_data(prepared, paths.data)
            plain = re.sub(r"[^a-z0-9._-]+", "-", path.name.lower())[:NAMED] or "sweep"
            identity = f"{plain}-{secrets.token_hex(4)}"  # it names jobs and files on a cluster of many users
            source = data if "://" in data else os.path.abspath(data)
            told = {"id": identity, "spec": about, "backend": spec.backend, "source": source, "known": known}
            told["label"] = prepared.label
            atomic.write(paths.manifest, json.dumps(told, indent=1).encode())
        except (OSError, SafetensorError) as error:
            raise SetupError(f"the sweep folder {path} cannot be written: {error}. Use --dir") from error
        return cls(path, designs=designs, **more)

    def dataset(self) -> Dataset:
        """The prepared data, mapped; raises ConfigError where it is damaged."""
        try:
            return load_data(self.paths.data)
        except (OSError, SafetensorError, KeyError, TypeError) as error:
            raise ConfigError(f"{self.paths.data} is damaged: {error}. Run the sweep into another --dir") from error

    def check_source(self) -> None:
        """Raise ConfigError where the data that jobs of their own read is not what it was at the plan."""
        spec, name = self.spec, self.about["source"]
        if identity_of(name, spec.label, spec.header, **spec.columns) == self.about.get("known"):
            return  # else it may have been copied, or lie elsewhere, with the same rows
        if (
            prepare_data(name, spec.label, spec.header, spec.test_fraction, spec.task, **spec.columns).digest
            != self.dataset().digest
        ):
            raise ConfigError(
                f"{name} was changed since the sweep was planned, so that its jobs would train on other rows: put the "
                "old data back, or run the spec into another --dir"
            )

    def _parts(self) -> Parts:
        return Parts(self.paths, self.ledger, self.record)

    @property
    def site(self) -> dict[str, str]:
        """What the user says of where tasks run: python_bin and mrjob_conf, those that were given."""
        return dict(self.about.get("site", {}))

    def keep_site(self, python_bin: str | None, mrjob_conf: str | None) -> None:
        """Keep what the user says of where tasks run, for those that go on with this sweep."""
        conf = os.path.abspath(mrjob_conf) if mrjob_conf else None
        if conf and not os.path.isfile(conf):
            raise ConfigError(f"--mrjob-conf {mrjob_conf} is not there, expected a file of mrjob's settings")
        given = {name: value for name, value in (("python_bin", python_bin), ("mrjob_conf", conf)) if value}
        if given.items() - self.site.items():
            self.about["site"] = {**self.site, **given}
            atomic.write(self.paths.manifest, json.dumps(self.about, indent=1).encode())

    # --- the plan ---

    def _make_index(self, path: Path, designs: Sequence[Design]) -> None:
        """Make the ledger from the plan and what tasks have told: beside, and renamed."""
        with self.held():
            for old in self.path.glob(".ledger.db*"):
                old.unlink()
            data = self.dataset()
            with atomic.beside(path) as place:
                self.ledger = Ledger(place)
                self._plan(designs or self.spec.designs(data.columns, data.outputs), data)
                self._parts().reindex()
                while not self.ledger.waiting() and self.plan_more():
                    pass
                self.ledger.close()
                for old in self.path.glob("ledger.db-*"):
                    old.unlink()

    def _plan(self, designs: Sequence[Design], data: Dataset) -> int:
        """Plan designs, each under its arch_id, with what it will take; returns how many were not there yet."""
        backends = chosen(designs, self.spec.backend, data.columns)
        ids = [design.arch_id(data.digest, name) for design, name in zip(designs, backends, strict=True)]
        if self.ledger.has(ids):
            return 0
        seconds = cost.predict(designs, data, backends)
        texts = [design.canonical() for design in designs]
        return self.ledger.plan(zip(ids, texts, seconds, backends, strict=True))

    def plan_more(self) -> bool:
        """Plan what follows from the results, where all that was planned is over; False where there is no more."""
        if not self.spec.is_adaptive():
            return False
        data = self.dataset()
        designs = next_designs(self.spec, self.ledger.results(), data.columns, data.outputs)
        return self._plan(designs, data) > 0

    def settings(self) -> dict[str, Any]:
        """What a task needs to know beside its designs."""
        return {
            "device": self.spec.device,
            "limits": {
                "cpu_s": self.spec.pack_cpu_s,
                "memory_mb": self.spec.memory_mb,
                "hang_s": self.spec.hang_s,
            },
        }

    def register(self, packs: Sequence[Sequence[str]], on_yarn: bool = False) -> str:
        """Write down a job before it is sent, so that the next driver knows what to look for; returns its name.

        packs: the arch_ids of each; on_yarn: whether the job may outlive its driver.
        """
        name = f"{self.about['id']}-{self.ledger.jobs() + 1:05d}"
        if on_yarn:
            self.parts.begin_on_yarn(name)
        self.ledger.register(name, packs, on_yarn)
        return name

    def record(self, arch_id: str, text: str, backend: str, **told: Any) -> Record:
        """The record of a design by its canonical text, with what is told of its training by a back end."""
        return record_of(arch_id, design_of(text), self.dataset(), backend, **told)

    def retry_failed(self) -> int:
        """Let each design that failed be tried once more; returns how many."""
        with self.held():
            return self.ledger.ask_again()

    # --- its driver ---

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder; raises ConfigError if another driver does."""
        with held(self.path, "sweep", elsewhere="Nothing is lost: mend that and " + AGAIN, again=AGAIN):
            try:
                yield
            except sqlite3.OperationalError as error:
                raise cannot_write(f"{self.paths.index}", str(error), AGAIN) from error

    def is_held(self) -> bool:
        """Whether a driver works here now."""
        return is_held(self.path)

    def is_to_stop(self) -> bool:
        """Whether somebody asked the driver to stop."""
        return self.paths.stop_mark.exists()

    def stop(self) -> None:
        """Ask the driver to stop when the packs that run are over; what is done is kept."""
        self.paths.stop_mark.touch()

    def report_progress(self, now: bool = True) -> None:
        """Say how far the sweep is to whoever asked to be told.

        now: whether in any case; else only if no more than a fiftieth of the time is spent on it, as to count 50,000
        designs takes a quarter of a second.
        """
        began = time.monotonic()
        if now or began >= self._tell_at:
            self._on_progress(self.ledger.counts())
            self._tell_at = time.monotonic() + 50 * (time.monotonic() - began)  # to count 50,000 takes a quarter second

    # --- what came of it ---

    def table(self) -> "pd.DataFrame":
        """A DataFrame of one row a design, in the order of the plan; its columns are COLUMNS; see OF_NUMBERS.

        Numbers that are not known are nan, other columns None or nan; `curve` is a list.
        """
        import pandas as pd

        rows = []
        for record in self.ledger.results():
            design = design_of(record.spec or "")
            about = {**record.to_json(), **dataclasses.asdict(design), "hidden": "-".join(map(str, design.hidden))}
            rows.append({**about, "depth": len(design.hidden), "width": max(design.hidden, default=0)})
        others = {} if self.dataset().classes else OF_NUMBERS
        columns = [name for each in COLUMNS for name in others.get(each, (each,))]
        measures = [name for name in ("accuracy", "r2", "rmse", "loss", "wall_s", "cpu_s") if name in columns]
        return pd.DataFrame(rows).reindex(columns=columns).astype(dict.fromkeys(measures, float))  # nan: not known
