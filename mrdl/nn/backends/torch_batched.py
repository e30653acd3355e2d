"""Many small networks trained together by torch: every step is one batched matrix product a layer, for all of them.

The results are those of `with_torch` of each design by itself, but for rounding. Training makes that grow at high
learning rates, or where a relu is just at its kink. They are bit for bit the same whoever trains with a design, at
whatever place: the shape of every operation is a function of the family and the data alone, so groups are filled up to
TOGETHER and layers to a width.

In shapes, N is TOGETHER, B the rows of a batch.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.backends.families import TOGETHER, check_family, padded_nodes
from mrdl.nn.backends.result import ReportAll, Result
from mrdl.nn.backends.torch_single import initial_weights
from mrdl.nn.backends.training import architecture_of
from mrdl.nn.design import Design
from mrdl.nn.engines.torch_engine import TorchEngine
from mrdl.nn.optimizers import MOMENTUM, OPTIMIZERS
from mrdl.nn.rows import Dataset

SLOPES: dict[str, Callable[[Any], Any]] = {
    "relu": lambda out: out.sign(),
    "tanh": lambda out: 1 - out * out,
    "sigmoid": lambda out: out - out * out,
    "linear": lambda out: 1.0,
}
TEST_ROWS = 256  # that are predicted at once


def with_batch(designs: Sequence[Design], data: Dataset, report: ReportAll, device: str = "auto") -> list[Result]:
    """Train up to TOGETHER designs of one family, on one thread or on a GPU, and give the result of each.

    report(epoch, mean losses) is told after each epoch, from 1; device: auto, cpu or cuda. Raises ValueError for
    designs that are not of one family.
    """
    check_family(designs, data.columns)
    first, real, engine = designs[0], len(designs), TorchEngine(device)
    with engine.one_thread():
        nets = _Networks([*designs, *[first] * (TOGETHER - real)], data.columns, len(data.classes), engine)
        arrays = (data.train_x, data.train_y, data.test_x, data.test_y)
        x, y, test_x, test_y = (engine.array(np.asarray(array)) for array in arrays)
        optimizer = OPTIMIZERS[first.optimizer]
        update = optimizer.start(engine, nets.values, nets.slopes, nets.rates, MOMENTUM, optimizer.weight_decay)
        for epoch in range(1, first.epochs + 1):
            losses = _train_epoch(nets, x, y, first.batch_size, update)
            report(epoch, losses[:real].tolist())
        predicted, losses = _tested(nets, test_x, test_y, len(data.classes))
    said = predicted[:real].cpu().numpy()
    return [Result(own, loss, engine.device) for own, loss in zip(said, losses.tolist(), strict=False)]


def _train_epoch(nets: "_Networks", x: Tensor, y: Tensor, batch_size: int, update: Callable[[], None]) -> Tensor:
    """Train on all rows, each network in an order of its own; gives their mean losses, (N,)."""
    total = torch.zeros(TOGETHER, device=x.device)
    order = torch.stack([torch.randperm(len(x), generator=random) for random in nets.random]).to(x.device)
    for rows in order.split(batch_size, 1):
        total += nets.backward(torch.nn.functional.embedding(rows, x), y.take(rows))  # x[rows], but faster
        update()
    return total / len(x)


def _tested(nets: "_Networks", x: Tensor, y: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """What each network says of all rows, (N, rows) indices of classes, and its mean loss, (N,)."""
    predicted, total = list[Tensor](), torch.zeros(TOGETHER, device=x.device)
    for some_x, some_y in zip(x.split(TEST_ROWS), y.split(TEST_ROWS), strict=True):
        out = nets.forward(some_x.expand(TOGETHER, -1, -1))[0]
        predicted.append(out[:, :, :classes].argmax(2))
        total += _losses(torch.log_softmax(out, 2), some_y.expand(TOGETHER, -1))
    return torch.cat(predicted, 1), total / len(x)


class _Networks:
    """N networks of one family. What pads them is without influence, and stays so: it gives 0, and has slope 0.

    values, slopes: (N, parameters), and as views of them for each layer weights, weight_slopes: (N, fan_in, fan_out)
    and biases, bias_slopes: (N, 1, fan_out). rates: (N, 1), learning rates. random: a generator of batches for each.
    """

    def __init__(self, designs: Sequence[Design], columns: int, classes: int, engine: TorchEngine) -> None:
        first, place = designs[0], engine.device
        arch = architecture_of(first, columns, classes)
        activation = ACTIVATIONS[first.activation]
        self.activate, self.slope = partial(activation.apply_, engine), SLOPES[first.activation]
        self.adds = arch.adds
        self.nodes = padded_nodes(first, self.adds, columns, classes)
        shapes = [shape for a, b in pairwise(self.nodes) for shape in ((a, b), (1, b))]
        sizes = [a * b for a, b in shapes]
        self.values, self.slopes = torch.zeros(2, len(designs), sum(sizes), device=place).unbind()
        values, slopes = (
            [part.unflatten(1, shape) for part, shape in zip(flat.split(sizes, 1), shapes, strict=True)]
            for flat in (self.values, self.slopes)
        )
        self.weights, self.biases = values[::2], values[1::2]
        self.weight_slopes, self.bias_slopes = slopes[::2], slopes[1::2]
        for bias in self.biases[:-1]:  # of what pads
            bias.fill_(activation.zero_at)
        self.biases[-1].fill_(-math.inf)  # softmax is 0 there
        self.rates = torch.tensor([[design.learning_rate] for design in designs], device=place)
        self.random = [torch.Generator().manual_seed(design.seed) for design in designs]
        for i, design in enumerate(designs):
            own = initial_weights(design, architecture_of(design, columns, classes), self.random[i])
            for layer, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
                weight, bias = (torch.from_numpy(own[f"layers.{layer}.{part}"]) for part in ("weight", "bias"))
                weights[i, : weight.shape[1], : weight.shape[0]] = weight.T
                biases[i, 0, : len(bias)] = bias

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """x: (N, B, columns). The logits, (N, B, padded classes), what goes into each layer, what activations give."""
        short = self.nodes[0] - x.shape[2]
        ins = [torch.nn.functional.pad(x, (0, short)) if short else x.contiguous()]
        activated = list[Tensor]()
        for weight, bias, adds in zip(self.weights[:-1], self.biases[:-1], self.adds[:-1], strict=True):
            activated.append(self.activate(torch.baddbmm(bias, ins[-1], weight)))
            ins.append(ins[-1] + activated[-1] if adds else activated[-1])
        return torch.baddbmm(self.biases[-1], ins[-1], self.weights[-1]), ins, activated

    def backward(self, x: Tensor, y: Tensor) -> Tensor:
        """Fill slopes with those of mean losses, and give the summed ones, (N,). x: (N, B, columns), y: (N, B)."""
        out, ins, activated = self.forward(x)
        log_p = torch.log_softmax(out, 2)
        losses = _losses(log_p, y)
        delta = log_p.exp_().scatter_(2, y.unsqueeze(2), -1, reduce="add").div_(y.shape[1])
        above = delta  # the slope of what a layer gives; delta: of what goes into its activation
        for i in reversed(range(len(self.weights))):
            torch.bmm(ins[i].mT, delta, out=self.weight_slopes[i])
            torch.sum(delta, 1, keepdim=True, out=self.bias_slopes[i])
            if i:
                back = torch.bmm(delta, self.weights[i].mT)
                above = back + above if self.adds[i] else back
                delta = above * self.slope(activated[i - 1])
        return losses


def _losses(log_p: Tensor, y: Tensor) -> Tensor:
    """The summed losses of each network, (N,). log_p: (N, B, classes), y: (N, B)."""
    return -log_p.gather(2, y.unsqueeze(2)).sum((1, 2))
