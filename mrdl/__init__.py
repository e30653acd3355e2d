"""mrdl trains PyTorch networks on a labelled CSV in HDFS, with nothing but Hadoop MapReduce.

import mrdl
model = mrdl.train("data.csv", nodes=[784, 500, 100, 10], shards=4, rounds=3)
model.history                  # one row a round, as a pandas DataFrame
model.predict(frame)           # the labels of a DataFrame, an array or a CSV
model.save("net.safetensors")  # and mrdl.load("net.safetensors")
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# Every task imports this package, so a name loads its module only when it is asked for (PEP 562).
# No name here may equal a file name: the module would take the name's place after its first import.
_HOMES = {
    "TrainConfig": "settings.config",
    "TrainJob": "cli.script",
    "Net": "nn.net",
    "Model": "model.model",
    "load": "model.model",
    "train": "api.training",
    "explain": "explanation.explanation",
    "log": "experiments.history",
    "watch": "nn.diagnostics.torch_watch",
    "Sweep": "api.training",
    "Classifier": "api.estimators",
    "Regressor": "api.estimators",
    "Transformer": "api.estimators",
    "rbm": "paper.network",
    "MRDL": "paper.job",
    "MR_dist": "paper.job",
    "Data_load": "paper.data",
    "ToTensor": "paper.data",
    "MrdlError": "errors",
    "ConfigError": "errors",
    "DataError": "errors",
    "SetupError": "errors",
    "ModelError": "errors",
    "TrainingError": "errors",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a public name from its home when it is first asked for (PEP 562): to import mrdl loads none of them.

    Raises AttributeError for a name that is not in __all__, SetupError where it needs torch, which is not installed.
    """
    if name not in _HOMES:
        raise AttributeError(f"module 'mrdl' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"mrdl.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        from mrdl.nn.engines.table import need_torch

        need_torch()  # says so in words
        raise


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
