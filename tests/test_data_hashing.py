"""Where a row belongs: known hashes, balance, validation, Hadoop's own partitions, and the one order of rows."""

import numpy as np
import pytest

from mrdl.data.hashing import hash_order, is_integral, is_validation, row_hash, shard_of, warm_rank
from mrdl.shards.keys import hadoop_partition, shard_keys

M64 = 2**64 - 1


def splitmix(n: int) -> int:
    """The n-th output of SplitMix64 with seed 0."""
    z = n * 0x9E3779B97F4A7C15 & M64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M64
    z = (z ^ z >> 27) * 0x94D049BB133111EB & M64
    return z ^ z >> 31


def by_hand(row: np.ndarray, label_hash: int) -> int:
    """row_hash in Python's own integers: each value's bits are mixed and weighed by their column."""
    bits = [int.from_bytes(np.float32(value).tobytes(), "little") for value in row]
    return splitmix(sum(splitmix(b) * (splitmix(i + 1) | 1) for i, b in enumerate(bits)) & M64 ^ label_hash)


def hashes_of(rows: int, columns: int = 8, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return row_hash(rng.integers(0, 256, (rows, columns), np.uint8), rng.integers(0, 2**64, rows, np.uint64))


def unevenness(places: np.ndarray, parts: int) -> float:
    """Pearson's chi-square against equal parts, in standard deviations from what chance gives."""
    counts = np.bincount(places, minlength=parts)
    expected = len(places) / parts
    return float((((counts - expected) ** 2 / expected).sum() - (parts - 1)) / np.sqrt(2 * (parts - 1)))


# --- hash ---


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_row_hash_is_that_of_arithmetic_by_hand(dtype):
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert [splitmix(n) for n in (1, 2, 3)] == published
    rng = np.random.default_rng(2)
    features = rng.integers(0, 256, (20, 5)).astype(dtype)
    labels = rng.integers(0, 2**64, 20, np.uint64)
    known = [by_hand(row, int(label)) for row, label in zip(features, labels, strict=True)]
    assert row_hash(features, labels).tolist() == known


def test_fractions_hash_as_arithmetic_by_hand_too():
    features = np.array([[0.1, -2.5e30, 1e-40]], np.float32)
    assert row_hash(features, np.array([5], np.uint64)).tolist() == [by_hand(features[0], 5)]


def test_bytes_and_float32_of_the_same_values_hash_alike(digits):
    features = np.loadtxt(digits, np.uint8, delimiter=",", skiprows=1)
    labels = np.zeros(len(features), np.uint64)
    np.testing.assert_array_equal(row_hash(features, labels), row_hash(features.astype(np.float32), labels))


@pytest.mark.parametrize(
    ("row", "label"),
    [
        pytest.param([1, 2, 4], 9, id="value"),
        pytest.param([1, 2, 3], 8, id="label"),
        pytest.param([2, 1, 3], 9, id="columns swapped"),
        pytest.param([1, 2, 3.0000002], 9, id="last bit"),
    ],
)
def test_another_row_has_another_hash(row, label):
    hashes = [row_hash(np.array([r], np.float32), np.array([n], np.uint64)) for r, n in (([1, 2, 3], 9), (row, label))]
    assert hashes[0] != hashes[1]


def test_different_rows_have_different_hashes():
    """Rows that are all but alike: 40,000 of two small numbers."""
    features = np.stack(np.divmod(np.arange(40_000), 200), 1).astype(np.uint8)
    assert len(np.unique(row_hash(features, np.zeros(40_000, np.uint64)))) == 40_000


@pytest.mark.parametrize("size", [1, 7, 511, 512, 513, 1999])
def test_a_hash_does_not_depend_on_where_blocks_are_cut(size):
    rng = np.random.default_rng(5)
    features, labels = rng.normal(size=(2000, 6)).astype(np.float32), rng.integers(0, 2**64, 2000, np.uint64)
    parts = [row_hash(features[i : i + size], labels[i : i + size]) for i in range(0, 2000, size)]
    np.testing.assert_array_equal(np.concatenate(parts), row_hash(features, labels))


def test_columns_that_do_not_lie_side_by_side_hash_alike():
    features = np.random.default_rng(5).normal(size=(6, 30)).astype(np.float32)
    labels = np.zeros(30, np.uint64)
    np.testing.assert_array_equal(row_hash(features.T, labels), row_hash(features.T.copy(), labels))


# --- shards and validation ---


@pytest.mark.parametrize("shards", [2, 3, 7, 16, 100])
def test_shards_are_as_even_as_chance(shards):
    places = shard_of(hashes_of(20_000), shards)
    assert unevenness(places, shards) < 5


@pytest.mark.parametrize("shards", [1, 4, 9999])
def test_a_shard_is_one_of_those_there_are(shards):
    places = shard_of(hashes_of(1000), shards)
    assert (places.dtype, places.min() >= 0, places.max() < shards) == (np.int64, True, True)


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.9])
def test_validation_is_close_to_the_fraction_asked_for(fraction):
    share = is_validation(hashes_of(20_000), fraction).mean()
    assert abs(share - fraction) < 5 * np.sqrt(fraction * (1 - fraction) / 20_000)


def test_a_smaller_validation_lies_in_a_larger_one():
    hashes = hashes_of(20_000)
    kept = [is_validation(hashes, fraction) for fraction in (0.0, 0.05, 0.1, 0.3, 0.9)]
    assert all(large[small].all() for small, large in zip(kept, kept[1:], strict=False))


def test_validation_holds_the_lowest_hashes():
    hashes = hashes_of(1000)
    kept = is_validation(hashes, 0.2)
    assert hashes[kept].max() < 0.2 * 2**64 <= hashes[~kept].min()


def test_no_fraction_keeps_nothing_out():
    assert not is_validation(np.array([0, 1, M64], np.uint64), 0.0).any()


@pytest.mark.parametrize("shards", [2, 5, 16])
def test_shards_are_as_even_inside_and_outside_of_validation(shards):
    hashes = hashes_of(40_000)
    kept = is_validation(hashes, 0.3)
    assert max(unevenness(shard_of(some, shards), shards) for some in (hashes[kept], hashes[~kept])) < 5


# --- Hadoop's partitions ---


@pytest.mark.parametrize(
    ("key", "java"),
    [
        pytest.param(b"", 1, id="nothing"),
        pytest.param(b"\x00", 31, id="{0}"),
        pytest.param(b"\x01\x02", 994, id="{1, 2}"),
        pytest.param(b"\xff", 30, id="{-1}"),
        pytest.param(b"hello", 127791473, id="31 to the 5th, and String.hashCode of hello, 99162322"),
    ],
)
def test_a_partition_is_that_of_javas_arrays_hashcode(key, java):
    assert [hadoop_partition(key, n) for n in (1, 7, 12, 2**31)] == [java % n for n in (1, 7, 12, 2**31)]


def test_long_keys_of_any_bytes_partition_as_javas_32_bit_arithmetic():
    rng = np.random.default_rng(6)
    for length in range(1, 60):
        key = rng.bytes(length)
        signed = [byte - 256 if byte > 127 else byte for byte in key]
        polynomial = 31**length + sum(byte * 31 ** (length - 1 - i) for i, byte in enumerate(signed))
        assert hadoop_partition(key, 1009) == (polynomial & 0x7FFFFFFF) % 1009


def test_keys_of_twelve_shards_are_those_that_hadoop_spreads():
    assert shard_keys(12, 12) == [b"5", b"6", b"7", b"8", b"9", b"19", b"23", b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("shards", [1, 2, 3, 5, 12, 37, 100, 333])
def test_each_shards_key_lands_in_its_own_reducer(shards):
    keys = shard_keys(shards, shards)
    assert [hadoop_partition(key, shards) for key in keys] == list(range(shards))


@pytest.mark.parametrize(("shards", "reducers"), [(5, 1), (5, 2), (16, 4), (100, 7), (37, 36)])
def test_shards_are_dealt_out_to_fewer_reducers_in_turn(shards, reducers):
    keys = shard_keys(shards, reducers)
    assert [hadoop_partition(key, reducers) for key in keys] == [shard % reducers for shard in range(shards)]
    assert len(set(keys)) == shards


def test_the_queue_for_the_warm_start_is_another_order_than_that_of_hashes_and_even_in_all_shards():
    hashes = hashes_of(40_000)
    ranks = warm_rank(hashes)
    assert (ranks.dtype, len(np.unique(ranks))) == (np.uint64, 40_000)
    first = np.argsort(ranks)[:4000]
    assert unevenness(shard_of(hashes[first], 16), 16) < 5
    assert abs(is_validation(hashes[first], 0.3).mean() - 0.3) < 0.04


# --- order ---


def in_order(hashes, features, labels) -> list:
    """The rows in hash_order, their labels numbered by first appearance as a mapper does."""
    numbers: dict[str, int] = {}
    codes = np.array([numbers.setdefault(label, len(numbers)) for label in labels], np.int32)
    order = hash_order(hashes, features, codes, list(numbers))
    assert sorted(order) == list(range(len(hashes)))
    return [(int(hashes[i]), features[i].tobytes(), labels[i]) for i in order]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("values", [1, 2, 5, 200], ids=lambda n: f"{n} hashes")
def test_the_order_of_rows_is_one_whatever_order_they_come_in(values, dtype):
    """200 rows on few hashes: many share one, some with other values, some with another label, some in full."""
    rng = np.random.default_rng(8)
    hashes = rng.integers(0, values, 200).astype(np.uint64) << np.uint64(61)
    features, labels = rng.integers(0, 2, (200, 3)).astype(dtype), rng.choice(list("abc"), 200).tolist()
    known = sorted(zip(hashes.tolist(), (row.tobytes() for row in features), labels, strict=True))
    for _ in range(5):
        places = rng.permutation(200)
        assert in_order(hashes[places], features[places], [labels[i] for i in places]) == known


def test_the_order_of_no_rows_is_empty():
    assert hash_order(np.zeros(0, np.uint64), np.zeros((0, 3), np.uint8), np.zeros(0, np.int32), []).tolist() == []


# --- missing cells ---

MISSING = np.array([0x7FC00000, 0xFFC00000, 0x7F800001], np.uint32).view(np.float32)  # nan, -nan, and another


def test_a_missing_cell_hashes_alike_whatever_made_it_and_not_as_a_number():
    rows = np.stack([np.array([1, cell, 3], np.float32) for cell in (*MISSING, 0, 1)])
    hashes = row_hash(rows, np.zeros(5, np.uint64))
    assert len(set(hashes[:3].tolist())) == 1 and len(set(hashes.tolist())) == 3


def test_rows_with_missing_cells_that_share_a_hash_are_ordered_by_content():
    features = np.array([[2, np.nan], [1, np.nan], [2, np.nan], [1, 5]], np.float32)
    order = hash_order(np.zeros(4, np.uint64), features, np.zeros(4, np.int32), ["a"])
    contents = [features[i].tobytes() for i in order]
    assert contents == sorted(contents) and sorted(order) == [0, 1, 2, 3]


def test_whole_numbers_beside_missing_ones_count_as_pixels_where_that_is_asked_for():
    features = np.array([[0, np.nan], [255, 7]], np.float32)
    assert (is_integral(features), is_integral(features, or_missing=True)) == (False, True)
    assert not is_integral(features / 2, or_missing=True)
