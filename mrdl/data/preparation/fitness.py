"""Whether the statistics of the data tell of rows that can be trained on, or why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mrdl.data.row_weights import why_no_weights
from mrdl.data.statistics import MAX_LEVELS, Statistics
from mrdl.data.target import problem
from mrdl.data.targets import why_no_targets
from mrdl.data.text.columns import AS_FLAGS, Wording
from mrdl.data.text.schema import Schema
from mrdl.data.types import HASH
from mrdl.data.values import CLASSIFY
from mrdl.errors import brief


class Unfit(StrEnum):
    """What is unfit where data is not trained on."""

    ROWS = "rows"  # some cannot be read
    DATA = "data"  # too few rows, or a label that holds no classes
    NETWORK = "network"  # its layers, for data like this


@dataclass(frozen=True)
class Refusal:
    """Why data is not trained on. unfit: what has to change, which decides the error's class; text: in words."""

    unfit: Unfit
    text: str

    def to_json(self) -> dict[str, str]:
        """Return the fields as JSON has them."""
        return {"unfit": str(self.unfit), "text": self.text}

    @classmethod
    def from_json(cls, found: Mapping[str, str]) -> "Refusal":
        """Return the refusal that `to_json` has written."""
        return cls(Unfit(found["unfit"]), found["text"])


def refuse(
    statistics: Statistics,
    schema: Schema,
    shards: int,
    skip_bad_rows: bool,
    task: str,
    wording: Wording = AS_FLAGS,
) -> Refusal | None:
    """Return why these rows cannot be trained on; None where they can.

    schema: the columns; shards: how many the rows are shared out to; skip_bad_rows: whether those may be left out;
    task: what is learnt of the label, as the setting has it, "" where nothing is; wording: how settings are said by
    whoever asks.
    """
    rows = statistics.training_rows
    if statistics.bad_rows and not skip_bad_rows:
        return Refusal(Unfit.ROWS, f"{statistics.bad_rows} rows cannot be read")
    if not rows:
        kept_out = f": all {statistics.validation_rows} went to validation" if statistics.validation_rows else ""
        return Refusal(Unfit.DATA, f"there are no rows to train on{kept_out}")
    if rows < shards:
        return Refusal(Unfit.DATA, f"{shards} shards, but only {rows} rows to train on: use --shards {rows} or fewer")
    if many := statistics.too_many_levels:
        names = [schema.features[place] for place in many]
        told = f"more than {MAX_LEVELS:,} different texts in {', '.join(map(brief, names))}"
        drop, hashed = wording.drop(names), wording.columns(HASH, names)
        ways = f"leave out with {drop}, or learn by buckets of a hash with {hashed}"
        return Refusal(Unfit.DATA, f"{told}: {ways}")
    if wrong := why_no_weights(statistics, schema):
        return Refusal(Unfit.DATA, wrong)
    if schema.targets:
        found = why_no_targets(statistics, schema)
    else:
        found = task and problem(schema.label_name, statistics.classes, wording, said=task == CLASSIFY)
    return Refusal(Unfit.DATA, found) if found else None
