"""How long designs train: a model of two constants, measured on this machine, and packs of equal time made by it."""

import heapq
import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np

from mrdl.mapreduce.shipping import with_package
from mrdl.nn.backends.families import TOGETHER, WIDEST
from mrdl.nn.backends.registry import BACKENDS
from mrdl.nn.design import Design
from mrdl.nn.rows import Dataset
from mrdl.storage import measured

MOST_IN_PACK = 500
CHILD_S = 0.05  # a forked child, from its start to its end
Unit = tuple[Sequence[str], float]
"""Designs that stay in one pack, by their names, and their seconds."""
UNKNOWN_S = 1.0  # a training of a back end of the user's own, until some are done


def predict(designs: Sequence[Design], data: Dataset, backends: Sequence[str]) -> list[float]:
    """Seconds of each design: epochs * steps * (layers * overhead + parameters * rows / speed)."""
    if not set(backends) <= set(BACKENDS):
        return [UNKNOWN_S] * len(designs)
    timed = next((name for name in backends if BACKENDS[name].alone), backends[0])
    by_itself, together = _constants(timed, data.columns, max(2, data.outputs))  # one number takes as long
    found, rows = [], len(data.train_x)
    for design, backend_name in zip(designs, backends, strict=True):
        grouped = bool(BACKENDS[backend_name].alone)
        overhead, per_product = together if grouped else by_itself
        each = math.ceil(rows / design.batch_size) * (len(design.hidden) + 1) * overhead
        each += rows * design.parameters(data.columns, data.outputs) * per_product
        found.append((CHILD_S / TOGETHER if grouped else CHILD_S) + design.epochs * each)
    return found


def _constants(backend_name: str, columns: int, classes: int) -> list[tuple[float, float]]:
    """What `_measure` finds, once on a machine: in a process of its own, as the driver shall not load torch."""
    name = measured.of_this_machine(f"{backend_name} {columns} {classes}")
    found = measured.known(name, 4)
    if found is None:
        words = [sys.executable, "-m", "mrdl.sweep.cost", backend_name, str(columns), str(classes)]
        told = json.loads(subprocess.run(words, env=with_package(), stdout=subprocess.PIPE, check=True).stdout)
        found = tuple(figure for constants in told for figure in constants)
        measured.keep(name, found)
    return [(found[0], found[1]), (found[2], found[3])]


def _measure(backend_name: str, columns: int, classes: int) -> list[tuple[float, float]]:
    """Seconds of a layer in a step, and of a parameter for a row: of designs by themselves, and together."""
    rng, rows = np.random.default_rng(0), 2048
    x, y = rng.random((rows, columns), np.float32), np.arange(rows) % 2
    few = Dataset(x, y, x[:2], y[:2], tuple(map(str, range(classes))), "")

    def constants(backend_name: str, count: int, width: int) -> tuple[float, float]:
        train = BACKENDS[backend_name].fit

        def seconds(design: Design) -> float:
            train([design] * count, few, lambda epoch, losses: None)
            began = time.perf_counter()
            train([design] * count, few, lambda epoch, losses: None)
            return (time.perf_counter() - began) / count

        narrow = seconds(Design((8,) * 3, optimizer="sgd", batch_size=32, epochs=1))
        overhead = narrow / (rows / 32 * 4)
        wide = Design((width,), optimizer="sgd", batch_size=32, epochs=1)
        rest = max(seconds(wide) - rows / 32 * 2 * overhead, 1e-6)
        return overhead, rest / rows / wide.parameters(columns, classes)

    alone = BACKENDS[backend_name].alone
    by_itself = constants(alone or backend_name, 1, 1024)
    return [by_itself, constants(backend_name, TOGETHER, WIDEST) if alone else by_itself]


def memory_mb(design: Design, columns: int, classes: int) -> float:
    """What a training takes beside its data: weights, slopes and two moments, and a batch at each layer, there and
    back."""
    nodes = columns + sum(design.hidden) + classes
    return (16 * design.parameters(columns, classes) + 12 * design.batch_size * nodes) / 2**20


def pack_seconds(work: Sequence[Unit], slots: int) -> float:
    """Seconds of a pack so that each slot gets three of them: the last to end is waited for a third as long. A pack is
    not so short that to load torch, 2 s or 3, would be much of it."""
    return max(30.0, sum(seconds for _, seconds in work) / (3 * slots))


def packs(work: Sequence[Unit], slots: int, pack_s: float) -> list[list[str]]:
    """Units shared out among packs of about equal time, the longest first; at least as many packs as slots where there
    are units enough."""
    total, designs = sum(seconds for _, seconds in work), sum(len(names) for names, _ in work)
    number = max(slots, math.ceil(total / max(pack_s, 1e-9)), math.ceil(designs / MOST_IN_PACK))
    number = min(number, len(work))
    heap: list[tuple[float, int]] = [(0.0, i) for i in range(number)]
    found: list[list[str]] = [[] for _ in range(number)]
    for names, seconds in sorted(work, key=lambda item: (-item[1], item[0])):
        held, i = heapq.heappop(heap)
        found[i] += names
        if len(found[i]) < MOST_IN_PACK:
            heapq.heappush(heap, (held + seconds, i))
    return found


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
