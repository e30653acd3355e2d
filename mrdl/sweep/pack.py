"""One pack of designs, one after the other, each in a forked child of its own: what goes wrong there costs one row.

A child inherits torch, already loaded and warmed up, and the mapped data; it has limits of time and memory, and says
its result over a pipe. Run as a program it is a worker of the local runner: python -m mrdl.sweep.pack CONTROL PARTS.
"""

import contextlib
import faulthandler
import json
import math
import os
import platform
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import mrdl
from mrdl.sweep.batched import family, grouped, with_batch
from mrdl.sweep.dataset import Dataset
from mrdl.sweep.fit import Fit, Result, backend
from mrdl.sweep.space import Design, design_of

CURVE = 200  # points of a learning curve that are kept
TAIL = 2000  # characters of a child's last words that are kept
STATUS_S = 20.0  # between two signs of life
Trained = list[tuple[Result, list[float]]]
"""Each training's result, and its loss by epoch."""
Train = Callable[[], Trained]


@dataclass(frozen=True)
class Limits:
    """Of one training. wall_s also bounds its CPU seconds; memory_mb comes on top of what the parent holds."""

    wall_s: float
    memory_mb: int


def run_pack(
    work: list[tuple[str, str]],
    data: Dataset,
    backend_name: str,
    limits: Limits,
    status: Callable[[str], None] = lambda text: None,
) -> Iterator[dict[str, Any]]:
    """A record for each (arch_id, canonical design) of a pack; those that can train together do, so that the order may
    be another. Where one takes the others of its group along, each is trained by itself."""
    if backend_name in ("torch", "batched"):
        _warm_up(backend(backend_name), data)
    designs, over = {arch_id: design_of(text) for arch_id, text in work}, 0
    groups = grouped(designs, backend_name, data.columns)
    while groups:
        group = groups.pop(0)
        train = _training(backend_name, [designs[arch_id] for arch_id in group], data)
        found = _in_child(train, data, limits, partial(status, f"design {over + 1}/{len(work)}"))
        if len(found) < len(group):
            groups[:0] = [[arch_id] for arch_id in group]
            continue
        over += len(group)
        for arch_id, told in zip(group, found, strict=True):
            design = designs[arch_id]
            yield {
                "arch_id": arch_id, "spec": design.canonical(), **about_design(design, data), **told,
                "together": len(group), "backend": backend_name, "data": data.digest,
                "versions": {"mrdl": mrdl.__version__, "python": platform.python_version()},
            }  # fmt: skip


def _warm_up(fit: Fit, data: Dataset) -> None:
    """Let libraries load what they load late; a child would do it again each time."""
    few = Dataset(data.train_x[:8], data.train_y[:8], data.test_x[:2], data.test_y[:2], data.classes, data.digest)
    for optimizer in ("sgd", "adam"):
        with contextlib.suppress(Exception):  # what is wrong is told of each design by itself
            fit(Design((2,), epochs=1, optimizer=optimizer), few, lambda epoch, loss: None)


def _training(backend_name: str, designs: Sequence[Design], data: Dataset) -> Train:
    """What trains designs that were grouped."""
    if backend_name == "batched" and family(designs[0], data.columns):

        def together() -> Trained:
            curves: list[list[float]] = [[] for _ in designs]

            def report(epoch: int, losses: Sequence[float]) -> None:
                for curve, loss in zip(curves, losses, strict=True):
                    curve.append(loss)

            return list(zip(with_batch(designs, data, report), curves, strict=True))

        return together
    fit = backend(backend_name)

    def alone() -> Trained:
        curve: list[float] = []
        return [(fit(designs[0], data, lambda epoch, loss: curve.append(loss)), curve)]

    return alone


def about_design(design: Design, data: Dataset) -> dict[str, Any]:
    """What a record says of its design, whatever became of it."""
    hidden = design.hidden
    return {
        "depth": len(hidden), "width": max(hidden, default=0),
        "parameters": design.parameters(data.columns, len(data.classes)),
        "activation": design.activation, "initialisation": design.initialisation, "residual": design.residual,
        "dropout": design.dropout, "batch_size": design.batch_size, "optimizer": design.optimizer,
        "learning_rate": design.learning_rate, "epochs": design.epochs, "seed": design.seed, "baseline": data.baseline,
    }  # fmt: skip


# --- the child ---


def _in_child(train: Train, data: Dataset, limits: Limits, alive: Callable[[], None]) -> list[dict[str, Any]]:
    """What a child says of its trainings, or one record of what became of the child; `alive` is called meanwhile."""
    out, into = os.pipe()
    words, said = os.pipe()
    began = time.monotonic()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if not pid:
        os.close(out)
        os.close(words)
        os.dup2(said, 2)
        os.dup2(said, 1)
        _child(train, data, limits, into)
    os.close(into)
    os.close(said)
    told, tail, late = _listen(pid, out, words, began + limits.wall_s, alive)
    _, status, used = os.wait4(pid, 0)
    try:
        found = json.loads(told)
    except ValueError:
        reason = "took longer than its limit" if late else _ending(status)
        found = [{"status": "failed", "reason": reason, "log": tail[-TAIL:]}]
    wall, cpu = time.monotonic() - began, used.ru_utime + used.ru_stime
    return [{**one, "wall_s": round(wall / len(found), 4), "cpu_s": round(cpu / len(found), 4)} for one in found]


def _child(train: Train, data: Dataset, limits: Limits, into: int) -> None:
    """Train, say the results, and end at once: nothing of the parent's is flushed or closed twice."""
    faulthandler.disable()  # the signal is told by the parent; its stacks would stand in somebody else's log
    try:
        _limit(limits)
        told = [_scores(result, data, curve) for result, curve in train()]
    except MemoryError:
        told = [{"status": "failed", "reason": "ran out of memory", "log": traceback.format_exc()[-TAIL:]}]
    except BaseException as error:
        text = traceback.format_exc()
        memory = "alloc" in str(error) and "memory" in str(error)  # torch's own words
        reason = "ran out of memory" if memory else f"{type(error).__name__}: {error}"[:300]
        told = [{"status": "failed", "reason": reason, "log": text[-TAIL:]}]
    with os.fdopen(into, "wb") as file:
        file.write(json.dumps(told).encode())
    os._exit(0)


def _limit(limits: Limits) -> None:
    with open("/proc/self/statm", encoding="ascii") as file:
        held = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + (limits.memory_mb << 20),) * 2)
    seconds = math.ceil(limits.wall_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _scores(result: Any, data: Dataset, curve: list[float]) -> dict[str, Any]:
    if not all(map(math.isfinite, [*curve, result.loss])):
        return {"status": "failed", "reason": "its loss is not finite", "device": result.device}
    accuracy = float((result.predicted == data.test_y).mean())
    step = max(1, math.ceil(len(curve) / CURVE))
    return {
        "status": "done", "reason": "", "accuracy": accuracy, "loss": float(result.loss), "device": result.device,
        "collapsed": is_collapsed(accuracy, data),
        "curve": [round(loss, 6) for loss in curve[step - 1 :: step]],
    }  # fmt: skip


def is_collapsed(accuracy: float, data: Dataset) -> bool:
    """Whether a network is no better than always saying the majority class, within two standard deviations."""
    deviation = math.sqrt(max(data.baseline * (1 - data.baseline), 1e-12) / len(data.test_y))
    return accuracy <= data.baseline + 2 * deviation


# --- the parent ---


def _listen(pid: int, out: int, words: int, deadline: float, alive: Callable[[], None]) -> tuple[bytes, str, bool]:
    """What a child says on its two pipes until it ends, or until it is late and killed."""
    told_at = -math.inf
    texts: dict[int, bytes] = {out: b"", words: b""}
    waiting, late = {out, words}, False
    while waiting:
        if time.monotonic() - told_at > STATUS_S:  # Hadoop ends a task that is silent for ten minutes
            told_at = time.monotonic()
            alive()
        left = deadline - time.monotonic()
        if left <= 0 and not late:
            os.kill(pid, signal.SIGKILL)
            late = True
        ready, _, _ = select.select(waiting, (), (), 1.0 if late else min(max(left, 0.0), 1.0))
        for pipe in ready:
            chunk = os.read(pipe, 65536)
            texts[pipe] = (texts[pipe] + chunk)[-(1 << 20) :] if pipe == out else (texts[pipe] + chunk)[-4 * TAIL :]
            if not chunk:
                waiting.discard(pipe)
                os.close(pipe)
    return texts[out], texts[words].decode(errors="replace"), late


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return "took longer than its limit"
        return f"killed by signal {number} ({signal.Signals(number).name})"
    return f"ended with status {os.WEXITSTATUS(status)}, and said nothing"


def main() -> None:
    """Run the packs of a control file, one record a line to the part file, each line whole when it is there."""
    from mrdl.task import die_with_driver

    die_with_driver()
    with open(sys.argv[1], encoding="utf-8") as file:
        control = json.load(file)
    data, limits = Dataset.load(control["data"]), Limits(**control["limits"])
    with open(sys.argv[2], "a", encoding="utf-8") as parts:
        for record in run_pack(control["work"], data, control["backend"], limits):
            parts.write(json.dumps(record) + "\n")
            parts.flush()


if __name__ == "__main__":
    main()
