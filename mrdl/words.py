"""Text of others in messages of ours: short enough to be read, and never a command to the terminal."""

import logging
import unicodedata
from typing import TextIO

SHOWN = 120  # characters of a line, a cell or a name that a message shows


def printable(text: str) -> str:
    """The text with what a terminal might obey, or a reader cannot see, escaped: controls and marks of direction.

    Line ends and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char
    return char.encode("unicode_escape").decode()


def brief(text: str, most: int = SHOWN) -> str:
    """The text in quotation marks on one line, cut where it is long."""
    cut = text[:most]
    shown = repr(cut)
    return (
        shown if len(text) <= most and len(shown) <= most + 2 else f"{shown[: most - 2].rstrip(chr(92))}...{shown[0]}"
    )


def say(text: object, file: TextIO | None = None) -> None:
    """Print text for people, on standard output if not elsewhere."""
    print(printable(str(text)), file=file)


class Notes(logging.Formatter):
    """Log records as notes for people."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging."""
        return printable(super().format(record))
