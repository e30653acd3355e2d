"""How good weights are: the scores on the rows kept out of training, and the CSV that the network is tested on."""

import math
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from mrdl.data.alignment import Columns
from mrdl.data.hashing import is_test
from mrdl.data.inputs import first_labels
from mrdl.data.labels import class_numbers
from mrdl.data.preparation.preparation import Preparation, prepare
from mrdl.data.preparation.scaling import Scaling
from mrdl.data.row_weights import RowWeights
from mrdl.data.source import HEAD_BYTES, Source
from mrdl.data.text.schema import Schema
from mrdl.errors import ConfigError, DataError
from mrdl.metrics.decision import best_cut
from mrdl.metrics.measures import ARGMAX, worth
from mrdl.model.baseline import is_no_better, told_absent, told_classes
from mrdl.model.metrics import told_unknown
from mrdl.model.model import Model
from mrdl.nn.architecture import Architecture
from mrdl.nn.losses import LOSSES, Wanted
from mrdl.nn.weights import Weights
from mrdl.rounds.plan import network_of
from mrdl.settings.config import TrainConfig
from mrdl.shards.cache import Prepared


class Validation:
    """The rows kept out of training, and what a run's weights are worth on them. prepared: the data, as its tasks have
    told of it."""

    def __init__(self, config: TrainConfig, schema: Schema, scaling: Scaling, prepared: Prepared) -> None:
        self.prepared = prepared
        self._config = config
        self._schema = schema
        self._scaling = scaling

    @cached_property
    def architecture(self) -> Architecture:
        """The network that fits the data; raises ConfigError where the nodes of the settings do not."""
        return network_of(self._config, self.preparation)

    @cached_property
    def preparation(self) -> Preparation:
        """The scaling and the classes."""
        return prepare(self.prepared.statistics, self._schema, self._scaling)

    def score(self, stage: int, weights: Weights) -> dict[str, float]:
        """All measures of a stage, empty without validation rows."""
        return self._score(stage, self._model(weights), self._rows[0], with_training=True)

    def loss(self, stage: int, weights: Weights) -> float:
        """The loss alone, for a search; infinite where it is not known."""
        return self._score(stage, self._model(weights), self._rows[0], with_training=False).get("loss", math.inf)

    def test(self, model: Model) -> dict[str, float]:
        """All measures of the final network on the rows that only test, empty without any."""
        return self._score(len(self.architecture.stages) - 1, model, self._rows[1], with_training=True)

    def cut(self, weights: Weights) -> float | None:
        """From which probability on the second of two classes is said; None where the more probable one is."""
        decision, rows = self._config.decision, self._rows[0]
        if decision == ARGMAX or not _count(rows):
            return None
        features, targets = self._of_classes(rows)
        _, probability = self._model(weights).answers(features)
        positive = 1 - self.preparation.classes.index(self.preparation.majority)
        return best_cut(probability[:, 1], targets == 1, decision, positive)

    def _of_classes(self, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """Rows kept out, (rows, columns), and the numbers of their classes, (rows,) int64."""
        kept_out = self.prepared.validation
        return kept_out.features[rows], self.preparation.class_numbers(kept_out.label_names)[kept_out.codes][rows]

    @cached_property
    def _rows(self) -> tuple[slice, slice]:
        """The rows kept out that rounds are judged by, and those that only test, by hash each.

        They are brought into that order, once: to take them in it by indices would copy them for each score.
        """
        kept_out, config = self.prepared.validation, self._config
        share = config.test_fraction / config.kept_out if config.test_fraction else 0.0
        only_test = is_test(kept_out.hashes, share)[kept_out.order]
        judged, rows = int((~only_test).sum()), len(only_test)
        kept_out.arrange(np.concatenate([kept_out.order[~only_test], kept_out.order[only_test]]))
        return slice(0, judged), slice(judged, rows)

    def remarks(self, model: Model) -> list[str]:
        """What a person should know of the classes, those that the network never finds and those without rows, and of
        what the score is worth."""
        told = [self._told_classes(model), *self._told_absent(), self._told_cut(model), self._told_unjudged(model)]
        return list(filter(None, [*told, self._told_choice()]))

    def _told_unjudged(self, model: Model) -> str:
        """That no round could be judged, in words."""
        config = self._config
        judged = any(worth(config.stop_on, scores) is not None for scores in model.rounds)
        if judged or not config.keeps_best or not _count(self._rows[0]):
            return ""
        return f"no round has {config.stop_on} on the validation rows, so the network is that of the last round"

    def _told_choice(self) -> str:
        """What the rows chose that the last score is of, in words, where there is no test to take in its place."""
        config = self._config
        chosen = ["the length of the outer step"] if config.outer_step is None else []
        chosen += ["when to stop"] if config.patience else []
        chosen += ["which round is kept"] if config.keeps_best else []
        chosen += ["from where on a class is said"] if config.decision != ARGMAX else []
        if not chosen or not _count(self._rows[0]) or config.test or config.test_fraction:
            return ""
        what = ", ".join(chosen[:-1]) + " and " * (len(chosen) > 1) + chosen[-1]
        return (
            f"the validation rows also chose {what}, so their score flatters a little: --test-fraction 0.1 keeps others"
        )

    def _model(self, weights: Weights) -> Model:
        """What scores weights, by the engine that trains them."""
        return Model(self.architecture, weights, self.preparation, {"engine": self._config.engine})

    def _told_cut(self, model: Model) -> str:
        """From which probability on a class is said, in words, where it is not the more probable one."""
        if model.cut is None:
            return ""
        name, by = self.preparation.classes[1], self._config.decision.replace("_", " ")
        return f"{name!r} is said from a probability of {model.cut:.4f} on, the best by {by} of the validation rows"

    def _told_classes(self, model: Model) -> str:
        """What a classifier finds of the classes among all rows kept out, in words, where that should be known."""
        kept_out = self.prepared.validation
        if LOSSES[self.architecture.loss].wanted is not Wanted.CLASS or not len(kept_out.features):
            return ""
        targets = self.preparation.class_numbers(kept_out.label_names)[kept_out.codes]
        said, _ = model.answers(kept_out.features)
        share = float((targets == self.preparation.classes.index(self.preparation.majority)).mean())
        no_better = is_no_better(float((said == targets).mean()), share, len(targets))
        return told_classes(self.preparation.classes, targets, said, no_better)

    def _told_absent(self) -> list[str]:
        """The classes that training, or all rows kept out of it, have no row of, in words."""
        kept_out, preparation = self.prepared.validation, self.preparation
        if LOSSES[self.architecture.loss].wanted is not Wanted.CLASS or not len(kept_out.codes):
            return []
        counts = dict(zip(kept_out.label_names, np.bincount(kept_out.codes).tolist(), strict=True))
        return told_absent(dict(zip(preparation.classes, preparation.class_rows, strict=True)), counts)

    def _score(self, stage: int, model: Model, rows: slice, with_training: bool) -> dict[str, float]:
        """The measures of a stage on rows kept out; of an RBM's also those that compare them with rows trained on.

        with_training: whether those are wanted, and all measures; else the loss alone is.
        """
        kept_out = self.prepared.validation
        if not _count(rows):
            return {}
        layer = self.architecture.stages[stage].layer
        if layer is not None:
            sample = self.prepared.sample
            training = sample.features[sample.order[: _count(rows)]] if with_training else None
            return model.score_layer(layer, kept_out.features[rows], training)
        if self.preparation.targets:
            features = kept_out.features[rows]
            targets = self.preparation.raw_targets(features)
        else:
            features, targets = self._of_classes(rows)
        # what is searched for is what is trained for
        counted = RowWeights.of(self._config.class_weight, self._schema, self.prepared.statistics)
        return model.score(features, targets, weights=counted.of_rows(features, targets), loss_alone=not with_training)


def _count(rows: slice) -> int:
    return int(rows.stop - rows.start)


@dataclass(frozen=True)
class Holdout:
    """What the first lines of the test's CSV show.

    path: of the CSV, empty where the run has none; labels: those in the lines; whole: whether they are all of it.
    """

    path: str = ""
    labels: set[str] = field(default_factory=set)
    whole: bool = False

    @classmethod
    def of(cls, config: TrainConfig, source: Source, plain: bool) -> "Holdout":
        """The test of a run, if it has one. plain: whether the training data is read as a CSV, and no other format.

        Raises ConfigError where there is another test, DataError where this one has not the columns of the training
        data, cannot be read, has no label, or has none that the training data has, as far as the first lines of both
        show.
        """
        if not config.test:
            return cls()
        if config.test_fraction:
            raise ConfigError("test and test_fraction are two tests of one network: leave out one of them")
        schema = source.schema
        learnt = tuple(zip(schema.label_names, schema.label_places, strict=True))
        place = None if schema.targets or not learnt else learnt[0][1]
        targets = learnt if schema.targets else ()
        types = schema.feature_types if schema.types else ()
        wanted = Columns(schema.features, schema.label_name, place, schema.left_out, targets, types)
        found = cls(config.test, *first_labels(config.test, wanted, labelled=config.supervised))
        if schema.targets:  # any numbers will do
            return cls(config.test)
        labels, whole = set[str](), False
        if plain and config.supervised and source.size <= HEAD_BYTES:
            with suppress(DataError):  # a bad row, say, which is told when the rows are counted
                labels, whole = first_labels(source.name, wanted, labelled=True)
        found.check(labels if whole else ())
        return found

    def check(self, classes: Collection[str]) -> None:
        """Raise DataError where no label of the test is a class; classes: empty while they are not known."""
        known = sorted(classes)
        if self.whole and self.labels and known and (class_numbers(self.labels, known) < 0).all():
            raise DataError(told_unknown(self.path, sorted(self.labels), known))
