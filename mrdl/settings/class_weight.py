"""How much rows of each class count in training, as the setting `class_weight` has it: none, balanced, or by class."""

import csv
import math
from collections.abc import Mapping
from typing import Any

from mrdl.errors import ConfigError
from mrdl.settings.fields import names_as_text

NONE, BALANCED = "none", "balanced"
EXPECTED = f"expected {NONE}, {BALANCED}, or a number above 0 by class, as yes=5,no=1"


def read_class_weight(name: str, value: Any) -> str:
    """The setting as one text, the same however it was said: of a table of a file or a dict, class -> number, or text.

    read_class_weight("class_weight", {"yes": 5})  # yes=5.0
    """
    if isinstance(value, Mapping):
        found = {str(each): number for each, number in value.items()}
    elif not isinstance(value, str):
        raise ConfigError(f"{name} is {value!r}, {EXPECTED}")
    elif value.strip() in (NONE, BALANCED):
        return value.strip()
    else:
        cells = [cell.rpartition("=") for cell in next(csv.reader([value]), [])]
        found = {label.strip(): number for label, _, number in cells}
        if len(found) < len(cells):
            raise ConfigError(f"{name} is {value!r}, in which a class is named twice")
    try:
        numbers = {label: float(number) for label, number in found.items()}
    except (TypeError, ValueError):
        raise ConfigError(f"{name} is {value!r}, {EXPECTED}") from None
    if not numbers or not all(label and 0 < number < math.inf for label, number in numbers.items()):
        raise ConfigError(f"{name} is {value!r}, {EXPECTED}")
    return names_as_text(f"{label}={numbers[label]!r}" for label in sorted(numbers))


def by_class(text: str) -> dict[str, float]:
    """The numbers that `read_class_weight` has written, by class."""
    cells = (cell.rpartition("=") for cell in next(csv.reader([text])))
    return {label: float(number) for label, _, number in cells}
