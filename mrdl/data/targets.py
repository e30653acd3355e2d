"""The numbers, or flags, that are learnt in place of a label: how a network takes them and gives them back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrdl.data.statistics import Statistics
from mrdl.data.text.schema import Schema

SHOWN = 4  # of several that a line names
FAR = 20.0  # deviations from the mean: the square of one such value is that of 400 rows


@dataclass(frozen=True, eq=False)
class Targets:
    """Columns that are learnt; kept with every model.

    names: of the columns; places: of them among the columns that were kept; flags: whether each holds 0 or 1, else
    they are numbers; mean, deviation: (targets,) float64,
    of the training rows, by which numbers are standardised.

    targets.numbers(output)
    """

    names: tuple[str, ...]
    places: tuple[int, ...]
    flags: bool
    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, statistics: Statistics, schema: Schema) -> "Targets | None":
        """Return those of a table with these statistics; None where it has none."""
        if not schema.targets:
            return None
        known = statistics.targets[: len(schema.targets)]
        mean, deviation = (np.array([getattr(of, name) for of in known]) for name in ("mean", "deviation"))
        deviation = np.where(deviation > 0, deviation, 1.0)
        return cls(schema.label_names, schema.label_places, schema.flags, mean, deviation)

    def wanted(self, raw: np.ndarray) -> np.ndarray:
        """Return what a network is to give of targets as they are in the table: float32, both (rows, targets)."""
        if self.flags:
            return raw.astype(np.float32)
        return ((raw.astype(np.float64) - self.mean) / self.deviation).astype(np.float32)

    def numbers(self, output: np.ndarray) -> np.ndarray:
        """Return what a network gives, (rows, targets) float32, in the unit of the table, float64; probabilities of
        flags as they are."""
        return output.astype(np.float64) if self.flags else output.astype(np.float64) * self.deviation + self.mean

    @property
    def usual(self) -> str:
        """What a baseline always says, for people: the mean; of flags those that most rows have."""
        if self.flags:
            return ", ".join(name for name, share in zip(self.names, self.mean, strict=True) if share > 0.5) or "none"
        more = f" and {len(self.names) - SHOWN} more" * (len(self.names) > SHOWN)
        return ", ".join(f"{mean:.6g}" for mean in self.mean[:SHOWN]) + more

    def to_meta(self) -> dict[str, Any]:
        """Return what `from_meta` reads, as JSON has it."""
        about = {"names": list(self.names), "places": list(self.places), "flags": self.flags}
        return {**about, "mean": self.mean.tolist(), "deviation": self.deviation.tolist()}

    @staticmethod
    def is_meta(value: Any) -> bool:
        """Return whether a stranger's value is what `to_meta` may give."""
        if not isinstance(value, dict) or set(value) != {"names", "places", "flags", "mean", "deviation"}:
            return False
        lists = [value[name] for name in ("names", "places", "mean", "deviation")]
        if not all(isinstance(each, list) for each in lists) or len(set(map(len, lists))) > 1 or not lists[0]:
            return False
        names, places, mean, deviation = lists
        return (
            isinstance(value["flags"], bool)
            and all(isinstance(name, str) for name in names)
            and all(type(place) is int and place >= 0 for place in places)
            and all(isinstance(each, float) and np.isfinite(each) for each in (*mean, *deviation))
            and min(deviation) > 0
        )

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> "Targets":
        """Return the targets that `to_meta` has written."""
        names, places = tuple(meta["names"]), tuple(meta["places"])
        return cls(names, places, meta["flags"], np.array(meta["mean"]), np.array(meta["deviation"]))


def why_no_targets(statistics: Statistics, schema: Schema) -> str:
    """Return why the targets of all training rows cannot be learnt, and what to do; "" where they can."""
    first = len(schema.feature_places)
    low, high = (values[first : first + len(schema.targets)] for values in (statistics.minimum, statistics.maximum))
    for name, least, most, moments in zip(schema.label_names, low, high, statistics.targets, strict=False):
        if schema.flags and not (least >= 0 and most <= 1 and moments.are_flags):
            return (
                f"the target {name!r} holds values from {least:g} to {most:g}, expected 0 or 1 in each row: "
                "--task regress learns them as numbers"
            )
        if least == most:
            return f"the target {name!r} has one value only ({least:g}), expected two or more: choose another, --label"
    return ""


def told_far(statistics: Statistics, schema: Schema) -> str:
    """Return which numbers that are learnt have values far from their mean, which the mean squared error heeds above
    all; "" where none has."""
    if schema.flags:
        return ""
    first, found = len(schema.features), []
    for i, (name, moments) in enumerate(zip(schema.label_names, statistics.targets, strict=False)):
        ends = (float(values[first + i]) for values in (statistics.minimum, statistics.maximum))
        far = max(abs(end - moments.mean) for end in ends) / (moments.deviation or 1.0)
        if schema.targets and far > FAR:
            found.append(f"{name!r} has values {far:.0f} deviations from its mean")
    return f"{', '.join(found)}: --loss huber, or mae, heeds such less than mse" if found else ""
