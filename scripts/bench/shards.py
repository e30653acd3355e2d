"""From text to shards, MB per CPU-s: a map task beside pyarrow's parse alone, a reduce task, and the load of a shard.

.venv/bin/python scripts/bench/shards.py [--repeats 7] [--beside ../another/checkout]

Each figure is the fastest of several processes of one thread, taken in turn, without the start of Python. Text and
records lie in memory, what a task writes is counted and dropped. All figures are of MB of text.
"""

import argparse
import io
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from common import PYTHON, REPO, WORK, best, measure, mnist, table, task_order

BLOCK = 4 << 20  # bytes that pyarrow parses at once: as much as a map task reads
SHARDS = 4


def floats(rows=200_000, columns=28) -> Path:
    """A CSV of numbers with 9 decimals behind a label of 0 or 1."""
    import pyarrow as pa
    from pyarrow import csv

    path = WORK / f"floats-{rows}.csv"
    if not path.exists():
        WORK.mkdir(exist_ok=True)
        rng = np.random.default_rng(0)
        values = {f"f{i}": rng.normal(0, 1, rows).round(9) for i in range(columns)}
        csv.write_csv(pa.table({"label": rng.integers(0, 2, rows), **values}), path)
    return path


# --- the works, each in a process of its own: all that comes before is in memory, the work is still to be done ---


def parse(path, order):
    """Pyarrow alone: the table of a text, its types said."""
    import pyarrow as pa
    from pyarrow import csv

    types = dict.fromkeys(order.schema.columns, pa.uint8() if path.name.startswith("mnist") else pa.float32())
    types |= {"label": pa.dictionary(pa.int32(), pa.string())}
    text = pa.py_buffer(path.read_bytes())
    options = {
        "read_options": csv.ReadOptions(use_threads=False, block_size=BLOCK),
        "convert_options": csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=False),
    }
    return lambda: csv.read_csv(pa.BufferReader(text), **options).nbytes


def place(path, order):
    """A map task over a whole file."""
    text = io.BytesIO(path.read_bytes())
    return lambda: map_text(text, order, lambda key, value: None)


def gather(path, order):
    """A reduce task over all shards, until their training would begin."""
    from mrdl.shards.records import Tag

    shards = mapped(path, order)

    def work():
        for key in list(shards):
            loaded(shards.pop(key), order).write(key, Tag.SHARD_ROWS, lambda key, value: None)

    return work


def load(path, order):
    """All cached shards as arrays."""
    from mrdl.shards.records import Tag

    cached = []
    for key, lines in mapped(path, order).items():
        cached.append(packed := [])
        loaded(lines, order).write(key, Tag.SHARD_ROWS, keep_in(packed))
    return lambda: [loaded(lines, order) for lines in cached]


WORKS = {
    parse: "pyarrow.csv.read_csv alone",
    place: "map task, text to packed records",
    gather: "reduce task but for the training, packed records to cached shards",
    load: "load of all cached shards, once a round",
}


def map_text(text, order, write):
    from mrdl.data.text.csv import BlockParser
    from mrdl.rounds import tasks

    tasks.map_rows(text, write, order, BlockParser(order.schema).parse, tasks.Split("", 0))


def mapped(path, order):
    """The lines that a map task writes, by shard; the samples left out."""
    from mrdl.shards.keys import shard_keys

    shards = {key: [] for key in shard_keys(SHARDS, order.reducers)}
    writers = {key: keep_in(lines) for key, lines in shards.items()}
    map_text(io.BytesIO(path.read_bytes()), order, lambda key, value: key in writers and writers[key](key, value))
    return shards


def keep_in(lines):
    return lambda key, value: lines.append(key + b"\t" + value + b"\n")


def loaded(lines, order):
    from mrdl.shards.loaded import LoadedShard

    return LoadedShard(lines, order.config.task_memory_mb << 20)


def one(name, path):
    """Do one of the works, and print its CPU seconds."""
    from mrdl.rounds.order import Order

    with tempfile.TemporaryDirectory() as folder:
        order = Order.from_json(task_order(path, folder, shards=SHARDS).read_text())
    work = globals()[name](path, order)
    began = time.process_time()
    work()
    print(json.dumps(time.process_time() - began))


# --- the table ---


def figures(path, repeats, trees):
    """The fastest CPU seconds by work and checkout: {work: [seconds by each]}, pyarrow's but once."""

    def run(work, tree):
        command = [PYTHON, __file__, "--one", work.__name__, path]
        env = {"PYTHONPATH": str(tree), "SETUPTOOLS_USE_DISTUTILS": "stdlib"}
        return Seconds(float(measure(command, env=env).out))

    wanted = [(work, tree) for work in WORKS for tree in (trees if work is not parse else trees[:1])]
    commands = {f"{work.__name__} {tree}": (lambda work=work, tree=tree: run(work, tree)) for work, tree in wanted}
    found = best(repeats, **commands)
    return {work: [found[key].cpu for tree in trees if (key := f"{work.__name__} {tree}") in found] for work in WORKS}


class Seconds:
    """What `best` compares: CPU seconds that a process told of itself."""

    def __init__(self, cpu):
        self.cpu = cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--beside", type=Path, help="another checkout, measured in turn with this one")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return one(options.one[0], Path(options.one[1]))
    trees = [*([options.beside.resolve()] if options.beside else []), REPO]
    of = {REPO: "here"} if len(trees) == 1 else {trees[0]: "beside", REPO: "here"}
    for title, path in (("MNIST, 784 whole numbers", mnist()), ("28 columns of 9 decimals", floats())):
        size = path.stat().st_size / 1e6
        found = figures(path, options.repeats, trees)
        limit = found[parse][0]
        rows = []
        for work, seconds in found.items():
            for tree, cpu in zip(trees if work is not parse else [None], seconds, strict=True):
                name = WORKS[work] + (f" ({of[tree]})" if tree and len(trees) > 1 else "")
                rows.append([name, f"{cpu:.2f}", f"{size / cpu:.0f}", f"{limit / cpu:.2f}"])
        table(f"{title}: a CSV of {size:.0f} MB, {SHARDS} shards", rows, ["", "CPU s", "MB per CPU-s", "of pyarrow's"])


if __name__ == "__main__":
    main()
