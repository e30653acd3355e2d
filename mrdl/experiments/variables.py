"""Variables of interest, read from what any program prints: `loss: 0.31`, `epoch=3 acc=0.9`, JSON objects."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from mrdl.errors import ConfigError, brief

LONGEST = 8192  # characters of a line that are looked at: a dump of an array is no variable
STEPS = ("step", "global_step", "iter", "iteration", "epoch", "round")  # the first that a line tells is its step
_NUMBER = r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf(?:inity)?)"
_END = r"(?![\w:]|[.,/-]\d|/[a-z])"  # what follows a number is no more of a time, a date, a version, a decimal comma
_KIND = r"(?:(?:train(?:ing)?|val(?:id(?:ation)?)?|test|dev|eval|best|mean|average|avg)[ _-])?"
_PAIR = re.compile(
    rf"(?<![\w./:@-])(?P<name>{_KIND}[a-z_][\w./@-]*)['\"]?[ \t]*"
    rf"(?:=[ \t]*|:[ \t]+|:(?=[+-]?\d*\.\d|[+-]?\d+e|nan|[+-]?inf))"
    rf"(?:[\w.]+\(|['\"])?(?P<value>{_NUMBER})(?:%|s\b)?{_END}",  # tensor(0.3), np.float64(0.3), '0.3'
    re.IGNORECASE,
)
_STEP = re.compile(rf"(?<![\w./:-])(?P<name>{'|'.join(STEPS)})[ \t:=#\[(]*(?P<value>\d+)(?!\w|[.,:-]\d)", re.I)
_LIKELY = re.compile(r"[:=][ \t]*[^\s\d]{0,16}?(?:\d|nan|inf)", re.IGNORECASE)  # told in a tenth of the time of _PAIR
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Variables:
    """What lines of a program's output say of numbers.

    patterns: regular expressions with named groups, tried beside the usual forms and before them. Each group is a
    variable: r"error of (?P<error>\\S+)"; or the groups `name` and `value` are of any variable. Raises ConfigError for
    a pattern that cannot be read or has no named group, with its place.

    Variables().of("epoch=3 loss: 0.31")  # {"epoch": 3.0, "loss": 0.31, "step": 3.0}
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self.patterns = [_compiled(pattern) for pattern in patterns]

    def of(self, line: str) -> dict[str, float]:
        """Return the variables of one line by name, in its order; {} where it has none.

        `step` is added where the line tells a step, an iteration, an epoch or a round. Of what a progress bar has
        drawn over itself the last state counts. Numbers stand as they came: 91 % is 91.
        """
        usual = (":" in line or "=" in line) and _LIKELY.search(line, 0, LONGEST) is not None
        stepped = _maybe_step(line)
        if not (usual or stepped or self.patterns):
            return {}
        line = _shown(line)
        found = dict(self._own(line))
        if not (line.startswith("{") and _add_json(line, found)):
            for pattern, wanted in ((_STEP, stepped), (_PAIR, usual)):
                for match in pattern.finditer(line) if wanted else ():
                    found.setdefault(_name(match["name"]), float(match["value"]))
        if found and "step" not in found:
            step = next((found[name] for name in STEPS if name in found), None)
            if step is not None:
                found["step"] = step
        return found

    def _own(self, line: str) -> Iterator[tuple[str, float]]:
        """The variables by the user's own patterns."""
        for pattern in self.patterns:
            for match in pattern.finditer(line):
                groups = match.groupdict()
                if groups.keys() == {"name", "value"}:
                    groups = {groups["name"]: groups["value"]}
                for name, text in groups.items():
                    value = _number(text)
                    if name and value is not None:
                        yield name, value


def _maybe_step(line: str) -> bool:
    """Whether a line may tell a step; a few finds cost less than a regular expression."""
    low = line[:LONGEST].lower()
    return "epoch" in low or "step" in low or "iter" in low or "round" in low


def _shown(line: str) -> str:
    """What a terminal would show of a line: no colours, and of what was drawn over itself the last."""
    line = line.strip()
    if "\r" in line:
        line = line.rpartition("\r")[2]
    line = line[:LONGEST]
    return _COLOURS.sub("", line).strip() if "\x1b" in line else line


def _name(told: str) -> str:
    """The name of a variable: `val loss` is val_loss, `Train Epoch` the epoch."""
    last = told.rpartition(" ")[2].lower()
    return last if last in STEPS else told.replace(" ", "_")


def _number(text: str | None) -> float | None:
    """The number that a pattern found; None where it is none."""
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _add_json(line: str, found: dict[str, float]) -> bool:
    """Add the numbers of a line that is a JSON object, those of objects in it as outer.inner; False if it is none."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return False
    for name, value in flat(told):
        found.setdefault(name, value)
    return True


def flat(told: dict[str, Any], before: str = "") -> Iterator[tuple[str, float]]:
    """Give the numbers of an object by name, those of objects in it as outer.inner; what is no number is left out."""
    for name, value in told.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{name}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                yield before + name, float(value)
            except OverflowError:  # an integer of 400 digits
                continue


def _compiled(pattern: str) -> re.Pattern[str]:
    """A user's pattern, ready; see Variables."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        place = "" if error.pos is None else f" at column {error.pos + 1}"
        raise ConfigError(
            f"pattern {brief(pattern)}: expected a regular expression, found{place}: {error.msg}. "
            r"One that works: loss is (?P<loss>\S+)"
        ) from None
    if not compiled.groupindex:
        raise ConfigError(
            f"pattern {brief(pattern)}: expected a named group for each variable, found none. "
            r"One that works: loss is (?P<loss>\S+)"
        )
    return compiled
