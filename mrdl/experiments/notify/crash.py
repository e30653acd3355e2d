"""The end of an experiment's log: its last lines, and the traceback that a Python program left there."""

import re
from pathlib import Path

LOOKED_AT = 256 * 1024  # bytes at the end of a log
LONGEST = 500  # characters of a line
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[^\S\n\t ]|[\x00-\x08\x0b-\x1f\x7f]")
_START = "Traceback (most recent call last):"


def tail(log: Path | str, lines: int = 50) -> str:
    """Return the last lines of a log, as a terminal would show them; '' where there is no log.

    Of a progress bar that drew over itself its last state is shown; lines are cut at LONGEST characters.
    """
    try:
        with open(log, "rb") as file:
            file.seek(0, 2)
            start = max(file.tell() - LOOKED_AT, 0)
            file.seek(start)
            data = file.read()
    except OSError:
        return ""
    whole = data.decode(errors="replace").split("\n")
    if start:
        whole = whole[1:] or whole  # the first is the end of one
    if whole and not whole[-1]:
        whole.pop()
    return "\n".join(_shown(line) for line in whole[-lines:]) if lines > 0 else ""


def _shown(line: str) -> str:
    """A line without colours and controls, cut."""
    line = _CONTROLS.sub("", line.rstrip("\r").rpartition("\r")[2])
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."


def traceback(log: Path | str) -> str:
    r"""Return the last traceback of Python's in a log, with the line of the error; '' where there is none.

    Looked at are the last 2000 lines, of LOOKED_AT bytes at most. Of errors that led to one another it is the last.

    traceback("experiments/7/log").split("\n")[-1]  # "ValueError: expected 784 columns, got 785"
    """
    lines = tail(log, 2000).split("\n")
    starts = [i for i, line in enumerate(lines) if line.strip() == _START]
    if not starts:
        return ""
    indent = len(lines[starts[-1]]) - len(lines[starts[-1]].lstrip())
    found = [lines[starts[-1]]]
    for line in lines[starts[-1] + 1 :]:
        found.append(line)
        if line.strip() and len(line) - len(line.lstrip()) <= indent:  # the error itself, no frame
            break
    return "\n".join(found)
