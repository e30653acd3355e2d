"""Conditions on a running experiment: what is told is held against each, and each fires once."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mrdl.experiments.conditions.grammar import (
    Comparison,
    Condition,
    Name,
    NoImprovement,
    NotFinite,
    Number,
    Span,
    Term,
    parse,
)

__all__ = ["Condition", "Fired", "Watcher", "parse"]

# of these the first that a program tells is what "no improvement" without a name is about
WATCHED = ("val_loss", "valid_loss", "validation_loss", "test_loss", "loss", "train_loss", "error", "cost")
LARGER_IS_BETTER = ("acc", "auc", "f1", "r2", "score", "reward", "return", "precision", "recall", "bleu", "map")
_HOLDS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


@dataclass(frozen=True)
class Fired:
    """A condition that holds: why in words with the numbers, at_s: seconds since the program started."""

    condition: Condition
    why: str
    at_s: float


@dataclass
class _Variable:
    """What is known of one variable: as it is called, its last value, its best one and where that stood."""

    name: str
    value: float = math.nan
    told: int = 0
    best: float = math.nan
    best_at: tuple[float, float, float] = (0.0, 0.0, 0.0)  # seconds, epochs, steps


def larger_is_better(name: str) -> bool:
    """Return whether a variable should grow, by its name: an accuracy should, a loss should not.

    larger_is_better("val/accuracy")  # True
    larger_is_better("score_loss")  # False
    """
    words = name.lower().replace("-", "_").replace("/", "_").replace(" ", "_").split("_")
    return any(word.startswith(LARGER_IS_BETTER) for word in words) and "loss" not in words


class Watcher:
    """Holds what an experiment tells against its conditions.

    conditions: of grammar.parse. Names of variables are the same in capitals and in small letters. Epochs and steps are
    what the program tells as `epoch` and `step`, one more is over where epochs are counted from 0; where it tells none,
    the values of the variable in question are counted.

    watcher = Watcher([parse("val_loss > 2 after 30m stop")])
    watcher.told({"val_loss": 2.5}, at_s=2000.0)  # [Fired(...)]
    """

    def __init__(self, conditions: Iterable[Condition]) -> None:
        self.conditions = list(conditions)
        self._waiting = list(self.conditions)
        self._variables: dict[str, _Variable] = {}  # by name in small letters
        self._first_epoch: float | None = None

    def told(self, values: Mapping[str, float], at_s: float) -> list[Fired]:
        """Take new values by name, at_s seconds after the start, and return the conditions that hold now.

        A condition fires once. What is no number is passed over.
        """
        broken = []
        for name, value in values.items():
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                continue
            variable = self._variables.setdefault(name.lower(), _Variable(name))
            variable.value, variable.told = float(value), variable.told + 1
            if name.lower() == "epoch" and self._first_epoch is None:
                self._first_epoch = float(value)
            if not math.isfinite(value):
                broken.append(variable)
        for name in values:
            if name.lower() in self._variables:
                self._best(self._variables[name.lower()], at_s)
        return self._fired(at_s, broken)

    def tick(self, at_s: float) -> list[Fired]:
        """Return the conditions that hold by the mere passing of time, at_s seconds after the start."""
        return self._fired(at_s, [])

    def never(self) -> list[str]:
        """Return a sentence for each variable that a condition names and the program never told.

        To be asked at the end: a name that is misspelt makes a condition that can never hold, and nothing else would
        say so.
        """
        wanted: dict[str, str] = {}
        for condition in self.conditions:
            for name in _names(condition):
                wanted.setdefault(name, condition.text)
        told = ", ".join(sorted(variable.name for variable in self._variables.values())[:12]) or "nothing"
        return [
            f'{name} never appeared, so "{text}" could not be told; what the program told: {told}'
            for name, text in wanted.items()
            if name.lower() not in self._variables
        ]

    def _best(self, variable: _Variable, at_s: float) -> None:
        """Keep a value that is better than all before, and where it stood."""
        value, best = variable.value, variable.best
        better = math.isnan(best) or (value > best if larger_is_better(variable.name) else value < best)
        if better and math.isfinite(value):
            variable.best = value
            variable.best_at = (at_s, self._done("epoch", variable), self._done("step", variable))

    def _fired(self, at_s: float, broken: Sequence[_Variable]) -> list[Fired]:
        """Return the conditions that hold now, each once; broken: the variables whose new value is not finite."""
        fired = []
        for condition in list(self._waiting):
            subject = self._subject(condition)
            if condition.after and self._passed(condition.after, at_s, subject) < condition.after.amount:
                continue
            whys = [self._why(test, at_s, broken) for test in condition.all_of]
            if all(whys):
                self._waiting.remove(condition)
                late = f", {self._when(condition.after, at_s, subject)}" if condition.after else ""
                fired.append(Fired(condition, " and ".join(whys) + late, at_s))
        return fired

    def _why(self, test: Comparison | NotFinite | NoImprovement, at_s: float, broken: Sequence[_Variable]) -> str:
        """Why a test holds, in words; '' where it does not, or a variable of it is not known yet."""
        if isinstance(test, NotFinite):
            wanted = test.of and test.of.lower()
            found = (item for item in broken if wanted is None or item.name.lower() == wanted)
            return next((f"{item.name} is {item.value}" for item in found), "")
        if isinstance(test, NoImprovement):
            return self._stuck(test, at_s)
        left, right = self._value(test.left), self._value(test.right)
        if left is None or right is None or not _HOLDS[test.sign](left, right):
            return ""
        return f"{self._told(test.left, left)} {test.sign} {self._told(test.right, right)}"

    def _stuck(self, test: NoImprovement, at_s: float) -> str:
        """Why there was no improvement, in words; '' where there was, or the variable was never told a finite value."""
        variable = self._watched(test)
        if variable is None or math.isnan(variable.best):
            return ""
        place = {"s": 0, "epoch": 1, "step": 2}[test.within.unit]
        now = self._passed(test.within, at_s, variable)
        if now - variable.best_at[place] < test.within.amount:
            return ""
        word = "rise" if larger_is_better(variable.name) else "fall"
        return (
            f"{variable.name} did not {word} in {test.within.text}: "
            f"the best is {variable.best:.6g}, the last {variable.value:.6g}"
        )

    def _watched(self, test: NoImprovement) -> _Variable | None:
        """The variable that a test is about: without a name the first of WATCHED, else one that should grow."""
        names = [test.of.lower()] if test.of else [*WATCHED, *sorted(self._variables)]
        known = (self._variables[name] for name in names if name in self._variables)
        return next((item for item in known if test.of or item.name in WATCHED or larger_is_better(item.name)), None)

    def _subject(self, condition: Condition) -> _Variable | None:
        """The variable whose values are counted where a program tells no epoch."""
        first = condition.all_of[0]
        if isinstance(first, NoImprovement):
            return self._watched(first)
        known = (self._variables[name.lower()] for name in _names(condition) if name.lower() in self._variables)
        return next(known, None) or max(self._variables.values(), key=lambda item: item.told, default=None)

    def _passed(self, span: Span, at_s: float, subject: _Variable | None) -> float:
        """How much of a span's unit has passed since the start."""
        return at_s if span.unit == "s" else self._done(span.unit, subject)

    def _done(self, unit: str, subject: _Variable | None) -> float:
        """The epochs or steps that are done: as the program tells, else the number of values it told."""
        counter = self._variables.get(unit)
        if counter is None or not math.isfinite(counter.value):
            return subject.told if subject else 0
        from_nought = unit == "epoch" and self._first_epoch == 0
        return counter.value + 1 if from_nought else counter.value

    def _when(self, after: Span, at_s: float, subject: _Variable | None) -> str:
        """How long an experiment has run when a condition held, in the unit of its `after`."""
        passed = self._passed(after, at_s, subject)
        if after.unit != "s":
            return f"after {passed:g} {after.unit}{'s' if passed != 1 else ''}"
        hours, minutes, seconds = int(passed // 3600), int(passed // 60 % 60), int(passed % 60)
        return "after " + (f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s")

    def _value(self, term: Term) -> float | None:
        """What a side of a comparison is now; None while a variable of it was not told, NaN where 0 divides."""
        if isinstance(term, Number):
            return term.value
        if isinstance(term, Name):
            variable = self._variables.get(term.name.lower())
            return variable.value if variable else None
        left, right = self._value(term.left), self._value(term.right)
        if left is None or right is None:
            return None
        if term.sign == "/":
            return left / right if right else math.nan
        return {"+": left + right, "-": left - right, "*": left * right}[term.sign]

    def _told(self, term: Term, value: float) -> str:
        """A side of a comparison in words: its variables with their values."""
        if isinstance(term, Number):
            return f"{value:.6g}"
        if isinstance(term, Name):
            return f"{self._variables[term.name.lower()].name} = {value:.6g}"
        names = ", ".join(f"{self._variables[name.lower()].name} = {self._value(Name(name)):.6g}" for name in _in(term))
        return f"{value:.6g} ({names})" if names else f"{value:.6g}"


def _in(term: Term) -> list[str]:
    """The variables of a term, from the left."""
    if isinstance(term, Name):
        return [term.name]
    return [] if isinstance(term, Number) else [*_in(term.left), *_in(term.right)]


def _names(condition: Condition) -> list[str]:
    """The variables that a condition names, from the left."""
    names: list[str] = []
    for test in condition.all_of:
        if isinstance(test, Comparison):
            names += [*_in(test.left), *_in(test.right)]
        elif test.of:
            names.append(test.of)
    return names
