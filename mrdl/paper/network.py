"""The paper's network definition `rbm`, what it makes, and what is done with it after the training.

    newnet = rbm(0.015, 0.8, 64)  # learning rate, momentum, batch size
    net = newnet.create_net(layer_count=4, node_seq=[784, 500, 100, 10])

A deep autoencoder, RBMs or a deep belief net: create_net(..., kind="autoencoder"). Tasks import this, but no torch.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mrdl.errors import ConfigError, DataError
from mrdl.mapreduce.task import is_task
from mrdl.model.model import Model
from mrdl.nn.engines.table import need_torch
from mrdl.nn.weights import Weights, weighted_mean

if TYPE_CHECKING:
    from mrdl.nn.net import Net
    from mrdl.paper.data import Data_load

SHOWN = {"accuracy": "Accuracy", "mse": "Mean squared error", "pseudo_log_likelihood": "Pseudo-log-likelihood"}


class rbm:  # noqa: N801
    """The paper's network definition: how shards are trained, and what is done with their weights.

    learn_rate: above 0, at most 1000000; momentum: from 0 to 0.999; batch_size: rows, 1 or more.
    model: the trained mrdl.Model after MRDL.run(), None before it.
    Raises ConfigError for other numbers.

    newnet = rbm(0.015, 0.8, 64)
    net = newnet.create_net(layer_count=4, node_seq=[784, 500, 100, 10])
    """

    def __init__(self, learn_rate: float, momentum: float, batch_size: int) -> None:
        _check("learn_rate", learn_rate, "a number above 0, at most 1000000", lambda value: 0 < value <= 1e6)
        _check("momentum", momentum, "a number from 0 to 0.999", lambda value: 0 <= value <= 0.999)
        whole = "a whole number of rows, 1 or more"
        _check("batch_size", batch_size, whole, lambda value: value >= 1 and float(value).is_integer())
        self.learn_rate = float(learn_rate)
        self.momentum = float(momentum)
        self.batch_size = int(batch_size)
        self.model: Model | None = None

    def create_net(
        self,
        layer_count: int | Sequence[int] | None = None,
        node_seq: Sequence[int] | int | None = None,
        *,
        num_layers: int | None = None,
        nodes: Sequence[int] | None = None,
        kind: str = "mlp",
        **options: Any,
    ) -> "Net":
        """Return a network of layers of nodes, with Xavier-uniform weights (ReLU's gain).

        layer_count or num_layers: their number; node_seq or nodes: the nodes of each; in either order.
        kind: one of mrdl.nn.kinds.KINDS, an autoencoder's encoder is enough; options: activation, visible,
        fine_tune. Raises ConfigError where the numbers do not agree.

        newnet.create_net(num_layers=3, nodes=[784, 500, 30], kind="autoencoder")
        """
        counts, lists = [num_layers], [nodes]
        for given in (layer_count, node_seq):
            (counts if isinstance(given, int) else lists).append(given)  # type: ignore[arg-type]
        count, listed = _only("number of layers", counts), _only("list of nodes", lists)
        if listed is None:
            raise ConfigError("there are no nodes: create_net(layer_count=4, node_seq=[784, 500, 100, 10])")
        if is_task():
            return _NetOfTask()  # type: ignore[return-value]
        need_torch()
        from mrdl.nn.net import Net

        return Net(len(listed) if count is None else count, listed, kind=kind, **options)

    def fetch_weights(self) -> list[Weights]:
        """Return the weights of each shard, after MRDL.run(): of each a dict name -> array.

        Raises ConfigError before it.
        """
        return list(self._trained().shard_weights)

    def combine_weights(self, weights: Sequence[Mapping[str, np.ndarray]]) -> Weights:
        """Return the mean of sets of weights, each counted once; raises ConfigError without any.

        newnet.combine_weights(newnet.fetch_weights())
        """
        if not weights:
            raise ConfigError("there are no weights to combine: call MRDL.run() first")
        return weighted_mean([dict(each) for each in weights], [1] * len(weights))

    def set_w(self, iter1: Mapping[str, np.ndarray], net: "Net") -> "Net":
        """Put weights into a network of the same nodes; returns the network. Raises ConfigError for other shapes."""
        net.set_weights(iter1)
        return net

    def load_data(self, data_path: str | Sequence[str]) -> "Data_load":
        """Load a labelled CSV, or all of a folder, a glob or a list, local or hdfs://.

        The label stands where it did in training, and columns that the training left out are left out.
        Raises DataError where a file is not there or cannot be read.
        """
        from mrdl.paper.data import Data_load, ToTensor

        label = self.model.preparation.label_index if self.model else 0
        said = "none" if label is None else str(label)
        if self.model and (drop := self.model.settings.get("drop")):
            return Data_load(data_path, None, ToTensor(), self.model.settings["label"], drop)
        return Data_load(data_path, None, ToTensor(), said)

    data_load = load_data

    def test(self, loaded_data: "Data_load", nNet: "Net") -> float:  # noqa: N803
        """Print the measures of a network on loaded data, scaled as in training, and return the first of them.

        That is the accuracy (0 to 1) of a classifier, the mean squared error of an autoencoder's rows, and the loss,
        the mean squared error of its reconstruction, of an RBM.
        """
        trained = self._trained()
        wanted = len(trained.preparation.columns)
        found = loaded_data.X.shape[1]
        if found != wanted:
            raise DataError(f"{loaded_data.file} has {found} columns of values, the training data had {wanted}")
        model = Model(nNet.architecture, nNet.weights(), trained.preparation, trained.settings)
        scores = model.score(loaded_data.X, trained.preparation.class_numbers(loaded_data.Y))
        told = {SHOWN[name]: f"{value:.4f}" for name, value in scores.items() if name in SHOWN}
        if "accuracy" in scores:
            told["Accuracy"] = f"{100 * scores['accuracy']:.2f} %"
        name, value = next(iter(told.items()), ("Reconstruction error", f"{scores['loss']:.4f}"))
        print(f"{name}: {value} of {len(loaded_data)} rows (loss {scores['loss']:.4f})")
        return scores.get("accuracy", scores.get("mse", scores["loss"]))

    def _trained(self) -> Model:
        """Return the trained model; raises ConfigError before MRDL.run()."""
        if self.model is None:
            raise ConfigError("nothing was trained yet: set MRDL.newnet and MRDL.net, then call MRDL.run()")
        return self.model


def _check(name: str, value: Any, wanted: str, fits: Any) -> None:
    """Raise ConfigError unless a number fits."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not fits(value):
        raise ConfigError(f"{name} is {value!r}, expected {wanted}: rbm(0.015, 0.8, 64)")


def _only(what: str, given: Sequence[Any]) -> Any:
    """Return the one that is given, None where none is; raises ConfigError for two."""
    found = [each for each in given if each is not None]
    if len(found) > 1:
        raise ConfigError(f"the {what} is given twice: {', '.join(map(repr, found))}")
    return found[0] if found else None


class _NetOfTask:
    """What a script has for its network while it runs as a task, which takes its own: a real one needs torch."""
