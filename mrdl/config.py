"""The settings of a training run: one frozen dataclass, from which files, flags and help are made."""

import dataclasses
import difflib
import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from mrdl.errors import ConfigError

# What a setting decides. Settings of the data decide which rows lie in which shard (the key of the
# cache of shards), those of the model decide the bytes of the weights, those of the run neither.
DATA, MODEL, RUN = "data", "model", "run"


def setting(default: Any, text: str, decides: str, choices: tuple[str, ...] = ()) -> Any:
    """A field of TrainConfig with the text of its flag's help."""
    return dataclasses.field(default=default, metadata={"help": text, "decides": decides, "choices": choices})


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """What one training run is to do. Each field is a key in a TOML file, a flag and a row in the README."""

    label: str = setting("0", "label column: its name or its index (-1: the last); none for unlabelled data", DATA)
    header: str = setting("auto", "whether the first line names the columns", DATA, ("auto", "yes", "no"))
    bad_rows: str = setting(
        "stop",
        "rows that cannot be read: stop before training, or skip and count them",
        DATA,
        ("stop", "skip"),
    )
    validation: float = setting(0.1, "fraction of the rows, chosen by their hash, kept out of training", DATA)
    shards: int = setting(4, "parts of the data, each trained by one task; any number of free slots is enough", DATA)
    kind: str = setting("mlp", "network kind", MODEL, ("mlp", "autoencoder"))
    nodes: tuple[int, ...] = setting(
        (),
        "nodes of each layer, as 784,500,100,10; left out: input and classes from the data, hidden 500,100",
        MODEL,
    )
    scaling: str = setting(
        "auto",
        "min-max scaling to [0, 1]: each column by itself, all columns alike (pixels), or auto",
        MODEL,
        ("auto", "column", "common"),
    )
    rounds: int = setting(5, "times that all shards are trained and combined", MODEL)
    epochs: int = setting(2, "passes over a shard in each round", MODEL)
    batch_size: int = setting(16, "rows in a mini-batch", MODEL)
    learning_rate: float = setting(0.0, "step size of SGD; 0: the network kind's own", MODEL)
    momentum: float = setting(0.8, "momentum of SGD", MODEL)
    combine: str = setting("mean", "rule that combines the shards' weights", MODEL, ("mean", "uniform"))
    seed: int = setting(0, "seed of the initial weights and of the order of rows", MODEL)
    device: str = setting("auto", "where shards are trained: cuda where a node has it", MODEL, ("auto", "cpu", "cuda"))
    test: str = setting("", "a CSV that the final network is tested on", RUN)
    run_dir: str = setting("", "folder of the run; left out: runs/ and the time", RUN)
    cache_dir: str = setting("", "folder (or hdfs:// folder) for the parsed shards, reused by later runs", RUN)
    task_memory_mb: int = setting(1024, "a shard larger than this is trained from a memory-mapped file", RUN)
    python_bin: str = setting("", "Python that runs the tasks; left out: this one", RUN)
    mrjob_conf: str = setting("", "mrjob.conf with the cluster's own settings", RUN)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, choices = getattr(self, field.name), field.metadata["choices"]
            if choices and value not in choices:
                raise ConfigError(f"{field.name} is {value!r}, expected one of {', '.join(choices)}")
        for name, low in (
            ("shards", 1),
            ("rounds", 1),
            ("epochs", 1),
            ("batch_size", 1),
            ("task_memory_mb", 1),
            ("seed", 0),
        ):
            if getattr(self, name) < low:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected {low} or more")
        for name, low, high in (("validation", 0, 0.9), ("momentum", 0, 0.999), ("learning_rate", 0, 1e6)):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected a number from {low} to {high}")
        if self.nodes and (len(self.nodes) < 2 or min(self.nodes) < 1):
            raise ConfigError(f"nodes is {list(self.nodes)}, expected two or more numbers above 0, as 784,500,10")
        if self.shards > 9999:
            raise ConfigError(f"shards is {self.shards}, expected 9999 or fewer")

    def with_changes(self, changes: Mapping[str, Any]) -> "TrainConfig":
        """A copy with some settings changed; values may be text, as from a file or a flag."""
        types = get_type_hints(TrainConfig)
        known = {}
        for name, value in changes.items():
            if name not in types:
                raise ConfigError(unknown("setting", name, types))
            known[name] = _convert(name, value, types[name])
        return dataclasses.replace(self, **known)

    def digest(self, decides: tuple[str, ...], but: tuple[str, ...] = ()) -> str:
        """A short hash of the settings that decide one thing."""
        fields = [f.name for f in dataclasses.fields(self) if f.metadata["decides"] in decides and f.name not in but]
        text = json.dumps({name: getattr(self, name) for name in sorted(fields)})
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_toml(self) -> str:
        """The settings as a TOML file that from_file reads back, each with its meaning."""
        lines = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            lines.append(f"# {field.metadata['help']}")
            lines.append(
                f"{field.name} = {json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)}"
            )
        return "\n".join(lines) + "\n"


def from_file(local_path: str, base: TrainConfig | None = None) -> TrainConfig:
    """The settings of a TOML file over `base`; tables such as [training] only group them."""
    try:
        with open(local_path, "rb") as file:
            read = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{local_path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{local_path} is not TOML: {error}") from error
    flat: dict[str, Any] = {}
    for key, value in read.items():
        flat.update(value if isinstance(value, dict) else {key: value})
    try:
        return (base or TrainConfig()).with_changes(flat)
    except ConfigError as error:
        raise ConfigError(f"{error} ({Path(local_path)})") from error


def unknown(what: str, name: str, valid: Any) -> str:
    """The message for a name that is not known: the nearest valid one, or all of them."""
    near = difflib.get_close_matches(name, list(valid), 1)
    return f"unknown {what} {name!r}, " + (
        f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(valid)}"
    )


def _whole(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    return int(value)


def _convert(name: str, value: Any, kind: Any) -> Any:
    try:
        if kind is int:
            return _whole(value)
        if kind is float:
            number = float(value)
            if isinstance(value, bool) or number != number:
                raise ValueError
            return number
        if kind is str:
            return str(value)
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(_whole(part) for part in parts)
    except (TypeError, ValueError, OverflowError):
        wanted = {int: "a whole number", float: "a number"}.get(kind, "whole numbers with commas between")
        raise ConfigError(f"{name} is {value!r}, expected {wanted}") from None
