"""How long designs train: a model of two constants, measured on this machine, and packs of equal time made by it."""

import heapq
import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np

from mrdl.sweep.dataset import Dataset
from mrdl.sweep.fit import backend
from mrdl.sweep.space import Design
from mrdl.task import with_package

MOST_IN_PACK = 500
CHILD_S = 0.05  # a forked child, from its start to its end
UNKNOWN_S = 1.0  # a training of a back end of the user's own, until some are done


def predict(designs: Sequence[Design], data: Dataset, backend_name: str) -> list[float]:
    """Seconds of each design: epochs * steps * (layers * overhead + parameters * rows / speed)."""
    if backend_name not in ("torch", "numpy"):
        return [UNKNOWN_S] * len(designs)
    words = [sys.executable, "-m", "mrdl.sweep.cost", backend_name, str(data.columns), str(len(data.classes))]
    told = subprocess.run(words, env=with_package(), stdout=subprocess.PIPE, check=True).stdout
    overhead, per_product = json.loads(told)  # a process of its own: the driver shall not hold torch
    found = []
    for design in designs:
        rows = len(data.train_x)
        steps = math.ceil(rows / design.batch_size)
        each = steps * (len(design.hidden) + 1) * overhead
        each += rows * design.parameters(data.columns, len(data.classes)) * per_product
        found.append(CHILD_S + design.epochs * each)
    return found


def _measure(backend_name: str, columns: int, classes: int) -> tuple[float, float]:
    """Seconds of a layer in a step, and of a parameter for a row."""
    fit, rng = backend(backend_name), np.random.default_rng(0)
    rows = 2048
    x, y = rng.random((rows, columns), np.float32), np.arange(rows) % 2
    few = Dataset(x, y, x[:2], y[:2], tuple(map(str, range(classes))), "")

    def seconds(design: Design) -> float:
        fit(design, few, lambda epoch, loss: None)
        began = time.perf_counter()
        fit(design, few, lambda epoch, loss: None)
        return time.perf_counter() - began

    narrow = seconds(Design((8,) * 3, optimizer="sgd", batch_size=32, epochs=1))
    overhead = narrow / (rows / 32 * 4)
    wide = Design((1024,), optimizer="sgd", batch_size=32, epochs=1)
    rest = max(seconds(wide) - rows / 32 * 2 * overhead, 1e-6)
    return overhead, rest / rows / wide.parameters(columns, classes)


def share(work: Sequence[tuple[str, float]], slots: int) -> float:
    """Seconds of a pack so that each slot gets three of them: the last to end is waited for a third as long."""
    return max(5.0, sum(seconds for _, seconds in work) / (3 * slots))


def packs(work: Sequence[tuple[str, float]], slots: int, pack_s: float) -> list[list[str]]:
    """Designs (arch_id, seconds) shared out among packs of about equal time, the longest first; at least as many packs
    as slots where there are designs enough."""
    total = sum(seconds for _, seconds in work)
    number = max(slots, math.ceil(total / max(pack_s, 1e-9)), math.ceil(len(work) / MOST_IN_PACK))
    number = min(number, len(work))
    heap: list[tuple[float, int, int]] = [(0.0, 0, i) for i in range(number)]
    found: list[list[str]] = [[] for _ in range(number)]
    for arch_id, seconds in sorted(work, key=lambda item: (-item[1], item[0])):
        held, count, i = heapq.heappop(heap)
        found[i].append(arch_id)
        if count + 1 < MOST_IN_PACK:
            heapq.heappush(heap, (held + seconds, count + 1, i))
    return found


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
