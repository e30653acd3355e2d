"""Chooses by the statistics of the data, and by settings, what becomes of each column."""

from collections.abc import Sequence

import numpy as np

from mrdl.data.preparation.categories import Category
from mrdl.data.preparation.dates import cycles_of
from mrdl.data.preparation.inputs import Inputs
from mrdl.data.preparation.scaling import LIMIT, STANDARD, Scaling
from mrdl.data.sample import Sample
from mrdl.data.statistics import Statistics
from mrdl.data.text.schema import Schema
from mrdl.data.types import CATEGORY, DATE, NUMBER

FLAGGED = 0.05  # share of a column that is missing, from which on a network is told where
LEAST_DEVIATION = 1e-3  # of the range: rare values of a column that hardly varies stay below the limit of others

Range = tuple[np.ndarray, np.ndarray]  # least and largest value of each column, (columns,) float64


def choose_inputs(statistics: Statistics, schema: Schema, scaling: Scaling) -> Inputs:
    """Return the inputs that the statistics of all rows, and a sample where the scaling needs one, decide."""
    kinds = np.array([each.kind for each in schema.feature_types[: len(schema.features)]], object)
    statistics = statistics.of_columns(len(kinds))  # behind them there may be targets
    low, high = statistics.minimum.astype(np.float64), statistics.maximum.astype(np.float64)
    empty = (low > high) | (kinds == CATEGORY)  # no row has a value there, or codes, which are none
    low[empty] = high[empty] = 0
    sample = statistics.sample.of_columns(len(kinds)) if statistics.sample else None
    most = [each.buckets or scaling.levels for each in schema.feature_types]
    if scaling.how == STANDARD:
        assert sample is not None, "the sample is there before rows are scaled by it"
        shift, factor = _standard(sample, low, high)
    else:
        shift, factor = _min_max(low, high, _in_common(statistics, scaling, kinds))
    limit = LIMIT if scaling.how == STANDARD else None
    absent = np.zeros(len(kinds)) if sample is None else sample.missing
    return Inputs(
        shift=shift,
        factor=factor,
        fill=_fill(scaling, schema.features, sample, shift, factor),
        threshold=scaling.threshold,
        limit=limit,
        flagged=() if sample is None else _places((kinds != CATEGORY) & (sample.share_missing > FLAGGED)),
        cycles={
            i: cycles_of(low[i], high[i], sample is not None and not sample.whole[i]) for i in _places(kinds == DATE)
        },
        categories={
            i: Category.of(statistics.levels.get(i, {}), int(absent[i]), most[i]) for i in _places(kinds == CATEGORY)
        },
    )


def _places(chosen: np.ndarray) -> tuple[int, ...]:
    """Return the places of columns that are chosen, (columns,) bool."""
    return tuple(np.flatnonzero(chosen).tolist())


def looks_like_pixels(statistics: Statistics) -> bool:
    """Return whether one unit for all columns fits.

    So it does for whole numbers from 0 to 255 where most columns that vary reach the same height.
    """
    high = statistics.maximum[statistics.maximum > statistics.minimum]
    return bool(statistics.integral and len(high) and (high >= 0.9 * high.max()).mean() >= 0.5)


def _in_common(statistics: Statistics, scaling: Scaling, kinds: np.ndarray) -> np.ndarray:
    """Return the columns that share one unit, (columns,) bool."""
    plain = kinds == NUMBER
    alike = scaling.how == "common" or (scaling.how == "auto" and plain.all() and looks_like_pixels(statistics))
    return plain & alike


def _min_max(low: np.ndarray, high: np.ndarray, alike: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shift and factor that bring each column to [0, 1] by its range, and those of `alike` by that of all."""
    if alike.any():
        low[alike], high[alike] = low[alike].min(), high[alike].max()
    return low.astype(np.float32), _inverse(high - low)


def _standard(sample: Sample, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shift and factor that bring each column to mean 0 and deviation 1; columns of 0 and 1 stay as they are."""
    flags = (sample.binary > 0) & (low >= 0) & (high <= 1) & (high > low)
    deviation = np.maximum(sample.deviation, LEAST_DEVIATION * (high - low))
    shift, factor = sample.mean.astype(np.float32), _inverse(deviation)
    shift[flags], factor[flags] = 0, 1
    return shift, factor


def _inverse(span: np.ndarray) -> np.ndarray:
    """Return 1 / span as float32, 0 where there is none."""
    found = np.divide(1.0, span, out=np.zeros_like(span), where=span > np.finfo(np.float32).tiny)
    return np.asarray(found.astype(np.float32))


def _fill(
    scaling: Scaling, columns: Sequence[str], sample: Sample | None, shift: np.ndarray, factor: np.ndarray
) -> np.ndarray:
    """Return what a missing value of each column is when it is scaled, (columns,) float32."""
    is_standard = scaling.how == STANDARD
    usual = ("mean" if is_standard else "least") if scaling.missing == "auto" else scaling.missing
    value = _values(usual, sample, shift)
    for name, way in scaling.fill.items():
        place = columns.index(name)
        value[place] = _values(way, sample, shift)[place]
    low, high = (-LIMIT, LIMIT) if is_standard else (0, 1)
    return np.asarray(((value - shift) * factor).clip(low, high).astype(np.float32))


def _values(way: str, sample: Sample | None, shift: np.ndarray) -> np.ndarray:
    """Return what is filled in for missing values in one way, (columns,) float64, not yet scaled.

    way: mean, median, zero, a number, or least: what scaling makes 0 of.
    """
    if way in ("mean", "median"):
        assert sample is not None, "the sample is there before values are filled in by it"
        return np.array(sample.mean if way == "mean" else sample.median)
    if way == "least":
        return shift.astype(np.float64)
    return np.full(len(shift), 0.0 if way == "zero" else float(way))
