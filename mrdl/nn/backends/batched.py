"""Many small networks trained together: every step is one batched matrix product a layer, for all of them at once.

A small network spends its time between operations, not in them. The results are those of `with_torch` of each design
by itself, but for rounding. Training makes that grow at high learning rates, or where a relu is just at its kink.
They are bit for bit the same whoever trains with a design, at whatever place: the shape of every operation is a
function of the family and the data alone, so groups are filled up to TOGETHER and layers to a width.

In shapes, N is TOGETHER, B the rows of a batch. `family` needs no torch: a driver that groups designs does not hold it.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.backends.result import Result
from mrdl.nn.backends.single import architecture_of, initial_weights
from mrdl.nn.design import Design
from mrdl.nn.optimizers import MOMENTUM, OPTIMIZERS
from mrdl.nn.rows import Dataset

if TYPE_CHECKING:
    import torch

ALONE = {"batched": "torch", "batched-numpy": "numpy"}
"""Back ends that train networks together -> those of networks that train by themselves."""

TOGETHER = 16  # networks that train together
LEAST = 8  # of a family in a plan: fewer train as fast by themselves, as to train any takes as long as to train all
WIDEST = 128  # nodes of a layer; above, products take the time, and a network trains about as fast alone
MOST_ROWS = 512  # of a batch; above, likewise
MOST_WEIGHTS = 500_000  # of a network; all of them together hold 80 times as many floats, and more is no faster
LINE = 16  # floats of a cache line: MKL rounds a product by how it lies in memory, so each network's part begins one
SLOPES: dict[str, Callable[[Any], Any]] = {
    "relu": lambda out: out.sign(),
    "tanh": lambda out: 1 - out * out,
    "sigmoid": lambda out: out - out * out,
    "linear": lambda out: 1.0,
}
TEST_ROWS = 256  # that are predicted at once


def family(design: Design, columns: int = 0) -> tuple[Any, ...] | None:
    """What designs that can train together have in common, on data of so many columns. None: it trains only by itself.

    Learning rate, initialisation and seed may differ, widths as long as they are padded to the same.
    """
    if design.dropout or max(design.hidden, default=0) > WIDEST or design.batch_size > MOST_ROWS:
        return None
    if sum(a * b for a, b in pairwise((columns, *map(_padded, design.hidden)))) > MOST_WEIGHTS:
        return None
    # which layers add what goes in; of the first one this depends on the columns, where they are known
    first = (design.hidden[0] == columns if columns else design.hidden[0],) if design.hidden else ()
    adds = (*first, *(a == b for a, b in pairwise(design.hidden))) if design.residual else ()
    widths = tuple(map(_padded, design.hidden))
    return widths, adds, design.activation, design.batch_size, design.optimizer, design.epochs


def chosen(designs: Sequence[Design], backend_name: str, columns: int) -> list[str]:
    """The back end of each design of a plan: where that trains networks together, the one of those that train by
    themselves for families of which too few are there."""
    if backend_name not in ALONE:
        return [backend_name] * len(designs)
    families = [family(design, columns) for design in designs]
    counts = Counter(families)
    alone = ALONE[backend_name]
    return [alone if of is None or counts[of] < LEAST else backend_name for of in families]


def grouped(designs: Iterable[tuple[str, Design, str]], columns: int) -> list[list[str]]:
    """Names of (name, design, back end) in groups of those that train together; the others each by itself."""
    families: dict[Any, list[str]] = {}
    for name, design, backend_name in designs:
        families.setdefault(family(design, columns) if backend_name in ALONE else name, []).append(name)
    return [names[i : i + TOGETHER] for names in families.values() for i in range(0, len(names), TOGETHER)]


def check_family(designs: Sequence[Design], columns: int) -> None:
    """Raise ValueError unless designs can train together."""
    families = {family(design, columns) for design in designs}
    if len(designs) > TOGETHER or len(families) != 1 or None in families:
        raise ValueError("these designs cannot train together")


def padded_nodes(design: Design, adds: Sequence[bool], columns: int, classes: int) -> list[int]:
    """The nodes of a design's layers, those of its family. adds: whether each layer adds what goes into it."""
    given, taken = (math.ceil(width / LINE) * LINE for width in (columns, classes))
    nodes = [given, *map(_padded, design.hidden), taken]
    return [nodes[1] if adds[0] else given, *nodes[1:]]


def _padded(width: int) -> int:
    """16, or a multiple of 32: coarse enough that many widths train together, and little is padding."""
    return LINE if width <= LINE else math.ceil(width / (2 * LINE)) * 2 * LINE


def with_batch(
    designs: Sequence[Design], data: Dataset, report: Callable[[int, Sequence[float]], None], device: str = "auto"
) -> list[Result]:
    """Train up to TOGETHER designs of one family, on one thread or on a GPU, and give the result of each.

    report(epoch, mean losses) is told after each epoch, from 1; device: auto, cpu or cuda. Raises ValueError for
    designs that are not of one family.
    """
    from mrdl.nn.engines.torch_device import one_thread, pick_device
    from mrdl.nn.engines.torch_engine import TorchEngine

    check_family(designs, data.columns)
    first, real, place = designs[0], len(designs), pick_device(device)
    with one_thread():
        nets = _Networks([*designs, *[first] * (TOGETHER - real)], data.columns, len(data.classes), place)
        x, y, test_x, test_y = data.on(place)
        update = OPTIMIZERS[first.optimizer].start(TorchEngine(device), nets.values, nets.slopes, nets.rates, MOMENTUM)
        for epoch in range(1, first.epochs + 1):
            losses = _train_epoch(nets, x, y, first.batch_size, update)
            report(epoch, losses[:real].tolist())
        predicted, losses = _tested(nets, test_x, test_y, len(data.classes))
    said = predicted[:real].cpu().numpy()
    return [Result(own, loss, place.type) for own, loss in zip(said, losses.tolist(), strict=False)]


def _train_epoch(
    nets: "_Networks", x: "torch.Tensor", y: "torch.Tensor", batch_size: int, update: Callable[[], None]
) -> "torch.Tensor":
    """Train on all rows, each network in an order of its own; gives their mean losses, (N,)."""
    import torch

    total = torch.zeros(TOGETHER, device=x.device)
    order = torch.stack([torch.randperm(len(x), generator=random) for random in nets.random]).to(x.device)
    for rows in order.split(batch_size, 1):
        total += nets.backward(torch.nn.functional.embedding(rows, x), y.take(rows))  # x[rows], but faster
        update()
    return total / len(x)


def _tested(
    nets: "_Networks", x: "torch.Tensor", y: "torch.Tensor", classes: int
) -> "tuple[torch.Tensor, torch.Tensor]":
    """What each network says of all rows, (N, rows) indices of classes, and its mean loss, (N,)."""
    import torch

    predicted, total = list[torch.Tensor](), torch.zeros(TOGETHER, device=x.device)
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

    def __init__(self, designs: Sequence[Design], columns: int, classes: int, place: "torch.device") -> None:
        import torch

        from mrdl.nn.engines.torch_engine import TorchEngine

        first = designs[0]
        arch = architecture_of(first, columns, classes)
        activation = ACTIVATIONS[first.activation]
        self.activate, self.slope = partial(activation.apply_, TorchEngine()), SLOPES[first.activation]
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

    def forward(self, x: "torch.Tensor") -> "tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]":
        """x: (N, B, columns). The logits, (N, B, padded classes), what goes into each layer, what activations give."""
        import torch

        short = self.nodes[0] - x.shape[2]
        ins = [torch.nn.functional.pad(x, (0, short)) if short else x.contiguous()]
        activated = list[torch.Tensor]()
        for weight, bias, adds in zip(self.weights[:-1], self.biases[:-1], self.adds[:-1], strict=True):
            activated.append(self.activate(torch.baddbmm(bias, ins[-1], weight)))
            ins.append(ins[-1] + activated[-1] if adds else activated[-1])
        return torch.baddbmm(self.biases[-1], ins[-1], self.weights[-1]), ins, activated

    def backward(self, x: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
        """Fill slopes with those of mean losses, and give the summed ones, (N,). x: (N, B, columns), y: (N, B)."""
        import torch

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


def _losses(log_p: "torch.Tensor", y: "torch.Tensor") -> "torch.Tensor":
    """The summed losses of each network, (N,). log_p: (N, B, classes), y: (N, B)."""
    return -log_p.gather(2, y.unsqueeze(2)).sum((1, 2))
