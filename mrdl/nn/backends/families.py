"""Families: which small networks can train together, and in what shapes. Loads no engine.

A small network spends its time between operations, not in them: a step that is one batched product a layer, for many of
them at once, takes little longer than that of one.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from mrdl.nn.design import Design

TOGETHER = 16  # networks that train together
WIDEST = 128  # nodes of a layer; above, products take the time, and a network trains about as fast alone
MOST_ROWS = 512  # of a batch; above, likewise
MOST_WEIGHTS = 500_000  # of a network; all of them together hold 80 times as many floats, and more is no faster
LINE = 16  # floats of a cache line: MKL rounds a product by how it lies in memory, so each network's part begins one


def family(design: Design, columns: int = 0) -> tuple[Any, ...] | None:
    """What designs that can train together have in common, on data of so many columns. None: it trains only by itself.

    Learning rate, initialisation and seed may differ, widths as long as they are padded to the same.
    """
    if design.dropout or max(design.hidden, default=0) > WIDEST or design.batch_size > MOST_ROWS:
        return None
    if sum(a * b for a, b in pairwise((columns, *map(_padded, design.hidden)))) > MOST_WEIGHTS:
        return None
    # which layers add what goes in; of the first one this depends on the columns, where they are known
    first = (design.hidden[0] == columns if columns else design.hidden[0],) if design.hidden else ()
    adds = (*first, *(a == b for a, b in pairwise(design.hidden))) if design.residual else ()
    widths = tuple(map(_padded, design.hidden))
    return widths, adds, design.activation, design.batch_size, design.optimizer, design.epochs


def check_family(designs: Sequence[Design], columns: int) -> None:
    """Raise ValueError unless designs can train together."""
    families = {family(design, columns) for design in designs}
    if len(designs) > TOGETHER or len(families) != 1 or None in families:
        raise ValueError("these designs cannot train together")


def padded_nodes(design: Design, adds: Sequence[bool], columns: int, classes: int) -> list[int]:
    """The nodes of a design's layers, those of its family. adds: whether each layer adds what goes into it."""
    given, taken = (math.ceil(width / LINE) * LINE for width in (columns, classes))
    nodes = [given, *map(_padded, design.hidden), taken]
    return [nodes[1] if adds[0] else given, *nodes[1:]]


def _padded(width: int) -> int:
    """16, or a multiple of 32: coarse enough that many widths train together, and little is padding."""
    return LINE if width <= LINE else math.ceil(width / (2 * LINE)) * 2 * LINE
