"""The activations by name, each with all that any part of mrdl computes by it. Loads no library before it is used."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Activation:
    """An elementwise function and its derivative, which is known by what the function gave.

    apply: gives a new tensor; apply_: changes the tensor and gives it; backward_: turns, in place, the gradient by
    what the function gave (first) into that by what it took, with the bits of autograd; slope: gives the derivative
    as a tensor, of what the function gave; numpy, numpy_slope: the function, and the derivative, of arrays.

    zero_at: a sum for which it gives 0, so that a node whose bias that is, and whose weights are 0, only pads a layer;
    gain: by which initial weights are larger, so that signals keep their size (He et al. 2015); learning_rate: of SGD
    for an mlp (scripts/bench/accuracy.py).
    """

    apply: Function
    apply_: Function
    backward_: Callable[["Tensor", "Tensor"], Any]
    slope: Function
    numpy: Function
    numpy_slope: Function
    zero_at: float
    gain: float
    learning_rate: float


def _numpy() -> Any:
    import numpy

    return numpy


def _aten() -> Any:
    import torch

    return torch.ops.aten


def _relu_backward(delta: "Tensor", out: "Tensor") -> None:
    _aten().threshold_backward.grad_input(delta, out, 0, grad_input=delta)


def _tanh_backward(delta: "Tensor", out: "Tensor") -> None:
    _aten().tanh_backward.grad_input(delta, out, grad_input=delta)


def _sigmoid_backward(delta: "Tensor", out: "Tensor") -> None:
    _aten().sigmoid_backward.grad_input(delta, out, grad_input=delta)


ACTIVATIONS = {
    "relu": Activation(
        apply=lambda x: x.relu(),
        apply_=lambda x: x.relu_(),
        backward_=_relu_backward,
        slope=lambda out: out.sign(),
        numpy=lambda a: _numpy().maximum(a, 0),
        numpy_slope=lambda out: (out > 0).astype("float32"),
        zero_at=0.0,
        gain=math.sqrt(2),
        learning_rate=0.03,
    ),
    "tanh": Activation(
        apply=lambda x: x.tanh(),
        apply_=lambda x: x.tanh_(),
        backward_=_tanh_backward,
        slope=lambda out: 1 - out * out,
        numpy=lambda a: _numpy().tanh(a),
        numpy_slope=lambda out: 1 - out * out,
        zero_at=0.0,
        gain=1.0,
        learning_rate=0.02,
    ),
    "sigmoid": Activation(
        apply=lambda x: x.sigmoid(),
        apply_=lambda x: x.sigmoid_(),
        backward_=_sigmoid_backward,
        slope=lambda out: out - out * out,
        numpy=lambda a: 1 / (1 + _numpy().exp(-a)),
        numpy_slope=lambda out: out * (1 - out),
        zero_at=-math.inf,
        gain=1.0,
        learning_rate=0.1,
    ),
    "linear": Activation(
        apply=lambda x: x,
        apply_=lambda x: x,
        backward_=lambda delta, out: None,
        slope=lambda out: 1.0,
        numpy=lambda a: a,
        numpy_slope=lambda out: 0 * out + 1,
        zero_at=0.0,
        gain=1.0,
        learning_rate=0.02,  # not measured: that of tanh, which is linear where its inputs are small
    ),
}
"""The activations by the name that the setting `activation`, an Architecture and a sweep's design have."""
