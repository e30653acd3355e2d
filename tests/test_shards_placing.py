"""Rows on their way from mappers to shards: each once, in one order, whatever way they came."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from mappers import CONFIG, NO_LIMIT, WAYS, arrivals, block, cut, in_order, lines_of, shards_of, written

from mrdl.data.hashing import is_integral, is_validation
from mrdl.data.statistics import Statistics
from mrdl.data.text.csv import Block
from mrdl.errors import DamagedShard
from mrdl.settings.config import TrainConfig
from mrdl.shards import loaded, placing
from mrdl.shards.keys import shard_keys
from mrdl.shards.loaded import LoadedShard, RowSpool, write_rows
from mrdl.shards.placing import PlacedRows
from mrdl.shards.records import pack_rows, pack_statistics, rows_in, to_statistics, unpack


@pytest.fixture
def table(digits) -> tuple[np.ndarray, np.ndarray]:
    """The digits by numpy: features (1797, 64) uint8, and the label of each row as text."""
    rows = np.loadtxt(digits, np.uint8, delimiter=",", skiprows=1)
    return rows[:, 1:], rows[:, 0].astype(str)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty working folder, as a task has."""
    (tmp_path / "task").mkdir()
    monkeypatch.chdir(tmp_path / "task")
    return tmp_path / "task"


# --- each row once ---


def test_every_row_lands_once_in_one_shard_or_in_validation(table):
    features, labels = table
    found = Counter()
    for shard in shards_of(cut(features, labels, 100)):
        names = [shard.label_names[code] for code in shard.codes]
        found.update((row.tobytes(), name) for row, name in zip(shard.features, names, strict=True))
    assert found == Counter((row.tobytes(), str(label)) for row, label in zip(features, labels, strict=True))


def test_validation_holds_the_rows_whose_hash_says_so(table):
    *shards, validation = shards_of(cut(*table, 100))
    assert is_validation(validation.hashes, 0.1).all()
    assert not any(is_validation(shard.hashes, 0.1).any() for shard in shards)


def test_all_copies_of_a_row_come_to_one_shard(table):
    features, labels = table[0][:50].repeat(4, 0), table[1][:50].repeat(4)
    for shard in shards_of([block(features, labels)]):
        assert set(Counter(shard.hashes.tolist()).values()) == {4}


def test_a_row_with_another_label_is_another_row(table):
    features = table[0][:1].repeat(200, 0)
    parts = shards_of([block(features, np.arange(200).astype(str))])
    assert sum(len(np.unique(part.hashes)) for part in parts) == 200
    assert all(len(part.hashes) for part in parts)


def test_statistics_are_those_of_numpy_and_come_to_every_shard_from_every_mapper(table):
    features, labels = table
    blocks = cut(features, labels, 300)
    _, *shards, _ = lines_of(blocks[:2], blocks[2:]).values()
    placed = [LoadedShard(lines, NO_LIMIT) for lines in shards]
    training = np.concatenate([shard.features for shard in placed])
    known = {"training_rows": len(training), "validation_rows": 1797 - len(training), "missing": 0, "bad_rows": 0}
    known |= {
        "integral": True,
        "classes": dict(Counter(labels.tolist())),
        "targets": [],
        "levels": {},
        "bad": [],
        "unfit": [],
        "cut": False,
    }
    for shard, lines in zip(placed, shards, strict=True):
        assert sum(line.split(b"\t")[1][:1] == b"S" for line in lines) == 2
        assert shard.statistics.to_meta() == known
        np.testing.assert_array_equal(shard.statistics.minimum, training.min(0))
        np.testing.assert_array_equal(shard.statistics.maximum, training.max(0))


def test_missing_cells_of_all_blocks_are_counted():
    some = Block(np.ones((5, 2), np.uint8), np.zeros(5, np.int32), ("a",), 3)
    assert shards_of([some, some], [some])[0].statistics.missing == 9


def test_no_validation_is_kept_where_none_is_asked_for(table):
    *shards, validation = shards_of(cut(*table, 500), config=TrainConfig(shards=2, validation=0.0))
    assert (len(validation.hashes), sum(len(shard.hashes) for shard in shards)) == (0, 1797)


def test_rows_without_labels_have_one_empty_name(table):
    unlabelled = Block(table[0], np.zeros(1797, np.int32), ("",), 0)
    assert {tuple(shard.label_names) for shard in shards_of([unlabelled])} == {("",)}


# --- however they came ---


@pytest.mark.parametrize("way", WAYS)
def test_a_shard_is_the_same_whatever_way_its_rows_came(table, way):
    known = [in_order(shard) for shard in shards_of([block(*table)])]
    assert [in_order(shard) for shard in shards_of(*arrivals(*table)[way])] == known


@pytest.mark.parametrize("way", WAYS)
def test_a_cached_shard_has_one_form_whatever_way_its_rows_came(table, way):
    known = [written(shard) for shard in shards_of([block(*table)])]
    assert [written(shard) for shard in shards_of(*arrivals(*table)[way])] == known


@pytest.mark.parametrize("size", [1, 5_000, 50_000])
def test_how_often_a_mapper_writes_out_changes_nothing(table, monkeypatch, size):
    known = [in_order(shard) for shard in shards_of(cut(*table, 50))]
    monkeypatch.setattr(placing, "BUFFER_BYTES", size)
    assert [in_order(shard) for shard in shards_of(cut(*table, 50))] == known


def test_a_mapper_writes_out_before_it_holds_much_more_than_its_buffer(table, monkeypatch):
    monkeypatch.setattr(placing, "BUFFER_BYTES", 10_000)
    sizes: list[int] = []
    placed = PlacedRows(CONFIG, shard_keys(3, 3), 64, lambda key, value: sizes.append(rows_in(value)[0]))
    for some in cut(*table, 100):
        placed.add(some)
    assert sum(sizes) > 1797 - 10_000 / 64 - 100


# --- types ---


@pytest.mark.parametrize(
    ("values", "whole"),
    [
        ([0.0, 255.0], True),
        ([0.0, 0.5], False),
        ([-1.0, 3.0], False),
        ([256.0, 3.0], False),
    ],
)
def test_whole_numbers_from_0_to_255_are_told_from_others(values, whole):
    assert is_integral(np.array([values], np.float32)) is whole


def test_float32_blocks_of_whole_numbers_become_bytes(table):
    features, labels = table
    assert {str(s.features.dtype) for s in shards_of([block(features.astype(np.float32), labels)])} == {"uint8"}


def test_blocks_of_bytes_and_of_fractions_become_float32_with_the_same_values(table):
    features, labels = table[0].astype(np.float32), table[1]
    features[900:] += 0.25
    mixed = [block(features[:900].astype(np.uint8), labels[:900]), block(features[900:], labels[900:])]
    parts = shards_of(mixed)
    assert {str(part.features.dtype) for part in parts} == {"float32"}
    found = Counter(row.tobytes() for part in parts for row in part.features)
    assert found == Counter(row.tobytes() for row in features)
    assert not parts[0].statistics.integral


# --- lines ---


def test_a_line_holds_some_2_mb_of_rows(monkeypatch):
    monkeypatch.setattr(loaded, "LINE_BYTES", 1000)
    features, sizes = np.full((256, 50), 0.5, np.float32), []
    codes, hashes = np.zeros(256, np.int32), np.arange(256, dtype=np.uint64)
    write_rows(b"0", b"D", ["a"], features, codes, hashes, lambda key, value: sizes.append(rows_in(value)[0]))
    assert sizes == [5] * 51 + [1]


@pytest.mark.parametrize("fraction", [0.0, 0.5], ids=["bytes", "some lines of float32"])
@pytest.mark.parametrize("line_bytes", [1, 3000, 2 << 20])
def test_a_cached_shard_loads_and_is_written_as_the_same_lines(table, monkeypatch, line_bytes, fraction):
    monkeypatch.setattr(loaded, "LINE_BYTES", line_bytes)
    features, labels = table[0].astype(np.float32), table[1]
    features[::400] += fraction
    shard = shards_of(cut(features, labels, 300))[0]
    lines = written(shard)
    again = LoadedShard(lines, NO_LIMIT)
    assert in_order(again)[0] == in_order(shard)[0]
    assert written(again) == lines


def test_the_lines_of_a_cached_shard_are_in_the_order_of_hashes(table, monkeypatch):
    monkeypatch.setattr(loaded, "LINE_BYTES", 3000)
    lines = written(shards_of(cut(*table, 300))[0])
    hashes = np.concatenate([unpack(line.rstrip(b"\n").split(b"\t", 1)[1])[2]["hashes"] for line in lines])
    assert len(lines) > 3
    np.testing.assert_array_equal(hashes, np.sort(hashes))


def test_a_cached_shard_knows_its_number_and_the_statistics_of_all_data(table):
    *shards, _ = shards_of(cut(*table, 300))
    packed = pack_statistics(b"P", shards[1].statistics, shard=1, problem=None)
    again = LoadedShard([b"7\t" + packed + b"\n", *written(shards[1])], NO_LIMIT)
    assert (shards[1].shard, again.shard) == (None, 1)
    assert in_order(again) == in_order(shards[1])


def test_a_shard_without_rows_is_empty_but_has_its_columns():
    packed = pack_statistics(b"S", Statistics.empty(7))
    shard = LoadedShard([b"0\t" + packed + b"\n"], NO_LIMIT)
    assert (shard.features.shape, len(shard.order), written(shard)) == ((0, 7), 0, [])
    assert to_statistics(*unpack(packed)[1:]).training_rows == 0


@pytest.mark.parametrize("kept", [1, 2, 3, 4, 6, 30, -1], ids=lambda n: f"to byte {n}")
def test_a_line_cut_short_is_a_damaged_shard(table, kept):
    """`7 TAB tag rows: body LF`, as a full disk leaves it."""
    line = written(shards_of([block(*table)])[0])[0].rstrip(b"\n")
    with pytest.raises(DamagedShard):
        LoadedShard([line[:kept]], NO_LIMIT)


# --- memory ---


@pytest.mark.parametrize("limit", [0, 10_000, 100_000], ids=["all in files", "lines in files", "array in memory"])
def test_a_shard_beyond_the_memory_limit_holds_the_same_rows(table, folder, limit):
    lines = lines_of(cut(*table, 50))[shard_keys(3, 3)[0]]
    assert in_order(LoadedShard(lines, limit)) == in_order(LoadedShard(lines, NO_LIMIT))


def test_a_shard_beyond_the_memory_limit_is_mapped_and_leaves_no_file(table, folder):
    shard = LoadedShard(lines_of(cut(*table, 50))[shard_keys(3, 3)[0]], 10_000)
    assert isinstance(shard.features, np.memmap)
    assert list(folder.iterdir()) == []


def test_a_shard_within_the_memory_limit_is_in_memory(table):
    assert type(shards_of([block(*table)])[0].features) is np.ndarray


@pytest.mark.parametrize("limit", [0, 600, NO_LIMIT])
def test_a_spool_gives_back_what_it_took(folder, limit):
    rng = np.random.default_rng(0)
    values = [
        pack_rows(b"D", ["a"], rng.integers(0, 9, (n, 3)).astype(kind), np.zeros(n, np.int32), np.zeros(n, np.uint64))
        for n, kind in ((5, np.uint8), (1, np.float32), (40, np.uint8), (7, np.uint8))
    ]
    spool = RowSpool(limit)
    for value in values:
        spool.append(value)
    assert (spool.rows, spool.array(3).shape, spool.array(3).dtype) == (53, (53, 3), np.float32)
    assert sorted(spool.drain()) == sorted(values)
