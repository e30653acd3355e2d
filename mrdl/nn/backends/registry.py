"""The back ends by name, and those of a user's own module."""

import contextlib
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mrdl.errors import ConfigError
from mrdl.nn.backends.batched import with_batch
from mrdl.nn.backends.batched_numpy import with_numpy_batch
from mrdl.nn.backends.custom import find, parts_of
from mrdl.nn.backends.result import Fit, Result
from mrdl.nn.backends.single import with_numpy, with_torch
from mrdl.nn.engines.table import AUTO, need_torch


@dataclass(frozen=True)
class Backend:
    """A back end of mrdl. fit: fit(design, data, report, device) trains one design; engine: by name, that which
    computes; fit_together: fit_together(designs, data, report, device) trains small networks of one family, where it
    can."""

    fit: Callable[..., Result]
    engine: str
    fit_together: Callable[..., list[Result]] | None = None

    def check(self, device: str) -> None:
        """Raise SetupError where this Python has not what it computes by; ConfigError where no GPU can be used."""
        if self.engine == "torch":
            need_torch()
        elif device == "cuda":
            raise ConfigError(f"sweep.device is cuda, but {self.engine} computes on the CPU: sweep.backend = 'torch'")


BACKENDS = {
    "numpy": Backend(with_numpy, "numpy"),
    "torch": Backend(with_torch, "torch"),
    "batched": Backend(with_torch, "torch", with_batch),
    "batched-numpy": Backend(with_numpy, "numpy", with_numpy_batch),
}
"""The back ends by the name that sweep.backend has."""

KNOWN = ", ".join((AUTO, *BACKENDS))


def backend(name: str) -> Fit:
    """Give a back end by its name, or by `module:function`, which is imported. Raises ConfigError where there is none.

    backend("torch")(design, data, report)
    """
    if name in BACKENDS:
        return BACKENDS[name].fit
    module, function = parts_of(name, KNOWN)
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


def engine_name(name: str) -> str:
    """The engine, by name, of a back end; auto for a user's own."""
    return BACKENDS[name].engine if name in BACKENDS else AUTO


def look_for(name: str) -> str:
    """What a person should know of the code of a back end of one's own, which is found but not run; empty for those of
    mrdl. Raises ConfigError where it is not there."""
    if name in (AUTO, *BACKENDS):
        return ""
    place = find(name, KNOWN)
    return f"the back end {name} is code of {place or 'an installed module'}: to run the sweep runs it, in each process"


def source_of(name: str) -> Path | None:
    """Give the file or folder of a back end's module, to be sent along with a job; None for those of mrdl.

    A module that is installed is sent, too: nodes need not have it.
    """
    if name in (AUTO, *BACKENDS):
        return None
    backend(name)
    top = sys.modules[name.partition(":")[0].partition(".")[0]]
    origin = Path(top.__file__ or next(iter(top.__path__)))
    return origin.parent if origin.name == "__init__.py" else origin
