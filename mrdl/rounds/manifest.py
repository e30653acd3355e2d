"""A round's manifest: what is kept of a round beside its weights, which count once it is there."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

from mrdl.errors import DamagedRound
from mrdl.metrics.measures import worth
from mrdl.metrics.regression import told_r2

OF_ROWS = ("rows", "baseline", "baseline_rmse")  # measures of the rows kept out, not of the network: told at the end
IN_FULL = ("balanced_accuracy", "auc", "precision", "recall", "f1", "pr_auc", "brier", "calibration_error", "top_5")
UNBALANCED = 0.6  # share of a class from which on an accuracy says little by itself
NUMBER = (int, float)
TOLD = {"auc": "AUC", "pr_auc": "PR AUC", "f1": "F1", "rmse": "RMSE", "mae": "MAE", "r2": "R²"}


@dataclass(frozen=True)
class ShardRecord:
    """What became of a shard in a round.

    shard: its number; num_examples: its rows; metrics: of its training, "loss" among them, None where one was not
    finite; device: where it was trained, empty where nobody says; left_out: why its weights do not count, empty where
    they do.
    """

    shard: int
    num_examples: int
    metrics: Mapping[str, float | None]
    device: str
    left_out: str

    @property
    def loss(self) -> float | None:
        """The mean training loss of its rows, None where it was not finite."""
        return self.metrics["loss"]

    def to_json(self) -> dict[str, Any]:
        """The record as an object of JSON, its metrics beside the rest."""
        about = {"shard": self.shard, "num_examples": self.num_examples}
        return {**about, **self.metrics, "device": self.device, "left_out": self.left_out}

    @classmethod
    def from_json(cls, told: Any) -> "ShardRecord":
        """The record that `to_json` has told; raises DamagedRound where it is none."""
        kinds = {"shard": int, "num_examples": int, "device": str, "left_out": str}
        found = _checked(told, {**kinds, "loss": (*NUMBER, NoneType)})
        metrics = {name: value for name, value in found.items() if name not in kinds}
        return cls(metrics=metrics, **{name: found[name] for name in kinds})


@dataclass(frozen=True)
class Manifest:
    """What is known of a round that is over.

    round: counts through the run, a warm start at its beginning being 0; stage: its name, empty where the network
    has one alone; stage_round: counts through the stage, 0 being its warm start; sha256, velocity: digests of the
    weights and of the outer step's velocity; parent: the digest of the weights of the round before, empty for the
    first; settings: the digest of the settings that decide; rows, training_loss: of the shards that count;
    validation: name -> measure on the rows kept out, empty without any; majority: the most frequent class, or the
    mean of numbers; outer_step: its length; retried: attempts of tasks beyond the first; seconds: in all; spent:
    seconds by phase; cpu_s: CPU seconds of the tasks, None where they are not known; versions: of what the bytes
    hang on.
    """

    round: int
    stage: str
    stage_round: int
    sha256: str
    velocity: str
    parent: str
    settings: str
    rows: int
    training_loss: float
    shards: tuple[ShardRecord, ...]
    validation: Mapping[str, float]
    majority: str
    outer_step: float
    retried: int
    seconds: float
    spent: Mapping[str, float]
    cpu_s: float | None
    versions: Mapping[str, str]

    @property
    def is_warm_start(self) -> bool:
        """Whether this is the warm start of its stage."""
        return not self.stage_round

    @property
    def scores(self) -> dict[str, float]:
        """The measures of the network on the rows kept out, by name."""
        return {name: value for name, value in self.validation.items() if name not in OF_ROWS}

    def main_scores(self, measure: str = "") -> dict[str, float]:
        """Those of them that a line has room for, with the measure that decides between rounds; where most rows are of
        one class, also those that do not praise a network for always saying it."""
        hidden = IN_FULL[2:] if self.validation.get("baseline", 0) >= UNBALANCED else IN_FULL
        return {name: value for name, value in self.scores.items() if name == measure or name not in hidden}

    @property
    def left_out(self) -> tuple[ShardRecord, ...]:
        """The shards whose weights do not count."""
        return tuple(shard for shard in self.shards if shard.left_out)

    def summary(self, measure: str = "") -> str:
        """The round in a line for people: losses, scores and seconds. measure: that which decides between rounds."""
        scores = [f"{told_name(name)} {shown_score(name, value)}" for name, value in self.main_scores(measure).items()]
        told = f"validation {'   '.join(scores)}" if scores else ""
        return f"training loss {self.training_loss:.4f}   {told}   {self.seconds:.1f} s"

    def history_row(self) -> dict[str, Any]:
        """What a model file, and `Model.history`, keep of the round."""
        scores = dict(self.validation)
        kept_out = {"validation_rows": scores.pop("rows")} if "rows" in scores else {}
        stage = {"stage": self.stage} if self.stage else {}
        about = {"round": self.round, **stage, "training_loss": self.training_loss}
        return {**about, **scores, **kept_out, "rows": self.rows}

    def to_json(self) -> dict[str, Any]:
        """The manifest as an object of JSON, which `from_json` reads."""
        told = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**told, "shards": [shard.to_json() for shard in self.shards]}

    @classmethod
    def from_json(cls, told: Any) -> "Manifest":
        """The manifest that `to_json` has told; raises DamagedRound where a part is missing or of another kind."""
        found = _checked(told, KINDS)
        shards = tuple(ShardRecord.from_json(shard) for shard in found["shards"])
        return cls(**{**{name: found[name] for name in KINDS}, "shards": shards})


KINDS: dict[str, type | tuple[type, ...]] = {  # of a manifest's parts, as JSON has them
    "round": int,
    "stage": str,
    "stage_round": int,
    "sha256": str,
    "velocity": str,
    "parent": str,
    "settings": str,
    "rows": int,
    "training_loss": NUMBER,
    "shards": list,
    "validation": dict,
    "majority": str,
    "outer_step": NUMBER,
    "retried": int,
    "seconds": NUMBER,
    "spent": dict,
    "cpu_s": (*NUMBER, NoneType),
    "versions": dict,
}


def _checked(told: Any, kinds: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """An object of JSON that has all these parts; raises DamagedRound, which names the first that is wrong."""
    if not isinstance(told, dict):
        raise DamagedRound(f"it is a {type(told).__name__}, expected an object of JSON")
    for name, kind in kinds.items():
        if name not in told:
            raise DamagedRound(f"it lacks {name!r}")
        if not isinstance(told[name], kind):
            raise DamagedRound(f"its {name!r} is a {type(told[name]).__name__}")
    return told


def rows_trained(shards: Sequence[ShardRecord]) -> int:
    """The rows of the shards that count."""
    return sum(shard.num_examples for shard in shards if not shard.left_out)


def training_loss(shards: Sequence[ShardRecord]) -> float:
    """The mean training loss of the rows of the shards that count; 0 without any."""
    trained = [shard for shard in shards if not shard.left_out]
    total = sum((shard.loss or 0.0) * shard.num_examples for shard in trained)
    return total / max(1, rows_trained(trained))


def seconds_by_phase(seconds: float, phases_s: Mapping[str, float]) -> dict[str, float]:
    """Where a round's time went, in seconds; phases_s: of its job, the driver has what is left of `seconds`."""
    phases = {**phases_s, "driver": seconds - sum(phases_s.values())}
    return {name: round(value, 3) for name, value in phases.items()}


def best_round(rounds: Sequence[Manifest], measure: str) -> int:
    """The number of the round that is best on the validation rows, the first of equals; the last where none has the
    measure."""
    known = {m.round: value for m in rounds if (value := worth(measure, m.validation)) is not None}
    return max(known, key=lambda number: known[number]) if known else rounds[-1].round


def shown_score(name: str, value: float) -> str:
    """A measure for people."""
    if name in ("rmse", "mae"):
        return f"{value:.6g}"
    if name == "r2":
        return told_r2(value)
    return f"{100 * value:.2f} %" if name.endswith("accuracy") else f"{value:.4f}"


def told_name(name: str) -> str:
    """The name of a measure for people."""
    return TOLD.get(name, name.replace("_", " "))
