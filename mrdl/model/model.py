"""A trained network with all that is needed to use it: weights, scaling, classes, settings and lineage in one file."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mrdl.data.inputs import batches, columns_of, features_of, parts_of
from mrdl.data.labels import class_values
from mrdl.data.preparation.preparation import Preparation
from mrdl.errors import ConfigError, DataError, ModelError
from mrdl.model import baseline, evaluation, file
from mrdl.model.network import Network
from mrdl.model.report import Report
from mrdl.nn.architecture import Architecture
from mrdl.nn.engines.table import need_torch
from mrdl.nn.weights import Weights, digest
from mrdl.storage import atomic

if TYPE_CHECKING:
    import pandas as pd
    import torch


@dataclass(frozen=True)
class Model:
    """A trained network, with all that is needed to use it. `load` makes one from a file, `train` from data.

    arch: its layers; weights: name -> float32 array; preparation: how rows are scaled, and the classes; rounds: the
    metrics of each round; settings: those that decide the weights; lineage: digests of the rounds' weights;
    cut: of two classes, the probability of the second from which on it is said, None where the more probable one is;
    double: whether it reckons in float64, at half the speed: what it says of a row, rounded to float32, is then as good
    as always the same whatever rows stand beside it, where float32 may differ in the last bits.
    `run_dir` and `shard_weights` are known after training only.

    Where a method takes `values`, they are a DataFrame (columns by name), an array (rows, columns) in the order of
    training, or the path of a CSV. What a network of another kind alone can do raises ConfigError.

    model = mrdl.load("net.safetensors")
    model.predict("table.csv")
    """

    arch: Architecture
    weights: Weights
    preparation: Preparation
    settings: dict[str, Any] = field(default_factory=dict)
    rounds: list[dict[str, Any]] = field(default_factory=list)
    lineage: dict[str, Any] = field(default_factory=dict)
    cut: float | None = None
    double: bool = False
    run_dir: str = ""
    shard_weights: list[Weights] = field(default_factory=list)

    def __repr__(self) -> str:
        last = self.rounds[-1] if self.rounds else {}
        names = ("accuracy", "r2", "rmse", "loss")
        known = {name: last[name] for name in names if last.get(name) is not None}
        scores = "".join(f", {name} {value:{'.6g' if name == 'rmse' else '.4f'}}" for name, value in known.items())
        beside = baseline.told_short(self.validation, self.preparation.usual)
        return f"Model({self.arch.kind} {'-'.join(map(str, self.arch.nodes))}{scores}{beside and ', ' + beside})"

    @property
    def validation(self) -> dict[str, Any]:
        """The last round's measures on the validation rows, as `score` gives them; empty without any."""
        last = self.rounds[-1] if self.rounds else {}
        return {**last, "rows": last["validation_rows"]} if "validation_rows" in last else {}

    @property
    def sha256(self) -> str:
        """The digest of the weights; equal trainings have equal ones."""
        return digest(self.weights)

    @property
    def digest(self) -> str:
        """The digest of all that the model's file says: weights, scaling, columns, classes, network and lineage."""
        return str(file.sealed(self._about(), file.tensors_of(self.preparation.inputs))["digest"])

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, in the order of the network's outputs."""
        return self.preparation.classes

    @property
    def classifies(self) -> bool:
        """Whether it gives the classes of rows."""
        return self._network.classifies

    @property
    def history(self) -> "pd.DataFrame":
        """One row a round: loss and accuracy on the validation rows, the shards' mean training loss."""
        import pandas as pd

        return pd.DataFrame(self.rounds)

    def net(self, *, prepared: bool = False) -> "torch.nn.Module":
        """The torch module, for anything that mrdl does not do: tracing, exporting, training on.

        model.net()(torch.from_numpy(rows)).argmax(1) are indices in `classes`, those of `predict`; numbers are in their
        own unit. It takes raw rows,
        (rows, columns) float32 in the order of `preparation.columns`, nan where a value is missing.

        prepared: the bare network, for rows that went through `preparation.scale`; all its outputs are there, also
        those that no class belongs to. Raises SetupError where torch is not installed.
        """
        need_torch()
        from mrdl.model.raw_net import RawNet
        from mrdl.nn.net import build

        bare = build(self.arch, self.weights)
        return bare if prepared else RawNet(bare, self.preparation)

    def blocks(self, data: str | os.PathLike[str], on_text: Callable[[int], object] = int) -> Iterator[np.ndarray]:
        """The rows of a CSV that may be larger than memory, as arrays (rows, columns) that all other methods take.

        for rows in model.blocks("large.csv"):
            print(model.predict(rows))

        on_text: is told how many bytes of text were read. Results are those of the whole file at once, to the bit.
        """

        def rows_of() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for part in parts_of(data, columns_of(self.preparation)):
                on_text(part.size)
                yield part.features, part.codes

        return (rows for rows, _ in batches(rows_of(), self._network.block_rows))

    def predict(self, values: Any) -> np.ndarray:
        """Give the label of each row, (rows,): int64, float64 or bool where all classes are such, else str; numbers
        (rows,) float64, of several targets (rows, targets); flags (rows, labels) int64, 0 or 1; of networks that learn
        without a label the reconstruction of rows.

        Raises DataError where columns are missing, or are not those of training.

        accuracy = (model.predict(frame) == frame["digit"]).mean()
        """
        if targets := self.preparation.targets:
            given = targets.numbers(self._output(values))
            if targets.flags:
                return (given > 0.5).astype(np.int64)
            return given[:, 0] if len(targets.names) == 1 else given
        if not self.classifies:
            return self.reconstruct(values)
        return np.asarray(class_values(self.classes)[self._places(values)])

    def labels(self, values: Any) -> list[str]:
        """Give the label of each row as text, as the training data had it."""
        self._network.need(self.classifies, "labels")
        return [self.classes[place] for place in self._places(values)]

    def _places(self, values: Any) -> np.ndarray:
        """The class that is said of rows, (rows,) int64, as its place in `classes`."""
        return self._network.said(self._output(values))

    def answers(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the class that is said of raw rows as shards have them, (rows, columns): its place in `classes`, (rows,)
        int64, and the probabilities of all, (rows, classes) float32."""
        network = self._network
        output = network.output(features)
        return network.said(output), network.probabilities(output)

    def predict_proba(self, values: Any) -> np.ndarray:
        """Give the probability of each class, (rows, classes) float32, in the order of `classes`; of flags that each is
        1, (rows, labels) float32."""
        if self.preparation.targets and self.preparation.targets.flags:
            return self._output(values)
        self._network.need(self.classifies, "probabilities of classes")
        return self._network.probabilities(self._output(values))

    def encode(self, values: Any) -> np.ndarray:
        """Give an autoencoder's code of rows, (rows, nodes of the narrowest layer) float32."""
        self._network.need(self.arch.code is not None, "a code")
        return self._output(values, "encode")

    def decode(self, code: np.ndarray) -> np.ndarray:
        """Give an autoencoder's rows of a code, (rows, columns) float32 in [0, 1].

        code: (rows, nodes of the narrowest layer). Raises DataError where it has another shape.
        """
        self._network.need(self.arch.code is not None, "a code")
        rows, width = np.asarray(code, np.float32), self.arch.nodes[self.arch.code or 0]
        if rows.ndim != 2 or rows.shape[1] != width:
            raise DataError(f"the code has shape {rows.shape}, expected (rows, {width})")
        return self._network.forward.output(rows, "decode")

    def transform(self, values: Any) -> np.ndarray:
        """Give the features of rows in the topmost layer of RBMs, (rows, hidden) float32; an autoencoder's code."""
        if self.arch.top_machine is None:
            return self.encode(values)
        return self._output(values)

    def reconstruct(self, values: Any) -> np.ndarray:
        """Give rows through an autoencoder, or up and down a stack of RBMs: (rows, columns) float32, scaled to [0, 1],
        which Gaussian units may leave."""
        self._network.need(not self._network.loss.needs_label, "reconstructions")
        if self.arch.top_machine is None:
            return self._output(values)
        return self._network.forward.reconstruction(self.preparation.scale(features_of(values, self.preparation)))

    def sample(self, count: int, steps: int = 1000, seed: int = 0) -> np.ndarray:
        """Draw rows from RBMs, scaled as those of `reconstruct`: (count, columns) float32.

        Each is the end of a Gibbs chain of so many steps in the topmost machine; the same seed draws the same rows.
        """
        self._network.need(self.arch.top_machine is not None, "samples")
        if count < 0 or steps < 0:
            raise ConfigError(f"{count} samples after {steps} steps: expected 0 or more of both")
        return self._network.forward.samples(count, steps, seed)

    def evaluate(self, data: Any) -> dict[str, float]:
        """Give measures by name on a CSV or a DataFrame: rows, loss and accuracy (0 to 1), and of classes all those of
        `mrdl.metrics.classification`, as balanced_accuracy, f1 and auc; of numbers and flags those of
        `mrdl.model.of_targets`, as rmse, mae and r2; of networks that reconstruct the mean squared error. baseline is
        the accuracy of always saying the most frequent class of the training data, baseline_rmse of their mean.

        model.evaluate("test.csv")["accuracy"]; `report` tells the same in words.

        Rows without a label are left out, and those whose label training never saw count as errors; a warning says how
        many. Raises DataError where no label is one of the classes.
        """
        return evaluation.evaluate(self._network, data)

    def report(self, data: Any) -> Report:
        """Tell what the network is worth on a CSV or a DataFrame with labels: print(model.report("test.csv")).

        Each measure stands beside what a network that knows nothing has, with its interval, and each class by itself;
        Raises ConfigError for networks without classes, and what `evaluate` raises.
        """
        self._network.need(self.classifies, "a report: it gives no classes")
        answers = evaluation.classification(self._network, data)
        return Report(evaluation.name_of(data), answers, self.classes, self.preparation.class_rows)

    def labelled(self, data: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The rows of a CSV or a DataFrame with what is to be learnt of them, block by block, as `score` takes them.

        Rows without a label are left out, those without a target are not. Raises what `evaluate` raises, and
        ConfigError for a network that learns without a label.
        """
        return evaluation.labelled(self._network, data)

    def score(
        self,
        features: np.ndarray,
        targets: np.ndarray,
        *,
        weights: np.ndarray | None = None,
        loss_alone: bool = False,
    ) -> dict[str, float]:
        """Give the same for raw features (rows, columns) and class numbers (rows,), -1 counts as an error; or raw
        targets (rows, targets).

        weights: (rows,), how much each row counts in weighted_loss; loss_alone: whether that, or the loss where
        there are none, is all that is wanted, as `loss`.
        """
        return evaluation.score(self._network, features, targets, weights=weights, loss_alone=loss_alone)

    def score_layer(self, layer: int, features: np.ndarray, training: np.ndarray | None) -> dict[str, float]:
        """Give the measures of an RBM of a stack (mrdl.nn.rbm.score) on raw rows, compared with `training` rows."""
        return evaluation.score_layer(self._network, layer, features, training)

    def save(self, local_path: str | os.PathLike[str]) -> None:
        """Write the model to one safetensors file, beside and renamed. Raises ModelError where that cannot be."""
        try:
            atomic.write(Path(local_path), self.to_bytes())
        except OSError as error:
            raise ModelError(f"{os.fspath(local_path)} cannot be written: {error.strerror}") from error

    def to_bytes(self) -> bytes:
        """Give the file's bytes: the same for the same training, so no time, host or path is among them."""
        return file.to_bytes(self._about(), file.tensors_of(self.preparation.inputs), self.weights)

    def _about(self) -> dict[str, Any]:
        """What the file says beside the weights and the scaling."""
        lineage = {"settings": self.settings, "rounds": self.rounds, "lineage": self.lineage}
        return {**file.described(self.arch, self.preparation), **lineage, "cut": self.cut, "sha256": self.sha256}

    def _output(self, values: Any, method: str = "forward") -> np.ndarray:
        """What the network gives for values, by a method of Layers: (rows, outputs) float32."""
        return self._network.output(features_of(values, self.preparation), method)

    @property
    def _network(self) -> Network:
        """The network that rows go through now."""
        engine = self.settings.get("engine")
        return Network(self.arch, self.weights, self.preparation, engine, self.cut, self.double)


def load(local_path: str | os.PathLike[str]) -> Model:
    """The model of a file that `Model.save`, a run or `script.py > net.out` wrote, or of a run's folder.

    Nothing is unpickled. Raises ModelError where it is not a whole model of mrdl.

    mrdl.load("net.out"), mrdl.load("runs/first")
    """
    name = os.fspath(local_path)
    if os.path.isdir(name):
        folder, name = name, os.path.join(name, "model.safetensors")
        if not os.path.exists(name):
            raise ModelError(f"there is no model in {folder}: no run has ended there, go on with it by --resume")
    about, arch, preparation, weights = file.read(name)
    return Model(arch, weights, preparation, about["settings"], about["rounds"], about["lineage"], about["cut"])
