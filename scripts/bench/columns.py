#!/usr/bin/env python3
"""How fast columns of all kinds become rows, in MB of text a CPU second: .venv/bin/python scripts/bench/columns.py"""

import time

import numpy as np

from mrdl.data.text.csv import BlockParser, whole_lines
from mrdl.data.text.schema import Schema
from mrdl.data.types import PLAIN, ColumnType

ROWS, READ_BYTES = 100_000, 4 << 20
CATEGORY, DATE = ColumnType("category"), ColumnType("date")


def tables(rng: np.random.Generator) -> dict[str, tuple[list[np.ndarray], list[ColumnType]]]:
    """Columns of text and their types, by what they hold."""
    words = [rng.choice([f"level {i}" for i in range(n)], ROWS) for n in (2, 5, 16, 40, 3000)]
    numbers = [np.round(rng.normal(size=ROWS), 4).astype(str) for _ in range(5)]
    dates = [rng.choice([f"2025-01-{i:02}" for i in range(1, 29)], ROWS) for _ in range(5)]
    amounts = [np.char.add("$", np.round(rng.random(ROWS) * 1000, 2).astype(str)) for _ in range(2)]
    mixed = [*words, *numbers, dates[0], amounts[0]]
    return {
        "numbers": (numbers, [PLAIN] * 5),
        "categories": (words, [CATEGORY] * 5),
        "dates": (dates, [DATE] * 5),
        "amounts, $1.50": (amounts, [ColumnType("number", "1234.5")] * 2),
        "all of them": (mixed, [CATEGORY] * 5 + [PLAIN] * 5 + [DATE, ColumnType("number", "1234.5")]),
    }


def main() -> None:
    print("| columns | MB | MB per CPU second |\n|---|---|---|")
    for name, (columns, types) in tables(np.random.default_rng(0)).items():
        text = ("\n".join(map(",".join, zip(*(c.tolist() for c in columns), strict=True))) + "\n").encode()
        schema = Schema(tuple(f"c{i}" for i in range(len(types))), None, None, (), tuple(types))
        parts = list(whole_lines([text[i : i + READ_BYTES] for i in range(0, len(text), READ_BYTES)], None))
        parser, spent = BlockParser(schema), []
        for _ in range(3):
            began = time.process_time()
            for part in parts:
                parser.parse(part)
            spent.append(time.process_time() - began)
        print(f"| {name} | {len(text) / 1e6:.1f} | {len(text) / 1e6 / min(spent):.0f} |")


if __name__ == "__main__":
    main()
