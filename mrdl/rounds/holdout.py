"""The CSV that the final network is tested on, looked at before anything is trained: a wrong one is told at once."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field

from mrdl.data.alignment import Columns
from mrdl.data.inputs import first_labels
from mrdl.data.labels import class_numbers
from mrdl.data.source import HEAD_BYTES, Source
from mrdl.errors import DataError
from mrdl.model.metrics import told_unknown
from mrdl.settings.config import TrainConfig


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

        Raises DataError where the test has not the columns of the training data, cannot be read, has no label, or has
        none that the training data has, as far as the first lines of both show.
        """
        if not config.test:
            return cls()
        schema = source.schema
        wanted = Columns(schema.features, schema.label_name, schema.label_place, schema.dropped)
        found = cls(config.test, *first_labels(config.test, wanted, labelled=config.supervised))
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
