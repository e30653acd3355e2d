"""The engines by name. Loads no library before one is asked for."""

import importlib.util
import sys
from collections.abc import Callable

from mrdl.errors import SetupError
from mrdl.nn.engines.engine import Engine


def _numpy(device: str) -> Engine:
    from mrdl.nn.engines.numpy_engine import NumpyEngine

    if device == "cuda":
        raise SetupError("device is cuda, but the engine of numpy computes on the CPU: --engine torch, or --device cpu")
    return NumpyEngine()


def _torch(device: str) -> Engine:
    """The engine of torch on a device; raises SetupError where torch is not there, or cannot be loaded."""
    need_torch()
    try:
        from mrdl.nn.engines.torch_engine import TorchEngine
    except (ImportError, OSError) as error:  # OSError: a library that it is linked to
        raise SetupError(f"torch is there but cannot be loaded ({error}): install it again") from error

    return TorchEngine(device)


ENGINES: dict[str, Callable[[str], Engine]] = {"numpy": _numpy, "torch": _torch}
"""The engines by the name that the setting `engine` has: device -> engine."""

EVERY = tuple(ENGINES)
AUTO = "auto"  # of the setting: mrdl.nn.engines.choice decides


def engine_of(name: str, device: str = "auto") -> Engine:
    """The engine of a name. device: auto, cpu or cuda; raises SetupError where the device or the library is not there.

    engine_of("numpy").affine(x, weight, bias)
    """
    return ENGINES[name](device)


def has_torch() -> bool:
    """Whether this Python has torch, which is looked for and not imported: that takes seconds."""
    return "torch" in sys.modules or importlib.util.find_spec("torch") is not None


def need_torch(*instead: str) -> None:
    """Raise SetupError where this Python has no torch. instead: ways out beside to install it, as --engine numpy."""
    if not has_torch():
        raise SetupError(
            f"the Python here, {sys.executable}, has no torch, which this needs: "
            + ", or ".join(["pip install torch", *instead])
        )
