"""The paper's names and signatures, so that its programs run as printed (Khan et al. 2019).

    newnet = rbm(0.015, 0.8, 64)                 # learning rate, momentum, batch size
    MRDL.newnet = newnet
    MRDL.net = newnet.create_net(layer_count=4, node_seq=[784, 500, 100, 10])
    MRDL.run()                                   # python3 script.py data.csv -r hadoop > net.out
    weights = newnet.combine_weights(MRDL.weights)

One round of ten epochs, each shard counted once, as in the paper; `--rounds 5` and all flags of `mrdl train` work.
A deep autoencoder, RBMs or a deep belief net: create_net(..., kind="autoencoder"). Tasks import this, but no torch.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mrdl.cli import output
from mrdl.cli.script import TrainJob
from mrdl.errors import ConfigError, DataError
from mrdl.mapreduce.task import is_task
from mrdl.model.model import Model
from mrdl.nn.engines.table import need_torch
from mrdl.nn.kinds import build
from mrdl.nn.weights import Weights, weighted_mean
from mrdl.settings.config import TrainConfig

if TYPE_CHECKING:
    from mrdl.nn.net import Net
    from mrdl.paper_data import Data_load

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
        from mrdl.paper_data import Data_load, ToTensor

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


class MRDL(TrainJob):
    """The paper's job. Set `newnet` and `net`, then call `run()`: it reads the script's command line.

    newnet: a definition, rbm(...); net: the network of its create_net; weights: those of each shard, after `run()`.
    A class of your own, derived from it in your script, may have the hooks of TrainJob: parse, combine_rule.

    MRDL.newnet, MRDL.net = newnet, net
    MRDL.run()  # python3 script.py data.csv -r hadoop
    """

    newnet: ClassVar[rbm | None] = None
    net: ClassVar["Net | None"] = None
    weights: ClassVar[list[Weights]] = []

    @classmethod
    def run(cls) -> None:
        """Train; leaves the weights of each shard in `weights`, and puts the network on a redirected standard output.

        Raises ConfigError where `newnet` or `net` is not set. Ends the script with a message and an exit status where
        the settings, the data or a job are wrong, and where Hadoop runs the script as a task.
        """
        if is_task():
            super().run()
            sys.exit(0)  # what follows in the script is not for tasks
        from mrdl.cli import main as cli  # upward, as in TrainJob.run

        newnet, net = cls.newnet, cls.net
        if newnet is None or net is None:
            raise ConfigError("MRDL.newnet and MRDL.net must be set before MRDL.run()")
        found: list[Model] = []
        status = cli.main(
            ["train", *sys.argv[1:]],
            job_class=cls._job_class(),
            defaults=cls._defaults(newnet, net),
            check=lambda config: _check_net(config, net),
            initial=net.weights(),
            keep_shards=True,
            on_model=found.append,
        )
        if status:
            sys.exit(status)
        if output.is_file():
            output.turn_to_screen()
        newnet.model = found[0]
        MRDL.weights = cls.weights = found[0].shard_weights

    @classmethod
    def _job_class(cls) -> type[TrainJob]:
        """Return the class that tasks run: without a class of the user's, one whose file they load faster."""
        if cls is not MRDL:
            return cls
        if cls.combine_rule is not None or cls.parse is not TrainJob.parse:
            raise ConfigError(
                "a hook of MRDL was set from outside, where tasks do not see it: "
                "write `class Mine(MRDL):` with the hook in it, and call Mine.run()"
            )
        return TrainJob

    @staticmethod
    def _defaults(newnet: rbm, net: "Net") -> dict[str, Any]:
        """Return the settings that the program and the paper mean, where no flag says otherwise."""
        return {
            "learning_rate": newnet.learn_rate,
            "momentum": newnet.momentum,
            "batch_size": newnet.batch_size,
            "nodes": net.architecture.nodes,
            "kind": net.architecture.kind,
            **net.architecture.options,
            "rounds": 1,
            "epochs": 10,
            "combine": "uniform",
            "warm_rows": 0,
            "weight_decay": 0.0,
            "schedule": "constant",
            "outer_momentum": 0.0,
            "outer_step": 1.0,
            "engine": "torch",  # the paper trains with PyTorch
        }


def _check_net(config: TrainConfig, net: "Net") -> None:
    """Raise ConfigError where flags ask for another network than create_net made: its weights would not fit."""
    made = net.architecture
    asked = build(config.kind, config.nodes, config.options)
    if made != asked:
        shown = [f"{each.kind} {'-'.join(map(str, each.nodes))} {dict(each.options)}" for each in (made, asked)]
        raise ConfigError(
            f"create_net made {shown[0]}, but the settings ask for {shown[1]}: "
            f"say so in the program, create_net(..., kind={config.kind!r}), and leave out the flags"
        )


MR_dist = MRDL


if __name__ == "__main__":
    MRDL.run()
