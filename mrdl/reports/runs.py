"""What the folder of a run says of it: how it stands, which round is its network, and how good that is.

All is read from files, so that it is known at once.
"""

import contextlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mrdl.errors import ConfigError
from mrdl.model.baseline import as_json
from mrdl.rounds.folder import RunFolder
from mrdl.rounds.manifest import Manifest, best_round
from mrdl.rounds.provenance import DONE, FAILED, STOPPED
from mrdl.settings.config import TrainConfig

RUNNING = "running"
GOES_ON = "--resume goes on"
LOOKED_AT = re.compile(r"(keep|patience|stop_on|validation|rounds|layer_rounds|kind) = ")  # lines of config.toml


@dataclass(frozen=True)
class RunState:
    """How a run stands. name: running, done, stopped or failed; reason: why, empty where there is none to tell."""

    name: str
    reason: str = ""

    def __str__(self) -> str:
        """The state for people: stopped: the loss is above 10, --resume goes on."""
        told = f"{self.name}: {self.reason}" if self.reason else self.name
        return f"{told}, {GOES_ON}" if self.name == STOPPED else told


def state(folder: RunFolder, drivers: Sequence[Mapping[str, Any]]) -> RunState:
    """Whether a run is running, done, failed and why, or was stopped: by a listener and why, by a signal, or with its
    machine.

    drivers: their records in run.json, the last one counts.
    """
    return RunState(RUNNING) if folder.is_held() else ended(folder, drivers)


def ended(folder: RunFolder, drivers: Sequence[Mapping[str, Any]]) -> RunState:
    """How a run stands that nobody works on, in the words of `state`."""
    last = drivers[-1] if drivers else {"ended": DONE}  # an early version kept no drivers
    if last["ended"] in (FAILED, STOPPED):
        return RunState(last["ended"], str(last["reason"]))
    return RunState(DONE if last["ended"] == DONE and folder.model.exists() else STOPPED)


@dataclass(frozen=True)
class Asked:
    """What of its settings is looked at to tell of a run. rounds: of each of its stages, None where it is not known."""

    keeps_best: bool
    stop_on: str
    rounds: int | None
    layer_rounds: int | None


def asked(folder: RunFolder) -> Asked:
    """What a run was asked for; mrdl's own settings where its file cannot be read.

    Only the lines that count are parsed: a folder of a thousand runs is listed at once.
    """
    config = TrainConfig()
    with contextlib.suppress(OSError, UnicodeDecodeError, ConfigError, tomllib.TOMLDecodeError):
        lines = [line for line in folder.config.read_text(encoding="utf-8").splitlines() if LOOKED_AT.match(line)]
        config = TrainConfig().with_changes(tomllib.loads("\n".join(lines)))
    return Asked(config.keeps_best, config.stop_on, config.rounds, config.layer_rounds)


def kept(folder: RunFolder, rounds: Sequence[Manifest]) -> Manifest | None:
    """The manifest of the round that is the network: the best of the last stage, or the last, as the settings say.

    rounds: without warm starts; None where there is none.
    """
    if not rounds:
        return None
    config = asked(folder)
    last_stage = [m for m in rounds if m.stage == rounds[-1].stage]
    number = best_round(last_stage, config.stop_on) if config.keeps_best else rounds[-1].round
    return next(m for m in last_stage if m.round == number)


def about_run(folder: RunFolder) -> dict[str, Any]:
    """What there is to tell of a run, as an object of JSON; also of a folder whose run.json cannot be read."""
    rounds = [m for m in folder.manifests() if not m.is_warm_start]
    about: dict[str, Any] = {}
    with contextlib.suppress(ConfigError):
        about = folder.about()
    best = kept(folder, rounds)
    scores = best.validation if best else {}
    told = {
        "run": str(folder.path),
        "data": about.get("data", {}).get("source", "?"),
        "rounds": len(rounds),
        "kept": best.round if best else None,
        "loss": scores.get("loss", best.training_loss) if best else None,
        "validation": scores,
        "state": str(state(folder, about.get("drivers", []))),
    }
    told["usual"] = usual = best.majority if best else ""
    return {**told, **as_json(scores, usual)}
