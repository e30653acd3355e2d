"""A sweep's spec: its settings, each with what it means, read from a TOML file and checked key by key."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mrdl.errors import ConfigError
from mrdl.nn.design import Design
from mrdl.nn.engines.table import AUTO
from mrdl.settings.fields import check, fields_of, setting, unknown, values_of
from mrdl.settings.files import read_toml
from mrdl.sweep.space import SHAPED, Space

MOST_SEEDS = 10**6
MOST_DESIGNS = 10**7  # of a grid
MOST_BY_TPE = 2000  # designs: Optuna's TPE takes a tenth of a second for the next one then
TRIES, MORE_TRIES = 20, 1000  # points that are drawn for each design that is wanted, and beside
GONE = {  # keys that a spec might have been taken to have
    "wall_s": "limits.wall_s is no setting, as a busy machine takes long for a healthy training, too: limits.cpu_s is "
    "the most CPU seconds of a training, and limits.hang_s the seconds without progress after which it is ended"
}
PACK_CPU_S = 600.0  # of a training in a pack, where the spec does not say it


@dataclass(frozen=True)
class Halving:
    """Successive halving. first: epochs of the first rung; eta: the next has so many times as many, for one in eta."""

    first: int
    eta: int


def _read_columns(name: str, value: Any) -> tuple[str, ...]:
    """Columns of a file's value: names or indices."""
    if not isinstance(value, list) or not all(type(one) in (str, int) for one in value):
        raise ConfigError(f"{name} is {value!r}, expected a list of columns, names or indices")
    return tuple(map(str, value))


def _read_seeds(name: str, value: Any) -> tuple[int, ...]:
    """Seeds of a file's value: a list of them, each once, or their number."""
    is_number = type(value) is int and 0 < value <= MOST_SEEDS
    seeds = list(range(value)) if is_number else value
    if not isinstance(seeds, list) or not seeds or not all(type(one) is int and 0 <= one < 2**63 for one in seeds):
        raise ConfigError(f"{name} is {value!r}, expected a number of seeds or a list of whole numbers")
    return tuple(dict.fromkeys(seeds))


def _read_halving(name: str, value: Any) -> Halving:
    """How a sweep halves, of a file's value: a table of two whole numbers."""
    is_table = isinstance(value, Mapping) and set(value) == {"first", "eta"}
    if not is_table or {type(number) for number in value.values()} != {int}:
        raise ConfigError(f"{name} is {value!r}, expected {{ first = epochs of the first rung, eta = 3 }}")
    if value["eta"] < 2:
        raise ConfigError(f"{name}.eta is {value['eta']}, expected 2 or more")
    return Halving(value["first"], value["eta"])


@dataclass(frozen=True)
class Spec:
    """What a sweep is to do. Each field is a key of its group's table in a TOML file, and a row in the docs.

    Raises ConfigError where a value is none that its field may have, or where two do not go together.

    Spec(space=Space(depth=[1, 2, 4]), seeds=(0, 1)).designs()  # 6 designs
    """

    space: Space = field(default_factory=Space)
    label: str | None = setting(
        None, "label column: its name or its index; left out: the first column, if that is plain", group="data"
    )
    task: str = setting(
        "auto",
        "what is learnt of the label: classes, or numbers (regress); auto: by what it holds, as `mrdl train` does",
        choices=("auto", "classify", "regress"),
        group="data",
    )
    header: str = setting(
        "auto", "whether the first line names the columns", choices=("auto", "yes", "no"), group="data"
    )
    drop: tuple[str, ...] = setting((), "columns to leave out, names or indices", group="data", read=_read_columns)
    category: tuple[str, ...] = setting((), "columns of categories", group="data", read=_read_columns)
    hash: tuple[str, ...] = setting(
        (), "columns of very many levels, as id=256, by buckets of a hash", group="data", read=_read_columns
    )
    number: tuple[str, ...] = setting((), "columns of numbers", group="data", read=_read_columns)
    date: tuple[str, ...] = setting((), "columns of dates", group="data", read=_read_columns)
    separator: str = setting("auto", "what stands between cells: one mark, tab, blank, or auto", group="data")
    test_fraction: float = setting(
        0.2,
        "fraction of the rows, chosen by their hash, that designs are tested on",
        least=0.01,
        most=0.9,
        group="data",
    )
    sampler: str = setting(
        "grid",
        "how designs are chosen from the space: all of them, at random, by a Sobol sequence, or by Optuna's TPE",
        choices=("grid", "random", "sobol", "tpe"),
        group="sweep",
    )
    count: int | None = setting(
        None,
        "designs to draw, of a grid the first so many; left out: all of a grid",
        least=1,
        most=10**7,
        group="sweep",
    )
    seeds: tuple[int, ...] = setting(
        (0,), "seeds that each design is trained with: their number, or a list", group="sweep", read=_read_seeds
    )
    sampler_seed: int = setting(0, "seed of the sampler", least=0, most=2**63 - 1, group="sweep")
    generation: int | None = setting(
        None,
        "designs that TPE draws at a time; left out: a tenth of them, 10 or more",
        least=1,
        most=10**5,
        group="sweep",
    )
    halving: Halving | None = setting(
        None,
        "successive halving, as { first = 2, eta = 3 }: all designs for 2 epochs, the best third for 6, and so on",
        group="sweep",
        read=_read_halving,
    )
    backend: str = setting(
        AUTO,
        "what trains designs: numpy, torch, batched or batched-numpy (many at once), MODULE:FUNCTION, or auto, which "
        "is torch where a GPU is used or numpy lacks something, else batched-numpy",
        group="sweep",
    )
    device: str = setting(
        "auto",
        "where designs are trained: cuda, which needs torch, where there is one",
        choices=("auto", "cpu", "cuda"),
        group="sweep",
    )
    route: str = setting(
        "auto",
        "designs in packs, each in a job of its own as `mrdl train` has it, or auto: large ones in jobs",
        choices=("auto", "pack", "job"),
        group="sweep",
    )
    in_flight: int = setting(2, "jobs of large designs at a time", least=1, most=1000, group="sweep")
    shards: int | None = setting(
        None, "shards of a large design's job; left out: those of `mrdl train`", least=1, most=10**5, group="sweep"
    )
    cpu_s: float | None = setting(
        None,
        f"CPU seconds that a training may take; left out: {PACK_CPU_S:.0f} in a pack, any in a job",
        least=0.1,
        most=10**7,
        group="limits",
    )
    hang_s: float = setting(
        120.0,
        "seconds after which a training is ended that ends no epoch and uses no CPU time",
        least=1,
        most=10**7,
        group="limits",
    )
    memory_mb: int = setting(1024, "MB that a training may take", least=64, most=2**22, group="limits")
    max_parameters: int | None = setting(
        None, "weights and biases that a design may have; left out: any number", least=1, most=2**60, group="limits"
    )
    pack_s: float = setting(200.0, "seconds that a pack may take", least=0.001, most=10**6, group="limits")

    def __post_init__(self) -> None:
        """Raise ConfigError for a value that its field may not have, and for settings that do not go together."""
        check(self)
        for name, value in self.space.axes().items():
            if self.sampler == "grid" and isinstance(value, Mapping):
                raise ConfigError(
                    f"space.{name} is a range, which a grid cannot list: give a list, or sampler = 'sobol'"
                )
        if self.sampler != "grid" and not self.count:
            raise ConfigError(f"sweep.sampler {self.sampler!r} needs sweep.count, the number of designs to draw")
        many = math.prod(len(value) for value in self.space.axes().values() if isinstance(value, list))
        if self.sampler == "grid" and not self.count and (many := many * len(self.seeds)) > MOST_DESIGNS:
            raise ConfigError(
                f"the grid has {many:,} designs, expected {MOST_DESIGNS:,} or fewer: draw sweep.count of them"
            )
        if self.sampler == "tpe" and (self.count or 0) > MOST_BY_TPE:
            raise ConfigError(
                f"sweep.count is {self.count}, but TPE looks at all results before each draw: up to {MOST_BY_TPE}, or "
                "sampler = 'sobol'"
            )
        if self.halving:
            self._check_halving(self.halving)

    def _check_halving(self, halving: Halving) -> None:
        """Raise ConfigError where halving does not go with the sampler or with the epochs."""
        epochs = self.space.epochs
        if self.sampler == "tpe":
            raise ConfigError("sweep.halving and sweep.sampler = 'tpe' choose by different rules, use one of them")
        if not isinstance(epochs, int):
            raise ConfigError(f"space.epochs is {epochs!r}, but sweep.halving needs one number, that of the last rung")
        if not 1 <= halving.first < epochs:
            raise ConfigError(
                f"sweep.halving.first is {halving.first}, expected 1 to {epochs - 1}, fewer than space.epochs"
            )

    # --- what follows from it ---

    @property
    def columns(self) -> dict[str, Any]:
        """The settings of TrainConfig that say what columns are."""
        return {name: getattr(self, name) for name in ("drop", "category", "hash", "number", "date", "separator")}

    def designs(self, columns: int = 1, classes: int = 1) -> list[Design]:
        """The distinct designs of this spec in a fixed order, those with too many parameters left out.

        columns, classes: of the data, which count among the parameters. Of a sweep that plans more when results are
        there, these are the first. Raises ConfigError where none has few enough parameters.
        """
        fitting: Iterable[Design] = self._fitting(columns, classes)
        if self.halving:
            fitting = [dataclasses.replace(design, epochs=self.rungs()[0]) for design in fitting]
        return [dataclasses.replace(design, seed=seed) for design in fitting for seed in self.seeds]

    def fits(self, design: Design, columns: int, classes: int) -> bool:
        """Whether a design has no more parameters than a design may have."""
        return self.max_parameters is None or design.parameters(columns, classes) <= self.max_parameters

    def is_adaptive(self) -> bool:
        """Whether more designs are planned when the results of the first are there."""
        return bool(self.halving) or self.sampler == "tpe"

    def rungs(self) -> list[int]:
        """The epochs of each rung of successive halving, the last one the space's own; none without it."""
        if not self.halving:
            return []
        found = [self.halving.first]
        while found[-1] * self.halving.eta < self.space.epochs:
            found.append(found[-1] * self.halving.eta)
        return [*found, self.space.epochs]

    @property
    def at_a_time(self) -> int:
        """The designs that TPE draws at a time."""
        return self.generation or max(10, (self.count or 0) // 10)

    @property
    def pack_cpu_s(self) -> float:
        """The CPU seconds that a training in a pack may take."""
        return PACK_CPU_S if self.cpu_s is None else self.cpu_s

    @property
    def job_cpu_s(self) -> float:
        """The CPU seconds that a job of one design may take; infinite where no limit was asked for."""
        return math.inf if self.cpu_s is None else self.cpu_s

    def _fitting(self, columns: int, classes: int) -> list[Design]:
        """The distinct designs that fit, without seeds: of a grid all, else as many as are wanted."""
        wanted = self.count or math.inf
        if self.sampler == "tpe":
            wanted = min(wanted, self.at_a_time)
        is_grid, found = self.sampler == "grid", dict[str, Design]()
        designs = self.space.grid() if is_grid else self.space.drawn(self.sampler, self.sampler_seed)
        for tried, design in enumerate(designs):
            if self.fits(design, columns, classes):
                found.setdefault(design.canonical(), design)
            if len(found) >= wanted or (not is_grid and tried >= TRIES * wanted + MORE_TRIES):
                break
        if not found:
            raise ConfigError(
                f"no design of the space has {self.max_parameters} parameters or fewer (limits.max_parameters)"
            )
        return list(found.values())


# --- reading ---


def read_spec(path: str) -> Spec:
    """The spec of a TOML file.

    path: of the file. Raises ConfigError that names the key, its value, what is allowed, and the file.

    read_spec("configs/sweep_depth.toml").seeds == (0, 1, 2)
    """
    read = read_toml(path)
    try:
        return spec_of(read)
    except ConfigError as error:
        raise ConfigError(f"{error} ({path})") from error


def spec_of(read: Mapping[str, Any]) -> Spec:
    """The spec of a file's content, or of the same as a dict.

    read: table -> key -> value. Raises ConfigError as read_spec does, without a file's name.

    spec_of({"space": {"depth": [1, 2, 4]}, "sweep": {"seeds": 3}})
    """
    groups = [*dict.fromkeys(field.metadata["group"] for field in fields_of(Spec)), "space"]
    for name, table in read.items():
        if name not in groups:
            raise ConfigError(unknown("table", name, groups))
        if not isinstance(table, Mapping):
            raise ConfigError(f"{name} is {table!r}, expected a table: [{name}]")
    if gone := [GONE[name] for name in read.get("limits", {}) if name in GONE]:
        raise ConfigError(gone[0])
    found: dict[str, Any] = {}
    for group in groups[:-1]:
        found |= values_of(Spec, read.get(group, {}), group)
    said = read.get("space", {})
    space = Space(**values_of(Space, said, "space"))
    if space.nodes and (both := [name for name in SHAPED if name in said]):
        raise ConfigError(f"space.nodes lists the layers, so space.{both[0]} has no meaning beside it")
    return Spec(space=space, **found)
