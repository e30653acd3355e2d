"""The engine of torch: the reference, whose arithmetic is torch.nn's and torch.optim's to the bit, on CPU or GPU."""

import math
from contextlib import AbstractContextManager
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mrdl.nn.engines.engine import EPSILON, LEAST_SQUARE, SQUARES_KEPT, Machine
from mrdl.nn.engines.torch_device import one_thread, pick_device

aten = torch.ops.aten


class TorchEngine:
    """See mrdl.nn.engines.engine.Engine. TorchEngine("cuda"); Raises SetupError where the device is not there.

    device: auto, cpu or cuda; dtype: float32 or float64, the precision.
    """

    name = "torch"
    gather_bytes = 0  # MKL rounds a product by how it lies in memory: a batch of its own begins at 64 bytes

    def __init__(self, device: str = "cpu", dtype: str = "float32") -> None:
        self._place = pick_device(device)
        self._dtype = getattr(torch, dtype)
        self.device = self._place.type

    def empty(self, shape: tuple[int, ...], like: Tensor | None = None) -> Tensor:
        return torch.empty(shape, dtype=self._dtype if like is None else like.dtype, device=self._place)

    def zeros(self, shape: tuple[int, ...]) -> Tensor:
        return torch.zeros(shape, dtype=self._dtype, device=self._place)

    def total(self) -> Tensor:
        return torch.zeros((), dtype=torch.float64, device=self._place)

    def array(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self._place)

    def numpy(self, array: Tensor) -> np.ndarray:
        return np.asarray(array.detach().cpu().numpy())

    def view(self, flat: Tensor, start: int, shape: tuple[int, ...]) -> Tensor:
        return flat[start : start + math.prod(shape)].view(shape)

    def copy(self, array: Tensor) -> Tensor:
        return array.clone()

    def double(self, array: Tensor) -> Tensor:
        return array.double()

    def take(self, array: Tensor, rows: Tensor, out: Tensor | None = None) -> Tensor:
        return torch.index_select(array, 0, rows) if out is None else torch.index_select(array, 0, rows, out=out)

    def columns(self, array: Tensor, places: Tensor) -> Tensor:
        return torch.index_select(array, 1, places)

    def put(self, x: Tensor, places: Tensor, values: Tensor) -> None:
        x.scatter_(1, places, values.to(x.dtype))

    def whole(self, x: Tensor) -> Tensor:
        return x.long()

    # --- products ---

    def affine(self, x: Tensor, weight: Tensor, bias: Tensor, out: Tensor | None = None) -> Tensor:
        return torch.addmm(bias, x, weight.t()) if out is None else torch.addmm(bias, x, weight.t(), out=out)

    def product(self, a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
        return torch.mm(a, b) if out is None else torch.mm(a, b, out=out)

    # --- elementwise ---

    def add(self, a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
        return torch.add(a, b, out=out)

    def subtract(self, a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
        return torch.sub(a, b, out=out)

    def multiply(self, a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
        return torch.mul(a, b, out=out)

    def less(self, a: Tensor, b: Tensor, out: Tensor) -> Tensor:
        return torch.lt(a, b, out=out)

    def sign(self, x: Tensor, out: Tensor) -> Tensor:
        return torch.sign(x, out=out)

    def clip(self, x: Tensor, least: float, most: float, out: Tensor) -> Tensor:
        return torch.clamp(x, least, most, out=out)

    def is_nan(self, x: Tensor) -> Tensor:
        return x.isnan()

    def known_(self, x: Tensor, values: Any) -> None:
        x.copy_(torch.where(x.isnan(), torch.as_tensor(values, dtype=x.dtype, device=x.device), x))

    def wave_(self, x: Tensor) -> None:
        x.frac_().mul_(2 * math.pi).sin_()

    def relu_(self, x: Tensor) -> Tensor:
        return x.relu_()

    def relu_backward_(self, delta: Tensor, out: Tensor) -> None:
        aten.threshold_backward.grad_input(delta, out, 0, grad_input=delta)

    def tanh_(self, x: Tensor) -> Tensor:
        return x.tanh_()

    def tanh_backward_(self, delta: Tensor, out: Tensor) -> None:
        aten.tanh_backward.grad_input(delta, out, grad_input=delta)

    def sigmoid_(self, x: Tensor) -> Tensor:
        return x.sigmoid_()

    def sigmoid_backward_(self, delta: Tensor, out: Tensor) -> None:
        aten.sigmoid_backward.grad_input(delta, out, grad_input=delta)

    def softplus(self, x: Tensor) -> Tensor:
        return torch.nn.functional.softplus(x)

    # --- sums ---

    def column_sums(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        return torch.sum(x, 0) if out is None else torch.sum(x, 0, out=out)

    def squared_error(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.nn.functional.mse_loss(a, b, reduction="sum")

    def inner(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.dot(a.reshape(-1), b.reshape(-1))

    def deviation(self, x: Tensor) -> Tensor:
        return x.double().std(0, correction=0)

    def logsumexp(self, x: Tensor) -> float:
        return float(torch.logsumexp(x, 0))

    def log_softmax(self, x: Tensor) -> Tensor:
        return x.log_softmax(1)

    def nll(self, sums: Tensor, wanted: Tensor, delta: Tensor, share: float, smoothing: float = 0.0) -> Tensor:
        log_probability = torch.log_softmax(sums, 1)
        of_each = smoothing / delta.shape[1]
        by_output = torch.full_like(delta, 0.0 - share * of_each)
        by_output.scatter_(1, wanted[:, None], -share * (1 - smoothing + of_each))
        aten._log_softmax_backward_data.out(by_output, log_probability, 1, delta.dtype, out=delta)
        loss = torch.nn.functional.nll_loss(log_probability, wanted, reduction="sum")
        return loss if not smoothing else (1 - smoothing) * loss - of_each * log_probability.sum()

    def bce(self, sums: Tensor, wanted: Tensor, delta: Tensor, share: float) -> Tensor:
        torch.sigmoid(sums, out=delta).sub_(wanted).mul_(share)
        return torch.nn.functional.binary_cross_entropy_with_logits(sums, wanted, reduction="sum")

    # --- optimisers: torch.optim, at its first use, loads torch's compiler, as long as a small training takes ---

    def sgd(self, values: Tensor, gradients: Tensor, rate: Any, momentum: float, decay: float = 0.0) -> "Sgd":
        return Sgd(values, gradients, rate, momentum, decay)

    def adam(self, values: Tensor, gradients: Tensor, rate: Any, momentum: float, decay: float = 0.0) -> "Adam":
        return Adam(values, gradients, rate, momentum, decay)

    def contrast(self, machine: Machine, most_rows: int, rate: float, momentum: float, cost: float) -> "Contrast":
        return Contrast(machine, rate, momentum, cost)

    # --- chance, threads ---

    def generator(self, seed: int) -> torch.Generator:
        return torch.Generator(self._place).manual_seed(seed)

    def uniform_(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return x.uniform_(generator=generator)

    def normal_(self, x: Tensor, generator: torch.Generator) -> Tensor:
        return x.normal_(generator=generator)

    def keep_(self, x: Tensor, share: float, generator: torch.Generator) -> Tensor:
        return x.bernoulli_(share, generator=generator).div_(share)

    def one_thread(self) -> AbstractContextManager[None]:
        return one_thread()


class Sgd:
    """A step of torch.optim.SGD, to the bit, but for the decay, which that has not."""

    factor = 1.0

    def __init__(self, values: Tensor, gradients: Tensor, rate: Any, momentum: float, decay: float) -> None:
        self._values, self._gradients, self._moves = values, gradients, torch.zeros_like(gradients)
        self.rate, self._momentum, self._decay = rate, momentum, decay

    def __call__(self) -> None:
        if self._decay:
            self._values.mul_(1 - self.rate * self._decay)
        self._moves.mul_(self._momentum).add_(self._gradients)
        if isinstance(self.rate, float):
            self._values.add_(self._moves, alpha=-self.rate)
        else:
            self._values.addcmul_(self._moves, self.rate, value=-1)


class Adam:
    """A step of torch.optim.AdamW, but for the last bits; without decay that is torch.optim.Adam's."""

    factor = 1.0

    def __init__(self, values: Tensor, gradients: Tensor, rate: Any, momentum: float, decay: float) -> None:
        self._values, self._gradients = values, gradients
        self._means, self._squares, self._roots = (torch.zeros_like(gradients) for _ in range(3))
        self.rate, self._momentum, self._decay = rate, momentum, decay
        self._steps = count(1)

    @property
    def rate(self) -> Any:
        return self._rate

    @rate.setter
    def rate(self, rate: Any) -> None:
        self._rate = rate
        self._rates = self._values.new_tensor(rate) if isinstance(rate, float) else rate

    def __call__(self) -> None:
        n, gradients = next(self._steps), self._gradients
        if self._decay:
            self._values.mul_(1 - self._rate * self._decay)
        per = (1 - self._momentum**n) / self._rates
        self._means.lerp_(gradients, 1 - self._momentum)
        self._squares.mul_(SQUARES_KEPT).addcmul_(gradients, gradients, value=1 - SQUARES_KEPT)
        torch.add(self._squares, LEAST_SQUARE, out=self._roots).sqrt_()
        self._roots.mul_(per / math.sqrt(1 - SQUARES_KEPT**n)).add_(per * EPSILON)
        self._values.addcdiv_(self._means, self._roots, value=-1)


class Contrast:
    """A step of contrastive divergence; both statistics go into the moves without an array of their own."""

    def __init__(self, machine: Machine, rate: float, momentum: float, cost: float) -> None:
        self._machine, self._moves = machine, [torch.zeros_like(array) for array in machine]
        self._rate, self._momentum, self._cost = rate, momentum, cost

    def __call__(self, before: tuple[Tensor, Tensor], after: tuple[Tensor, Tensor]) -> None:
        share, momentum = 1.0 / len(before[0]), self._momentum
        weight, *biases = self._moves
        weight.addmm_(before[0].t(), before[1], beta=momentum, alpha=share).addmm_(after[0].t(), after[1], alpha=-share)
        if self._cost:
            weight.add_(self._machine[0], alpha=-self._cost)
        for moves, of_data, of_model in zip(biases, before, after, strict=True):
            moves.mul_(momentum).add_(torch.sum(torch.sub(of_data, of_model, out=of_model), 0), alpha=share)
        for array, moves in zip(self._machine, self._moves, strict=True):
            array.add_(moves, alpha=self._rate)
