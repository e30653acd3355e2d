"""Which engine trains or scores a network."""

import os
from typing import Any

from mrdl.errors import ConfigError
from mrdl.nn.activations import ACTIVATIONS
from mrdl.nn.architecture import Architecture
from mrdl.nn.engines.table import AUTO, EVERY, has_torch
from mrdl.nn.losses import LOSSES
from mrdl.nn.optimizers import OPTIMIZERS

GPUS = "/dev/nvidiactl"  # is there where the driver of a GPU is loaded


def engines_for(arch: Architecture, optimizer: str = "sgd") -> tuple[str, ...]:
    """The engines, by name, that have all that a network and its training are computed by."""
    entries: list[Any] = [LOSSES[arch.loss], OPTIMIZERS[optimizer], *(ACTIVATIONS[name] for name in arch.activations)]
    return tuple(name for name in EVERY if all(name in entry.engines for entry in entries))


def choose(engine: str, arch: Architecture, optimizer: str = "sgd", device: str = "auto") -> str:
    """The engine by name of a setting: auto is torch where a GPU is used, or numpy lacks something, else numpy.

    device: auto, cpu or cuda. Raises ConfigError where the engine that is asked for cannot do it, or none can.
    """
    able = engines_for(arch, optimizer)
    if not able:
        raise ConfigError("no engine has all that this network is computed by: its activations, its loss")
    if engine == AUTO:
        on_gpu = device == "cuda" or (device == "auto" and os.path.exists(GPUS) and has_torch())
        engine = "torch" if on_gpu and "torch" in able else able[0]
    if engine not in able:
        raise ConfigError(f"engine is {engine}, but this network needs {able[0]}")
    if engine == "numpy" and device == "cuda":
        raise ConfigError(
            "device is cuda, but the engine of numpy computes on the CPU alone: --device cpu, or a network "
            "that torch can compute, with --engine torch"
        )
    return engine


def to_score(engine: str | None, arch: Architecture) -> str:
    """The engine by name that scores a trained network: that which trained it, where this Python has its library."""
    if engine in EVERY and (engine != "torch" or has_torch()):
        return str(engine)
    return choose(AUTO, arch, device="cpu")
