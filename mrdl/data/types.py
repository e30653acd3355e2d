"""What the columns of a table hold: numbers, categories or dates, and how those are written."""

from dataclasses import dataclass

NUMBER, CATEGORY, DATE = "number", "category", "date"
KINDS = {
    NUMBER: "a value is a 32-bit float",
    CATEGORY: "a value is the code of its level, the text of the cell",
    DATE: "a value is days since 1970-01-01 in UTC, with their fraction",
}


@dataclass(frozen=True)
class ColumnType:
    """What a column holds.

    kind: a key of KINDS; format: how the cells are written, "" in the plain way.

    ColumnType.of("date %d.%m.%Y") == ColumnType("date", "%d.%m.%Y")
    """

    kind: str = NUMBER
    format: str = ""

    def __str__(self) -> str:
        """Return the text that `of` reads."""
        return f"{self.kind} {self.format}".rstrip()

    @classmethod
    def of(cls, text: str) -> "ColumnType":
        """Return the type that `str` has written; raises ValueError for one of no known kind."""
        kind, _, written = text.partition(" ")
        if kind not in KINDS:
            raise ValueError(f"a column of kind {kind!r}, expected one of {', '.join(KINDS)}")
        return cls(kind, written)


PLAIN = ColumnType()
