"""What the columns of a table hold: numbers, categories or dates, and how those are written."""

import re
from dataclasses import dataclass

NUMBER, CATEGORY, DATE = "number", "category", "date"
KINDS = {
    NUMBER: "a value is a 32-bit float",
    CATEGORY: "a value is the code of its level, the text of the cell or the bucket of its hash",
    DATE: "a value is days since 1970-01-01 in UTC, with their fraction",
}
HASH = "hash"  # of categories of very many levels: the format "hash 64" has those of one bucket in common
BUCKETS = 64  # where nobody says how many
LEAST_BUCKETS, MOST_BUCKETS = 2, 10_000  # as many as levels may have an input


@dataclass(frozen=True)
class ColumnType:
    """What a column holds.

    kind: a key of KINDS; format: how the cells are written, "" in the plain way.

    ColumnType.of("date %d.%m.%Y") == ColumnType("date", "%d.%m.%Y")
    ColumnType.hashed(256) == ColumnType("category", "hash 256")
    """

    kind: str = NUMBER
    format: str = ""

    def __str__(self) -> str:
        """Return the text that `of` reads."""
        return f"{self.kind} {self.format}".rstrip()

    @classmethod
    def hashed(cls, buckets: int = BUCKETS) -> "ColumnType":
        """Return the type of categories whose levels are so many buckets of a hash."""
        return cls(CATEGORY, f"{HASH} {buckets}")

    @property
    def buckets(self) -> int:
        """How many buckets the levels of a category are shared out to; 0 where each stands for itself."""
        found = re.fullmatch(rf"{HASH} ([1-9][0-9]{{0,4}})", self.format, re.ASCII) if self.kind == CATEGORY else None
        buckets = int(found[1]) if found else 0
        return buckets if LEAST_BUCKETS <= buckets <= MOST_BUCKETS else 0

    @property
    def setting(self) -> str:
        """The setting that says of a column that it holds this."""
        return HASH if self.buckets else self.kind

    @classmethod
    def of(cls, text: str) -> "ColumnType":
        """Return the type that `str` has written; raises ValueError for one of no known kind."""
        kind, _, written = text.partition(" ")
        if kind not in KINDS:
            raise ValueError(f"a column of kind {kind!r}, expected one of {', '.join(KINDS)}")
        return cls(kind, written)


PLAIN = ColumnType()
