"""Cells of tables that are written as CSV, which spreadsheets open, too."""

from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # by which a spreadsheet knows one


def no_formula(cell: Any) -> Any:
    """A cell as it is, but for text that a spreadsheet would take for a formula.

    no_formula("=1+1") == "'=1+1"
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
