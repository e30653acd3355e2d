"""Tells what stands between the cells of a table: by what parts its lines into as many cells each."""

import re
from collections import Counter
from collections.abc import Sequence

from mrdl.data.text.schema import cells_of
from mrdl.errors import ConfigError

AUTO = "auto"
NAMED = {"tab": "\t", "blank": " "}
MARKS = ("\t", "\x01", ";", "|", ",")  # those that are hardly ever in a cell first; \x01 is Hive's
SURE = MARKS[:2]
EVEN = 0.8  # of the lines that have as many cells as most
_WITH_COMMA = re.compile(r"[-+(]?\s*[^\d\s,;|]{0,4}\s*\d[\d.\s']*,\d+\s*[^\d\s,;|]{0,4}\)?")
_NUMBER = re.compile(r"\s*[-+]?[\d.,]*(e[-+]?\d+)?\s*", re.IGNORECASE)


def separator_of(lines: Sequence[str], said: str = AUTO) -> str:
    """Return what stands between cells; a blank for any number of blanks and tabs.

    lines: the first ones that are not blank; said: the setting. Raises ConfigError where that is no mark.
    """
    if said != AUTO:
        mark = NAMED.get(said, said)
        if len(mark) != 1 or mark.isalnum() or mark in '"\n\r' or not mark.isascii():
            raise ConfigError(f"separator is {said!r}, expected one mark, as ; or |, or one of {AUTO}, tab, blank")
        return mark
    there = [mark for mark in MARKS if mark in lines[0]]
    even = [mark for mark in there if _is_even([len(cells_of(line, mark)) for line in lines])]
    for mark in even:
        if mark in SURE or "," not in even or _has_decimal_commas(lines, mark):
            return mark
    last = lines[min(1, len(lines) - 1)].split()
    if not even and "," not in lines[0] and len(last) > 1 and _are_numbers(last):
        return " "
    return ","


def _is_even(widths: Sequence[int]) -> bool:
    """Return whether most lines have as many cells, and those are more than one."""
    width, lines = Counter(widths).most_common(1)[0]
    return width > 1 and lines >= EVEN * len(widths)


def _has_decimal_commas(lines: Sequence[str], mark: str) -> bool:
    """Return whether each comma in the cells that a mark parts is within a number: 1,5 and not 1,2,3 or a,b."""
    cells = [cell.strip() for line in lines[1:] or lines for cell in cells_of(line, mark) if "," in cell]
    return all(map(_WITH_COMMA.fullmatch, cells))


def _are_numbers(cells: Sequence[str]) -> bool:
    """Return whether cells are numbers; one of them need not be: it may be a label."""
    wrong = [cell for cell in cells if not _NUMBER.fullmatch(cell)]
    return len(wrong) <= (len(cells) > 2)
