"""What every way of training shares: a shard's rows as scaled mini-batches, and all weights in one flat vector."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mrdl.nn.rows import Rows
from mrdl.nn.weights import Weights


@dataclass(frozen=True)
class Hyperparameters:
    """How one shard is trained in one round.

    epochs: passes over the shard; batch_size: rows in a step; learning_rate: of a step; momentum: of SGD and of RBMs,
    of Adam its first beta; device: auto, cpu or cuda.

    Of training by gradients alone: optimizer, one of OPTIMIZERS; dropout: the share of what a hidden layer gives that
    is left out of each step. Of RBMs alone: cd_steps, of the Gibbs chain; persistent: whether the chains go on from
    batch to batch; weight_cost: the L2 penalty.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    device: str = "auto"
    cd_steps: int = 1
    persistent: bool = False
    weight_cost: float = 0.0
    optimizer: str = "sgd"
    dropout: float = 0.0


class Batches:
    """The mini-batches of a shard, in [0, 1], in buffers made once; only the rows of a batch are ever scaled, so that
    a shard of bytes, or one that is mapped from a file, stays what it is.

    size: rows in the largest batch.
    """

    def __init__(self, rows: Rows, batch_size: int, device: torch.device) -> None:
        self.size = min(batch_size, max(1, len(rows.order)))
        columns = rows.features.shape[1]
        self._features = torch.from_numpy(rows.features).to(device)
        self._targets = torch.from_numpy(rows.targets).to(device)
        self._raw = torch.empty((self.size, columns), dtype=self._features.dtype, device=device)
        self._scaled = torch.empty((self.size, columns), device=device)
        self._factor = torch.from_numpy(rows.factor).to(device)
        self._minimum = torch.from_numpy(rows.minimum).to(device) if rows.minimum.any() else None
        self._prepared = self._raw.dtype == torch.float32 and rows.is_prepared
        self._threshold = rows.threshold

    def inputs(self, batch: Tensor) -> Tensor:
        """Give the rows at `batch`, (n,) indices, as (n, columns) float32; the next call writes over them."""
        x = self._scaled[: len(batch)]
        if self._prepared:
            return torch.index_select(self._features, 0, batch, out=x)
        raw = torch.index_select(self._features, 0, batch, out=self._raw[: len(batch)])
        if self._threshold is not None:
            return x.copy_(raw > self._threshold)
        x.copy_(raw)
        if self._minimum is not None:
            x.sub_(self._minimum)
        return x.mul_(self._factor)

    def targets(self, batch: Tensor) -> Tensor:
        """Give the classes of the rows at `batch`, (n,) indices, as (n,) int64."""
        return self._targets.index_select(0, batch)


class FlatTensors:
    """Named tensors as views of one flat vector, so that an update is one call whatever their number.

    flat: the vector, zeros at first; named: name -> tensor of the shape asked for.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]], device: torch.device) -> None:
        self.flat = torch.zeros(sum(_room(shape) for shape in shapes.values()), device=device)
        self.named: dict[str, Tensor] = {}
        start = 0
        for name, shape in shapes.items():
            self.named[name] = self.flat[start : start + int(np.prod(shape))].view(shape)
            start += _room(shape)

    def fill(self, weights: Weights) -> "FlatTensors":
        """Take over the values of arrays with these names, and give itself."""
        for name, tensor in self.named.items():
            tensor.copy_(torch.from_numpy(np.array(weights[name])))
        return self

    def arrays(self) -> Weights:
        """Give a copy of each tensor as an array."""
        return {name: tensor.cpu().numpy().copy() for name, tensor in self.named.items()}


def _room(shape: tuple[int, ...]) -> int:
    """Places for a tensor in the flat vector: each begins at a multiple of 64 bytes, as torch's own tensors do."""
    return -(-int(np.prod(shape)) // 16) * 16
