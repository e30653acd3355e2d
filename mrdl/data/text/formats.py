"""Tells what a file is that is no CSV, by its first bytes or its name, and how to make a CSV of it."""

import re
import shlex
import sys
from dataclasses import dataclass

from mrdl.errors import DataError

UNPACKED_BY_HADOOP_ALONE = (".deflate", ".snappy", ".lz4")
_PYTHON = shlex.quote(sys.executable)  # of which it is known that it has pandas
_PANDAS = _PYTHON + ' -c "import pandas, sys; pandas.{}(sys.argv[1]).to_csv(sys.stdout, index=False)"'
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


@dataclass(frozen=True)
class Format:
    """A kind of file that is no CSV.

    name: as a message has it; first: a pattern of its first bytes.
    filter: a command that makes text of its standard input; command: one that is given the file instead.
    ending: the end of its name by which Hadoop, and mrdl, unpack it; None for a kind that is not unpacked.
    """

    name: str
    first: bytes
    filter: str | None = None
    command: str | None = None
    ending: str | None = None

    def matches(self, head: bytes) -> bool:
        """Return whether a file that begins so is one; text that begins like a name of a format is none."""
        return bool(re.match(self.first, head, re.DOTALL) and _CONTROL.search(head[:512]))


FORMATS = (
    Format("gz", rb"\x1f\x8b", "gzip -dc", ending=".gz"),
    Format("bz2", rb"BZh[1-9](1AY&SY|\x17rE8P\x90)", "bzip2 -dc", ending=".bz2"),
    Format("xz", rb"\xfd7zXZ\x00", "xz -dc"),
    Format("zstd", rb"\x28\xb5\x2f\xfd", "zstd -dc", ending=".zst"),
    Format("lz4", rb"\x04\x22\x4d\x18", "lz4 -dc"),
    Format("compress (.Z)", rb"\x1f\x9d", "gzip -dc"),
    Format("an Excel workbook (xlsx)", rb"PK\x03\x04.{26}(\[Content_Types\]\.xml|_rels/|docProps/|xl/)"),
    Format("an OpenDocument spreadsheet", rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis"),
    Format("zip", rb"PK(\x03\x04|\x05\x06)", command="unzip -p"),
    Format("an old Excel workbook (xls)", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    Format("Parquet", rb"PAR1", command=_PANDAS.format("read_parquet")),
    Format("ORC", rb"ORC", command=_PANDAS.format("read_orc")),
    Format("Feather (Arrow)", rb"ARROW1\x00\x00", command=_PANDAS.format("read_feather")),
    Format("Avro", rb"Obj\x01", command="fastavro"),
    Format("a Hadoop SequenceFile", rb"SEQ[\x00-\x06]", command="hadoop fs -text"),
    Format("a tar archive", rb".{257}ustar", "tar -xO"),
    Format("7z", rb"7z\xbc\xaf\x27\x1c", command="7z x -so"),
    Format("SQLite", rb"SQLite format 3\x00"),
    Format("HDF5", rb"\x89HDF\r\n\x1a\n"),
    Format("NumPy's npy", rb"\x93NUMPY"),
)


def refuse_other_formats(head: bytes, source: str) -> None:
    """Raise DataError, with the way out, where the first bytes of a file, unpacked, are not those of UTF-8 text.

    head: the bytes, some hundred are enough; source: its name for people.
    """
    if found := next((kind for kind in FORMATS if kind.matches(head)), None):
        raise DataError(f"{source} is no CSV: by its first bytes it is {found.name}. {_way_out(found, source)}")
    if _is_utf16(head):
        raise DataError(
            f"{source} is not UTF-8 text (UTF-16?): {_pipe('iconv -f utf-16 -t utf-8', source, 'utf8.csv')}"
        )
    if b"\x00" in head[:4096]:
        shown = head[:8].hex(" ")
        raise DataError(f"{source} is no text: it begins with the bytes {shown}, expected lines with commas between")


def refuse_by_name(path: str) -> None:
    """Raise DataError for a file that Hadoop unpacks by the end of its name, and the other runners do not."""
    if path.endswith(UNPACKED_BY_HADOOP_ALONE):
        ending = path[path.rindex(".") :]
        raise DataError(
            f"{path}: mrdl reads plain text, .gz, .bz2 and .zst, not {ending}: pack it with gzip, or rename it"
        )


def _is_utf16(head: bytes) -> bool:
    """Return whether a text has UTF-16's mark, or a zero in every second byte of much of it."""
    zeros = [head[at:512:2].count(0) for at in (0, 1)]
    return head[:2] in (b"\xff\xfe", b"\xfe\xff") or (min(zeros) == 0 and max(zeros) > len(head[:512]) / 4)


def _way_out(kind: Format, source: str) -> str:
    """Return how to make a CSV of a file, in words and a command."""
    quoted = shlex.quote(source)
    if kind.ending and kind.filter:
        if source.endswith(kind.ending):
            return f"It is packed twice: {_pipe(kind.filter, source, f'once.csv{kind.ending}')}"
        stem = re.sub(rf"{re.escape(kind.ending)}$", "", source, flags=re.IGNORECASE)
        move = "hadoop fs -mv" if source.startswith("hdfs://") else "mv"
        named = f"{move} {quoted} {shlex.quote(stem + kind.ending)}"
        return f"Files are unpacked by the end of their names, .gz, .bz2 or .zst in small letters: {named}"
    if kind.filter:
        return f"Make a CSV of it: {_pipe(kind.filter, source)}"
    if kind.command and source.startswith("hdfs://"):
        return f"Make a CSV of it: hadoop fs -get {quoted} fetched; {kind.command} fetched > data.csv"
    if kind.command:
        return f"Make a CSV of it: {kind.command} {quoted} > data.csv"
    return "Save it as CSV (comma-separated, UTF-8) with the program that wrote it"


def _pipe(program: str, source: str, made: str = "data.csv") -> str:
    """Return a command that makes a file of another through a program, where they lie.

    _pipe("xz -dc", "d.xz")  # xz -dc < d.xz > data.csv
    """
    if source.startswith("hdfs://"):
        return f"hadoop fs -cat {shlex.quote(source)} | {program} | hadoop fs -put - {made}"
    return f"{program} < {shlex.quote(source)} > {made}"
