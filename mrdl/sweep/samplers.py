"""Designs that are planned when the results of earlier ones are known: successive halving, and Optuna's TPE.

What comes next follows from the spec and the results alone, so that a driver that was killed plans the same again.
"""

import dataclasses
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mrdl.errors import not_installed
from mrdl.nn.design import Design, design_of
from mrdl.sweep.record import Record, State
from mrdl.sweep.spec import Spec

if TYPE_CHECKING:
    import optuna


def next_designs(spec: Spec, results: Sequence[Record], columns: int = 1, classes: int = 1) -> list[Design]:
    """The designs to train after all of `results` (records of the ledger) are over; empty where that was all."""
    if spec.halving:
        return _promoted(spec.rungs(), spec.halving.eta, results)
    if spec.sampler == "tpe":
        return _asked(spec, results, columns, classes)
    return []


# --- successive halving (Jamieson and Talwalkar, 2016) ---


def _promoted(rungs: Sequence[int], eta: int, results: Sequence[Record]) -> list[Design]:
    """The best of the last rung, one in `eta`, with `eta` times its epochs, from the beginning: to keep a checkpoint
    of each would save a quarter of the epochs."""
    by_epochs: dict[int, list[tuple[float, Design]]] = {epochs: [] for epochs in rungs}
    for record in results:
        design = design_of(record.spec or "")
        by_epochs[design.epochs].append((-math.inf if record.score is None else record.score, design))
    last = max(number for number, epochs in enumerate(rungs) if by_epochs[epochs])
    if last + 1 == len(rungs):
        return []
    ranked = sorted(by_epochs[rungs[last]], key=lambda item: (-item[0], item[1].canonical()))
    kept = ranked[: max(1, len(ranked) // eta)]
    return [dataclasses.replace(design, epochs=rungs[last + 1]) for score, design in kept if score > -math.inf]


# --- the tree-structured Parzen estimator ---


def _asked(spec: Spec, results: Sequence[Record], columns: int, classes: int) -> list[Design]:
    """The next generation of a sweep whose sampler is TPE; a point's value is its mean score over the seeds."""
    optuna = _optuna()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    points: dict[Design, list[float]] = {}
    for record in results:
        values = points.setdefault(dataclasses.replace(design_of(record.spec or ""), seed=0), [])
        if record.status is State.DONE and record.score is not None:
            values.append(record.score)
    axes = {name: _distribution(value) for name, value in spec.space.axes().items() if _varies(value)}
    seed = spec.sampler_seed + len(points)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=1, multivariate=True, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for point, values in points.items():
        about = {name: value for name, value in spec.space.place_of(point).items() if name in axes}
        told = {"value": statistics.fmean(values)} if values else {"state": optuna.trial.TrialState.FAIL}
        study.add_trial(optuna.trial.create_trial(params=about, distributions=axes, **told))
    found: dict[Design, None] = {}
    wanted = min(spec.at_a_time, (spec.count or 0) - len(points))
    for _ in range(20 * max(wanted, 0)):
        design = spec.space.at(study.ask(axes).params)
        if spec.fits(design, columns, classes) and design not in points:
            found.setdefault(design)
        if len(found) == wanted:
            break
    return [dataclasses.replace(design, seed=seed) for design in found for seed in spec.seeds]


def _varies(value: Any) -> bool:
    """Whether an axis has more than one value."""
    return isinstance(value, Mapping) or (isinstance(value, list) and len(value) > 1)


def _distribution(value: Any) -> "optuna.distributions.BaseDistribution":
    """What Optuna draws an axis from: a list of values, or a range."""
    distributions = _optuna().distributions
    if isinstance(value, list):
        return distributions.CategoricalDistribution(
            [json.dumps(one) if isinstance(one, list) else one for one in value]
        )
    kind = distributions.IntDistribution if isinstance(value["min"], int) else distributions.FloatDistribution
    return kind(value["min"], value["max"], log=bool(value.get("log")))


def _optuna() -> Any:
    """The module optuna; raises SetupError, with the way to install it, where it is not there."""
    try:
        import optuna
    except ImportError:
        raise not_installed('sweep.sampler = "tpe" needs', "Optuna", "sweep") from None
    return optuna
