"""From the text of a flag or a value of TOML to the type of a setting, and what is said of a name that is unknown."""

import csv
import difflib
import io
from collections.abc import Iterable
from typing import Any

from mrdl.errors import ConfigError


def unknown(what: str, name: str, valid: Any) -> str:
    """The message for a name that is not known: the nearest valid one, or all of them."""
    near = difflib.get_close_matches(name, list(valid), 1)
    return f"unknown {what} {name!r}, " + (
        f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(valid)}"
    )


def _whole(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    return int(value)


def convert(name: str, value: Any, kind: Any) -> Any:
    """The value as `kind`: int, float, str, names, or else whole numbers; raises ConfigError that says which."""
    try:
        if kind is int:
            return _whole(value)
        if kind is float:
            number = float(value)
            if isinstance(value, bool) or number != number:
                raise ValueError
            return number
        if kind is str:
            return str(value).encode().decode()  # of a path there may be bytes that are no text
        if kind == tuple[str, ...]:  # names may hold commas: they are quoted then, as in a CSV
            return tuple(next(csv.reader([value]), []) if isinstance(value, str) else map(str, value))
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(_whole(part) for part in parts)
    except UnicodeEncodeError:
        raise ConfigError(f"{name} is {value!r}, expected UTF-8: settings are kept as text") from None
    except (TypeError, ValueError, OverflowError):
        wanted = {int: "a whole number", float: "a number"}.get(kind, "whole numbers with commas between")
        raise ConfigError(f"{name} is {value!r}, expected {wanted}") from None


def names_as_text(names: Iterable[Any]) -> str:
    """Names with commas between, as `convert` reads them: those that hold commas are quoted."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return text.getvalue()
