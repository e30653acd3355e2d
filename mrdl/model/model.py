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
from mrdl.data.targets import Targets
from mrdl.errors import ConfigError, DataError, ModelError
from mrdl.metrics.classification import Classification
from mrdl.model import baseline, file
from mrdl.model.forward import Forward
from mrdl.model.metrics import Answers
from mrdl.model.of_targets import OfTargets
from mrdl.model.report import Report
from mrdl.nn.architecture import Architecture
from mrdl.nn.engines.choice import to_score
from mrdl.nn.engines.table import engine_of, need_torch
from mrdl.nn.losses import LOSSES, Loss, Wanted
from mrdl.nn.rows import BATCH_ROWS
from mrdl.nn.weights import Weights, digest
from mrdl.storage import atomic

if TYPE_CHECKING:
    import pandas as pd
    import torch

BLOCK_BYTES = 8 << 20  # of rows that are held at once, of a file
BATCH_BYTES = 16 << 20  # of inputs that go through a network at once, as float32


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
        return self._loss.wanted is Wanted.CLASS

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

        return (rows for rows, _ in batches(rows_of(), self._block))

    @property
    def _block(self) -> int:
        """Rows in a block: several whole batches of a forward pass."""
        return BATCH_ROWS * max(1, BLOCK_BYTES // (4 * BATCH_ROWS * len(self.preparation.columns)))

    def predict(self, values: Any) -> np.ndarray:
        """Give the label of each row, (rows,): int64, float64 or bool where all classes are such, else str; numbers
        (rows,) float64, of several targets (rows, targets); flags (rows, labels) int64, 0 or 1; of networks that learn
        without a label the reconstruction of rows.

        Raises DataError where columns are missing, or are not those of training.

        accuracy = (model.predict(frame) == frame["digit"]).mean()
        """
        if targets := self.preparation.targets:
            given = targets.numbers(self._output(features_of(values, self.preparation)))
            if targets.flags:
                return (given > 0.5).astype(np.int64)
            return given[:, 0] if len(targets.names) == 1 else given
        if not self.classifies:
            return self.reconstruct(values)
        return np.asarray(class_values(self.classes)[self._places(values)])

    def labels(self, values: Any) -> list[str]:
        """Give the label of each row as text, as the training data had it."""
        self._need(self.classifies, "labels")
        return [self.classes[place] for place in self._places(values)]

    def _places(self, values: Any) -> np.ndarray:
        """The class that is said of rows, (rows,) int64, as its place in `classes`."""
        return self._said(self._output(features_of(values, self.preparation)))

    def answers(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the class that is said of raw rows as shards have them, (rows, columns): its place in `classes`, (rows,)
        int64, and the probabilities of all, (rows, classes) float32."""
        output = self._output(features)
        return self._said(output), _probability(output[:, : len(self.classes)])

    def _said(self, output: np.ndarray) -> np.ndarray:
        """The same by log-probabilities, (rows, outputs)."""
        of_classes = output[:, : len(self.classes)]
        if self.cut is None:
            return np.asarray(of_classes.argmax(1))
        return np.asarray(_probability(of_classes)[:, 1] >= self.cut).astype(np.int64)

    def predict_proba(self, values: Any) -> np.ndarray:
        """Give the probability of each class, (rows, classes) float32, in the order of `classes`; of flags that each is
        1, (rows, labels) float32."""
        if self.preparation.targets and self.preparation.targets.flags:
            return self._output(features_of(values, self.preparation))
        self._need(self.classifies, "probabilities of classes")
        return _probability(self._output(features_of(values, self.preparation))[:, : len(self.classes)])

    def encode(self, values: Any) -> np.ndarray:
        """Give an autoencoder's code of rows, (rows, nodes of the narrowest layer) float32."""
        self._need(self.arch.code is not None, "a code")
        return self._output(features_of(values, self.preparation), "encode")

    def decode(self, code: np.ndarray) -> np.ndarray:
        """Give an autoencoder's rows of a code, (rows, columns) float32 in [0, 1].

        code: (rows, nodes of the narrowest layer). Raises DataError where it has another shape.
        """
        self._need(self.arch.code is not None, "a code")
        rows, width = np.asarray(code, np.float32), self.arch.nodes[self.arch.code or 0]
        if rows.ndim != 2 or rows.shape[1] != width:
            raise DataError(f"the code has shape {rows.shape}, expected (rows, {width})")
        return self._forward.output(rows, "decode")

    def transform(self, values: Any) -> np.ndarray:
        """Give the features of rows in the topmost layer of RBMs, (rows, hidden) float32; an autoencoder's code."""
        if self.arch.top_machine is None:
            return self.encode(values)
        return self._output(features_of(values, self.preparation))

    def reconstruct(self, values: Any) -> np.ndarray:
        """Give rows through an autoencoder, or up and down a stack of RBMs: (rows, columns) float32, scaled to [0, 1],
        which Gaussian units may leave."""
        self._need(not self._loss.needs_label, "reconstructions")
        features = features_of(values, self.preparation)
        if self.arch.top_machine is None:
            return self._output(features)
        return self._forward.reconstruction(self.preparation.scale(features))

    def sample(self, count: int, steps: int = 1000, seed: int = 0) -> np.ndarray:
        """Draw rows from RBMs, scaled as those of `reconstruct`: (count, columns) float32.

        Each is the end of a Gibbs chain of so many steps in the topmost machine; the same seed draws the same rows.
        """
        self._need(self.arch.top_machine is not None, "samples")
        if count < 0 or steps < 0:
            raise ConfigError(f"{count} samples after {steps} steps: expected 0 or more of both")
        return self._forward.samples(count, steps, seed)

    def evaluate(self, data: Any) -> dict[str, float]:
        """Give measures by name on a CSV or a DataFrame: rows, loss and accuracy (0 to 1), and of classes all those of
        `mrdl.metrics.classification`, as balanced_accuracy, f1 and auc; of numbers and flags those of
        `mrdl.model.of_targets`, as rmse, mae and r2; of networks that reconstruct the mean squared error. baseline is
        the accuracy of always saying the most frequent class of the training data, baseline_rmse of their mean.

        model.evaluate("test.csv")["accuracy"]; `report` tells the same in words.

        Rows without a label are left out, and those whose label training never saw count as errors; a warning says how
        many. Raises DataError where no label is one of the classes.
        """
        if targets := self.preparation.targets:
            return self._of_targets(data, targets)
        if not self.classifies:
            return self.score(features_of(data, self.preparation), np.zeros(0, np.int64))
        return self._answers_on(data).scores()

    def report(self, data: Any) -> Report:
        """Tell what the network is worth on a CSV or a DataFrame with labels: print(model.report("test.csv")).

        Each measure stands beside what a network that knows nothing has, with its interval, and each class by itself;
        Raises ConfigError for networks without classes, and what `evaluate` raises.
        """
        self._need(self.classifies, "a report: it gives no classes")
        return Report(_name_of(data), self._answers_on(data), self.classes, self.preparation.class_rows)

    def _answers_on(self, data: Any) -> Classification:
        """What is said of the rows of a CSV or a DataFrame that have a label."""
        found = Classification(len(self.classes), self._majority)
        for features, targets in self.labelled(data):
            output = self._output(features)
            found.add(output, targets, self._said(output))
        return found

    def labelled(self, data: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The rows of a CSV or a DataFrame with what is to be learnt of them, block by block, as `score` takes them.

        Rows without a label are left out, those without a target are not. Raises what `evaluate` raises, and
        ConfigError for a network that learns without a label.
        """
        self._need(self._loss.needs_label, "a label")
        parts = parts_of(data, columns_of(self.preparation), labelled=True)
        if self.preparation.targets:
            known = ((part.features, part.targets) for part in parts if part.targets is not None)
            yield from batches(known, self._block)
            return
        answers = Answers(self.classes)
        yield from batches((answers.of(part.features, part.codes, part.names or ()) for part in parts), self._block)
        answers.check(_name_of(data))

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
        if self.preparation.targets:
            found = OfTargets(self.preparation.targets, self._loss, loss_alone=loss_alone)
            found.add(self._output(features), targets, weights)
            return found.scores()
        if self._loss.scores is None:
            return self.score_layer(len(self.arch.stages) - 1, features, None)
        wanted = targets if self.classifies else self.preparation.scale(features)
        output = self._output(features)
        if loss_alone and self._loss.mean:
            return {"rows": len(features), "loss": self._loss.mean(output, wanted, weights)}
        if self.cut is not None:
            answers = Classification(len(self.classes), self._majority)
            answers.add(output, wanted, self._said(output))
            return answers.scores()
        scores = self._loss.scores(output, wanted, len(self.classes), self._majority)
        if weights is not None and self._loss.mean:
            scores["weighted_loss"] = self._loss.mean(output, wanted, weights)
        return scores

    def _of_targets(self, data: Any, targets: Targets) -> dict[str, float]:
        """The measures of numbers or flags on a CSV or a DataFrame."""
        found = OfTargets(targets, self._loss)
        for features, raw in self.labelled(data):
            found.add(self._output(features), raw)
        found.check(_name_of(data))
        return found.scores()

    @property
    def _loss(self) -> Loss:
        return LOSSES[self.arch.loss]

    @property
    def _majority(self) -> int | None:
        name = self.preparation.majority
        return self.classes.index(name) if name else None

    def score_layer(self, layer: int, features: np.ndarray, training: np.ndarray | None) -> dict[str, float]:
        """Give the measures of an RBM of a stack (mrdl.nn.rbm.score) on raw rows, compared with `training` rows."""
        compared = None if training is None else self.preparation.scale(training)
        return self._forward.machine_scores(layer, self.preparation.scale(features), compared)

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

    def _output(self, features: np.ndarray, method: str = "forward") -> np.ndarray:
        """(rows, outputs) float32: log-probabilities, reconstruction, features or code.

        Rows are scaled by some at once, whose inputs are let go before the next.
        """
        forward, step = self._forward, self._batch
        starts = range(0, max(1, len(features)), step)
        return np.concatenate([forward.output(self.preparation.scale(features[i : i + step]), method) for i in starts])

    @property
    def _batch(self) -> int:
        """Rows that go through the network at once: BATCH_ROWS, of which these are a part where rows are wide."""
        step = BATCH_ROWS
        while step % 2 == 0 and 4 * step * self.preparation.width > BATCH_BYTES:
            step //= 2
        return step

    @property
    def _forward(self) -> Forward:
        engine = engine_of(to_score(self.settings.get("engine"), self.arch), "cpu")
        return Forward(self.arch, self.weights, engine, double=self.double)

    def _need(self, has_it: bool, what: str) -> None:
        if not has_it:
            raise ConfigError(f"a network of kind {self.arch.kind!r} has not {what}")


def _probability(logarithm: np.ndarray) -> np.ndarray:
    """The probabilities of classes, (rows, classes), of which the sum is 1."""
    probability = np.exp(logarithm)
    return np.asarray(probability / probability.sum(1, keepdims=True))


def _name_of(data: Any) -> str:
    """A table for people."""
    return os.fspath(data) if isinstance(data, (str, os.PathLike)) else "the DataFrame"


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
