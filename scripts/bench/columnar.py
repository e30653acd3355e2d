"""How fast one core reads Parquet and ORC, beside the same rows as CSV: megabytes of that CSV for a second of CPU.

    python scripts/bench/columnar.py [ROWS]

Three tables: 28 floats; numbers, categories and dates; 784 pixels. A task of the first job reads by these calls.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import orc, parquet

from mrdl.data.columnar.files import ORC, PARQUET, ColumnFile, Place
from mrdl.data.columnar.pieces import Piece, blocks_of
from mrdl.data.source import Source
from mrdl.data.text.csv import read_blocks
from mrdl.settings.config import TrainConfig
from mrdl.storage.store import text_chunks

GROUP_ROWS = 100_000


def tables(rows):
    rng = np.random.default_rng(0)
    label = pa.array(rng.integers(0, 2, rows)).cast(pa.string())
    levels = {f"c{i}": pa.array(rng.integers(0, 50, rows)).cast(pa.string()) for i in range(8)}
    numbers = {f"n{i}": rng.normal(size=rows).round(3) for i in range(6)}
    days = pa.array(rng.integers(0, 20_000, rows).astype(np.int32)).cast(pa.date32())
    few = rows // 25
    pixels = {f"p{i}": rng.integers(0, 256, few).astype(np.int16) for i in range(784)}
    yield "28 floats", pa.table({"y": label, **{f"f{i}": rng.normal(size=rows).astype(np.float32) for i in range(28)}})
    yield "8 categories, 6 numbers, a date", pa.table({"y": label, **levels, **numbers, "day": days})
    yield "784 pixels", pa.table({"y": label.slice(0, few), **pixels})


def cpu_s(work):
    began = time.process_time()
    rows = sum(len(block.features) for block in work)
    return time.process_time() - began, rows


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 600_000
    with tempfile.TemporaryDirectory() as folder:
        for name, table in tables(rows):
            text, columns, stripes = (Path(folder, f"x.{kind}") for kind in ("csv", PARQUET, ORC))
            arrow_csv.write_csv(table, text)
            parquet.write_table(table, columns, row_group_size=GROUP_ROWS, compression="zstd")
            orc.write_table(table, stripes, compression="zstd")
            schema = Source.look_at(str(columns), TrainConfig(label="y")).schema
            size = text.stat().st_size / 1e6
            spent, count = cpu_s(block for block, _ in read_blocks(text_chunks(str(text)), schema, text.name))
            print(f"{name}: CSV {size:.0f} MB, {size / spent:.0f} MB/CPU-s", end="")
            for kind, path in ((PARQUET, columns), (ORC, stripes)):
                place = Place(str(path), path.stat().st_size)
                groups = len(ColumnFile(place, kind).groups)
                spent, found = cpu_s(read.block for read in blocks_of(Piece(place, kind, 0, groups, 1), schema))
                assert found == count
                print(f"; {kind} {place.size / 1e6:.0f} MB, {size / spent:.0f} MB of the CSV/CPU-s", end="")
            print()


if __name__ == "__main__":
    main()
