"""The designs of a sweep and their scores in bulk, where the whole table, checked row by row, would take long."""

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from mrdl.errors import ConfigError
from mrdl.nn.design import Design
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.record import State

if TYPE_CHECKING:
    import pandas as pd

SEED = r',"seed":\d+\}$'  # the end of a canonical text, whose keys are sorted
CHOSEN = [name for name in vars(Design(())) if name != "seed"]
NUMBERS = ("accuracy", "r2", "parameters")
MARKS = ("collapsed", "no_better")


def scores(sweep: SweepFolder) -> "pd.DataFrame":
    """A DataFrame of one row a design and seed, in the order of the plan.

    Its columns: arch_id, status; design, the canonical text without its seed, the same on any data; the design's
    choices, `hidden` as 64-32 with depth, width and shape; accuracy or r2, parameters, collapsed and no_better, nan or
    None where they are not known. Raises ConfigError where the index is damaged.

    scores(SweepFolder("sweeps/depth")).groupby("design").accuracy.mean()
    """
    import pandas as pd

    rows = sweep.ledger.told((*NUMBERS, *MARKS))
    found = pd.DataFrame(rows, columns=["arch_id", "design", "status", *NUMBERS, *MARKS])
    found = found.drop_duplicates("arch_id", ignore_index=True)  # of several attempts the first
    found["status"] = found.status.fillna(str(State.PLANNED))
    try:
        designs = pd.DataFrame(json.loads(f"[{','.join(found.design)}]"), columns=[*CHOSEN, "seed"])
        found[list(NUMBERS)] = found[list(NUMBERS)].astype(float)
        shapes = _shapes(designs.pop("hidden"))
    except (ValueError, TypeError, RecursionError) as error:
        told = f"{sweep.paths.index} is damaged ({str(error)[:200]})"
        raise ConfigError(f"{told}; make it again: mrdl sweep reindex {sweep.path}") from error
    found["design"] = found.design.str.replace(re.compile(SEED), "}", regex=True)
    found[list(MARKS)] = found[list(MARKS)].eq(1)
    unknown = "r2" if sweep.dataset().classes else "accuracy"
    return pd.concat([found.drop(columns=unknown), shapes, designs], axis=1)


def _shapes(hidden: "pd.Series") -> "pd.DataFrame":
    """The layers of designs: hidden as text, depth, width and shape. hidden: lists of nodes."""
    import pandas as pd

    texts = hidden.astype(str)
    codes, names = pd.factorize(texts)  # many designs have the same layers
    layers = [json.loads(name) for name in names]
    of_each = pd.DataFrame(
        {
            "hidden": ["-".join(map(str, each)) for each in layers],
            "depth": [len(each) for each in layers],
            "width": [max(each, default=0) for each in layers],
            "shape": [_shape(each) for each in layers],
        }
    )
    return of_each.iloc[codes].reset_index(drop=True)


def _shape(layers: Sequence[int]) -> str:
    """What layers do from the first to the last: as Design has it, or mixed where they grow."""
    if len(set(layers)) <= 1:
        return "equal"
    return "funnel" if all(a >= b for a, b in pairwise(layers)) else "mixed"
