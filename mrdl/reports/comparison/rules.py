"""Rules of design: is one value of a choice better than another, and on which data sets does that hold?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from mrdl.reports import analysis
from mrdl.reports.comparison.ranks import Difference, holm, of_groups, of_pairs

if TYPE_CHECKING:
    import pandas as pd

FORM = ("depth", "width", "shape")  # what hidden layers are described by
CHOICES = (*FORM, *analysis.TRAINING)
MOST_LEVELS, GROUPS = 5, 4  # values of a number that are compared one by one; of more, groups of as many designs
SMALLEST = 0.005  # half a point of accuracy: what is told of less nobody would act upon (as mrdl/reports/trends.py)
CHANCE = 0.05  # corrected for the number of rules by Holm
FEWEST = 5  # pairs, or designs of a group, of which anything is told
HOLDS, REVERSED, NOT_SHOWN, NOT_TESTED = "holds", "reversed", "not shown", "not tested"

SUBJECTS = {  # the better one, is or are, and the worse one; {} is a value
    "depth": ("{} hidden layers", "are", "{}"),
    "width": ("layers of {} nodes", "are", "{}"),
    "batch_size": ("batches of {}", "are", "{}"),
    "learning_rate": ("a learning rate of {}", "is", "{}"),
    "epochs": ("{} epochs", "are", "{}"),
    "dropout": ("a dropout of {}", "is", "{}"),
    "initialisation": ("{} initialisation", "is", "{}"),
}
NAMED = {
    ("residual", True): "residual connections",
    ("residual", False): "plain layers",
    ("shape", "equal"): "layers of one width",
    ("shape", "funnel"): "layers that narrow",
    ("shape", "mixed"): "layers that widen",
}


@dataclass(frozen=True)
class Verdict:
    """What one data set says of a rule. kind: holds, reversed, not shown or not tested; found: the difference."""

    kind: str
    found: Difference


@dataclass(frozen=True)
class Rule:
    """One value of a choice is better than another. verdicts: of each data set; paired: whether designs were compared
    that differ in this choice alone, else groups of designs."""

    choice: str
    better: Any
    worse: Any
    paired: bool
    verdicts: tuple[Verdict, ...]

    def count(self, kind: str) -> int:
        """How many data sets say so."""
        return sum(verdict.kind == kind for verdict in self.verdicts)

    def claim(self) -> str:
        """The rule in words: relu is better than sigmoid."""
        better, verb, worse = SUBJECTS.get(self.choice, ("{}", "is", "{}"))
        if (self.choice, self.better) in NAMED:
            return f"{NAMED[self.choice, self.better]} are better than {NAMED[self.choice, self.worse]}"
        first = "1 hidden layer" if (self.choice, self.better) == ("depth", "1") else better.format(self.better)
        return f"{first} {'is' if first == '1 hidden layer' else verb} better than {worse.format(self.worse)}"

    def words(self, names: Sequence[str]) -> str:
        """The rule and where it holds. names: of the data sets."""
        told = f"{self.claim()}: holds on {self.count(HOLDS)} of {len(names)}"
        for kind in (REVERSED, NOT_SHOWN, NOT_TESTED):
            where = [name for name, verdict in zip(names, self.verdicts, strict=True) if verdict.kind == kind]
            told += f", {kind} on {', '.join(where)}" if where else ""
        return told


def rules_of(designs: "pd.DataFrame", scores: np.ndarray) -> list[Rule]:
    """The rules that designs tell of, those that hold on most data sets first.

    designs: a row a design, with CHOICES and `hidden`; scores: (designs, data sets). Each rule is said the way round
    that data sets agree on most. A design is compared with one that differs in the choice alone, where most have such a
    one; else groups are, of which one may be better for another choice that its designs have in common.
    """
    found, tested = [], [_Choice(designs, name, scores) for name in CHOICES if designs[name].nunique() > 1]
    pairs = [(choice, a, b) for choice in tested for a, b in combinations(range(len(choice.names)), 2)]
    differences = [choice.differences(a, b) for choice, a, b in pairs]
    corrected = [holm([of[i].chance for of in differences]) for i in range(scores.shape[1])]
    for place, ((choice, a, b), of) in enumerate(zip(pairs, differences, strict=True)):
        wins = [each.won - 0.5 for each in of if each.won == each.won]
        if not wins:
            continue
        turned = sum(wins) < 0
        better, worse = (b, a) if turned else (a, b)
        verdicts = [_verdict(_turned(each) if turned else each, corrected[i][place]) for i, each in enumerate(of)]
        found.append(Rule(choice.name, choice.names[better], choice.names[worse], choice.paired(a, b), tuple(verdicts)))
    return sorted(found, key=lambda rule: (-rule.count(HOLDS), rule.count(REVERSED), -_strength(rule)))


def _strength(rule: Rule) -> float:
    """The share of pairs that the better one wins where it wins least."""
    return min((v.found.won for v in rule.verdicts if v.found.won == v.found.won), default=0.0)


def _turned(found: Difference) -> Difference:
    return Difference(-found.mean, 1 - found.won, found.chance, found.pairs)


def _verdict(found: Difference, chance: float) -> Verdict:
    """chance: corrected for the number of rules."""
    if chance != chance:
        return Verdict(NOT_TESTED, found)
    is_large = chance < CHANCE and abs(found.mean) >= SMALLEST and (found.mean > 0) == (found.won > 0.5)
    kind = (HOLDS if found.mean > 0 else REVERSED) if is_large else NOT_SHOWN
    return Verdict(kind, Difference(found.mean, found.won, chance, found.pairs))


class _Choice:
    """One choice of the designs: its levels, and the scores of designs that are alike in all others.

    name: the choice; names: of its levels.
    """

    def __init__(self, designs: "pd.DataFrame", name: str, scores: np.ndarray) -> None:
        self.name = name
        self.names, self._level = levels(designs[name])
        self._scores = scores
        others = [n for n in CHOICES if n != name and designs[n].nunique() > 1]
        block = _together(designs, others if name in FORM else ["hidden", *others])
        cells = block * len(self.names) + self._level
        shape = (int(block.max()) + 1, len(self.names))
        self._counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
        sums = [np.bincount(cells, column, minlength=self._counts.size).reshape(shape) for column in scores.T]
        with np.errstate(invalid="ignore"):
            self._means = [of / self._counts for of in sums]

    def differences(self, a: int, b: int) -> list[Difference]:
        """How much better level a is than level b on each data set."""
        if self.paired(a, b):
            both = (self._counts[:, a] > 0) & (self._counts[:, b] > 0)
            return [self._told(of_pairs, means[both, a], means[both, b]) for means in self._means]
        return [self._told(of_groups, s[self._level == a], s[self._level == b]) for s in self._scores.T]

    def paired(self, a: int, b: int) -> bool:
        """Whether most designs of the two levels have one that differs in this choice alone."""
        of_two = self._counts[:, [a, b]]
        matched = of_two[(of_two > 0).all(1)]
        return 2 * int(matched.sum()) >= int(of_two.sum())

    def _told(self, test: Any, first: np.ndarray, second: np.ndarray) -> Difference:
        """The difference of two groups, without a chance where one of them is too small for it."""
        found: Difference = test(first, second)
        if min(len(first), len(second)) >= FEWEST:
            return found
        return Difference(found.mean, found.won, math.nan, found.pairs)


def levels(values: "pd.Series") -> tuple[list[Any], np.ndarray]:
    """The levels of a choice and the place of each design's: values one by one, or groups of many numbers.

    values: (designs,). Returns names, of numbers texts as "8" or "64 to 128", and (designs,) int places.
    """
    import pandas as pd

    is_number = pd.api.types.is_numeric_dtype(values) and values.dtype != bool
    if is_number and values.nunique() > MOST_LEVELS:
        place = np.ceil(values.rank(pct=True).to_numpy() * GROUPS).astype(int)
        _, place = np.unique(place, return_inverse=True)
        ends = values.groupby(place).agg(["min", "max"]).to_numpy()
        return [_number(low) if low == high else f"{_number(low)} to {_number(high)}" for low, high in ends], place
    place, found = pd.factorize(values, sort=True)
    return [_number(value) if is_number else value for value in found.tolist()], place


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _together(designs: "pd.DataFrame", names: Sequence[str]) -> np.ndarray:
    """A number for each design, the same where the values of these columns are."""
    import pandas as pd

    found = np.zeros(len(designs), np.int64)
    for name in names:
        codes, values = pd.factorize(designs[name])
        _, found = np.unique(found * len(values) + codes, return_inverse=True)
    return found
