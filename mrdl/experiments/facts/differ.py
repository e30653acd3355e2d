"""What differs between the facts of two experiments, by name."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

ALWAYS = ("at",)  # differs between any two, and says nothing

Difference = tuple[str, Any, Any]


def differ(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """Return (name, in a, in b) for each fact that is not the same; what one of them lacks is None.

    Inner facts are named with points, as "python.packages.torch"; words of a command by the flag before them.

    differ({"argv": ["x", "--lr", "1"]}, {"argv": ["x", "--lr", "2"]})  # [("argv --lr", "1", "2")]
    """
    return [found for found in _inside("", a, b) if found[0] not in ALWAYS]


def _inside(before: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    """The differences of two tables."""
    for key in dict.fromkeys([*a, *b]):
        name, one, other = f"{before}{key}", a.get(key), b.get(key)
        if one == other:
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _inside(f"{name}.", one, other)
        elif name == "argv" and isinstance(one, Sequence) and isinstance(other, Sequence):
            yield from _commands(one, other)
        elif isinstance(one, list) and isinstance(other, list) and all(isinstance(item, dict) for item in one + other):
            yield from _lists(name, one, other)
        else:
            yield name, one, other


def _lists(name: str, a: Sequence[Mapping[str, Any]], b: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    """The differences of two lists of tables, place by place."""
    for i in range(max(len(a), len(b))):
        one, other = (a[i] if i < len(a) else {}), (b[i] if i < len(b) else {})
        yield from _inside(f"{name}.{i}.", one, other)


def _commands(a: Sequence[str], b: Sequence[str]) -> Iterator[Difference]:
    """The differences of two commands: word by word where they have as many, else as a whole."""
    if len(a) != len(b):
        yield "argv", shlex.join(a), shlex.join(b)
        return
    for i, (one, other) in enumerate(zip(a, b, strict=True)):
        if one == other:
            continue
        flag, _, value = one.partition("=")
        other_flag, _, other_value = other.partition("=")
        if value and flag == other_flag:
            yield f"argv {flag}", value, other_value
        else:
            named = a[i - 1] if i and a[i - 1].startswith("-") and "=" not in a[i - 1] else str(i)
            yield f"argv {named}", one, other
