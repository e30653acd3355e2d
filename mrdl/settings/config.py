"""The settings of a training run: one frozen dataclass, from which files, flags and help are made."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from mrdl.errors import ConfigError
from mrdl.metrics.measures import ARGMAX
from mrdl.settings import fields
from mrdl.settings.columns import SETTINGS, with_table
from mrdl.settings.fields import FLOAT32_MAX
from mrdl.settings.files import read_toml, toml_of
from mrdl.settings.of_data import MOST_KEPT_OUT, DataSettings
from mrdl.settings.of_model import MOST_WEIGHTS, ModelSettings
from mrdl.settings.of_run import RunSettings
from mrdl.settings.samples import SAMPLE_BYTES, WARM_ROWS, rows_within

ALIASES = {"ignore": "drop"}  # other names of settings
REFUSED = {
    "batch_norm": "there is no batch_norm: its means and deviations are those of a shard's batches, which are not "
    "those of the mean of all shards' weights. Inputs are scaled and initial weights drawn so that small networks "
    "train without it; for deep ones take residual = yes",
}
"""What other libraries have as a setting and this one has not -> why, in words."""


@dataclasses.dataclass(frozen=True)
class TrainConfig(RunSettings, ModelSettings, DataSettings):  # a dataclass takes its fields from the last base on
    """What one training run is to do. Each field is a key in a TOML file, a flag and a row in the docs.

    A setting that is left out is None; `resolved`, or the plan of a run, decides it. Raises ConfigError where a value
    is none that its field may have, or where two do not go together.

    TrainConfig(kind="mlp", nodes=(784, 500, 10), shards=8)
    TrainConfig().with_changes({"nodes": "784,500,10"}) == TrainConfig(nodes=(784, 500, 10))
    """

    def __post_init__(self) -> None:
        """Raise ConfigError for a value that its field may not have, and for settings that do not go together."""
        fields.check(self)
        if self.nodes and (len(self.nodes) < 2 or min(self.nodes) < 1):
            raise ConfigError(f"nodes is {list(self.nodes)}, expected two or more numbers above 0, as 784,500,10")
        if self.hidden and min(self.hidden) < 1:
            raise ConfigError(f"hidden is {list(self.hidden)}, expected numbers above 0, as 500,100")
        if (weights := sum(a * b for a, b in pairwise(self.nodes))) > MOST_WEIGHTS:
            raise ConfigError(f"nodes would have {weights:,} weights, expected {MOST_WEIGHTS:,} or fewer")
        if self.threshold is not None and not abs(self.threshold) <= FLOAT32_MAX:
            raise ConfigError(f"threshold is {self.threshold!r}, expected a number that 32 bits can hold")
        if self.kept_out > MOST_KEPT_OUT:
            raise ConfigError(
                f"validation and test_fraction are {self.kept_out:g} in all, expected {MOST_KEPT_OUT} or less"
            )
        if self.patience and not self.validation:
            raise ConfigError("patience needs validation rows, but validation is 0")
        if self.decision != ARGMAX and not self.validation:
            raise ConfigError(f"decision = {self.decision} is chosen on validation rows, but validation is 0")
        if self.keep == "best" and not self.validation:
            raise ConfigError("keep = best needs validation rows, but validation is 0")

    @property
    def options(self) -> dict[str, str]:
        """What the network kinds can be told beside their nodes; each takes what it has a use for."""
        return {
            "activation": self.activation,
            "visible": self.visible,
            "fine_tune": self.fine_tune,
            "residual": "yes" if self.residual else "no",
            "loss": self._loss,
        }

    @property
    def kept_out(self) -> float:
        """The fraction of the rows that is not trained on."""
        return self.validation + self.test_fraction

    @property
    def keeps_best(self) -> bool:
        """Whether the best round is the network, and not the last one."""
        return self.keep == "best" or (self.keep is None and self.patience is not None)

    @property
    def _loss(self) -> str:
        """The name of what an mlp is trained by."""
        of_numbers = "mse" if self.loss == "auto" else self.loss
        return {"regress": of_numbers, "multilabel": "multilabel"}.get(self.task, "nll")

    @property
    def samples(self) -> bool:
        """Whether a sample of the rows decides how values are scaled or filled in."""
        filled = (self.missing, *(way.rpartition("=")[2] for way in self.fill))
        return self.scaling == "standard" or any(way in ("mean", "median") for way in filled)

    def sample_rows(self, columns: int) -> int:
        """Rows of the warm start's sample that are kept with the shards, of a table with so many columns."""
        return max(rows_within(SAMPLE_BYTES, columns, WARM_ROWS), self.warm_rows or 0)

    @property
    def supervised(self) -> bool:
        """Whether classes, numbers or flags are learnt, and so a label is needed."""
        from mrdl.nn.kinds import character  # imports numpy

        return character(self.kind, self.nodes, self.options)[0]

    def with_changes(self, changes: Mapping[str, Any]) -> "TrainConfig":
        """A copy with some settings changed.

        changes: name -> value, or its text as from a file or a flag; None or "" leaves out what may be left out.
        Raises ConfigError for a name that is no setting, and for a value that it cannot have.
        """
        for name in REFUSED.keys() & changes.keys():
            raise ConfigError(REFUSED[name])
        if twice := [name for name in ALIASES if name in changes and ALIASES[name] in changes]:
            raise ConfigError(f"{twice[0]} is another name of {ALIASES[twice[0]]}: leave out one of them")
        changes = {ALIASES.get(name, name): value for name, value in changes.items()}
        return dataclasses.replace(self, **fields.values_of(TrainConfig, changes))

    def said(self, decides: tuple[str, ...], but: tuple[str, ...] = ()) -> dict[str, Any]:
        """The settings that decide one thing, as JSON has them.

        decides: of DATA, MODEL and RUN those that are wanted; but: names that are left out.
        """
        names = [f.name for f in dataclasses.fields(self) if f.metadata["decides"] in decides and f.name not in but]
        return {name: list(v) if isinstance(v := getattr(self, name), tuple) else v for name in sorted(names)}

    def digest(self, decides: tuple[str, ...], but: tuple[str, ...] = ()) -> str:
        """A short hash of the settings that decide one thing, the same whoever gave them, and how.

        decides, but: as `said` has them.
        """
        return hashlib.sha256(json.dumps(self.said(decides, but)).encode()).hexdigest()[:16]

    def to_toml(self) -> str:
        """The settings as a TOML file that from_file reads back, each with its meaning."""
        return toml_of(self)


def from_file(local_path: str, base: TrainConfig | None = None) -> TrainConfig:
    """The settings of a TOML file; tables such as [training] only group them, [columns] says what columns are.

    local_path: of the file; base: the settings that it goes over, mrdl's own where there are none. Raises ConfigError,
    with the file's name, where it cannot be read or holds something wrong.

    from_file("configs/mnist_mlp.toml").nodes == (784, 500, 100, 10)
    """
    read = read_toml(local_path)
    try:
        return from_tables(read, base)
    except ConfigError as error:
        raise ConfigError(f"{error} ({Path(local_path)})") from error


def from_tables(read: Mapping[str, Any], base: TrainConfig | None = None) -> TrainConfig:
    """The settings of a TOML file's content; base, and what is raised, as from_file has them.

    from_tables({"training": {"rounds": 3}}).rounds == 3
    """
    flat: dict[str, Any] = {}
    of_columns: dict[str, Any] = {}
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    for key, value in read.items():
        if key == "columns" and isinstance(value, dict):
            of_columns = value
        else:
            flat |= value if isinstance(value, dict) and key not in names else {key: value}
    config = (base or TrainConfig()).with_changes(flat)
    said = {name for name in SETTINGS.values() if name in {ALIASES.get(key, key) for key in flat}}
    return config.with_changes(with_table({name: getattr(config, name) for name in said}, of_columns))
