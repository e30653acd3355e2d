"""Wide tables: samples are capped by bytes, and their rows are held once, by driver and tasks."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from mappers import CONFIG, NO_LIMIT, WAYS, arrivals, block, cut, in_order, lines_of, shards_of, warm, written
from pyarrow import csv

from mrdl.data.hashing import warm_rank
from mrdl.data.sample import Sample
from mrdl.rounds.order import read_output
from mrdl.settings.config import TrainConfig
from mrdl.shards import loaded
from mrdl.shards.keys import WARM_KEY
from mrdl.shards.loaded import LoadedShard
from mrdl.shards.lowest import Lowest
from mrdl.shards.records import Tag, rows_in, split_line
from mrdl.shards.records import lines_of as lines_in

PEAK = """
import re, sys
from mrdl.cli.main import main
status = main(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    file.write(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
sys.exit(status)
"""


@pytest.fixture
def rows(table) -> tuple[np.ndarray, np.ndarray]:
    """The digits: features (1797, 64) uint8, and the label of each row as text."""
    return table.features, table.targets.astype(str)


# --- caps ---


def test_a_sample_has_as_many_rows_as_ever_but_of_a_wide_table():
    config = TrainConfig()
    assert [config.sample_rows(columns) for columns in (0, 28, 784, 838)] == [20_000] * 4
    assert (config.sample_rows(1678), config.sample_rows(20_000), config.sample_rows(100_000)) == (9_998, 1_000, 1_000)
    assert TrainConfig(warm_rows=5_000).sample_rows(20_000) == 5_000, "what was said stays"


def test_a_mapper_of_wide_rows_sends_few_of_them_to_the_samples():
    """In a random order the i-th row is among the k lowest so far with chance k / i: k (1 + ln(n / k)) in all."""
    columns, count = 20_000, 4_000
    features = np.zeros((count, columns), np.uint8)
    features[:, :2] = np.stack([np.arange(count) // 256, np.arange(count) % 256], 1)
    lines = lines_of(
        cut(features, np.arange(count) % 2, 400), config=TrainConfig(warm_rows=1_000, shards=1, validation=0.5)
    )
    for key in (WARM_KEY, b"validation"):
        values = [split_line(line)[1] for line in lines[key]]
        sent = sum(rows_in(value)[0] for value in values if Tag.of(value).has_rows)
        assert 1_000 <= sent < 1.15 * 1_000 * (1 + np.log(2))


# --- a task ---


@pytest.mark.parametrize("limit", [0, 20_000, NO_LIMIT])
@pytest.mark.parametrize("way", WAYS)
def test_the_rows_that_rank_lowest_are_those_of_all_rows(rows, way, limit, monkeypatch):
    """Where no others are held: whatever way they come, and whether packed lines wait in a file."""
    monkeypatch.setattr(loaded, "PACKED_BYTES", limit)
    lines = lines_of(*arrivals(*rows)[way])[WARM_KEY]
    for most in (1, 60, 5_000):
        found = LoadedShard(lines, limit, Lowest(most, warm_rank))
        assert len(found.order) == min(most, len(warm(*arrivals(*rows)[way]).order))
        assert in_order(found.lowest(most, warm_rank)) == in_order(warm(*arrivals(*rows)[way]).lowest(most, warm_rank))


def test_copies_of_the_last_row_that_is_kept_are_all_there_to_choose_from(rows):
    features, labels = rows[0][:7].repeat(30, 0), rows[1][:7].repeat(30)
    lines = lines_of([block(features, labels)], config=TrainConfig(warm_rows=20_000, shards=3, validation=0.0))
    found = LoadedShard(lines[WARM_KEY], NO_LIMIT, Lowest(100, warm_rank))
    assert len(found.order) == 120 and len(found.lowest(100, warm_rank).order) == 100


def test_a_sample_that_is_wanted_whole_is_not_copied(rows):
    whole = warm([block(*rows)])
    assert whole.lowest(len(whole.order), warm_rank).features is whole.features


def test_what_a_sample_tells_does_not_hang_on_a_copy_of_its_rows_in_their_order():
    raw = np.random.default_rng(0).normal(5, 3, (400, 7)).astype(np.float32)
    raw[3, 2] = np.nan
    order = np.random.default_rng(1).permutation(400)[:250]
    known, found = Sample.of(raw[order]).arrays(), Sample.of(raw, order).arrays()
    assert {name: array.tobytes() for name, array in found.items()} == {
        name: array.tobytes() for name, array in known.items()
    }


def test_packed_lines_wait_in_a_file_where_they_are_many(rows, monkeypatch, tmp_path):
    monkeypatch.setattr(loaded, "PACKED_BYTES", 1_000)
    monkeypatch.chdir(tmp_path)
    known = shards_of(cut(*rows, 100))[0]
    spool = loaded.RowSpool(NO_LIMIT)
    for line in written(known) * 3:
        spool.append(split_line(line)[1])
    held = sum(map(sys.getsizeof, spool._lines))
    assert held == 0 and len(list(spool.unpacked())) == 3
    assert in_order(LoadedShard(written(known), NO_LIMIT))[0] == in_order(known)[0]


# --- the driver ---


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_brought_into_an_order_in_place(rows, seed):
    shard = shards_of([block(*rows)], config=CONFIG)[0]
    known, features = in_order(shard), shard.features
    expected = shard.features.copy(), shard.hashes.copy(), [shard.label_names[code] for code in shard.codes]
    order = np.random.default_rng(seed).permutation(len(shard.order))
    shard.arrange(order)
    assert shard.features is features and in_order(shard) == known
    np.testing.assert_array_equal(shard.features, expected[0][order])
    np.testing.assert_array_equal(shard.hashes, expected[1][order])
    assert [shard.label_names[code] for code in shard.codes] == [expected[2][i] for i in order]


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_lines_are_found_in_bytes_that_are_cut_anywhere_and_are_held_once(rows, size):
    lines = written(shards_of([block(*rows)])[-1])
    text = b"".join(lines)
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    assert list(lines_in(chunks)) == [line.rstrip(b"\n") for line in lines]
    assert list(lines_in([*chunks, b"an end"]))[-1] == b"an end"
    output = read_output(chunks)
    assert output.of_data == [] and not chunks, "they are taken out of the list"


@pytest.mark.slow
def test_the_driver_of_a_wide_table_takes_little_memory(tmp_path):
    """3,000 columns by 4,000 rows are 46 MB as float32, and about as much packed."""
    data, told = tmp_path / "wide.csv", tmp_path / "peak"
    values = np.random.default_rng(0).integers(-9999, 9999, (3_000, 4_000)) / 100
    names = ["y", *(f"c{i}" for i in range(len(values)))]
    csv.write_csv(pa.table([np.arange(4_000) % 2, *values], names=names), data)
    words = [
        "--label",
        "y",
        "--shards",
        "2",
        "--rounds",
        "1",
        "--epochs",
        "1",
        "--warm-epochs",
        "1",
        "--hidden",
        "8",
        "-r",
        "local",
        "--json",
    ]
    words += ["--run-dir", str(tmp_path / "run"), "--cache-dir", str(tmp_path / "cache")]
    ended = subprocess.run([sys.executable, "-c", PEAK, told, "train", data, *words], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["rows"] == 4_000
    assert int(told.read_text()) / 1024 < 260, "MB; with four copies of the sample it were 330"
