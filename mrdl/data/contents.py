"""Tells from the first rows of a table whether they are pictures, whose columns are pixels, or anything else."""

from mrdl.data.hashing import is_integral
from mrdl.data.preparation.choice import looks_like_pixels
from mrdl.data.statistics import Statistics
from mrdl.data.target import Head
from mrdl.data.text.csv import BlockParser
from mrdl.data.types import NUMBER
from mrdl.settings.recipe import PIXELS, TABLE

LEAST_PIXELS = 64  # of a picture, 8 by 8


def contents_of(head: Head) -> str:
    """Return PIXELS or TABLE by the rows in the first bytes of a data set; PIXELS where none can be read.

    Whole numbers of one height in a few columns are counts or grades: as pixels the letters of scripts/bench/tables.py,
    16 columns from 0 to 15, end eleven points lower.
    """
    if any(each.kind != NUMBER for each in head.schema.feature_types):
        return TABLE
    parser = BlockParser(head.schema, keep_unlabelled=True)
    seen, rows = Statistics.empty(len(head.schema.features)), 0
    for block in parser.parse(head.lines)[0]:
        features = block.features[:, : len(seen.minimum)]  # behind them there may be targets
        seen.integral = seen.integral and is_integral(features, or_missing=True)
        seen.add_range(features)
        rows += len(features)
    is_picture = len(head.schema.features) >= LEAST_PIXELS and looks_like_pixels(seen)
    return PIXELS if not rows or is_picture else TABLE
