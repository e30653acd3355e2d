"""Which designs of a plan train together, by a back end that can, and which by themselves."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from mrdl.nn.backends.families import TOGETHER, family
from mrdl.nn.backends.registry import alone_of
from mrdl.nn.design import Design

LEAST = 8  # of a family in a plan: fewer train as fast by themselves, as to train any takes as long as to train all


def chosen(designs: Sequence[Design], backend_name: str, columns: int) -> list[str]:
    """The back end of each design of a plan: where that trains networks together, the one of those that train by
    themselves for families of which too few are there."""
    alone = alone_of(backend_name)
    if not alone:
        return [backend_name] * len(designs)
    families = [family(design, columns) for design in designs]
    counts = Counter(families)
    return [alone if of is None or counts[of] < LEAST else backend_name for of in families]


def grouped(designs: Iterable[tuple[str, Design, str]], columns: int) -> list[list[str]]:
    """Names of (name, design, back end) in groups of those that train together; the others each by itself."""
    families: dict[Any, list[str]] = {}
    for name, design, backend_name in designs:
        families.setdefault(family(design, columns) if alone_of(backend_name) else name, []).append(name)
    return [names[i : i + TOGETHER] for names in families.values() for i in range(0, len(names), TOGETHER)]
