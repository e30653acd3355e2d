"""What a training makes of each column: how many inputs of its network."""

from mrdl.data.preparation.categories import MOST_LEVELS, Category
from mrdl.data.preparation.choice import FLAGGED
from mrdl.data.preparation.dates import cycles_of
from mrdl.data.types import CATEGORY, DATE, ColumnType
from mrdl.inspection.columns import Column, Figures


def inputs_of(figures: Figures, column: Column, told_of_missing: bool) -> int:
    """How many inputs a column becomes that is learnt from, as far as all rows tell what the training rows are like.

    told_of_missing: whether a network is told where a number is missing.
    """
    kind = ColumnType.of(column.read).kind
    if kind == CATEGORY:
        if buckets := ColumnType.of(column.read).buckets:
            return min(buckets, column.distinct) + bool(column.missing)
        if column.distinct_error:
            return MOST_LEVELS + 1 + bool(column.missing)
        hashes, counts = figures.summary.values.of(column.place)
        rows = dict(zip(map(str, hashes.tolist()), counts.tolist(), strict=True))
        return Category.of(rows, column.missing).width
    flag = int(told_of_missing and column.share_missing > FLAGGED)
    if kind != DATE or column.minimum is None or column.maximum is None:
        return 1 + flag
    has_times = int(figures.summary.counts["whole"][column.place]) < column.values - column.texts
    return 1 + flag + 2 * len(cycles_of(column.minimum, column.maximum, has_times))
