"""Raw rows become inputs alike by both engines, in training and in use."""

import math

import numpy as np
import pytest
import torch

from mrdl.nn.encoding.encoder import Encoder
from mrdl.nn.encoding.encoding import Codes, Cycles, Encoding, Layout
from mrdl.nn.engines.engine import Engine
from mrdl.nn.engines.numpy_engine import NumpyEngine
from mrdl.nn.engines.torch_engine import TorchEngine
from mrdl.nn.minibatch import Batches
from mrdl.nn.rows import Rows

F32, I64 = np.float32, np.int64
engines = pytest.mark.parametrize(
    "engine", [NumpyEngine(), TorchEngine(), NumpyEngine("float64")], ids=lambda e: e.name
)


def inputs_of(encoding: Encoding, raw: np.ndarray, engine: Engine, *, cut=True) -> np.ndarray:
    out = engine.empty((len(raw), encoding.width))
    return np.array(engine.numpy(Encoder(encoding, engine, cut=cut)(engine.array(raw), out)))


# two numbers; whether the first is missing; the week of a date, twice; two categories of 3 and 2 levels, of which the
# first has an input for a missing level and none for an unknown one, the second one for both
LAYOUT = Layout(
    columns=5,
    numbers=np.array([3, 0], I64),
    missing=np.array([3], I64),
    cycles=Cycles(np.array([1, 1], I64), np.array([1 / 7, 1 / 7], F32), np.array([0, 0.25], F32)),
    codes=Codes(
        places=np.array([2, 4], I64),
        starts=np.array([2, 7], I64),
        inputs=np.array([3, 0, 0, 1, 2, 6, 6, 4, 5], I64),
        ones=np.array([1, 0, 1, 1, 1, 1, 1, 1, 1], F32),
        width=7,
    ),
)
ENCODING = Encoding(
    np.array([10, -1], F32), np.array([0.5, 2], F32), fill=np.array([0.25, -3], F32), limit=10, layout=LAYOUT
)
NAN = math.nan
RAW = np.array([[0, 0, 0, 12, 1], [NAN, 7.0, 2, NAN, -1], [1e9, 1.75, NAN, 10, NAN], [-1, NAN, -1, 11, 0]], F32)
EXPECTED = [
    [1, 2, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0],
    [0.25, -3, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1],
    [0, 10, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1],
    [0.5, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
]


@engines
def test_each_kind_of_column_becomes_its_inputs(engine):
    assert ENCODING.width == 12 and ENCODING.columns == 5 and not ENCODING.is_none
    np.testing.assert_allclose(inputs_of(ENCODING, RAW, engine), EXPECTED, atol=1e-6)


@engines
def test_bytes_become_what_the_same_floats_become(engine):
    raw = np.array([[0, 3, 2, 12, 1], [200, 255, 0, 0, 0]], np.uint8)
    np.testing.assert_array_equal(inputs_of(ENCODING, raw, engine), inputs_of(ENCODING, raw.astype(F32), engine))


@engines
def test_columns_behind_those_of_the_inputs_change_nothing(engine):
    more = np.hstack([RAW, np.full((4, 2), 7, F32)])
    np.testing.assert_array_equal(inputs_of(ENCODING, more, engine), inputs_of(ENCODING, RAW, engine))


def test_the_engines_agree_on_dates_of_two_centuries():
    days = np.random.default_rng(0).uniform(-36_000, 36_000, (5000, 1)).astype(F32)
    turns = np.array([1 / 365.2425, 1 / 7, 1], F32)
    cycles = Cycles(np.zeros(3, I64), turns, np.zeros(3, F32), height=0.5, middle=0.5)
    none = np.zeros(0, I64)
    layout = Layout(1, none, none, cycles, Codes(none, none, none, np.zeros(0, F32), 0))
    encoding = Encoding(np.zeros(0, F32), np.zeros(0, F32), layout=layout)
    found = [inputs_of(encoding, days, engine) for engine in (NumpyEngine(), TorchEngine())]
    exact = 0.5 + 0.5 * np.sin(2 * np.pi * days.astype(float) * [1 / 365.2425, 1 / 7, 1])
    for each in found:
        np.testing.assert_allclose(each, exact, atol=0.01)


@engines
@pytest.mark.parametrize(
    "encoding", [ENCODING, Encoding(np.zeros(5, F32), np.full(5, 0.01, F32))], ids=["all", "numbers"]
)
def test_batches_hold_the_inputs_of_their_rows(engine, encoding):
    raw = np.resize(RAW, (37, 5))
    rows = Rows(raw, np.arange(37), np.arange(37), encoding)
    order, start = np.random.default_rng(3).permutation(37), 0
    for x, targets in Batches(rows, 8, engine).epoch(order):
        places = order[start : start + len(x)]
        expected = inputs_of(encoding, raw[places], engine, cut=False)
        np.testing.assert_array_equal(np.asarray(x), expected)
        np.testing.assert_array_equal(np.asarray(targets), places)
        start += len(x)
    assert start == 37


@engines
def test_rows_that_are_inputs_already_are_given_as_they_are(engine):
    raw = np.random.default_rng(0).random((9, 4), F32)
    rows = Rows(raw, np.arange(9), np.arange(9), Encoding.none(4))
    (x, _) = next(Batches(rows, 9, engine).epoch(np.arange(9)))
    np.testing.assert_array_equal(torch.as_tensor(x), raw)
