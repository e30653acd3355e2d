"""Reads cells as dates, whole columns at once: by a pattern of Python's strptime, in days since 1970-01-01 in UTC.

A pattern says how the date is written; a time, and what it is ahead of UTC, may follow any.
"""

import functools
import re
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mrdl.data.text.arrays import mask_of, places_among, texts_of, values_of

ISO = "%Y-%m-%d"  # of a column of dates of which no pattern is said
SECONDS, MILLISECONDS = "seconds", "milliseconds"  # since 1970-01-01: patterns of whole numbers
DATES = (
    ISO, "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%d-%b-%Y",
    "%b %d, %Y", "%d.%m.%y", "%m/%d/%y", "%d/%m/%y", "%d-%b-%y", "%Y-%m", "%H:%M",
)  # fmt: skip
"""Patterns by which a column is known to hold dates."""
COMPACT = "%Y%m%d"
NUMBERS_AS_DATES = (COMPACT, SECONDS, MILLISECONDS)
"""Patterns that plain numbers fit, too: for columns that are said to hold dates."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
PER_DAY = {SECONDS: 86_400.0, MILLISECONDS: 86_400_000.0}

_PARTS = {
    "Y": r"(?P<Y>[0-9]{4})", "y": r"(?P<y>[0-9]{2})", "m": r"(?P<m>[0-9]{1,2})", "d": r"(?P<d>[0-9]{1,2})",
    "b": r"(?P<b>[A-Za-z]{3})[a-z]*\.?", "B": r"(?P<b>[A-Za-z]{3})[a-z]*\.?", "H": r"(?P<H>[0-9]{1,2})",
    "I": r"(?P<H>[0-9]{1,2})", "M": r"(?P<M>[0-9]{2})", "S": r"(?P<S>[0-9]{2})", "f": r"(?P<f>[0-9]+)",
    "p": r"(?P<p>[AaPp])\.?[Mm]\.?", "z": r"(?P<z>Z|UTC|[+-][0-9]{2}:?[0-9]{2})", "%": "%",
}  # fmt: skip
_MINUTES = r":(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?(?: ?(?P<p>[AaPp])\.?[Mm]\.?)?"
_ZONE = r"(?: ?(?P<z>Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?"
_TIME = rf"(?:(?:[T ]|, )(?P<H>[0-9]{{1,2}}){_MINUTES}{_ZONE})?"
_COMPACT = r"(?P<Y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})"


def days_of(texts: pa.Array, pattern: str) -> tuple[np.ndarray, np.ndarray]:
    """Return days since 1970-01-01 in UTC, with their fraction, (texts,) float64, and a mask of what is no date.

    texts: of strings without blanks around; pattern: of strptime, ISO where it is empty, or SECONDS or MILLISECONDS;
    of a time alone the days are below 1.
    """
    if pattern in PER_DAY:
        return _since_epoch(texts, PER_DAY[pattern])
    expression = expression_of(pattern or ISO)
    wrong = ~mask_of(pc.match_substring_regex(texts, expression))
    if pattern in ("", ISO) and not wrong.any() and (days := _iso_days(texts)) is not None:
        return days, wrong
    found = pc.extract_regex(texts, expression)
    parts = {found.type[i].name: pc.coalesce(each, _scalar("")) for i, each in enumerate(found.flatten())}
    number = {name: _whole(parts[name]) for name in "YymdHMS" if name in parts}
    if "b" in parts:
        number["m"] = places_among(pc.ascii_lower(parts["b"]), MONTHS) + 1
    day, is_date = _dates(number, len(texts))
    seconds, is_time = _times(number, parts)
    wrong |= ~(is_date & is_time)
    return np.where(wrong, 0.0, day + seconds / 86_400.0), wrong


@functools.cache
def expression_of(pattern: str) -> str:
    """Return the regular expression of a pattern; raises ValueError for one that holds no date and no time.

    A time is optional behind a pattern without one.
    """
    if pattern == COMPACT:
        return f"^{_COMPACT}{_TIME}$"
    made, i = "", 0
    while i < len(pattern):
        if pattern[i] == "%" and i + 1 < len(pattern):
            if (letter := pattern[i + 1]) not in _PARTS:
                raise ValueError(f"%{letter} is no part of a date, expected one of %{', %'.join(_PARTS)}")
            made += _PARTS[letter]
            i += 2
        else:
            made += re.escape(pattern[i])
            i += 1
    try:
        names = set(re.compile(made).groupindex)
    except re.error:
        raise ValueError(f"{pattern!r} has a part twice") from None
    if not ({"Y", "y"} & names or "H" in names):
        raise ValueError(f"{pattern!r} has neither a year nor an hour, as %Y-%m-%d has")
    if pattern == "%H:%M":
        return f"^(?P<H>[0-9]{{1,2}}){_MINUTES}{_ZONE}$"
    return f"^{made}{_TIME if 'H' not in names else ''}$"


def _scalar(text: str) -> pa.StringScalar:
    """Return a text as Arrow has it; pa.scalar(text) would import pandas."""
    return texts_of([text])[0]


def _iso_days(texts: pa.Array) -> np.ndarray | None:
    """Return what `days_of` does of dates in ISO's way, in a fifth of its time; None where not all are read so."""
    for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        try:
            return values_of(pc.cast(texts, kind).cast(pa.int64())) / 86_400e6
        except pa.ArrowInvalid:
            continue
    return None


def _whole(digits: pa.Array) -> np.ndarray:
    """Return texts of digits, or none, as whole numbers, (texts,) int64; no digits are 0."""
    padded = pc.replace_substring_regex(digits, "^", "0")
    return values_of(padded.cast(pa.int64()))


def _dates(number: Mapping[str, np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the days since 1970-01-01 of years, months and days, (count,) int64, and which of them there are.

    The civil calendar as H. Hinnant reckons it: years begin in March, so that the leap day is the last.
    """
    if "Y" not in number and "y" not in number:
        return np.zeros(count, np.int64), np.ones(count, bool)
    year = number.get("Y")
    if year is None:
        short = number["y"]
        year = np.where(short < 69, 2000 + short, 1900 + short)  # as POSIX has it
    one = np.ones(count, np.int64)
    month, day = number.get("m", one), number.get("d", one)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])[np.clip(month, 0, 12)] + (leap & (month == 2))
    known = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= last)
    shifted = year - (month <= 2)
    era, of_era = shifted // 400, shifted % 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468, known


def _times(
    number: Mapping[str, np.ndarray], parts: Mapping[str, pa.Array]
) -> tuple[np.ndarray | float, np.ndarray | bool]:
    """Return the seconds of the day in UTC, and which are times."""
    if "H" not in number:
        return 0.0, True
    hour, minute = number["H"], number.get("M", np.zeros_like(number["H"]))
    second = number.get("S", np.zeros_like(hour))
    known = (hour <= 24) & (minute <= 59) & (second <= 60)
    if "p" in parts:
        letter = pc.ascii_lower(parts["p"])
        halves, after = (mask_of(pc.equal(letter, _scalar(each))) for each in ("a", "p"))
        known &= ~(halves | after) | ((hour >= 1) & (hour <= 12))
        hour = np.where(halves | after, hour % 12 + 12 * after, hour)
    seconds = hour * 3600.0 + minute * 60.0 + second
    if "f" in parts:
        seconds += _whole(pc.utf8_slice_codeunits(pc.utf8_rpad(parts["f"], 9, "0"), 0, 9)) / 1e9
    if "z" in parts:
        digits = _whole(pc.replace_substring_regex(parts["z"], "[^0-9]", ""))
        sign = np.where(mask_of(pc.starts_with(parts["z"], "-")), -1, 1)
        seconds = seconds - sign * (digits // 100 * 3600 + digits % 100 * 60)
    return seconds, known


def _since_epoch(texts: pa.Array, per_day: float) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers of seconds, say, as days, and a mask of what is no number."""
    number = pc.match_substring_regex(texts, r"^-?[0-9]{1,15}(?:\.[0-9]+)?$")
    wrong = ~mask_of(number)
    values = pc.if_else(number, texts, _scalar("0")).cast(pa.float64())
    return values_of(values) / per_day, wrong
