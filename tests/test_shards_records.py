"""Records: one line each, read back to the bit, and refused where a byte of one has changed."""

import numpy as np
import pytest

from mrdl.data.statistics import Statistics
from mrdl.errors import DamagedShard
from mrdl.rounds.combine import ShardResult, pack_result, to_result
from mrdl.shards.records import (
    escape,
    key_of,
    pack,
    pack_rows,
    pack_statistics,
    rows_in,
    split_line,
    to_statistics,
    unescape,
    unpack,
)


def some_rows(rows: int = 40, dtype=np.uint8) -> tuple:
    rng = np.random.default_rng(rows)
    features = rng.integers(0, 256, (rows, 5)).astype(dtype)
    return features, rng.integers(0, 3, rows).astype(np.int32), rng.integers(0, 2**64, rows, np.uint64)


def some_statistics() -> Statistics:
    statistics = Statistics(np.array([-1.5, np.inf], np.float32), np.array([0.1, -np.inf], np.float32))
    statistics.training_rows, statistics.validation_rows, statistics.missing = 90, 10, 3
    statistics.integral, statistics.classes = False, {"größe": 60, "a\tb\n": 40, "": 1}
    statistics.levels = {1: {"größe": 2, "\n": 1}, 0: {}}
    statistics.add_bad("hdfs://h/x.csv", -77, "why", "text \x00")
    return statistics


def same(these: dict, those: dict) -> bool:
    """Whether arrays are the same to the bit, in type, shape and value."""
    parts = [[(name, a.dtype, a.shape, a.tobytes()) for name, a in sorted(arrays.items())] for arrays in (these, those)]
    return parts[0] == parts[1]


# --- one line ---


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(range(256)), id="every byte"),
        pytest.param(b"\r\n\r\n=\n=\r==", id="what is escaped"),
        pytest.param(b"=e=n=r==e=en=er=e=", id="what looks escaped"),
        pytest.param(np.random.default_rng(0).bytes(100_000), id="random bytes"),
        pytest.param(np.random.default_rng(1).choice(list(b"=enr\n\r"), 5000).astype(np.uint8).tobytes(), id="worst"),
    ],
)
def test_escaped_bytes_hold_no_line_end_and_come_back(body):
    line = escape(body)
    assert (unescape(line), b"\n" in line, b"\r" in line) == (body, False, False)


def test_escaping_costs_about_one_per_cent():
    assert len(escape(np.random.default_rng(0).bytes(1_000_000))) < 1_013_000  # 3 bytes of 256: 1.2 %


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        (b"5\tDabc\n", b"5", b"Dabc"),
        (b"5\tDabc\r\n", b"5", b"Dabc"),
        (b"5\tDabc", b"5", b"Dabc"),
        (b"validation\ta\tb\n", b"validation", b"a\tb"),
        (b"5\t\n", b"5", b""),
    ],
)
def test_a_line_is_a_key_and_a_value(line, key, value):
    assert (split_line(line), key_of(line)) == ((key, value), key)


# --- records ---


@pytest.mark.parametrize("shape", [(0,), (7,), (0, 5), (3, 4), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int32", "int64", "uint64", "bool"])
def test_arrays_come_back_as_they_were(dtype, shape):
    array = (np.random.default_rng(0).normal(size=shape) * 100).astype(np.int64).astype(dtype)
    tag, _, arrays = unpack(pack(b"W", {}, {"layers.0.weight": array, "none": np.zeros(0, np.uint8)}))
    assert tag == b"W"
    assert same(arrays, {"layers.0.weight": array, "none": np.zeros(0, np.uint8)})


def test_an_array_that_does_not_lie_in_one_piece_comes_back():
    array = np.arange(24, dtype=np.float32).reshape(4, 6)[::2, ::3].T
    assert same(unpack(pack(b"W", {}, {"a": array}))[2], {"a": array})


def test_meta_comes_back_as_it_was():
    meta = {"names": ["größe", "\n\t=", ""], "none": None, "deep": {"a": [1, 2.5, True]}}
    assert unpack(pack(b"P", meta, {}))[1:] == (meta, {})


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("rows", [0, 1, 1000])
def test_rows_come_back_as_they_were_and_are_counted_without_unpacking(rows, dtype):
    features, codes, hashes = some_rows(rows, dtype)
    value = pack_rows(b"V", ["a", "b", "ü"], features, codes, hashes)
    tag, meta, arrays = unpack(value)
    assert (rows_in(value), tag, meta) == ((rows, np.dtype(dtype)), b"V", {"names": ["a", "b", "ü"]})
    assert same(arrays, {"features": features, "codes": codes, "hashes": hashes})


def test_rows_travel_compressed():
    features = np.zeros((1000, 784), np.uint8)
    value = pack_rows(b"D", ["a"], features, np.zeros(1000, np.int32), np.zeros(1000, np.uint64))
    assert len(value) < features.nbytes / 100


@pytest.mark.parametrize("more", [{}, {"shard": 3, "problem": None}])
def test_statistics_come_back_as_they_were(more):
    known = some_statistics()
    tag, meta, arrays = unpack(pack_statistics(b"P", known, **more))
    found = to_statistics(meta, arrays)
    assert (tag, found.to_meta(), {name: meta[name] for name in more}) == (b"P", known.to_meta(), more)
    assert same(vars_of(found), vars_of(known))


def vars_of(statistics: Statistics) -> dict:
    return {"minimum": statistics.minimum, "maximum": statistics.maximum}


@pytest.mark.parametrize("loss", [0.1, np.float32(0.3), float("inf"), 12])
def test_a_result_comes_back_as_it_was(loss):
    weights = {"layers.0.weight": np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)}
    known = ShardResult(7, 1234, weights, {"loss": loss, "steps": 5.0}, "abc123")
    tag, meta, arrays = unpack(pack_result(known))
    found = to_result(meta, arrays)
    assert tag == b"R"
    assert (found.shard, found.num_examples, found.metrics, found.start) == (7, 1234, known.metrics, "abc123")
    assert same(found.weights, weights)


RECORDS = {
    "weights": pack(b"W", {"shards": []}, {"a": np.arange(20, dtype=np.float32)}),
    "statistics": pack_statistics(b"S", some_statistics()),
    "rows": pack_rows(b"D", ["a", "b", "c"], *some_rows()),
    "fractions": pack_rows(b"V", ["a", "b", "c"], *some_rows(12, np.float32)),
}
each_record = pytest.mark.parametrize("value", RECORDS.values(), ids=RECORDS)


@each_record
def test_a_record_is_one_line(value):
    assert (b"\n" in value, b"\r" in value) == (False, False)


# --- damage ---


def read(value: bytes) -> None:
    """As a training task reads a record: the number of rows first."""
    if value[:1] in (b"D", b"V"):
        rows_in(value)
    unpack(value)


def body_of(value: bytes) -> int:
    """Where a record's body begins: behind its tag and the number of rows."""
    return value.index(b":") + 1 if value[:1] in (b"D", b"V") else 1


def changed(value: bytes, start: int, stop: int) -> list[bytes]:
    """A record with one bit of one byte changed, for some bits of each byte from start to stop."""
    return [value[:i] + bytes([value[i] ^ bit]) + value[i + 1 :] for i in range(start, stop) for bit in (1, 8, 16, 128)]


@each_record
def test_a_changed_byte_anywhere_in_a_body_is_found(value):
    for damaged in changed(value, body_of(value), len(value)):
        with pytest.raises(DamagedShard):
            read(damaged)


@each_record
def test_a_changed_byte_in_the_tag_or_the_number_of_rows_is_found(value):
    """Else rows would be made up or lost, or a record taken for another kind."""
    for damaged in changed(value, 0, body_of(value)):
        with pytest.raises(DamagedShard):
            read(damaged)


@each_record
def test_a_record_cut_short_is_found(value):
    for length in range(body_of(value), len(value)):
        with pytest.raises(DamagedShard):
            read(value[:length])


@each_record
def test_a_record_with_more_behind_it_is_found(value):
    with pytest.raises(DamagedShard):
        read(value + b"x")
