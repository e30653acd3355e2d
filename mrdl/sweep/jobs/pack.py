"""One pack of designs, one after the other, each in a forked child of its own: what goes wrong there costs one row.

A child inherits the library that computes, loaded and warmed up, and the mapped data; it has limits of time and memory,
and says its result over a pipe. Run as a program it is a worker of the local runner:
python -m mrdl.sweep.jobs.pack CONTROL PARTS.
"""

import contextlib
import dataclasses
import json
import math
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import mrdl
from mrdl.data.dataset import load_data
from mrdl.metrics.regression import Regression
from mrdl.model.baseline import is_no_better, is_no_better_than_mean
from mrdl.nn.backends.groups import grouped
from mrdl.nn.backends.registry import BACKENDS, own_backend
from mrdl.nn.backends.result import Fit, ReportAll, Result
from mrdl.nn.design import Design, design_of
from mrdl.nn.optimizers import OPTIMIZERS
from mrdl.nn.rows import Dataset
from mrdl.sweep.jobs.child import Beat, Limits, in_child
from mrdl.sweep.record import MOST_CLASSES, Record, State, line_of, record_of

ONE_NUMBER = 0.01  # deviations of the target: answers that are no further apart are all the same
CURVE = 200  # points of a learning curve that are kept
Item = tuple[str, str, str]
"""A design of a pack: its arch_id, its canonical text, its back end."""
Trained = list[tuple[Result, list[float]]]
"""Each training's result, and its loss by epoch."""
Train = Callable[[Beat], Trained]


def run_pack(
    work: Sequence[Item],
    data: Dataset,
    limits: Limits,
    status: Callable[[str], None] = lambda text: None,
    begin: Callable[[list[str]], None] = lambda arch_ids: None,
    device: str = "auto",
    is_to_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Record]:
    """A record for each item of a pack; those that can train together do, so that the order may be another. Where one
    takes the others of its group along, each is trained by itself. device: where torch trains, auto, cpu or cuda;
    is_to_stop: asked before each group, whether it is left to another pack."""
    backends, over = {arch_id: name for arch_id, _, name in work}, 0
    for name in sorted(BACKENDS.keys() & set(backends.values())):
        _warm_up(name, data)
    designs = {arch_id: design_of(text) for arch_id, text, _ in work}
    groups = grouped(((a, design, backends[a]) for a, design in designs.items()), data.columns)
    while groups and not is_to_stop():
        group = groups.pop(0)
        begin(group)
        train = _training(backends[group[0]], [designs[arch_id] for arch_id in group], data, device)
        found = in_child(partial(_told, train, data), limits, partial(status, f"design {over + 1}/{len(work)}"))
        if len(found) < len(group):
            groups[:0] = [[arch_id] for arch_id in group]
            continue
        over += len(group)
        for arch_id, told in zip(group, found, strict=True):
            about = {**told, "together": len(group), "versions": _versions(backends[arch_id])}
            yield record_of(arch_id, designs[arch_id], data, backends[arch_id], **about)


@cache
def _versions(backend_name: str) -> dict[str, str]:
    """Those of mrdl, of Python, and of the library that computes."""
    found = {"mrdl": mrdl.__version__, "python": platform.python_version()}
    if backend_name in BACKENDS:
        library = BACKENDS[backend_name].engine
        found[library] = version(library)
    return found


def _warm_up(backend_name: str, data: Dataset) -> None:
    """Load a back end, and let its libraries load what they load late; a child would do it again each time. By the CPU
    alone: a process that has spoken to a GPU cannot be forked into one that does."""
    rows = {"train_x": 8, "train_y": 8, "test_x": 2, "test_y": 2}
    few = dataclasses.replace(data, **{name: getattr(data, name)[:count] for name, count in rows.items()})
    for optimizer in OPTIMIZERS:
        with contextlib.suppress(Exception):  # what is wrong is told of each design by itself
            _training(backend_name, [Design((2,), epochs=1, optimizer=optimizer)], few, "cpu")(lambda: None)


def _training(backend_name: str, designs: Sequence[Design], data: Dataset, device: str) -> Train:
    """What trains designs that were grouped."""
    fit = BACKENDS[backend_name].fit if backend_name in BACKENDS else partial(_by_own, own_backend(backend_name))

    def train(beat: Beat) -> Trained:
        curves: list[list[float]] = [[] for _ in designs]

        def report(epoch: int, losses: Sequence[float]) -> None:
            beat()
            for curve, loss in zip(curves, losses, strict=True):
                curve.append(loss)

        return list(zip(fit(designs, data, report, device), curves, strict=True))

    return train


def _by_own(fit: Fit, designs: Sequence[Design], data: Dataset, report: ReportAll, device: str) -> list[Result]:
    """Train the one design of a group by a back end of one's own, which decides itself what it computes on."""
    return [fit(designs[0], data, lambda epoch, loss: report(epoch, [loss]))]


def _told(train: Train, data: Dataset, beat: Beat) -> list[dict[str, Any]]:
    """Train designs together; returns of each what its record says."""
    return [_scores(result, data, curve) for result, curve in train(beat)]


def _scores(result: Any, data: Dataset, curve: list[float]) -> dict[str, Any]:
    """What a record says of a trained design: its measures, or why it has none."""
    if not isinstance(result, Result):
        raise TypeError(f"the back end gave {type(result).__name__}, expected mrdl.nn.backends.result.Result")
    curve, device, epochs = [float(loss) for loss in curve], str(result.device), len(curve)
    if not all(map(math.isfinite, [*curve, float(result.loss)])):
        return {"status": State.FAILED, "reason": "its loss is not finite", "device": device}
    predicted, shape = np.asarray(result.predicted), data.test_y.shape
    if predicted.shape != shape or predicted.dtype.kind not in ("iu" if data.classes else "f"):
        came = f"{predicted.dtype} of shape {predicted.shape}"
        what = "whole numbers of shape {}: the classes' indices" if data.classes else "standardised numbers of shape {}"
        raise ValueError(f"the back end predicted {came}, expected {what.format(shape)}")
    if data.classes and len(predicted) and not 0 <= predicted.min() <= predicted.max() < len(data.classes):
        came = f"{predicted.min()} to {predicted.max()}"
        raise ValueError(f"the back end predicted classes {came}, expected 0 to {len(data.classes) - 1}")
    step = max(1, math.ceil(len(curve) / CURVE))
    return {
        "status": State.DONE,
        "reason": "",
        "loss": float(result.loss),
        "device": device,
        **scores_of(predicted, data),
        "trained_epochs": epochs,
        "curve": [round(loss, 6) for loss in curve[::-1][::step][::-1]],
    }


def scores_of(predicted: np.ndarray, data: Dataset) -> dict[str, Any]:
    """What a record says of predictions for the test rows, (rows,) or (rows, targets): how good they are, whether they
    are all one class, or one number, and whether they are not shown to be better than always saying the majority class,
    or the mean."""
    if data.classes:
        accuracy = float((predicted == data.test_y).mean())
        no_better = is_no_better(accuracy, data.baseline, len(data.test_y))
        collapsed, confusion = bool((predicted == predicted[0]).all()), _confusion(predicted, data)
        return {"accuracy": accuracy, "collapsed": collapsed, "no_better": no_better, "confusion": confusion}
    measured = [Regression(0.0) for _ in data.unit]
    for i, (of_target, unit) in enumerate(zip(measured, data.unit, strict=True)):
        of_target.add(predicted[:, i].astype(np.float64) * unit, data.test_y[:, i].astype(np.float64) * unit)
    found = [of_target.scores() for of_target in measured]
    rmse, r2 = (float(np.mean([scores.get(name, 0.0) for scores in found])) for name in ("rmse", "r2"))
    alone = bool((np.ptp(predicted, 0) < ONE_NUMBER).all())
    no_better = is_no_better_than_mean(rmse, data.baseline, len(data.test_y))
    return {"r2": r2, "rmse": rmse, "collapsed": alone, "no_better": no_better}


def _confusion(predicted: np.ndarray, data: Dataset) -> list[list[int]] | None:
    """The test rows of each class by the class that was said, [is][said]; None of more classes than a record tells."""
    number = len(data.classes)
    if number > MOST_CLASSES:
        return None
    pairs = np.bincount(data.test_y * number + predicted.astype(np.int64), minlength=number * number)
    return pairs.reshape(number, number).tolist()


def main() -> None:
    """Run the packs of a control file, one record a line to the part file, each line whole when it is there."""
    from mrdl.mapreduce.task import die_with_driver

    die_with_driver()
    with open(sys.argv[1], encoding="utf-8") as file:
        control = json.load(file)
    data, limits = load_data(control["data"]), Limits(**control["limits"])
    begun = Path(sys.argv[1]).with_suffix(".begun")  # whom to blame if this process dies

    def begin(group: list[str]) -> None:
        begun.write_text(json.dumps(group))

    def is_to_stop() -> bool:
        if not Path(control["stop_mark"]).exists():
            return False
        begin([])  # whom nobody began has nothing to do with the end of this process
        return True

    with open(sys.argv[2], "a", encoding="utf-8") as parts:
        told = run_pack(control["work"], data, limits, begin=begin, device=control["device"], is_to_stop=is_to_stop)
        for record in told:
            parts.write(line_of(record).decode())
            parts.flush()


if __name__ == "__main__":
    main()
