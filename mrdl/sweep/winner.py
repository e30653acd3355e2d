"""A design of a sweep as the settings of `mrdl train`: the best one, or one by its name."""

import dataclasses
import math
from dataclasses import dataclass

from mrdl.errors import ConfigError
from mrdl.nn.design import Design, brief, design_of
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.record import Record, State


@dataclass(frozen=True)
class Winner:
    """A design that a sweep has trained. score: its accuracy, or R² of numbers, or the mean over its seeds; measure:
    which of the two; seeds: their number; rivals: the designs that it was compared with, 0 where it was asked for by
    its name."""

    arch_id: str
    design: Design
    score: float
    measure: str
    seeds: int
    rivals: int

    def __str__(self) -> str:
        design = self.design
        choices = [brief(design.hidden), design.activation, design.initialisation, design.optimizer]
        choices += ["residual"] * design.residual + [f"dropout {design.dropout:g}"] * (design.dropout > 0)
        best = f"the best of {self.rivals} designs" if self.rivals else "the design"
        mean = f", the mean of {self.seeds} seeds" if self.seeds > 1 else ""
        return f"{best}, {self.arch_id}: {', '.join(choices)}; {self.measure} {self.score:.4f}{mean}"


def winner(sweep: SweepFolder, arch_id: str = "") -> Winner:
    """The design of that name, or of the beginning of one; left out, the one of the highest score, of several seeds
    by the mean over them. Raises ConfigError where there is none that was trained to its end."""
    done = [record for record in sweep.ledger.results() if record.status is State.DONE]
    if not done:
        raise ConfigError(f"no design of {sweep.path} was trained to its end: mrdl sweep resume {sweep.path}")
    if arch_id:
        return _by_name(sweep, done, arch_id)
    alike: dict[Design, list[Record]] = {}
    for record in done:
        alike.setdefault(dataclasses.replace(design_of(record.spec or ""), seed=0), []).append(record)
    means = {design: math.fsum(r.score or 0.0 for r in same) / len(same) for design, same in alike.items()}
    best = max(means, key=lambda design: means[design])
    first = alike[best][0]
    return Winner(first.arch_id, design_of(first.spec or ""), means[best], first.measure, len(alike[best]), len(alike))


def _by_name(sweep: SweepFolder, done: list[Record], arch_id: str) -> Winner:
    """The design whose name begins so; raises ConfigError unless it is one."""
    found = [record for record in done if record.arch_id.startswith(arch_id)]
    if len(found) != 1:
        told = f"{len(found)} designs of {sweep.path} have an arch_id that begins with {arch_id!r}"
        raise ConfigError(f"{told}, expected one that is done: mrdl sweep export {sweep.path} FILE.csv lists them")
    record = found[0]
    return Winner(record.arch_id, design_of(record.spec or ""), record.score or 0.0, record.measure, seeds=1, rivals=0)
