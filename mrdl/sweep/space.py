"""From a sweep's TOML file to its designs: which architectures are trained, and how. Knows no data and no torch."""

import dataclasses
import itertools
import json
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrdl.errors import ConfigError
from mrdl.nn.design import Design, layers

SAMPLERS = ("grid", "random", "sobol", "tpe")
DEFAULTS: dict[str, Any] = {
    "depth": 2, "width": 32, "shape": "equal", "activation": "relu", "initialisation": "he", "residual": False,
    "dropout": 0.0, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.001, "epochs": 20,
}  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """A sweep as its file has it. space: axis -> a value, a list, or {min, max, log} of a range."""

    space: Mapping[str, Any]
    label: str = ""
    header: str = "auto"
    drop: tuple[str, ...] = ()
    test_fraction: float = 0.2
    sampler: str = "grid"
    count: int = 0
    seeds: tuple[int, ...] = (0,)
    sampler_seed: int = 0
    generation: int = 0
    halving: Mapping[str, int] = field(default_factory=dict)
    max_parameters: int = 0
    backend: str = "torch"
    device: str = "auto"
    route: str = "auto"
    in_flight: int = 2
    shards: int = 0
    cpu_s: float = 600.0
    job_cpu_s: float = math.inf
    hang_s: float = 120.0
    memory_mb: int = 1024
    pack_s: float = 200.0
    nodes: tuple[tuple[int, ...], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def designs(self, columns: int = 1, classes: int = 1) -> list[Design]:
        """The distinct designs of this spec in a fixed order, those with too many parameters left out; of a sweep that
        plans more when the results are there, the first."""
        fitting = self._drawn(columns, classes)
        if self.halving:
            fitting = [dataclasses.replace(design, epochs=self.rungs()[0]) for design in fitting]
        return [dataclasses.replace(design, seed=seed) for design in fitting for seed in self.seeds]

    def is_adaptive(self) -> bool:
        """Whether more designs are planned when the results of the first are there."""
        return bool(self.halving) or self.sampler == "tpe"

    def rungs(self) -> list[int]:
        """Epochs of each rung of successive halving, the last one the spec's own."""
        most = int(self.space.get("epochs", DEFAULTS["epochs"]))
        found = [self.halving["first"]]
        while found[-1] * self.halving["eta"] < most:
            found.append(found[-1] * self.halving["eta"])
        return [*found, most]

    def axes(self) -> dict[str, Any]:
        """Each choice with what the spec says of it: a value, a list, or the ends of a range."""
        axes = {name: self.space.get(name, default) for name, default in DEFAULTS.items()}
        if self.nodes:
            for name in ("depth", "width", "shape"):
                del axes[name]
            axes["hidden"] = [list(nodes) for nodes in self.nodes]
        return axes

    def at(self, place: Mapping[str, Any]) -> Design:
        """The design at a place of the space: a value for each axis that has several."""
        values = {name: value[0] if isinstance(value, list) else value for name, value in self.axes().items()}
        values.update(place)
        if isinstance(values.get("hidden"), str):
            values["hidden"] = json.loads(values["hidden"])
        return self._design(values)

    def place_of(self, design: Design) -> dict[str, Any]:
        """A place of the space where a design is: its value on each axis."""
        hidden = design.hidden
        funnel = len(hidden) > 1 and hidden[0] != hidden[-1]
        about = {
            **vars(design), "hidden": json.dumps(hidden), "depth": len(hidden), "width": max(hidden, default=0),
            "shape": "funnel" if funnel else "equal",
        }  # fmt: skip
        place = {}
        for name, value in self.axes().items():
            place[name] = about[name]
            if isinstance(value, list) and name != "hidden" and place[name] not in value:
                place[name] = value[0]  # two shapes of one layer are the same design
            if isinstance(value, Mapping):
                place[name] = min(max(place[name], value["min"]), value["max"])
        return place

    def _drawn(self, columns: int, classes: int) -> list[Design]:
        most, found = self.max_parameters, dict[str, Design]()
        wanted = self.count or math.inf
        if self.sampler == "tpe":
            wanted = min(wanted, self.generation)
        for tried, values in enumerate(self._points()):
            design = self._design(values)
            if not most or design.parameters(columns, classes) <= most:
                found.setdefault(design.canonical(), design)
            if len(found) >= wanted or (self.sampler != "grid" and tried >= 20 * wanted + 1000):
                break
        if not found:
            raise ConfigError(f"no design of the space has {most} parameters or fewer (limits.max_parameters)")
        return list(found.values())

    def _points(self) -> Iterator[dict[str, Any]]:
        axes = self.axes()
        if self.sampler == "grid":
            lists = [value if isinstance(value, list) else [value] for value in axes.values()]
            for values in itertools.product(*lists):
                yield dict(zip(axes, values, strict=True))
            return
        for point in self._unit_points(len(axes)):
            yield {name: _pick(value, at) for (name, value), at in zip(axes.items(), point, strict=True)}

    def _unit_points(self, dimensions: int) -> Iterator[np.ndarray]:
        if self.sampler != "sobol":
            rng = np.random.default_rng(self.sampler_seed)
            while True:
                yield rng.random(dimensions)
        drawn, count = 0, 1024
        while True:  # a draw begins anew, in a process of its own: the driver shall not hold torch
            points = np.frombuffer(_sobol(dimensions, self.sampler_seed, drawn + count)).reshape(-1, dimensions)
            yield from points[drawn:]
            drawn, count = len(points), len(points)

    def _design(self, values: Mapping[str, Any]) -> Design:
        about = {name: value for name, value in values.items() if name not in ("depth", "width", "shape")}
        hidden = about.pop("hidden", None)
        if hidden is None:
            hidden = layers(values["depth"], values["width"], values["shape"])
        return Design(hidden=tuple(hidden), **about)


def _sobol(dimensions: int, seed: int, count: int) -> bytes:
    """The first points of torch's scrambled Sobol sequence: the bytes of (count, dimensions) float64."""
    code = (
        "import sys, torch; d, s, n = map(int, sys.argv[1:]);"
        "e = torch.quasirandom.SobolEngine(d, scramble=True, seed=s);"
        "sys.stdout.buffer.write(e.draw(n, dtype=torch.float64).numpy().tobytes())"
    )
    words = [sys.executable, "-c", code, str(dimensions), str(seed), str(count)]
    return subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout


def _pick(value: Any, at: float) -> Any:
    """The value of an axis at a place from 0 to 1."""
    if isinstance(value, list):
        return value[min(int(at * len(value)), len(value) - 1)]
    if not isinstance(value, Mapping):
        return value
    low, high = value["min"], value["max"]
    whole = isinstance(low, int) and isinstance(high, int)
    if value.get("log"):
        found = math.exp(math.log(low) + at * (math.log(high + whole) - math.log(low)))
    else:
        found = low + at * (high + whole - low)
    return min(int(found), high) if whole else float(f"{found:.6g}")
