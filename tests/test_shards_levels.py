"""Columns of categories on their way: numbered by the names of all training rows, whatever block, mapper or shard."""

import tracemalloc

import numpy as np
import pytest
from mappers import NO_LIMIT, lines_of, written

from mrdl.data import statistics
from mrdl.data.hashing import is_validation
from mrdl.data.preparation.fitness import Unfit, refuse
from mrdl.data.text.csv import Block, BlockParser
from mrdl.data.text.schema import Schema
from mrdl.data.types import PLAIN, ColumnType
from mrdl.settings.config import TrainConfig
from mrdl.shards.keys import VALIDATION_KEY, WARM_KEY, shard_keys
from mrdl.shards.loaded import LoadedShard
from mrdl.shards.placing import PlacedRows

CATEGORY = ColumnType("category")
SCHEMA = Schema(("y", "n", "city", "zip"), 0, None, (), (PLAIN, PLAIN, CATEGORY, CATEGORY))
RNG = np.random.default_rng(5)
CITIES = ["Köln", "Bonn", "", "Aachen", "bonn", "NA", "x,y"]
ROWS = [f'{"ab"[i % 2]},{i % 50},"{RNG.choice(CITIES)}",{RNG.integers(400):05}' for i in range(1500)]


def blocks(rows: list[str], size: int) -> list[Block]:
    """Parsed by one task, so many rows at a time."""
    parser = BlockParser(SCHEMA)
    return [parser.parse("\n".join(rows[i : i + size] + [""]).encode())[0][0] for i in range(0, len(rows), size)]


def loaded(*mappers: list[Block], shards: int = 3) -> dict[bytes, LoadedShard]:
    """Every shard, the validation rows and the warm start's, by key."""
    config = TrainConfig(shards=shards, validation=0.1)
    return {key: LoadedShard(lines, NO_LIMIT) for key, lines in lines_of(*mappers, config=config).items()}


def seen(shard: LoadedShard) -> tuple:
    """All that a training sees of a shard."""
    order = shard.order
    labels = [shard.label_names[code] for code in shard.codes[order]]
    return shard.features[order].tobytes(), shard.hashes[order].tobytes(), labels, shard.statistics.to_meta()


def texts(shard: LoadedShard) -> list[tuple]:
    """The rows of a shard in its order, categories by name."""
    found = []
    names = {place: sorted(levels) for place, levels in shard.statistics.levels.items()}
    for row, code in zip(shard.features[shard.order], shard.codes[shard.order], strict=True):
        cells = [None if np.isnan(row[i]) else names[i][int(row[i])] if row[i] >= 0 else "unseen" for i in (1, 2)]
        found.append((shard.label_names[code], float(row[0]), *cells))
    return found


@pytest.mark.parametrize("mappers", [[ROWS[::-1]], [ROWS[1000:], ROWS[:1000]], [sorted(ROWS)], [ROWS[::2], ROWS[1::2]]])
@pytest.mark.parametrize("size", [7, 400])
def test_shards_are_the_same_to_the_bit_in_any_order_split_and_block(mappers, size):
    known, found = loaded(blocks(ROWS, 1500)), loaded(*[blocks(rows, size) for rows in mappers])
    assert {key: seen(shard) for key, shard in known.items()} == {key: seen(shard) for key, shard in found.items()}


@pytest.mark.parametrize("shards", [1, 3, 64])
def test_every_row_keeps_its_texts_however_many_shards_there_are(shards):
    parts = loaded(blocks(ROWS, 300), blocks(ROWS[:0] + ROWS[:10], 10), shards=shards)
    found = sorted((row for key, shard in parts.items() if key != WARM_KEY for row in texts(shard)), key=str)
    cells = [row.replace('"x,y"', '"x;y"').replace('"', "").split(",") for row in [*ROWS, *ROWS[:10]]]
    expected = [(y, float(n), None if c in ("", "NA") else c.replace(";", ","), z) for y, n, c, z in cells]
    unseen = {z for *_, z in expected} - set(parts[WARM_KEY].statistics.levels[2])
    assert unseen  # 400 levels in 1,500 rows: some are among the validation rows alone
    assert found == sorted(((*row, "unseen" if z in unseen else z) for *row, z in expected), key=str)


def test_levels_are_counted_over_training_rows_alone():
    config = TrainConfig(shards=1, validation=0.5)
    counted = LoadedShard(lines_of(blocks(ROWS, 200), config=config)[WARM_KEY], NO_LIMIT).statistics
    assert sum(counted.levels[2].values()) == counted.training_rows < 1000
    assert counted.validation_rows + counted.training_rows == 1500


def test_a_level_that_no_training_row_has_is_minus_1_among_the_validation_rows():
    rows = [f"a,{i},x,{i:05}" for i in range(300)]
    parts = loaded(blocks(rows, 300))
    kept_out = parts[VALIDATION_KEY]
    assert len(kept_out.order) and (kept_out.features[:, 2] == -1).all() and is_validation(kept_out.hashes, 0.1).all()
    assert all((shard.features[:, 2] >= 0).all() for key, shard in parts.items() if key != VALIDATION_KEY)


def test_a_row_goes_where_its_texts_say_and_not_its_codes():
    first, second = blocks(["a,1,Bonn,00001"], 1), blocks(["b,2,Köln,00009", "a,1,Bonn,00001"], 2)
    one, two = loaded(first, shards=1), loaded(second, shards=1)
    hashes = [np.concatenate([shard.hashes for key, shard in parts.items() if key != WARM_KEY]) for parts in (one, two)]
    assert set(hashes[0].tolist()) < set(hashes[1].tolist())


def test_a_shard_of_the_cache_is_the_shard_that_was_written():
    shard = next(shard for key, shard in loaded(blocks(ROWS, 300)).items() if key not in (WARM_KEY, VALIDATION_KEY))
    again = LoadedShard(written(shard), NO_LIMIT)
    np.testing.assert_array_equal(again.features[again.order], shard.features[shard.order])
    assert written(again) == written(shard)


def test_a_column_with_too_many_levels_is_refused_by_its_name(monkeypatch):
    monkeypatch.setattr(statistics, "MAX_LEVELS", 300)
    monkeypatch.setattr("mrdl.shards.placing.MAX_LEVELS", 300)
    lines: list[bytes] = []
    placed = PlacedRows(
        TrainConfig(shards=1), shard_keys(1, 1), 3, lambda key, value: lines.append(key + b"\t" + value)
    )
    for block in blocks(ROWS, 100):
        placed.add(block)
    placed.finish()
    refusal = refuse(placed.statistics, SCHEMA, 1, False, "classify")
    assert placed.statistics.too_many_levels == [2]
    assert (refusal.unfit, "in 'zip': leave out with --drop zip" in refusal.text) == (Unfit.DATA, True)


def test_of_a_column_with_too_many_levels_no_more_are_kept_nor_sent(monkeypatch):
    monkeypatch.setattr(statistics, "MAX_LEVELS", 100)
    monkeypatch.setattr("mrdl.shards.placing.MAX_LEVELS", 100)
    sent: list[bytes] = []
    placed = PlacedRows(TrainConfig(shards=1), shard_keys(1, 1), 3, lambda _, value: sent.append(value))
    tracemalloc.start()
    for start in range(0, 20_000, 200):
        rows = [f"a,{i},{CITIES[i % 2]},{i:0200}" for i in range(start, start + 200)]
        placed.add(blocks(rows, 200)[0])
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    placed.finish()
    assert kept < 1_000_000  # 20,000 levels of 200 characters are more than 5 MB
    assert len(placed.statistics.levels[2]) == 101 and len(placed.statistics.levels[1]) == 2
    placed.statistics.merge(placed.statistics)
    assert placed.statistics.too_many_levels == [2] and len(placed.statistics.levels[2]) == 101
    assert placed.statistics.training_rows + placed.statistics.validation_rows == 40_000
    assert max(map(len, sent)) < 60_000
