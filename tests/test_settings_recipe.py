"""What is left to mrdl: by the kind of data and its size, in whole numbers that a small difference does not change."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from mrdl.data.contents import contents_of
from mrdl.data.source import Source
from mrdl.rounds.plan import resolved
from mrdl.settings.config import TrainConfig, from_file
from mrdl.settings.recipe import PIXELS, RULES, TABLE, Size, power_of_two, told

SIZES = [
    Size(TABLE, rows, columns) for rows, columns in ((150, 4), (5_000, 20), (300_000, 28), (10**8, 3), (900, 20_000))
]


def decided(size, **settings):
    return resolved(TrainConfig().with_changes(settings), size)


@pytest.mark.parametrize("shards", [1, 2, 8, 32, 500])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_what_a_recipe_decides_is_whole_and_stays_when_it_is_asked_again(size, shards, tmp_path):
    config = decided(size, shards=shards)
    assert all(getattr(config, name) is not None for name in RULES)
    (tmp_path / "config.toml").write_text(config.to_toml())
    assert resolved(config, size) == resolved(config) == config == from_file(str(tmp_path / "config.toml"))
    assert 1 <= config.batch_size & -config.batch_size == config.batch_size <= 256
    assert config.rounds * config.epochs >= 3 and 0.001 <= config.weight_decay <= 0.03


@pytest.mark.parametrize("name", RULES)
def test_what_is_said_stays(name):
    said = {"batch_size": 7, "learning_rate": 0.3, "momentum": 0.1, "weight_decay": 0.0, "schedule": "linear",
            "budget": 21, "warm_rows": 5, "warm_epochs": 3, "keep": "last"}[name]  # fmt: skip
    plain, found = decided(SIZES[2]), decided(SIZES[2], **{name: said})
    assert getattr(found, name) == said != getattr(plain, name)


def test_the_rate_is_that_of_the_batch_that_was_said():
    assert decided(SIZES[2], shards=1, batch_size=64).learning_rate == 0.05
    assert decided(SIZES[2], shards=1).learning_rate == 0.1
    assert decided(SIZES[2], activation="sigmoid", batch_size=256).learning_rate == pytest.approx(0.333)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_an_optimiser_of_its_own_rates_keeps_them(optimizer):
    config = decided(SIZES[2], optimizer=optimizer)
    assert (config.learning_rate, config.momentum, config.schedule) == (None, None, "annealing")
    assert config.weight_decay == {"adam": 0.0, "adamw": 0.01}[optimizer]


@pytest.mark.parametrize(
    ("size", "settings"),
    [(Size(PIXELS, 60_000, 784), {}), (SIZES[2], {"kind": "dbn"}), (SIZES[2], {"kind": "autoencoder"}),
     (SIZES[2], {"threshold": 35})],
)  # fmt: skip
def test_pixels_and_networks_that_are_no_mlp_have_what_they_had(size, settings):
    config = decided(size, **settings)
    assert (config.batch_size, config.schedule, config.budget, config.outer_momentum) == (16, "constant", 12, 0.3)
    assert (config.warm_rows, config.warm_epochs, config.weight_decay, config.learning_rate) == (20_000, 8, 0.0, None)
    assert told(TrainConfig().with_changes(settings), config, size) == ""


def test_rows_that_differ_little_decide_the_same():
    assert {decided(Size(TABLE, rows, 28)) for rows in (240_000, 262_144, 300_000, 360_000)} == {decided(SIZES[2])}
    assert [power_of_two(value) for value in (0, 1, 1.4, 1.5, 5_700, 6_000)] == [1, 1, 1, 2, 4096, 8192]


def test_a_warm_start_costs_the_same_whatever_the_table_is_like():
    """Passes of as many rows as a sample holds, times the network's weights."""
    small, wide = decided(Size(TABLE, 2**20, 28)), decided(Size(TABLE, 2**20, 280))
    assert (small.warm_rows, small.warm_epochs) == (299_593, 4) and (wide.warm_rows, wide.warm_epochs) == (29_959, 8)
    assert decided(Size(TABLE, 2**20, 28), nodes=(28, 5000, 2)).warm_epochs == 2


def test_what_was_decided_is_told_in_one_line():
    asked = TrainConfig(shards=2, weight_decay=0.5)
    line = told(asked, resolved(asked, SIZES[1]), SIZES[1])
    assert line.startswith("a table of about 4,096 rows in 2 shards: batch 16, learning rate 0.025, momentum 0.9, ")
    assert (
        "decay" not in line
        and line.endswith("warm start of rows 419430, times 8, keep the round that is best")
        and "\n" not in line
    )
    assert "warm" not in told(TrainConfig(shards=1), decided(SIZES[1], shards=1), SIZES[1])


@pytest.mark.parametrize("packed", [False, True])
def test_rows_are_estimated_from_the_first_lines_and_the_size(packed, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / ("data.csv.gz" if packed else "data.csv")
    frame = pd.DataFrame(rng.normal(size=(60_000, 5)).round(4), columns=list("abcde"))
    frame.insert(0, "label", rng.integers(0, 2, len(frame)))
    frame.to_csv(path, index=False)
    about = Source.look_at(str(path), TrainConfig()).about_rows
    assert about == pytest.approx(60_000, rel=0.8 if packed else 0.01)
    frame.head(500).to_csv(tmp_path / "few.csv", index=False)
    assert Source.look_at(str(tmp_path / "few.csv"), TrainConfig()).about_rows == 500


def test_a_run_keeps_what_was_decided_and_is_that_of_the_same_settings_said(new_run, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3)).round(3)
    frame = pd.DataFrame(x, columns=list("abc"))
    frame.insert(0, "label", (x[:, 0] * x[:, 1] > 0).astype(int))
    frame.to_csv(tmp_path / "table.csv", index=False)
    made = new_run(data=str(tmp_path / "table.csv"), shards=2)
    model, config = made.execute(), made.setup.config
    assert config == from_file(str(made.folder.config)) and (config.schedule, config.batch_size) == ("annealing", 16)
    said = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    again = new_run(data=str(tmp_path / "table.csv"), **{**said, "run_dir": None})
    assert again.execute().to_bytes() == model.to_bytes()
    assert model.rounds[-1]["accuracy"] > 0.9


@pytest.mark.parametrize(("columns", "high", "contents"), [(64, 16, PIXELS), (784, 255, PIXELS), (16, 15, TABLE)])
def test_few_columns_of_whole_numbers_are_no_picture(columns, high, contents, tmp_path):
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.arange(200) % 2, rng.integers(0, high + 1, (200, columns))])
    names = ",".join(["label", *(f"c{i}" for i in range(columns))])
    np.savetxt(tmp_path / "data.csv", rows, "%d", ",", header=names, comments="")
    assert contents_of(Source.look_at(str(tmp_path / "data.csv"), TrainConfig()).head) == contents


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_rows_are_estimated_whatever_ends_their_lines(tmp_path, end):
    lines = ["y,a,b", *(f"{i % 2},{i * 0.37:.3f},{i % 9}" for i in range(90_000))]
    found = []
    for each in ("\n", end):
        (tmp_path / "x.csv").write_bytes(each.join([*lines, ""]).encode())
        source = Source.look_at(str(tmp_path / "x.csv"), TrainConfig(label="y"))
        found.append((source.about_rows, contents_of(source.head)))
    assert found[0][1] == found[1][1] == "table"
    assert found[1][0] == pytest.approx(90_000, rel=0.02) and found[0][0] == pytest.approx(90_000, rel=0.02)


def test_keys_of_partition_folders_are_no_bytes_of_rows(tmp_path):
    rows = "".join(f"{i % 2},{i * 0.37:.3f},{i % 9}\n" for i in range(90_000))
    for region in ("a-region-of-a-long-name", "b-region-of-a-long-name"):
        (tmp_path / f"region={region}").mkdir()
        (tmp_path / f"region={region}" / "x.csv").write_text("y,a,b\n" + rows)
    source = Source.look_at(str(tmp_path), TrainConfig(label="y"))
    assert source.about_rows == pytest.approx(180_000, rel=0.02)
