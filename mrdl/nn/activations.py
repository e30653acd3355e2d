"""The activations by name, each with all that any part of mrdl computes by it, whatever the engine."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from mrdl.nn.engines.engine import Array, Engine
from mrdl.nn.engines.table import EVERY


@dataclass(frozen=True)
class Activation:
    """An elementwise function and its derivative, which is known by what the function gave.

    apply_(engine, x): changes the array and gives it; backward_(engine, delta, out): turns, in place, the gradient by
    what the function gave, `out`, into that by what it took.

    zero_at: a sum for which it gives 0, so that a node whose bias that is, and whose weights are 0, only pads a layer;
    gain: by which initial weights are larger, so that signals keep their size (He et al. 2015); learning_rate: of SGD
    for an mlp (scripts/bench/accuracy.py); engines: by name, those that it can be computed by; ends: of what it gives:
    the one at which a unit that is always there has no gradient, or the two that it comes near to; empty without.
    """

    apply_: Callable[[Engine, Array], Array]
    backward_: Callable[[Engine, Array, Array], None]
    zero_at: float
    gain: float
    learning_rate: float
    engines: tuple[str, ...] = EVERY
    ends: tuple[float, ...] = ()


ACTIVATIONS = {
    "relu": Activation(
        apply_=lambda engine, x: engine.relu_(x),
        backward_=lambda engine, delta, out: engine.relu_backward_(delta, out),
        zero_at=0.0,
        gain=math.sqrt(2),
        learning_rate=0.03,
        ends=(0.0,),
    ),
    "tanh": Activation(
        apply_=lambda engine, x: engine.tanh_(x),
        backward_=lambda engine, delta, out: engine.tanh_backward_(delta, out),
        zero_at=0.0,
        gain=1.0,
        learning_rate=0.02,
        ends=(-1.0, 1.0),
    ),
    "sigmoid": Activation(
        apply_=lambda engine, x: engine.sigmoid_(x),
        backward_=lambda engine, delta, out: engine.sigmoid_backward_(delta, out),
        zero_at=-math.inf,
        gain=1.0,
        learning_rate=0.1,
        ends=(0.0, 1.0),
    ),
    "linear": Activation(
        apply_=lambda engine, x: x,
        backward_=lambda engine, delta, out: None,
        zero_at=0.0,
        gain=1.0,
        learning_rate=0.02,  # not measured: that of tanh, which is linear where its inputs are small
    ),
}
"""The activations by the name that the setting `activation`, an Architecture and a sweep's design have."""
