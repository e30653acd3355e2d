"""Many experiments of one command line: each combination of the values that are set."""

import itertools
import re
from collections.abc import Sequence

from mrdl.errors import ConfigError, brief

MOST = 100_000  # experiments of one add
REPEAT = "repeat"
_PLACE = re.compile(r"\{([A-Za-z_]\w*)\}")


def values(text: str) -> tuple[str, list[str]]:
    """Read NAME=VALUE,VALUE,... or NAME=FIRST..LAST (whole numbers, both ends).

    values("lr=0.1,0.01")  # ("lr", ["0.1", "0.01"])
    values("seed=1..3")  # ("seed", ["1", "2", "3"])
    Raises ConfigError where it is neither.
    """
    name, equals, told = text.partition("=")
    if not equals or not _PLACE.fullmatch("{" + name + "}") or not told:
        raise ConfigError(f"--set: expected NAME=VALUE,VALUE as lr=0.1,0.01 or NAME=1..9, got {brief(text)}")
    span = re.fullmatch(r"(-?\d+)\.\.(-?\d+)", told)
    if span is None:
        return name, told.split(",")
    first, last = int(span[1]), int(span[2])
    if not 0 <= last - first < MOST:
        raise ConfigError(f"--set {name}: expected FIRST..LAST of 1 to {MOST:,} numbers, got {brief(told)}")
    return name, [str(number) for number in range(first, last + 1)]


def combinations(told: Sequence[str], repeat: int = 1) -> list[dict[str, str]]:
    """Return each combination of what --set tells, the last name's values changing fastest.

    told: as values() reads them. repeat: how often each combination is run; {repeat} is then its number from 1.
    Raises ConfigError for a name that is set twice, and for more than MOST combinations.
    """
    if repeat < 1:
        raise ConfigError(f"--repeat: expected 1 or more, got {repeat}")
    pairs = [values(text) for text in told]
    if repeat > 1:
        pairs.append((REPEAT, [str(number) for number in range(1, min(repeat, MOST + 1) + 1)]))
    names = [name for name, _ in pairs]
    size = 1
    for name, choices in pairs:
        size *= len(choices)
        if names.count(name) > 1:
            raise ConfigError(f"{name} is set twice: give all of its values in one --set {name}=A,B")
    if size > MOST:
        raise ConfigError(f"expected at most {MOST:,} experiments in one add, got {size:,}. Set fewer values")
    return [dict(zip(names, chosen, strict=True)) for chosen in itertools.product(*(choices for _, choices in pairs))]


def check(argv: Sequence[str], told: dict[str, str]) -> None:
    """Raise ConfigError where a placeholder has no value, or a value no placeholder.

    argv: the command line with {NAME} where a value goes; without any value, braces are left as they are.
    """
    places = {name for word in argv for name in _PLACE.findall(word)}
    unset = sorted(places - set(told)) if told else []
    if unset:
        raise ConfigError(f"{{{unset[0]}}} stands in the command, but is not set: add --set {unset[0]}=A,B")
    unused = sorted(set(told) - places - {REPEAT})
    if unused:
        raise ConfigError(f"{unused[0]} is set, but {{{unused[0]}}} is not in the command: write it where it goes")


def filled(argv: Sequence[str], told: dict[str, str]) -> list[str]:
    """Return the command line with each placeholder's value in its place; one word stays one word.

    filled(["python", "lang.py", "--lr={lr}"], {"lr": "0.1"})  # ["python", "lang.py", "--lr=0.1"]
    """
    return [_PLACE.sub(lambda place: told.get(place[1], place[0]), word) for word in argv]
