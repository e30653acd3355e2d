"""The spec of a sweep: which designs it has, what names them, and what is said of a wrong one."""

import hashlib
import json
import math

import numpy as np
import pytest

from mrdl.errors import ConfigError
from mrdl.nn.design import CHOICES, Design, design_of, layers
from mrdl.sweep.space import Space
from mrdl.sweep.spec import read_spec, spec_of


def designs(space=(), **sweep):
    limits = {name: sweep.pop(name) for name in ("max_parameters",) if name in sweep}
    return spec_of({"space": dict(space), "sweep": sweep, "limits": limits}).designs(64, 10)


# --- designs ---


def test_a_grid_is_the_product_of_its_lists_in_their_order():
    found = designs({"depth": [1, 2], "width": [8, 16], "activation": ["relu", "tanh"]}, seeds=[3, 1])
    assert len(found) == 2 * 2 * 2 * 2
    assert [d.hidden for d in found[::4]] == [(8,), (16,), (8, 8), (16, 16)]
    assert [d.seed for d in found[:4]] == [3, 1, 3, 1]


def test_what_a_space_does_not_name_has_its_default():
    (design,) = designs()
    assert design.hidden == (Space().width,) * Space().depth
    assert all(getattr(design, name) == value for name, value in vars(Space()).items() if hasattr(design, name))


def test_designs_that_are_the_same_are_one():
    assert len(designs({"depth": [1], "shape": ["equal", "funnel"]})) == 1, "one layer has no shape"


@pytest.mark.parametrize(
    ("depth", "width", "shape", "hidden"),
    [(0, 8, "equal", ()), (3, 8, "equal", (8, 8, 8)), (3, 16, "funnel", (16, 8, 4)), (2, 2, "funnel", (2, 1))],
)
def test_layers_are_those_of_the_shape(depth, width, shape, hidden):
    assert layers(depth, width, shape) == hidden


def test_explicit_nodes_stand_in_place_of_depth_and_width():
    assert [d.hidden for d in designs({"nodes": [[64, 32], [5], []]})] == [(64, 32), (5,), ()]


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_a_sampler_draws_so_many_distinct_designs_the_same_each_time(sampler):
    space = {
        "depth": {"min": 1, "max": 9},
        "width": {"min": 4, "max": 512, "log": True},
        "activation": ["relu", "tanh"],
    }
    first, again = (designs(space, sampler=sampler, count=60, sampler_seed=5) for _ in range(2))
    assert first == again and len({d.canonical() for d in first}) == 60
    assert first != designs(space, sampler=sampler, count=60, sampler_seed=6)
    depths, widths = [len(d.hidden) for d in first], [d.hidden[0] for d in first]
    assert (min(depths), max(depths)) == (1, 9) and min(widths) >= 4 and max(widths) <= 512
    assert 20 < np.median(widths) < 110, "half of the widths lie below the geometric middle, 45"


def test_a_larger_count_only_adds_designs():
    space = {"depth": {"min": 1, "max": 50}, "learning_rate": {"min": 0.001, "max": 1.0, "log": True}}
    few, many = (designs(space, sampler="sobol", count=n) for n in (100, 1500))
    assert many[:100] == few


def test_a_space_that_is_smaller_than_the_count_ends_with_what_there_is():
    assert len(designs({"depth": [1, 2, 3]}, sampler="random", count=50)) == 3


def test_parameters_are_weights_and_biases():
    assert Design((5, 3)).parameters(7, 2) == 7 * 5 + 5 + 5 * 3 + 3 + 3 * 2 + 2
    assert Design(()).parameters(7, 2) == 7 * 2 + 2


def test_designs_with_too_many_parameters_are_left_out():
    most = Design((16, 16)).parameters(64, 10)
    assert [d.hidden for d in designs({"depth": [1, 2, 3], "width": 16}, max_parameters=most)] == [(16,), (16, 16)]
    with pytest.raises(ConfigError, match="no design of the space has 10 parameters or fewer"):
        designs({"width": [16]}, max_parameters=10)


# --- names ---


def test_a_design_survives_its_text():
    design = Design((3, 2), "tanh", "xavier", True, 0.25, 7, "sgd", 0.1, 4, 9)
    assert design_of(design.canonical()) == design
    assert json.loads(design.canonical())["hidden"] == [3, 2]


def test_everything_that_decides_a_result_is_in_its_name():
    base = Design((3, 2))
    others = [
        Design((2, 3)), Design((3, 2), "tanh"), Design((3, 2), initialisation="xavier"), Design((3, 2), residual=True),
        Design((3, 2), dropout=0.1), Design((3, 2), batch_size=31), Design((3, 2), optimizer="sgd"),
        Design((3, 2), learning_rate=0.01), Design((3, 2), epochs=21), Design((3, 2), seed=1),
    ]  # fmt: skip
    names = {d.arch_id("data", "torch") for d in (base, *others)}
    names |= {base.arch_id("other", "torch"), base.arch_id("data", "numpy")}
    assert len(names) == len(others) + 3
    assert base.arch_id("data", "torch") == Design((3, 2)).arch_id("data", "torch")


def test_what_numpy_trained_before_it_had_the_engine_of_trainings_is_another_result():
    """Each back end's name counts with its own version, so that a change of one keeps the results of the others."""
    design = Design((3, 2))

    def of_before(backend):
        text = json.dumps(["2", design.canonical(), "data", backend])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    assert design.arch_id("data", "numpy") != of_before("numpy")
    assert all(design.arch_id("data", name) == of_before(name) for name in ("torch", "batched", "mine:fit"))


# --- wrong specs ---


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"spaces": {}}, "unknown table 'spaces', did you mean 'space'"),
        ({"space": 3}, r"space is 3, expected a table: \[space\]"),
        ({"space": {"dept": 3}}, "did you mean 'depth'"),
        ({"sweep": {"counts": 3}}, r"unknown key in \[sweep\] 'counts', did you mean 'count'"),
        ({"space": {"depth": -1}}, "space.depth is -1, expected a whole number from 0"),
        ({"space": {"depth": 1.5}}, "space.depth is 1.5, expected a whole number"),
        ({"space": {"depth": True}}, "space.depth is True, expected a whole number"),
        ({"space": {"depth": "3"}}, "space.depth is '3', expected a whole number"),
        ({"space": {"depth": []}}, "space.depth is an empty list"),
        ({"space": {"width": [8, 0]}}, "space.width is 0, expected a whole number from 1"),
        ({"space": {"dropout": 1}}, "space.dropout is 1, expected a number from 0.0 to 0.95"),
        ({"space": {"learning_rate": 0}}, "space.learning_rate is 0"),
        ({"space": {"learning_rate": math.nan}}, "space.learning_rate is nan"),
        ({"space": {"activation": "rely"}}, "space.activation is 'rely', expected one of relu, tanh, sigmoid, linear"),
        ({"space": {"residual": 1}}, "space.residual is 1, expected one of False, True"),
        ({"space": {"depth": {"min": 1, "max": 3}}}, "space.depth is a range, which a grid cannot list"),
        ({"space": {"depth": {"min": 3, "max": 1}}, "sweep": {"sampler": "random", "count": 1}}, "min not above max"),
        ({"space": {"depth": {"min": 1}}, "sweep": {"sampler": "random", "count": 1}}, "expected {min, max}"),
        (
            {"space": {"depth": {"min": 0, "max": 4, "log": True}}, "sweep": {"sampler": "random", "count": 1}},
            "above 0",
        ),
        ({"space": {"depth": {"min": 1, "max": 4, "lag": True}}, "sweep": {"sampler": "random", "count": 1}}, "'log'"),
        (
            {"space": {"activation": {"min": 1, "max": 4}}, "sweep": {"sampler": "random", "count": 1}},
            "space.activation",
        ),
        ({"space": {"nodes": [3]}}, "space.nodes is \\[3\\], expected lists of hidden layers"),
        ({"space": {"nodes": [[3]], "depth": 2}}, "space.depth has no meaning beside it"),
        ({"sweep": {"sampler": "grids"}}, "sampler is 'grids', expected one of grid, random, sobol"),
        ({"sweep": {"sampler": "sobol"}}, "needs sweep.count"),
        ({"sweep": {"count": -1}}, "count is -1"),
        ({"sweep": {"seeds": []}}, "sweep.seeds is \\[\\], expected a number of seeds or a list"),
        ({"sweep": {"seeds": ["a"]}}, "sweep.seeds"),
        ({"sweep": {"route": "jobs"}}, "route is 'jobs', expected one of auto, pack, job"),
        ({"data": {"test_fraction": 0}}, "data.test_fraction is 0.0"),
        ({"data": {"test_fraction": "half"}}, "data.test_fraction is 'half', expected a number"),
        ({"limits": {"memory_mb": 1.5}}, "limits.memory_mb is 1.5, expected a whole number"),
    ],
    ids=str,
)
def test_a_wrong_spec_is_told_by_key_value_and_what_is_allowed(spec, words):
    with pytest.raises(ConfigError, match=words):
        spec_of(spec)


@pytest.mark.parametrize(
    ("content", "words"), [(b"[space", "is not TOML"), (b"\xff", "is not TOML"), (b"[space]\ndept = 1", "spec.toml")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, words):
    (tmp_path / "spec.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        read_spec(str(tmp_path / "spec.toml"))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_spec(str(tmp_path / "nowhere.toml"))


@pytest.mark.parametrize("name", sorted(CHOICES))
def test_every_choice_is_a_field_or_a_shape(name):
    assert name == "shape" or hasattr(Design(()), name)
