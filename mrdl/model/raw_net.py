"""A network with its preparation in front, for programs that know no mrdl."""

import numpy as np
import torch
from torch import Tensor, nn

from mrdl.data.preparation.preparation import Preparation
from mrdl.model.raw_inputs import RawInputs
from mrdl.nn.losses import LOSSES, Wanted
from mrdl.nn.net import Net


class RawNet(nn.Module):
    """A network with its preparation in front: it takes rows as they are in the table, as `Model.predict` does.

        torch.jit.trace(model.net(), rows)               rows: (any number, columns) float32, in the model's order
        torch.export.export(model.net(), (rows,))
        safetensors.torch.save_file(model.net().state_dict(), "net.safetensors")

    A missing value is nan; a category is the code of its level, the index in `model.preparation.levels`, or -1 for any
    other one; the level of a hashed column is its bucket, as "bucket 7" (mrdl.data.text.buckets); a date is days since
    1970-01-01 in UTC. `net` is the network alone, `inputs` what makes its inputs.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, net: Net, preparation: Preparation) -> None:
        super().__init__()
        self.net = net
        self.inputs = RawInputs(preparation.inputs.encoding)
        self._outputs = preparation.outputs or net.architecture.nodes[-1]
        self._numbers = LOSSES[net.architecture.loss].wanted is Wanted.NUMBERS
        if self._numbers and preparation.targets:
            self.register_buffer("mean", torch.from_numpy(preparation.targets.mean.astype(np.float32)))
            self.register_buffer("deviation", torch.from_numpy(preparation.targets.deviation.astype(np.float32)))

    def prepared(self, x: Tensor) -> Tensor:
        """x: (rows, columns) float32, raw. Returns the inputs (rows, width) float32, as `Preparation.scale` does."""
        made: Tensor = self.inputs(x)
        return made

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
