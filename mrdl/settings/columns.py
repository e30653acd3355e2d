"""The table [columns] of a file of settings: what each column is, said in one place."""

from collections.abc import Mapping, Sequence
from typing import Any

from mrdl.errors import ConfigError

IGNORE = "ignore"
SETTINGS = {"number": "number", "category": "category", "hash": "hash", "date": "date", IGNORE: "drop"}
WRITTEN = ("number", "hash", "date")  # after which something may follow


def settings_of_columns(table: Mapping[str, Any]) -> dict[str, list[str]]:
    """The settings that a table of columns means.

    table: name -> number, category, hash, date, or ignore; a number or a date perhaps with the way it is written, a
    hash with its number of buckets.
    Raises ConfigError for anything else.

    settings_of_columns({"when": "date %d/%m/%Y", "id": "ignore"}) == {"date": ["when=%d/%m/%Y"], "drop": ["id"]}
    """
    found: dict[str, list[str]] = {}
    for name, said in table.items():
        kind, _, written = said.partition(" ") if isinstance(said, str) else ("", "", "")
        if kind not in SETTINGS or (written and kind not in WRITTEN):
            raise ConfigError(f"[columns] {name} is {said!r}, expected one of {', '.join(SETTINGS)}")
        found.setdefault(SETTINGS[kind], []).append(f"{name}={written}" if written else name)
    return found


def with_table(settings: Mapping[str, Sequence[str]], table: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The settings of SETTINGS with the columns that a table adds to them.

    settings: name -> columns, as they stand beside the table in a file. Raises ConfigError where both say something of
    one column.
    """
    for name in table:
        for setting, columns in settings.items():
            if any(each == name or each.startswith(f"{name}=") for each in columns):
                raise ConfigError(f"column {name!r} is said in [columns] and in {setting}, too: leave out one of them")
    added = settings_of_columns(table)
    return {setting: (*settings.get(setting, ()), *columns) for setting, columns in added.items()}
