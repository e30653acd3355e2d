"""What the driver tells the tasks comes back as it was, and is refused where a part of it is missing or unknown."""

import dataclasses
import json

import numpy as np
import pytest

from mrdl.data.preparation.inputs import Inputs
from mrdl.data.preparation.scaling import Scaling
from mrdl.data.text.schema import Schema
from mrdl.data.types import PLAIN, ColumnType
from mrdl.errors import SetupError
from mrdl.rounds.extensions import Extension
from mrdl.rounds.order import Order
from mrdl.rounds.plan import Round
from mrdl.settings.config import TrainConfig

CITIES = ColumnType("category")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"schema": Schema(("größe", 'a"b', ""), None, 77, (1,))},
        {"schema": Schema(("y", "when", "zip"), 0, 7, (), (PLAIN, ColumnType("date", "%d.%m.%Y %H"), CITIES))},
        {"round": Round(7, 2, 0, 5, 8, 0.1 + 0.2, 1 / 3)},
        {"scaling": Scaling("common", 0.1, taken=Inputs.scaled(np.float32([0.1, -3e38]), np.float32([1e-30, 7]), 0.1))},
        {"config": TrainConfig(learning_rate=1e-17, drop=("a", "b,c"), nodes=(2, 2), seed=2**64 - 1)},
        {"failures": {3: 2, 0: 1}, "fitted_layers": (0, 1), "cached": True, "emit_shards": True},
        {"extensions": (Extension("combine", "mine", "rules", "Rules.mine"),)},
    ],
)
def test_an_order_comes_back_as_it_was(order, changes):
    known = order(**changes)
    found = Order.from_json(known.to_json())
    if (taken := known.scaling.taken) and found.scaling.taken:  # arrays cannot be compared as a whole
        assert found.scaling.taken.to_meta() == taken.to_meta()
        for name, array in found.scaling.taken.arrays().items():
            assert array.tobytes() == getattr(taken, name).tobytes()
        found = dataclasses.replace(found, scaling=known.scaling)
    assert found == known


@pytest.mark.parametrize("part", ["config", "schema", "round"])
def test_a_part_that_is_missing_or_unknown_is_named(order, part):
    for path in ([], [part]):
        told = json.loads(order().to_json())
        inner = told
        for name in path:
            inner = inner[name]
        inner["novel"] = inner.pop(missing := sorted(inner)[0])
        with pytest.raises(SetupError, match=f"has no '{missing}' and an unknown 'novel': .* versions of mrdl"):
            Order.from_json(json.dumps(told))


@pytest.mark.parametrize(("text", "told"), [("", "is not JSON"), ("[1]", "is '\\[1\\]', expected an object")])
def test_what_is_no_order_is_refused(text, told):
    with pytest.raises(SetupError, match=told):
        Order.from_json(text)


def test_a_column_of_a_kind_that_nobody_knows_is_told():
    with pytest.raises(ValueError, match="of kind 'colour', expected one of number, category, date"):
        ColumnType.of("colour rgb")
