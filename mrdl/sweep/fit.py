"""Training back ends: a function `fit(design, data, report) -> Result`, one architecture on prepared data.

Here are torch, and numpy as a reference; batched.py trains many small networks at once. A spec may name another one,
`module:function`, that can be imported where tasks run.
"""

import contextlib
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mrdl.errors import ConfigError
from mrdl.sweep.dataset import Dataset
from mrdl.sweep.module import find, parts_of
from mrdl.sweep.optimizers import OPTIMIZERS
from mrdl.sweep.refusals import refused_by_numpy
from mrdl.sweep.space import Design

if TYPE_CHECKING:
    import torch

ROWS = 4096  # that go through a network at once

Report = Callable[[int, float], None]
"""report(epoch, loss), after each epoch; epochs count from 1."""


@dataclass(frozen=True)
class Result:
    """What a training ends in. predicted: (test rows,) int64; loss: mean negative log-likelihood of the test rows."""

    predicted: np.ndarray
    loss: float
    device: str = "cpu"


Fit = Callable[[Design, Dataset, Report], Result]


def with_torch(design: Design, data: Dataset, report: Report, device: str = "auto") -> Result:
    """An MLP by autograd, on one thread or on a GPU; layers of equal width may have residual connections.

    device: auto, cpu or cuda. Initial weights and the order of rows are drawn on the CPU, the same for all devices.
    """
    import torch
    from torch import nn

    from mrdl.minibatch import pick_device

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


def with_numpy(design: Design, data: Dataset, report: Report) -> Result:
    """The same network by numpy alone, for reference: plain SGD with momentum, no dropout, no residual connections."""
    if problem := refused_by_numpy(design):
        raise ConfigError(problem)
    rng = np.random.default_rng(design.seed)
    nodes = (data.columns, *design.hidden, len(data.classes))
    # the bounds of torch's kaiming_uniform_ for relu, of xavier_uniform_, and of nn.Linear by itself
    bounds = {"he": lambda a, b: 6 / a, "xavier": lambda a, b: 6 / (a + b), "default": lambda a, b: 1 / a}
    bound = bounds[design.initialisation]
    weights = [
        rng.uniform(-1, 1, (a, b)).astype(np.float32) * np.float32(np.sqrt(bound(a, b))) for a, b in pairwise(nodes)
    ]
    own = float(design.initialisation == "default")  # the others begin with biases of zero
    biases = [(own * rng.uniform(-1, 1, b) / np.sqrt(a)).astype(np.float32) for a, b in pairwise(nodes)]
    moves = [np.zeros_like(p) for p in (*weights, *biases)]

    def forward(x: np.ndarray) -> list[np.ndarray]:
        outs = [x]
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            a = outs[-1] @ weight + bias
            outs.append(a if i == len(weights) - 1 else _activate(design.activation, a))
        return outs

    for epoch in range(1, design.epochs + 1):
        order, total = rng.permutation(len(data.train_x)), 0.0
        for start in range(0, len(order), design.batch_size):
            rows = order[start : start + design.batch_size]
            outs = forward(data.train_x[rows])
            log_p = _log_softmax(outs[-1])
            total -= float(log_p[np.arange(len(rows)), data.train_y[rows]].sum())
            delta = np.exp(log_p)
            delta[np.arange(len(rows)), data.train_y[rows]] -= 1
            delta /= len(rows)
            gradients: list[np.ndarray] = [np.empty(0)] * len(moves)
            for i in reversed(range(len(weights))):
                gradients[i], gradients[len(weights) + i] = outs[i].T @ delta, delta.sum(0)
                if i:
                    delta = (delta @ weights[i].T) * _slope(design.activation, outs[i])
            for parameter, move, gradient in zip((*weights, *biases), moves, gradients, strict=True):
                move *= 0.9
                move -= design.learning_rate * gradient
                parameter += move
        report(epoch, total / len(order))
    log_p = _log_softmax(forward(data.test_x)[-1])
    return Result(log_p.argmax(1), float(-log_p[np.arange(len(log_p)), data.test_y].mean()))


def _activate(name: str, a: np.ndarray) -> np.ndarray:
    if name == "relu":
        return np.maximum(a, 0)
    return np.tanh(a) if name == "tanh" else 1 / (1 + np.exp(-a)) if name == "sigmoid" else a


def _slope(name: str, out: np.ndarray) -> np.ndarray:
    if name == "relu":
        return (out > 0).astype(np.float32)
    return 1 - out * out if name == "tanh" else out * (1 - out) if name == "sigmoid" else np.ones_like(out)


def _log_softmax(a: np.ndarray) -> np.ndarray:
    a = a - a.max(1, keepdims=True)
    return np.asarray(a - np.log(np.exp(a).sum(1, keepdims=True)))


BACKENDS: dict[str, Fit] = {"torch": with_torch, "numpy": with_numpy, "batched": with_torch}
"""batched: torch, and mrdl/sweep/batched.py for the small networks that can train together."""


def backend(name: str) -> Fit:
    """A back end by its name, or by `module:function`. Raises ConfigError where there is none."""
    if name in BACKENDS:
        return BACKENDS[name]
    module, function = parts_of(name, ", ".join(BACKENDS))
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        with contextlib.redirect_stdout(sys.stderr):  # a command's own output is not for modules that print
            found: Fit = getattr(importlib.import_module(module), function)
    except (Exception, SystemExit) as error:
        raise ConfigError(f"sweep.backend {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise ConfigError(f"sweep.backend {name!r} is {found!r}, expected a function fit(design, data, report)")
    return found


def look_for(name: str) -> str:
    """What a person should know of the code of a back end of one's own, which is found but not run; empty for those of
    mrdl. Raises ConfigError where it is not there."""
    if name in BACKENDS:
        return ""
    place = find(name, ", ".join(BACKENDS))
    return f"the back end {name} is code of {place or 'an installed module'}: to run the sweep runs it, in each process"


def source_of(name: str) -> Path | None:
    """The file or folder of a back end's module, to be sent along with a job; None for those of mrdl.

    A module that is installed is sent, too: nodes need not have it.
    """
    if name in BACKENDS:
        return None
    backend(name)
    top = sys.modules[name.partition(":")[0].partition(".")[0]]
    origin = Path(top.__file__ or next(iter(top.__path__)))
    return origin.parent if origin.name == "__init__.py" else origin
