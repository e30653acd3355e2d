"""What commands say in words, as the pages show it: columns by their names, uploaded tables without their folders."""

import ast
import re
from pathlib import Path

from mrdl.web.tables.naming import ID

CHOSEN = re.compile(r"""(column \d+)(?: ('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))?""")  # a name stands as Python writes it


def label_of(told: object) -> str | None:
    """The name of a column of which a sentence is told, or its place where it has none; other text as it is.

    label_of("column 2 'class', as asked for (2 values in 400 rows)") == "class"
    label_of("column 2, as asked for") == "column 2"
    """
    if not isinstance(told, str):
        return None
    found = CHOSEN.match(told)
    if found is None:
        return told
    return str(ast.literal_eval(found[2])) if found[2] else found[1]


def without_folders(words: str, home: Path) -> str:
    """Words in which tables that were uploaded have their names alone, not the folders where the server keeps them.

    without_folders("/lab/tables/0a1b2c3d4e5f/x.csv line 3: 2 columns", Path("/lab")) == "x.csv line 3: 2 columns"
    """
    return re.sub(rf"{re.escape(str(home))}/tables/{ID.pattern}/", "", words)
