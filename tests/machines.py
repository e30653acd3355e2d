"""Small Boltzmann machines whose states can all be listed."""

import itertools

import numpy as np
import torch
from scipy.special import logsumexp

from mrdl.nn.engines.table import engine_of
from mrdl.nn.rbm import RBM

TORCH = engine_of("torch", "cpu")


def states(bits):
    """Every state of binary units, (2 ** bits, bits)."""
    return np.array(list(itertools.product((0.0, 1.0), repeat=bits)))


def machine(columns=4, units=3, seed=0, scale=1.0, **kinds):
    rng = np.random.default_rng(seed)
    shapes = [(units, columns), (units,), (columns,)]
    return RBM(TORCH, *(torch.tensor(rng.normal(0, scale, shape), dtype=torch.float32) for shape in shapes), **kinds)


def parts(rbm):
    """weight, bias and visible bias as float64 arrays."""
    return [tensor.double().numpy() for tensor in (rbm.weight, rbm.bias, rbm.visible_bias)]


def energies(rbm, v, h):
    """E(v, h) of every pair of rows by its definition, (rows of v, rows of h)."""
    weight, bias, visible_bias = parts(rbm)
    of_visible = -v @ visible_bias if rbm.visible == "binary" else ((v - visible_bias) ** 2).sum(1) / 2
    of_hidden = -h @ bias if rbm.hidden == "binary" else ((h - bias) ** 2).sum(1) / 2
    return of_visible[:, None] + of_hidden - v @ weight.T @ h.T


def tensor(array):
    return torch.tensor(array, dtype=torch.float32)


SIZES = [(4, 3), (3, 5), (1, 1), (6, 1), (1, 6)]


def weights_of(arch, seed=5, scale=0.7):
    rng = np.random.default_rng(seed)
    found = {name: rng.normal(0, scale, shape).astype(np.float32) for name, shape in arch.shapes().items()}
    return {name: np.abs(array) + 0.5 if name.endswith("scale") else array for name, array in found.items()}


def exact_means(rbm):
    """E[v] of the machine's own distribution."""
    v = states(len(rbm.visible_bias))
    logs = logsumexp(-energies(rbm, v, states(len(rbm.bias))), axis=1)
    return np.exp(logs - logsumexp(logs)) @ v


def of_machine(arch, rbm):
    return {
        "layers.0.weight": rbm.weight.numpy(), "layers.0.bias": rbm.bias.numpy(),
        "layers.0.visible_bias": rbm.visible_bias.numpy(),
    }  # fmt: skip
