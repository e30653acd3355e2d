"""Numbers as people write them: with decimal commas, thousands apart, per cent and currencies."""

import functools
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mrdl.data.text.arrays import mask_of
from mrdl.settings.fields import FLOAT32_MAX

PLAIN_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_BLANK = "\u00a0\u2009\u202f "  # that set thousands apart: no-break, thin, and plain
_APOSTROPHE = "'\u2019"
WRITINGS = {  # how a number is written, by an example -> what may set thousands apart, and the decimal mark
    "1234.5": ("", "."),
    "1234,5": ("", ","),
    "1,234.5": (",", "."),
    "1.234,5": (".", ","),
    "1 234.5": (_BLANK, "."),
    "1 234,5": (_BLANK, ","),
    "1'234.5": (_APOSTROPHE, "."),
}
"""The writings of numbers that are not plain. In each a currency or a sign of per cent may stand beside the number, and
brackets around it for a minus."""

_CURRENCY = (
    r"(?:US\$|R\$|A\$|C\$|[$€£¥₹₽₩₺₴₪₫₦฿¢]|Fr\.|kr\.?|zł|Kč|Ft|lei|"
    r"(?:EUR|USD|GBP|CHF|JPY|CNY|SEK|NOK|DKK|PLN|CZK|HUF|RON|INR|AUD|CAD|NZD|BRL|MXN|ZAR|TRY|RUB|KRW|SGD|HKD|ILS))"
)
_MINUS, _PER_MILLE = "\u2212", "\u2030"  # signs that look like others
_SIGN = rf"[+\-{_MINUS}]"


@functools.cache
def _expression(writing: str) -> str:
    """Return the regular expression of a number in a writing: a sign, before or after a currency, and digits."""
    apart, decimal = WRITINGS[writing]
    whole = f"(?:[0-9]{{1,3}}(?:[{re.escape(apart)}][0-9]{{3}})+|[0-9]+)" if apart else "[0-9]+"
    digits = rf"(?:{whole}(?:{re.escape(decimal)}[0-9]*)?|{re.escape(decimal)}[0-9]+)(?:[eE][+\-]?[0-9]+)?"
    around = rf"[{_BLANK}]?"
    return (
        rf"^(\(?)({_SIGN}?){around}(?:{_CURRENCY}{around})?({_SIGN}?)({digits})"
        rf"(?:{around}(?:%|{_PER_MILLE}|{_CURRENCY}))?(?:\)?)$"
    )


def is_written(texts: pa.Array, writing: str = "") -> np.ndarray:
    """Return which texts are numbers in a writing, plain ones where it is empty, (texts,) bool."""
    found = mask_of(pc.match_substring_regex(texts, _expression(writing) if writing else PLAIN_NUMBER))
    if writing:  # a bracket needs its other half
        found &= mask_of(pc.starts_with(texts, "(")) == mask_of(pc.ends_with(texts, ")"))
    return found


def is_beyond(text: str) -> bool:
    """Return whether a text is a plain number that 32 bits cannot hold."""
    return bool(re.match(PLAIN_NUMBER, text, re.ASCII)) and abs(float(text)) > FLOAT32_MAX


def as_plain(texts: pa.Array, writing: str) -> pa.Array:
    """Return numbers of a writing in the plain way, as far as they are some; without per cent and currency."""
    apart, decimal = WRITINGS[writing]
    plain = pc.replace_substring_regex(texts, _expression(writing), r"\1\2\3\4")
    if apart:
        plain = pc.replace_substring_regex(plain, f"[{re.escape(apart)}]", "")
    if decimal != ".":
        plain = pc.replace_substring(plain, decimal, ".")
    return pc.replace_substring_regex(plain, rf"^(?:\(|{_MINUS})", "-")
