"""Gives lines of text the keys of their file's partition folders as further cells."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mrdl.data.text.csv import whole_lines
from mrdl.data.text.schema import Schema, filled_lines


def with_cells(text: bytes, cells: Sequence[str], separator: str = ",") -> bytes:
    """Return lines with further cells at their ends, but for blank ones. text: lines, the last perhaps without its LF.

    with_cells(b"1,2\\n", ["2025", "a,b"]) == b'1,2,2025,"a,b"\\n'
    """
    more = "".join(separator + _quoted(cell, separator) for cell in cells).encode()
    if not more:
        return text
    if re.search(rb"(?:^|\n)[ \t\v\f\r]*(?:\n|$)", text.removesuffix(b"\n")):  # a blank line
        return b"\n".join(line + more if line.strip() else line for line in text.split(b"\n"))
    body = text.removesuffix(b"\n")
    return body.replace(b"\n", more + b"\n") + more + text[len(body) :]


def with_keys(text: bytes, keys: Mapping[str, str], named: bool | None) -> bytes:
    """Return the first lines of a file with the keys of its partition folders as further cells.

    named: whether the first line that is not blank gets their names, as a header does; None: it stays as it is.
    """
    if not keys or not (lines := filled_lines(text)):
        return text
    values = list(keys.values())
    first = lines[0] if named is None else with_cells(lines[0], list(keys) if named else values)
    return b"\n".join([first, *(with_cells(line, values) for line in lines[1:])]) + b"\n"


def keyed(chunks: Iterable[bytes], schema: Schema, keys: Mapping[str, str]) -> tuple[Iterable[bytes], Schema]:
    """Return a text whose rows have the keys of its partition folders as further cells, and its schema.

    chunks: its bytes, cut anywhere; schema: with the keys; its header line is left empty.
    """
    if not keys:
        return chunks, schema
    lines = whole_lines(chunks, schema.header_crc)
    texts = (with_cells(text, list(keys.values()), schema.separator) for text in lines)
    return texts, replace(schema, header_crc=None)


def _quoted(cell: str, separator: str) -> str:
    """Return a cell as a CSV has it, without line ends."""
    cell = re.sub(r"[\r\n]+", " ", cell)
    return '"' + cell.replace('"', '""') + '"' if separator in cell or '"' in cell else cell
