"""Columns of a DataFrame whose cells are neither numbers, words nor times, as such ones."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mrdl.data.columnar.kinds import told_hashed_dates
from mrdl.errors import DataError

NESTED = (list, tuple, dict, set, np.ndarray)


def plain(column: Any) -> Any:
    """Return a pandas Series with durations as seconds, periods as their first moment, bytes and mixed cells as text.

    Any other is given back as it is. Raises TypeError for cells that hold several values, UnicodeDecodeError for bytes
    that are no UTF-8.
    """
    import pandas as pd

    if column.dtype.kind == "m":
        return column.dt.total_seconds()
    if isinstance(column.dtype, pd.PeriodDtype):
        return column.dt.to_timestamp()
    if column.dtype != object:
        return column
    found = pd.api.types.infer_dtype(column, skipna=True)
    if found == "bytes":
        return column.map(bytes.decode, na_action="ignore")
    if found in ("mixed", "mixed-integer"):
        if nested := {each.__name__ for each in set(map(type, column)) if issubclass(each, NESTED)}:
            raise TypeError(f"some of its cells are of type {min(nested)}")
        return column.map(str, na_action="ignore")
    return column


def categories_of(frame: Any, said: Iterable[str]) -> list[str]:
    """Return the names of the columns that pandas calls categories, but those of which settings say something else.

    said: names or places of those, perhaps with a writing, as settings have them.
    """
    import pandas as pd

    names = [str(name).strip() for name in frame.columns]
    others = _names_of(said, names)
    kinds = zip(names, frame.dtypes, strict=True)
    return [name for name, kind in kinds if isinstance(kind, pd.CategoricalDtype) and name not in others]


def refuse_hashed_dates(frame: Any, said: Iterable[str]) -> None:
    """Raise DataError where a column that settings hash holds dates: their text is another in each kind of file.

    said: as `categories_of` takes them.
    """
    names = [str(name).strip() for name in frame.columns]
    hashed = _names_of(said, names)
    for name, kind in zip(names, frame.dtypes, strict=True):
        if name in hashed and getattr(kind, "kind", "") == "M":
            raise DataError(told_hashed_dates(name))


def _names_of(said: Iterable[str], names: Sequence[str]) -> set[str]:
    """Return the names of columns that settings name, or count; a place that no column has stays, to be refused."""
    found = set()
    for each in said:
        name = each if each in names else each.partition("=")[0]
        is_place = name not in names and name.lstrip("-").isdecimal() and -len(names) <= int(name) < len(names)
        found.add(names[int(name)] if is_place else name)
    return found
