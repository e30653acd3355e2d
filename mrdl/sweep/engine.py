"""A sweep from its spec to its table: plan, pack, send, harvest, and send again what was lost, each design once.

A sweep's folder holds

    sweep.json            what it is: spec, data, runner
    data.safetensors      the prepared rows
    parts/JOB-*.jsonl     what tasks have written: the truth (of the hadoop runner: in HDFS, copied here)
    ledger.db             the index over it

The driver writes a job into the ledger before it sends it, so that whenever it dies the next one knows what to look
for: it waits for what still runs on YARN, takes in what is there, and plans the rest.
"""

import contextlib
import dataclasses
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrdl import launch
from mrdl.cluster import HOW_TO
from mrdl.errors import DISK_TAKES_NO_MORE, ConfigError, SetupError, cannot_write
from mrdl.lock import is_held, take
from mrdl.sweep import cost, on_yarn
from mrdl.sweep.adaptive import next_designs
from mrdl.sweep.batched import grouped
from mrdl.sweep.dataset import Dataset, prepare_data
from mrdl.sweep.fit import backend
from mrdl.sweep.jobs import Jobs, check
from mrdl.sweep.ledger import Ledger
from mrdl.sweep.pack import about_design
from mrdl.sweep.parts import Parts
from mrdl.sweep.processes import Processes
from mrdl.sweep.space import Design, design_of
from mrdl.sweep.spec import spec_of

if TYPE_CHECKING:
    import pandas as pd

LARGE_S = 200.0  # ten times what a job on YARN costs
RECORD = (
    "arch_id", "status", "reason", "depth", "width", "hidden", "parameters", "activation", "initialisation", "residual",
    "dropout", "batch_size", "optimizer", "learning_rate", "epochs", "seed", "accuracy", "baseline", "collapsed",
    "loss", "curve", "wall_s", "cpu_s", "together", "device", "backend", "attempts", "data", "log",
)  # fmt: skip


class SweepFolder:
    """One sweep in its folder. `on_progress` is told the counts by state again and again."""

    def __init__(self, folder: str | Path, on_progress: Callable[[dict[str, int]], None] = lambda counts: None) -> None:
        self.path = Path(folder).absolute()
        self.data = self.path / "data.safetensors"
        self._on_progress = on_progress
        if not (self.path / "sweep.json").exists():
            raise ConfigError(f"{self.path} is not the folder of a sweep: it has no sweep.json")
        self.about: dict[str, Any] = json.loads((self.path / "sweep.json").read_text())
        self.spec = spec_of(self.about["spec"])
        self._open()

    def _open(self) -> None:
        self.ledger = Ledger(self.path / "ledger.db")
        self.parts = Parts(self.path / "parts", self.ledger, self._describe)

    @classmethod
    def create(cls, folder: str | Path, about: dict[str, Any], data: str, **more: Any) -> "SweepFolder":
        """A new sweep, planned. about: the content of a spec's file. Nothing changes where it is there already.

        Raises ConfigError for a wrong spec, or where the folder holds another sweep; DataError for wrong data.
        """
        spec, path = spec_of(about), Path(folder).absolute()
        backend(spec.backend)
        if (path / "sweep.json").exists():
            sweep = cls(path, **more)
            if (sweep.about["spec"], sweep.about["source"]) != (json.loads(json.dumps(about)), data):
                raise ConfigError(f"{path} holds a sweep of another spec or other data; use another --dir")
            sweep.plan()
            return sweep
        prepared = prepare_data(data, spec.label, spec.header, spec.test_fraction)
        designs = spec.designs(prepared.columns, len(prepared.classes))  # what is wrong is told before anything
        if spec.route == "job":
            check(designs)
        (path / "parts").mkdir(parents=True, exist_ok=True)
        prepared.save(path / "data.safetensors")
        identity = f"{path.name}-{secrets.token_hex(4)}".lower()  # it names jobs and outputs on a cluster of many users
        beside = path / ".sweep.json"
        beside.write_text(json.dumps({"id": identity, "spec": about, "source": data}, indent=1))
        os.replace(beside, path / "sweep.json")
        sweep = cls(path, **more)
        sweep._plan(designs, prepared)
        return sweep

    def plan(self) -> None:
        """Take all designs of the spec into the ledger; those that are there stay."""
        data = Dataset.load(self.data)
        self._plan(self.spec.designs(data.columns, len(data.classes)), data)

    def _plan(self, designs: Sequence[Design], data: Dataset) -> int:
        """Returns how many were not there yet."""
        ids = [design.arch_id(data.digest, self.spec.backend) for design in designs]
        if self.ledger.has(ids):
            return 0
        seconds = cost.predict(designs, data, self.spec.backend)
        texts = [design.canonical() for design in designs]
        return self.ledger.plan(zip(ids, texts, seconds, strict=True))

    def _plan_more(self) -> bool:
        """Plan what follows from the results, where all that was planned is over; False where there is no more."""
        if not self.spec.is_adaptive():
            return False
        data = Dataset.load(self.data)
        designs = next_designs(self.spec, self.ledger.results(), data.columns, len(data.classes))
        return self._plan(designs, data) > 0

    # --- running ---

    def run(self, runner: str = "local", slots: int = 0) -> "pd.DataFrame":
        """Train all designs that are not over, and return the table."""
        if runner not in ("inline", "local", "hadoop"):
            raise ConfigError(f"runner {runner!r}, expected one of inline, local, hadoop")
        if runner == "hadoop":
            launch.find_hadoop()
        slots = slots or launch.slots(runner, on_yarn.memory_mb(self.spec.memory_mb))
        (self.path / "stop").unlink(missing_ok=True)
        with self._held():
            self._recover()
            while not self.stopped() and ((waiting := self.ledger.waiting()) or self._plan_more()):
                if waiting:
                    self._wave(waiting, runner, slots)
            self.tell()
        return self.table()

    def stopped(self) -> bool:
        """Whether somebody asked the driver to stop."""
        return (self.path / "stop").exists()

    def stop(self) -> None:
        """Ask the driver to stop when the packs that run are over; what is done is kept."""
        (self.path / "stop").touch()

    def _wave(self, waiting: Sequence[tuple[str, str, float, int]], runner: str, slots: int) -> None:
        """A job for each large design, or packs of small ones; those that were lost before stand alone, so that the
        culprit is found."""
        speed = self.ledger.speed()
        large = [one for one in waiting if self._is_large(one[2] * speed)]
        if large:
            Jobs(self, runner, self.spec.in_flight).run([(arch_id, text) for arch_id, text, _, _ in large])
            return
        texts = {arch_id: text for arch_id, text, _, _ in waiting}
        packs = self._packs(
            {arch_id: seconds * speed for arch_id, _, seconds, lost in waiting if not lost}, texts, slots
        )
        packs += [[arch_id] for arch_id, _, _, lost in waiting if lost]
        if runner == "hadoop":
            on_yarn.run(self, packs[: on_yarn.WAVE], texts)
        else:
            Processes(self, 1 if runner == "inline" else slots).run(packs, texts)

    def _packs(self, seconds: dict[str, float], texts: dict[str, str], slots: int) -> list[list[str]]:
        """Designs, and what they take, shared out; those that train together stay together."""
        if not seconds:
            return []
        groups = grouped({a: design_of(texts[a]) for a in seconds}, self.spec.backend, Dataset.load(self.data).columns)
        units = [(group, sum(seconds[arch_id] for arch_id in group)) for group in groups]
        return cost.packs(units, slots, min(self.spec.pack_s, cost.share(units, slots)))

    def _is_large(self, seconds: float) -> bool:
        """Whether a design is worth a job of its own, with the data shared out among shards."""
        return self.spec.route == "job" or (self.spec.route == "auto" and seconds >= LARGE_S)

    def settings(self) -> dict[str, Any]:
        """What a task needs to know beside its designs."""
        return {"backend": self.spec.backend, "limits": {"wall_s": self.spec.wall_s, "memory_mb": self.spec.memory_mb}}

    def intend(self, packs: Sequence[Sequence[str]], on_yarn: bool = False) -> str:
        """Write down a job before it is sent; returns its name."""
        name = f"{self.about['id']}-{self.ledger.jobs() + 1:05d}"
        self.ledger.intend(name, packs, on_yarn)
        return name

    def _recover(self) -> None:
        """Whatever an earlier driver left: wait for what runs on YARN, take in what is there, give up the rest."""
        for name, _ in self.ledger.open_jobs():
            if not self.ledger.is_on_yarn(name):
                self.parts.take_in(name)  # its process died with its driver: what is missing is planned again
            elif _has_hadoop():
                on_yarn.adopt(self, name)
            else:
                raise SetupError(f"the job {name} may still run on YARN. {HOW_TO}")
            self.ledger.harvested(name)

    def _describe(self, arch_id: str, text: str) -> dict[str, Any]:
        """The record of a design of which its task said nothing."""
        data = Dataset.load(self.data)
        more = {"data": data.digest, "backend": self.spec.backend}
        return {"arch_id": arch_id, "spec": text, **about_design(design_of(text), data), **more}

    def reindex(self) -> None:
        """Make the ledger again from the plan and the parts."""
        with self._held():
            self.ledger.close()
            for path in self.path.glob("ledger.db*"):
                path.unlink()
            self._open()
            self.plan()
            self.parts.reindex()
            while not self.ledger.waiting() and self._plan_more():
                pass

    # --- what came of it ---

    def table(self) -> "pd.DataFrame":
        """One row a design, in the order of the plan; the columns are RECORD."""
        import pandas as pd

        rows = []
        for record in self.ledger.results():
            design = design_of(record["spec"])
            about = {**dataclasses.asdict(design), **record, "hidden": "-".join(map(str, design.hidden))}
            rows.append({"depth": len(design.hidden), "width": max(design.hidden, default=0), **about})
        return pd.DataFrame(rows).reindex(columns=list(RECORD))

    def tell(self) -> None:
        """Say how far it is to whoever asked to be told."""
        self._on_progress(self.ledger.counts())

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the folder; raises ConfigError if another driver does."""
        try:
            lock = take(self.path, "sweep")
        except OSError as error:
            raise cannot_write(f"the sweep folder {self.path}", str(error.strerror)) from error
        try:
            yield
        except sqlite3.OperationalError as error:
            raise cannot_write(f"{self.path}/ledger.db", str(error)) from error
        except OSError as error:
            if error.errno not in DISK_TAKES_NO_MORE:
                raise
            raise cannot_write(error.filename or f"a file in {self.path}", str(error.strerror)) from error
        finally:
            os.close(lock)

    def is_held(self) -> bool:
        """Whether a driver works here now."""
        return is_held(self.path)


def _has_hadoop() -> bool:
    try:
        launch.find_hadoop()
    except SetupError:
        return False
    return True
