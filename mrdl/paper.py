"""The names and signatures of the paper (Khan et al. 2019), so that its programs run as printed.

    newnet = rbm(0.015, 0.8, 64)                 # learning rate, momentum, batch size
    MRDL.newnet = newnet
    MRDL.net = newnet.create_net(layer_count=4, node_seq=[784, 500, 100, 10])
    MRDL.run()                                   # python3 script.py data.csv -r hadoop > net.out
    weights = newnet.combine_weights(MRDL.weights)

One round of ten epochs, each shard counted once, as in the paper; `--rounds 5` and all flags of `mrdl train` work.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch.utils.data import Dataset

from mrdl.architecture import Weights
from mrdl.combine import weighted_mean
from mrdl.data import read_table
from mrdl.errors import ConfigError
from mrdl.job import TrainJob
from mrdl.model import Model
from mrdl.net import Net
from mrdl.schema import sniff
from mrdl.storage import head, store_of, text_chunks


class ToTensor:
    """A transformation of Data_load: a row of numbers -> a float32 tensor (columns,)."""

    def __call__(self, sample: Any) -> torch.Tensor:
        """sample: (columns,) numbers."""
        return torch.as_tensor(np.asarray(sample, dtype=np.float32))


class Data_load(Dataset[tuple[Any, Any]]):  # noqa: N801
    """A labelled CSV, the label in its first column: X (rows, columns) and Y (rows,) of str.

    file: the path, local or hdfs://; direct: a folder that a relative path lies in; transform: what each row
    of X goes through, in order.
    """

    def __init__(
        self, file: str, direct: str | None = None, transform: Callable[[Any], Any] | Sequence[Any] | None = None
    ) -> None:
        self.file = f"{direct.rstrip('/')}/{file}" if direct else file
        transforms = transform if isinstance(transform, Sequence) else [transform]
        self.transforms = [each for each in transforms if each is not None]
        path = store_of(self.file).files(self.file)[0].path
        self.schema = sniff(head(path), "0", "auto", self.file)
        self.X, self.Y = read_table(text_chunks(path), self.schema, self.file)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.X)

    def __getitem__(self, index: int) -> tuple[str, Any]:
        """The label and the transformed values of a row, in this order."""
        values: Any = self.X[index]
        for transform in self.transforms:
            values = transform(values)
        return self.Y[index], values


class rbm:  # noqa: N801
    """The paper's network definition: how shards are trained, and what is done with their weights."""

    def __init__(self, learn_rate: float, momentum: float, batch_size: int) -> None:
        self.learn_rate, self.momentum, self.batch_size = learn_rate, momentum, batch_size
        self.model: Model | None = None

    def create_net(self, layer_count: int, node_seq: Sequence[int]) -> Net:
        """A network of `layer_count` layers of nodes, with Xavier-uniform weights (ReLU's gain)."""
        return Net(layer_count, node_seq)

    def fetch_weights(self) -> list[Weights]:
        """The weights of each shard, after MRDL.run()."""
        return list(self._trained().shard_weights)

    def combine_weights(self, weights: Sequence[Mapping[str, np.ndarray]]) -> Weights:
        """The mean of the sets of weights, each counted once."""
        if not weights:
            raise ConfigError("there are no weights to combine: call MRDL.run() first")
        return weighted_mean([dict(each) for each in weights], [1] * len(weights))

    def set_w(self, iter1: Mapping[str, np.ndarray], net: Net) -> Net:
        """Put weights into a network of the same nodes."""
        net.set_weights(iter1)
        return net

    def load_data(self, data_path: str) -> Data_load:
        """A labelled CSV."""
        return Data_load(data_path, None, ToTensor())

    def test(self, loaded_data: Data_load, nNet: Net) -> float:  # noqa: N803
        """Print and return the accuracy (0 to 1) of a network on loaded data, scaled as in training."""
        trained = self._trained()
        model = Model(nNet.architecture, nNet.weights(), trained.preparation)
        scores = model.score(loaded_data.X, trained.preparation.class_numbers(loaded_data.Y))
        print(f"Accuracy: {100 * scores['accuracy']:.2f} % of {len(loaded_data)} rows (loss {scores['loss']:.4f})")
        return scores["accuracy"]

    def _trained(self) -> Model:
        if self.model is None:
            raise ConfigError("nothing was trained yet: set MRDL.newnet and MRDL.net, then call MRDL.run()")
        return self.model


class MRDL(TrainJob):
    """The paper's job. Set `newnet` and `net`, then call `run()`: it reads the script's command line."""

    newnet: ClassVar[rbm | None] = None
    net: ClassVar[Net | None] = None
    weights: ClassVar[list[Weights]] = []

    @classmethod
    def run(cls) -> None:
        """Train; leaves the weights of each shard in `weights`, and puts the network on a redirected standard output.

        Ends the script with a message and an exit status where the settings, the data or a job are wrong.
        """
        if {"--mapper", "--reducer", "--combiner"} & set(sys.argv):
            super().run()  # a task: Hadoop runs this file
            return
        from mrdl import __main__ as cli  # upward, as in TrainJob.run

        newnet, net = cls.newnet, cls.net
        if newnet is None or net is None:
            raise ConfigError("MRDL.newnet and MRDL.net must be set before MRDL.run()")
        defaults = {
            "learning_rate": newnet.learn_rate,
            "momentum": newnet.momentum,
            "batch_size": newnet.batch_size,
            "nodes": net.architecture.nodes,
            "kind": net.architecture.kind,
            "rounds": 1,
            "epochs": 10,
            "combine": "uniform",
            "warm_rows": 0,
            "outer_momentum": 0.0,
            "outer_step": 1.0,
        }
        found: list[Model] = []
        status = cli.main(
            ["train", *sys.argv[1:]], defaults=defaults, initial=net.weights(), keep_shards=True, on_model=found.append
        )
        if status:
            sys.exit(status)
        newnet.model = found[0]
        cls.weights = found[0].shard_weights


MR_dist = MRDL

if __name__ == "__main__":
    MRDL.run()
