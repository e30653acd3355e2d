"""A network with its preparation in front, for programs that know no mrdl."""

import numpy as np
import torch
from torch import Tensor, nn

from mrdl.data.preparation.preparation import Preparation
from mrdl.nn.losses import LOSSES, Wanted
from mrdl.nn.net import Net


class RawNet(nn.Module):
    """A network with its preparation in front: it takes rows as they are in the table, as `Model.predict` does.

        torch.jit.trace(model.net(), rows)               rows: (any number, columns) float32, in the model's order
        torch.export.export(model.net(), (rows,))
        safetensors.torch.save_file(model.net().state_dict(), "net.safetensors")

    A missing value (nan) is 0 when it is scaled. `net` is the network alone; the scaling is in buffers, beside its
    weights.
    """

    shift: Tensor
    factor: Tensor
    threshold: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, net: Net, preparation: Preparation) -> None:
        super().__init__()
        self.net = net
        self._outputs = preparation.outputs or net.architecture.nodes[-1]
        self._numbers = LOSSES[net.architecture.loss].wanted is Wanted.NUMBERS
        if self._numbers and preparation.targets:
            self.register_buffer("mean", torch.from_numpy(preparation.targets.mean.astype(np.float32)))
            self.register_buffer("deviation", torch.from_numpy(preparation.targets.deviation.astype(np.float32)))
        inputs = preparation.inputs
        self._binary = inputs.threshold is not None
        self.register_buffer("shift", torch.from_numpy(inputs.shift.copy()))
        self.register_buffer("factor", torch.from_numpy(inputs.factor.copy()))
        if self._binary:
            self.register_buffer("threshold", torch.tensor(inputs.threshold, dtype=torch.float32))

    def prepared(self, x: Tensor) -> Tensor:
        """x: (rows, columns) float32, raw. Returns (rows, columns) float32 in [0, 1], as `Preparation.scale` does."""
        if self._binary:
            return (x > self.threshold).to(torch.float32)
        return torch.nan_to_num((x - self.shift) * self.factor).clamp(0.0, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """x: (rows, columns) float32, raw. Returns log-probabilities (rows, classes) in the order of `Model.classes`,
        numbers (rows, targets) in the unit of the table, probabilities of flags, an autoencoder's reconstruction, or
        the topmost features of RBMs."""
        given = self.net.output(self.net.logits(self.prepared(x))[:, : self._outputs])
        return given * self.deviation + self.mean if self._numbers else given

    def encode(self, x: Tensor) -> Tensor:
        """x: (rows, columns) float32, raw. Returns an autoencoder's code (rows, nodes[code])."""
        return self.net.encode(self.prepared(x))

    def decode(self, code: Tensor) -> Tensor:
        """code: (rows, nodes[code]). Returns an autoencoder's rows (rows, columns), in [0, 1]."""
        return self.net.decode(code)
