"""The back ends by name, and those of a user's own module."""

import contextlib
import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrdl.errors import ConfigError
from mrdl.nn.backends.custom import find, parts_of
from mrdl.nn.backends.result import Fit, ReportAll, Result
from mrdl.nn.design import Design
from mrdl.nn.engines.table import AUTO, engine_of, need_torch
from mrdl.nn.rows import Dataset


@dataclass(frozen=True)
class Backend:
    """A back end of mrdl. place: the function that trains, module:function in this package; engine: by name, that which
    computes; alone: where it trains small networks of one family together, the back end of those that train by
    themselves.

    The function takes and gives what `fit` does, or, where each design trains by itself, one of each.
    """

    place: str
    engine: str
    alone: str = ""

    def fit(self, designs: Sequence[Design], data: Dataset, report: ReportAll, device: str = "auto") -> list[Result]:
        """Train designs of one family, or one design, and give the result of each. The engine's library is imported
        here, not before. Raises SetupError where that, or the device, is not there."""
        engine_of(self.engine, "cpu")  # says in words what is wrong with its library
        module, function = self.place.split(":")
        train: Callable[..., Any] = getattr(importlib.import_module(f"mrdl.nn.backends.{module}"), function)
        if self.alone:
            return list(train(designs, data, report, device))
        (design,) = designs
        return [train(design, data, lambda epoch, loss: report(epoch, [loss]), device)]

    def check(self, device: str) -> None:
        """Raise SetupError where this Python has not what it computes by; ConfigError where no GPU can be used."""
        if self.engine == "torch":
            need_torch()
        elif device == "cuda":
            raise ConfigError(f"sweep.device is cuda, but {self.engine} computes on the CPU: sweep.backend = 'torch'")


BACKENDS = {
    "numpy": Backend("numpy_single:with_numpy", "numpy"),
    "torch": Backend("torch_single:with_torch", "torch"),
    "batched": Backend("torch_batched:with_batch", "torch", alone="torch"),
    "batched-numpy": Backend("numpy_batched:with_numpy_batch", "numpy", alone="numpy"),
}
"""The back ends by the name that sweep.backend has."""

KNOWN = ", ".join((AUTO, *BACKENDS))


def own_backend(name: str) -> Fit:
    """Give a back end of a user's own by its `module:function`, which is imported. Raises ConfigError where there is
    none.

    own_backend("mine:fit")(design, data, report)
    """
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


def alone_of(name: str) -> str:
    """The back end, by name, of designs that train by themselves beside those that this one trains together; empty
    where it trains each by itself."""
    return BACKENDS[name].alone if name in BACKENDS else ""


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
    own_backend(name)
    top = sys.modules[name.partition(":")[0].partition(".")[0]]
    origin = Path(top.__file__ or next(iter(top.__path__)))
    return origin.parent if origin.name == "__init__.py" else origin
