"""The run folder: every file that a run leaves, and the proof that each is whole.

    config.toml            the settings, resolved
    run.json               what the run is: its name, data and the digests that must not change; who started its drivers
    rounds/0001.safetensors, 0001.json    weights of a round (0 is the warm start) and velocity of the outer step,
                           and the manifest that makes them count
    history.jsonl          one line a round
    timeline.jsonl         where the seconds of each round went, for people alone
    diagnostics.jsonl      figures of each epoch and layer, where the setting diagnostics asks for them
    model.safetensors      the network
    lock                   held by the driver that works here

A file is written beside its place and renamed; a round exists when its manifest does.
"""

import contextlib
import itertools
import json
import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load, save

from mrdl.errors import ConfigError, DamagedRound, cannot_write
from mrdl.nn.weights import Weights, digest
from mrdl.rounds import provenance
from mrdl.rounds.manifest import Manifest
from mrdl.settings.config import TrainConfig, from_file
from mrdl.storage import atomic
from mrdl.storage.lock import held, is_held

log = logging.getLogger(__name__)

NAMES = {"initial": "start_from, by the digest of its weights,"}  # of what run.json knows by another name
NAME = re.compile(r"mrdl-[\w-]+")  # of a run: folders that are deleted are found by it
VELOCITY = "velocity."  # before the names of its tensors in a round's file


@dataclass(frozen=True)
class Checkpoint:
    """The state after a round: its weights, and the velocity of the outer step (empty before the first one)."""

    number: int
    weights: Weights
    velocity: Weights


@dataclass
class DriverRecord:
    """What run.json will say of a driver that works. left: (runner, cache) of drivers that may have left something;
    stopped: why a listener ended the run early, None where none did."""

    left: list[tuple[str, str]]
    stopped: str | None = None


class RunFolder:
    """The files of one run, by name; nobody else joins a path below it."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()
        self.config = self.path / "config.toml"
        self.identity = self.path / "run.json"
        self.rounds = self.path / "rounds"
        self.history = self.path / "history.jsonl"
        self.timeline = self.path / "timeline.jsonl"
        self.diagnostics = self.path / "diagnostics.jsonl"
        self.model = self.path / "model.safetensors"
        self.work = self.path / "work"  # of the job that is running; deleted after it

    def weights_of(self, round_: int) -> Path:
        """The weights of a round."""
        return self.rounds / f"{round_:04d}.safetensors"

    def manifest_of(self, round_: int) -> Path:
        """The manifest of a round."""
        return self.rounds / f"{round_:04d}.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder and hold it. Raises ConfigError if another driver does, SetupError if it cannot be made."""
        with held(self.path, "run", elsewhere="Use --run-dir", again="go on with --resume", inside=[self.rounds]):
            for folder in (self.path, self.rounds):
                atomic.clear(folder)
            yield

    def is_held(self) -> bool:
        """Whether a driver works here now."""
        return is_held(self.path)

    def claim(self, identity: dict[str, Any], resume: bool, driver: dict[str, Any] | None = None) -> dict[str, Any]:
        """Say what this run is, or check that it is the run that is here; returns run.json.

        driver: the record of who claims it. A folder where nothing was trained is taken over, its name too: what an
        earlier driver has left is found by that. Raises ConfigError if the folder holds another run, or this one and
        `resume` was not asked for.
        """
        found = self._same(identity, resume) if any(self.rounds.iterdir()) else {**identity, **self._earlier()}
        if not NAME.fullmatch(str(found["name"])):
            raise ConfigError(
                f"{self.identity} names the run {found['name']!r}, which is no name; use another --run-dir"
            )
        if driver is not None:
            found["drivers"] = provenance.kept([*found.get("drivers", []), driver])
        self.write(self.identity, json.dumps(found, indent=1).encode())
        return found

    def _same(self, identity: dict[str, Any], resume: bool) -> dict[str, Any]:
        """The run.json that is here; raises ConfigError unless it is of the same run, and that is to go on."""
        found = self.about()
        for key, what in (
            ("data", "on another data set"),
            ("settings", "with other settings"),
            ("code", "of other code"),
        ):
            there, now = found.get(key, {}), identity.get(key, {})
            if key == "settings" and "engine" in now and "engine" not in there:
                raise ConfigError(
                    f"the run in {self.path} was begun by an mrdl of before the setting engine, which trained by "
                    "torch: go on with that version, or begin anew in another --run-dir, with --engine torch"
                )
            if there != now:
                names = [k for k in {**there, **now} if there.get(k) != now.get(k)]
                differ = ", ".join(f"{NAMES.get(k, k)} {there.get(k)!r} there, {now.get(k)!r} now" for k in names)
                raise ConfigError(
                    f"the run folder {self.path} holds a run {what} ({differ}); use another --run-dir"
                    + (_why_so_many_rounds(there.get("schedule")) if "rounds" in names else "")
                )
        if not resume:
            raise ConfigError(f"the run folder {self.path} holds this run already: go on with --resume, or use another")
        return found

    def _earlier(self) -> dict[str, Any]:
        """The name and the drivers of a run that has no rounds yet; empty where there was none."""
        try:
            found = self.about()
        except ConfigError:
            return {}
        return {key: found[key] for key in ("name", "drivers") if key in found}

    @contextmanager
    def recorded(self, left: list[tuple[str, str]]) -> Iterator["DriverRecord"]:
        """Inside, a driver works; how it ends is kept in run.json, and what of `left` (runner, cache) is left then."""
        ended: BaseException | None = None
        record = DriverRecord(left)
        try:
            yield record
        except BaseException as error:
            ended = error
            raise
        finally:
            with contextlib.suppress(OSError, ConfigError):  # a full disk has been told of, or has not mattered
                about = self.about()
                for driver in about["drivers"]:
                    driver["cleared"] = (driver["runner"], driver["cache"]) not in left
                about["drivers"][-1].update(provenance.end(ended, record.stopped))
                atomic.write(self.identity, json.dumps(about, indent=1).encode())

    def about(self) -> dict[str, Any]:
        """run.json; raises ConfigError where there is none to be read."""
        try:
            return dict(json.loads(self.identity.read_text()))
        except FileNotFoundError:
            raise ConfigError(f"{self.path} is not a run folder: it has no run.json") from None
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self.identity} cannot be read ({error}); use another --run-dir") from error

    def write(self, path: Path, data: bytes) -> None:
        """Write beside and rename, so that a reader sees all or nothing; raises SetupError on a full disk."""
        try:
            atomic.write(path, data)
        except OSError as error:
            raise cannot_write(str(path), str(error.strerror)) from error

    def settings(self) -> TrainConfig:
        """The settings that this run was asked for last, mrdl's own where there is no run yet."""
        return from_file(str(self.config)) if self.config.exists() else TrainConfig()

    def asked_for(self) -> dict[str, Any]:
        """The rounds, epochs and model to start from that this run was asked for last, empty where there is no run."""
        try:
            asked = from_file(str(self.config))
            epochs = int(self.about()["settings"]["epochs"])
            return {"rounds": asked.rounds, "epochs": epochs, "start_from": asked.start_from}
        except (ConfigError, KeyError, TypeError):
            return {}

    def commit(self, done: Checkpoint, manifest: Manifest) -> None:
        """Keep a round: the weights, then the manifest that makes them count."""
        velocity = {VELOCITY + name: array for name, array in done.velocity.items()}
        self.write(self.weights_of(done.number), save({**done.weights, **velocity}))
        self.write(self.manifest_of(done.number), json.dumps(manifest.to_json(), indent=1).encode())
        self.write_history(self.manifests(done.number))

    def write_history(self, manifests: Sequence[Manifest]) -> None:
        """A line for each round; written again when a run goes on, which may have ended before its last line."""
        self.write(self.history, "".join(json.dumps(m.to_json()) + "\n" for m in manifests).encode())

    def read(self, number: int) -> Checkpoint:
        """A round as it was kept; raises DamagedRound, with the reason, unless it is whole."""
        manifest = self.manifest(number)
        try:
            tensors = load(self.weights_of(number).read_bytes())
        except FileNotFoundError as error:
            raise DamagedRound(f"{Path(error.filename).name} is missing") from error
        except (OSError, ValueError, SafetensorError) as error:
            raise DamagedRound(f"its weights cannot be read ({error})") from error
        velocity = {name[len(VELOCITY) :]: tensors.pop(name) for name in list(tensors) if name.startswith(VELOCITY)}
        if (digest(tensors), digest(velocity)) != (manifest.sha256, manifest.velocity):
            raise DamagedRound("the weights are not those of the manifest")
        return Checkpoint(number, tensors, velocity)

    def read_best(self, number: int) -> Checkpoint:
        """The round that is to be the model; raises ConfigError, with the way out, unless it is whole."""
        try:
            return self.read(number)
        except DamagedRound as error:
            raise ConfigError(
                f"round {number} in {self.rounds} is the best one, but {error}. "
                f"Delete {self.manifest_of(number).name}, and go on with --resume: it is made again"
            ) from error

    def manifest(self, number: int) -> Manifest:
        """The manifest of a round; raises DamagedRound where it cannot be read."""
        return _read(self.manifest_of(number))

    def manifests(self, last: int | None = None) -> list[Manifest]:
        """The manifests that can be read, in order, up to a round; whoever needs all of them counts."""
        found = []
        for path in sorted(self.rounds.glob("[0-9]*.json"), key=lambda path: (len(path.stem), path.stem)):
            if path.stem.isdigit() and (last is None or int(path.stem) <= last):
                with contextlib.suppress(DamagedRound):
                    found.append(_read(path))
        return found

    def newest(self, settings: str, first: int, last: int) -> tuple[list[Manifest], Checkpoint | None]:
        """The newest round from `first` to `last` that verifies, None without one, and the manifests up to it.

        settings: the digest that a manifest must have. Rounds that do not verify are named in the log and left
        where they are.
        """
        numbers = {int(path.stem) for path in self.rounds.glob("[0-9]*.*") if path.stem.isdigit()}
        for number in sorted((number for number in numbers if first <= number <= last), reverse=True):
            try:
                return self._verified(number, settings, first)
            except DamagedRound as error:
                log.warning("round %d in %s is passed over: %s", number, self.rounds, error)
        return [], None

    def _verified(self, number: int, settings: str, first: int) -> tuple[list[Manifest], Checkpoint]:
        """The manifests up to a round and the round; raises DamagedRound where they are not one whole run."""
        found, history = self.read(number), self.manifests(number)
        if history[-1].settings != settings:
            raise DamagedRound("it is of another run")
        if [manifest.round for manifest in history] != list(range(first, number + 1)):
            raise DamagedRound("an earlier round has no manifest that can be read")
        return history, found


def _read(path: Path) -> Manifest:
    """A manifest; raises DamagedRound, with the name of its file."""
    try:
        return Manifest.from_json(json.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise DamagedRound(f"{path.name} is missing") from error
    except (OSError, ValueError) as error:  # a DamagedRound is a ValueError
        raise DamagedRound(f"{path.name} cannot be read ({error})") from error


def _why_so_many_rounds(schedule: object) -> str:
    """Return why a run with a schedule of the learning rate cannot go on for another number of rounds, and what can."""
    if schedule in (None, "constant"):
        return ". Layers that are trained later build on the number of rounds"
    return (
        f". Its learning rate falls to 0 with the last round (schedule {schedule}), so that with another number of "
        "rounds all would be others: begin with --schedule constant to go on for more, or begin another run with this "
        "one's network, --start-from"
    )


def new_run_dir() -> Path:
    """A folder below runs/ that is not there yet, named by the time."""
    first = Path("runs") / time.strftime("%Y%m%d-%H%M%S")
    names = itertools.chain([first], (first.with_name(f"{first.name}-{i}") for i in itertools.count(2)))
    return next(path for path in names if not path.exists())
