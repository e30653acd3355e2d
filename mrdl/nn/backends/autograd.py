"""Training back ends: a function `fit(design, data, report) -> Result`, one architecture on prepared data.

Here are torch, and numpy as a reference; batched.py trains many small networks at once. A spec may name another one,
`module:function`, that can be imported where tasks run.
"""

from typing import TYPE_CHECKING

import numpy as np

from mrdl.nn.backends.result import Report, Result
from mrdl.nn.design import Design
from mrdl.nn.optimizers import OPTIMIZERS
from mrdl.nn.rows import Dataset

if TYPE_CHECKING:
    import torch

ROWS = 4096  # that go through a network at once


def with_torch(design: Design, data: Dataset, report: Report, device: str = "auto") -> Result:
    """An MLP by autograd, on one thread or on a GPU; layers of equal width may have residual connections.

    device: auto, cpu or cuda. Initial weights and the order of rows are drawn on the CPU, the same for all devices.
    """
    import torch
    from torch import nn

    from mrdl.nn.device import pick_device

    torch.set_num_threads(1)
    torch.manual_seed(design.seed)
    place = pick_device(device)
    net = network(design, data.columns, len(data.classes)).to(place)
    values, slopes = _flat(net)
    step = OPTIMIZERS[design.optimizer](values, slopes, torch.tensor([[design.learning_rate]], device=place))
    x, y, test_x, test_y = data.on(place)
    for epoch in range(1, design.epochs + 1):
        total = torch.zeros((), device=place)
        for rows in torch.randperm(len(x)).to(place).split(design.batch_size):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            slopes.zero_()
            loss.backward()
            step()
            total += loss.detach() * len(rows)
        report(epoch, float(total) / len(x))
    net.eval()
    with torch.no_grad():
        out = net(test_x)
        loss = nn.functional.cross_entropy(out, test_y)
    return Result(out.argmax(1).cpu().numpy(), float(loss), place.type)


def on_test_rows(net: "torch.nn.Module", data: Dataset) -> Result:
    """What a trained network says of all test rows; its outputs beyond the classes are padding."""
    import torch
    from torch.nn.functional import nll_loss

    predicted, loss = list[np.ndarray](), 0.0
    with torch.no_grad():
        for start in range(0, len(data.test_y), ROWS):
            x, y = (torch.from_numpy(np.array(rows[start : start + ROWS])) for rows in (data.test_x, data.test_y))
            log_p = net(x)[:, : len(data.classes)].log_softmax(1)
            predicted.append(log_p.argmax(1).numpy())
            loss += float(nll_loss(log_p, y, reduction="sum"))
    return Result(np.concatenate(predicted), loss / len(data.test_y))


def _flat(net: "torch.nn.Module") -> "tuple[torch.Tensor, torch.Tensor]":
    """All parameters of a network, and their gradients, as one tensor each, (1, parameters), of which they are views
    from now on."""
    import torch

    parameters = list(net.parameters())
    values = torch.cat([parameter.detach().flatten() for parameter in parameters])
    slopes = torch.zeros_like(values)
    sizes = [parameter.numel() for parameter in parameters]
    for parameter, value, slope in zip(parameters, values.split(sizes), slopes.split(sizes), strict=True):
        parameter.data, parameter.grad = value.view_as(parameter), slope.view_as(parameter)
    return values[None], slopes[None]


def network(design: Design, columns: int, classes: int) -> "torch.nn.Module":
    """The module of a design, (rows, columns) to logits (rows, classes), with the initial weights of torch's seed."""
    import torch
    from torch import nn

    activations = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "linear": nn.Identity}

    class Block(nn.Module):
        """A hidden layer, its activation and dropout; what goes in is added where widths agree and it is asked for."""

        def __init__(self, fan_in: int, fan_out: int) -> None:
            super().__init__()
            self.layer, self.activation = nn.Linear(fan_in, fan_out), activations[design.activation]()
            self.dropout = nn.Dropout(design.dropout)
            self.adds = design.residual and fan_in == fan_out

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """x: (rows, fan_in)."""
            out: torch.Tensor = self.dropout(self.activation(self.layer(x)))
            return x + out if self.adds else out

    nodes = (columns, *design.hidden)
    blocks = [Block(a, b) for a, b in zip(nodes[:-1], nodes[1:], strict=True)]
    net = nn.Sequential(*blocks, nn.Linear(nodes[-1], classes))
    if design.initialisation != "default":
        for module in net.modules():
            if isinstance(module, nn.Linear):
                if design.initialisation == "he":
                    nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
                else:
                    nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
    return net
