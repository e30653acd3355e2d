"""Many small networks trained together by numpy: one call for all of them, where `with_numpy` needs one for each.

Each has the results of `with_numpy` but for rounding, and bit for bit the same whoever trains with it: numpy computes
the product of a layer for one network after the other, in shapes that the family has.

In shapes, N are the networks, B the rows of a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.backends.families import check_family, padded_nodes
from mrdl.nn.backends.result import ReportAll, Result
from mrdl.nn.backends.training import architecture_of, on_test_rows
from mrdl.nn.design import Design
from mrdl.nn.engines.numpy_engine import NumpyEngine
from mrdl.nn.layers import Layers
from mrdl.nn.optimizers import MOMENTUM, OPTIMIZERS
from mrdl.nn.rows import Dataset
from mrdl.nn.weights import Weights


def with_numpy_batch(designs: Sequence[Design], data: Dataset, report: ReportAll, device: str = "auto") -> list[Result]:
    """Train up to TOGETHER designs of one family on one thread, and give the result of each.

    report(epoch, mean losses) is told after each epoch, from 1; device: any, as numpy has the CPU alone. Raises
    ValueError for designs that are not of one family.
    """
    check_family(designs, data.columns)
    engine, count, first = NumpyEngine(), len(data.train_x), designs[0]
    drawn = [np.random.default_rng(design.seed) for design in designs]
    with engine.one_thread():
        nets = _Networks(designs, data, engine)
        for epoch in range(1, first.epochs + 1):
            order, losses = np.stack([rng.permutation(count) for rng in drawn]), np.zeros(len(designs))
            for start in range(0, count, first.batch_size):
                losses += nets.step(order[:, start : start + first.batch_size])
            report(epoch, (losses / count).tolist())
        archs = (architecture_of(design, data.columns, len(data.classes)) for design in designs)
        forwards = (Layers(arch, nets.weights(i, arch.nodes), engine).sums for i, arch in enumerate(archs))
        return [on_test_rows(forward, data) for forward in forwards]


@dataclass(frozen=True)
class _Buffers:
    """What a step on B rows writes into, a list by layers, each (N, B, nodes). inputs: what goes into layers, and last
    what comes out; outputs: what activations give; deltas, by_outputs: gradients by what activations take, and by what
    layers give, below a residual connection."""

    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    deltas: list[np.ndarray]
    by_outputs: list[np.ndarray]


class _Networks:
    """N networks of one family, and steps of all of them. What pads them is without influence, and stays so: it gives
    0, and has slope 0."""

    def __init__(self, designs: Sequence[Design], data: Dataset, engine: NumpyEngine) -> None:
        first, self._engine, self._buffers = designs[0], engine, dict[int, _Buffers]()
        archs = [architecture_of(design, data.columns, len(data.classes)) for design in designs]
        self._adds = archs[0].adds
        self._activations = [ACTIVATIONS[name] for name in archs[0].activations]
        self._nodes = padded_nodes(first, self._adds, data.columns, len(data.classes))
        values, slopes = (engine.zeros((len(designs), _size(self._nodes))) for _ in range(2))
        self._layers, self._slopes = _of_layers(values, self._nodes), _of_layers(slopes, self._nodes)
        for activation, (_, bias) in zip(self._activations[:-1], self._layers[:-1], strict=True):
            bias.fill(activation.zero_at)
        self._layers[-1][1].fill(-np.inf)  # softmax is 0 there
        for i, (design, arch) in enumerate(zip(designs, archs, strict=True)):
            self._fill(i, arch.initial_weights(design.seed, design.initialisation))
        optimizer = OPTIMIZERS[first.optimizer]
        self._updates = [
            optimizer.start(engine, value, slope, design.learning_rate, MOMENTUM, optimizer.weight_decay)
            for value, slope, design in zip(values, slopes, designs, strict=True)
        ]
        self._factors = np.array([update.factor for update in self._updates], np.float32).reshape(-1, 1, 1)
        self._x, self._y = engine.zeros((len(data.train_x), self._nodes[0])), np.asarray(data.train_y)
        self._x[:, : data.columns] = data.train_x

    def _fill(self, place: int, own: Weights) -> None:
        """Take over the weights of one network."""
        for i, (weights, biases) in enumerate(self._layers):
            weight, bias = own[f"layers.{i}.weight"], own[f"layers.{i}.bias"]
            weights[place, : weight.shape[1], : weight.shape[0]] = weight.T
            biases[place, 0, : len(bias)] = bias

    def weights(self, place: int, nodes: Sequence[int]) -> Weights:
        """Those of one network, without what pads them. nodes: its own."""
        found: Weights = {}
        for i, (a, b) in enumerate(pairwise(nodes)):
            weights, biases = self._layers[i]
            found[f"layers.{i}.weight"] = np.ascontiguousarray(weights[place, :a, :b].T)
            found[f"layers.{i}.bias"] = biases[place, 0, :b].copy()
        return found

    def step(self, rows: np.ndarray) -> np.ndarray:
        """Train each network on rows of its own, (N, B) indices, and give their summed losses, (N,)."""
        count = rows.shape[1]
        buffers = self._buffers.get(count) or self._buffers.setdefault(count, self._of_rows(count))
        np.take(self._x, rows, 0, buffers.inputs[0], "clip")
        self._forward(buffers)
        losses = self._gradient(buffers, self._y[rows][:, :, None])
        self._backward(buffers)
        for update in self._updates:
            update()
        return losses

    def _of_rows(self, count: int) -> _Buffers:
        """Buffers for batches of so many rows."""
        inputs, apart, deltas, by_outputs = (
            [self._engine.empty((len(self._updates), count, width)) for width in self._nodes] for _ in range(4)
        )
        outputs = [(apart if adds else inputs)[i] for i, adds in enumerate(self._adds, 1)]
        return _Buffers(inputs, outputs, deltas, by_outputs)

    def _forward(self, buffers: _Buffers) -> None:
        """Fill the inputs and outputs above the first."""
        for i, (weight, bias) in enumerate(self._layers):
            out = np.matmul(buffers.inputs[i], weight, buffers.outputs[i])
            out += bias
            self._activations[i].apply_(self._engine, out)
            if self._adds[i]:
                np.add(buffers.inputs[i], out, buffers.inputs[i + 1])

    def _gradient(self, buffers: _Buffers, wanted: np.ndarray) -> np.ndarray:
        """Fill the last delta, and give the summed losses, (N,). wanted: (N, B, 1) classes."""
        sums, delta, share = buffers.outputs[-1], buffers.deltas[-1], self._factors / np.float32(wanted.shape[1])
        np.subtract(sums, sums.max(2, keepdims=True), delta)
        picked = np.take_along_axis(delta, wanted, 2)
        np.exp(delta, delta)
        of_rows = delta.sum(2, keepdims=True)
        delta *= share / of_rows
        np.put_along_axis(delta, wanted, np.take_along_axis(delta, wanted, 2) - share, 2)
        return np.asarray((np.log(of_rows) - picked).sum((1, 2), dtype=np.float64))

    def _backward(self, buffers: _Buffers) -> None:
        """Fill the slopes from the last layer to the first."""
        delta = above = buffers.deltas[-1]  # above: the gradient by what a layer gives
        for i in reversed(range(len(self._layers))):
            of_weight, of_bias = self._slopes[i]
            np.matmul(buffers.inputs[i].swapaxes(1, 2), delta, of_weight)
            np.add.reduce(delta, 1, keepdims=True, out=of_bias)
            if not i:
                break
            apart = self._adds[i - 1]  # it is needed once more, one layer below
            place = (buffers.by_outputs if apart else buffers.deltas)[i]
            back = np.matmul(delta, self._layers[i][0].swapaxes(1, 2), place)
            if self._adds[i]:
                back += above
            above = delta = back
            if apart:
                delta = buffers.deltas[i]
                delta[...] = above
            self._activations[i - 1].backward_(self._engine, delta, buffers.outputs[i - 1])


def _shapes(nodes: Sequence[int]) -> list[tuple[int, int]]:
    """Of the weights and the biases of each layer."""
    return [shape for a, b in pairwise(nodes) for shape in ((a, b), (1, b))]


def _size(nodes: Sequence[int]) -> int:
    return sum(a * b for a, b in _shapes(nodes))


def _of_layers(flat: np.ndarray, nodes: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Views of (N, parameters) for each layer: weights (N, fan_in, fan_out) and biases (N, 1, fan_out)."""
    views, start = list[np.ndarray](), 0
    for a, b in _shapes(nodes):
        views.append(flat[:, start : start + a * b].reshape(-1, a, b))
        start += a * b
    return list(zip(views[::2], views[1::2], strict=True))
