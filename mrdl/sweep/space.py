"""The space of a sweep: its axes, and the designs at its places. Knows no data and no torch."""

import dataclasses
import itertools
import json
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from mrdl.errors import SetupError
from mrdl.nn.design import Design, layers
from mrdl.nn.engines.table import has_torch
from mrdl.settings.fields import setting
from mrdl.sweep.axes import read_axis, read_nodes

SHAPED = ("depth", "width", "shape")  # what explicit nodes stand in place of
FIRST_DRAW = 1024  # points of a Sobol sequence; each further draw is twice as long


def _axis(default: Any, text: str) -> Any:
    """A field of the space that is an axis: a value, a list of values or a range."""
    return setting(default, text, group="space", read=read_axis)


@dataclasses.dataclass(frozen=True)
class Space:
    """What designs are made of. An axis has a value, a list of values, or a range {min, max, log}."""

    depth: Any = _axis(2, "number of hidden layers")
    width: Any = _axis(32, "nodes of a hidden layer, of a funnel those of the first")
    shape: Any = _axis("equal", "whether all hidden layers are as wide, or narrow to a quarter of the width")
    activation: Any = _axis("relu", "of the hidden layers")
    initialisation: Any = _axis("he", "of the weights")
    residual: Any = _axis(False, "whether layers that are as wide as those before add to them")
    dropout: Any = _axis(0.0, "share of a hidden layer's values that a step leaves out")
    batch_size: Any = _axis(32, "rows in a mini-batch")
    optimizer: Any = _axis("adam", "what makes steps of gradients")
    learning_rate: Any = _axis(0.001, "step size")
    epochs: Any = _axis(20, "passes over the training rows")
    nodes: tuple[tuple[int, ...], ...] = setting(
        (),
        "hidden layers of each design, as [[64, 32], [128]], in place of depth, width and shape",
        group="space",
        read=read_nodes,
    )

    def axes(self) -> dict[str, Any]:
        """Each axis with what is said of it; explicit nodes are one axis, `hidden`."""
        axes = dict(vars(self))
        if nodes := axes.pop("nodes"):
            for name in SHAPED:
                del axes[name]
            axes["hidden"] = [list(hidden) for hidden in nodes]
        return axes

    def at(self, place: Mapping[str, Any]) -> Design:
        """The design at a place of the space: a value for each axis that has several."""
        values = {name: value[0] if isinstance(value, list) else value for name, value in self.axes().items()}
        values.update(place)
        if isinstance(values.get("hidden"), str):
            values["hidden"] = json.loads(values["hidden"])
        return _design(values)

    def place_of(self, design: Design) -> dict[str, Any]:
        """A place of the space where a design is: its value on each axis."""
        hidden = design.hidden
        is_funnel = len(hidden) > 1 and hidden[0] != hidden[-1]
        about = {**vars(design), "hidden": json.dumps(hidden), "depth": len(hidden), "width": max(hidden, default=0)}
        about["shape"] = "funnel" if is_funnel else "equal"
        place = {}
        for name, value in self.axes().items():
            place[name] = about[name]
            if isinstance(value, list) and name != "hidden" and place[name] not in value:
                place[name] = value[0]  # two shapes of one layer are the same design
            if isinstance(value, Mapping):
                place[name] = min(max(place[name], value["min"]), value["max"])
        return place

    def grid(self) -> Iterator[Design]:
        """The designs at all places, the last axis first."""
        axes = self.axes()
        lists = [value if isinstance(value, list) else [value] for value in axes.values()]
        for values in itertools.product(*lists):
            yield _design(dict(zip(axes, values, strict=True)))

    def drawn(self, sampler: str, seed: int) -> Iterator[Design]:
        """Designs at places drawn at random, or by a Sobol sequence; some come again, and there is no end of them."""
        axes = self.axes()
        points = _sobol_points(len(axes), seed) if sampler == "sobol" else _random_points(len(axes), seed)
        for point in points:
            yield _design({name: _pick(value, at) for (name, value), at in zip(axes.items(), point, strict=True)})


def _design(values: Mapping[str, Any]) -> Design:
    """The design of a value for each axis."""
    about = {name: value for name, value in values.items() if name not in SHAPED}
    hidden = about.pop("hidden", None)
    if hidden is None:
        hidden = layers(values["depth"], values["width"], values["shape"])
    return Design(hidden=tuple(hidden), **about)


# --- points of the unit cube, (axes,) float64 each ---


def _random_points(dimensions: int, seed: int) -> Iterator[np.ndarray]:
    """Points in the unit cube, (dimensions,) float64, without end; a seed gives always the same."""
    rng = np.random.default_rng(seed)
    while True:
        yield rng.random(dimensions)


def _sobol_points(dimensions: int, seed: int) -> Iterator[np.ndarray]:
    """Points of a Sobol sequence, (dimensions,) float64, without end; a seed gives always the same."""
    drawn, count = 0, FIRST_DRAW
    while True:  # a draw begins anew, in a process of its own: the driver shall not hold torch
        points = np.frombuffer(_sobol(dimensions, seed, drawn + count)).reshape(-1, dimensions)
        yield from points[drawn:]
        drawn, count = len(points), len(points)


def _sobol(dimensions: int, seed: int, count: int) -> bytes:
    """The first points of torch's scrambled Sobol sequence: the bytes of (count, dimensions) float64. Raises SetupError
    where there is no torch."""
    if not has_torch():
        raise SetupError("sweep.sampler 'sobol' is drawn by torch, which is not here: pip install torch, or 'random'")
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
    is_whole = isinstance(low, int) and isinstance(high, int)
    if value.get("log"):
        found = math.exp(math.log(low) + at * (math.log(high + is_whole) - math.log(low)))
    else:
        found = low + at * (high + is_whole - low)
    return min(int(found), high) if is_whole else float(f"{found:.6g}")
