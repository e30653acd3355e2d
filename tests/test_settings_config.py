"""Settings: where they come from, what is refused, and which of them decide the shards and the weights."""

import argparse
import dataclasses

import pytest

from mrdl.cli.flags import add_training_flags, flag, given
from mrdl.errors import ConfigError
from mrdl.settings.config import TrainConfig, from_file
from mrdl.settings.decides import DATA, MODEL, RUN
from mrdl.settings.fields import optional, types_of
from mrdl.settings.samples import MOST_WARM_ROWS

FIELDS = {field.name: field for field in dataclasses.fields(TrainConfig)}
TYPES, OPTIONAL = types_of(TrainConfig), sorted(optional(TrainConfig))
WHOLE_NUMBERS = sorted(name for name, kind in TYPES.items() if kind is int)
NUMBERS = sorted(name for name, kind in TYPES.items() if kind is float)
TEXTS = sorted(name for name, kind in TYPES.items() if kind is str and not FIELDS[name].metadata["choices"])
CHOICES = sorted(name for name, field in FIELDS.items() if field.metadata["choices"])


def other(name):
    """A valid value that is not the default."""
    default, about = FIELDS[name].default, FIELDS[name].metadata
    if isinstance(default, bool):
        return not default
    if about["choices"]:
        return next(choice for choice in about["choices"] if choice != default)
    if TYPES[name] in (int, float):
        default = default or about["least"] or 0
        step = 1 if TYPES[name] is int else 0.05
        return default - step if default == about["most"] else default + step
    if name in ("drop", "category", "hash", "number", "date"):
        return ("9", "a b", "2")
    if name == "fill":
        return ("age=median", "a b=0")
    if name == "class_weight":
        return "no=1.0,yes=5.0"
    return "7" if TYPES[name] is str else (9, 4, 2)


def changed(*names):
    return TrainConfig(**{name: other(name) for name in names})


@pytest.fixture
def toml(tmp_path):
    """Write a settings file; returns its path as text."""

    def write(content):
        path = tmp_path / "settings.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


# --- where settings come from ---


def test_an_empty_file_gives_the_defaults(toml):
    assert from_file(toml("")) == TrainConfig()


def test_a_file_goes_over_the_defaults_and_changes_over_the_file(toml):
    config = from_file(toml("rounds = 7\nepochs = 8\n")).with_changes({"epochs": "9"})
    assert (config.rounds, config.epochs, config.batch_size) == (7, 9, TrainConfig().batch_size)


def test_a_file_goes_over_the_base_that_is_given(toml):
    base = TrainConfig(rounds=3, seed=4)
    assert from_file(toml("rounds = 7\n"), base) == TrainConfig(rounds=7, seed=4)


def test_tables_only_group(toml):
    grouped = from_file(toml("seed = 3\n[data]\nshards = 2\n[training]\nrounds = 7\n"))
    assert grouped == from_file(toml("rounds = 7\nshards = 2\nseed = 3\n"))


def test_a_table_of_columns_adds_to_what_stands_beside_it(toml):
    said = 'drop = ["a"]\ncategory = "b"\n[columns]\nc = "ignore"\nd = "date %d/%m/%Y"\n'
    config = from_file(toml(said))
    assert (config.drop, config.category, config.date) == (("a", "c"), ("b",), ("d=%d/%m/%Y",))
    assert from_file(toml('ignore = "a"\n[columns]\nc = "ignore"\n')).drop == ("a", "c")
    base = TrainConfig(drop=("z",), number=("y",))
    over = from_file(toml('[columns]\nc = "ignore"\n'), base)
    assert (over.drop, over.number) == (("c",), ("y",))


@pytest.mark.parametrize(
    ("beside", "of_table", "setting"),
    [
        ('drop = ["a"]', "number", "drop"),
        ('ignore = "b,a"', "date", "drop"),
        ('number = "a=1.234,5"', "category", "number"),
        ('date = "a"', "date %Y", "date"),
    ],
)
def test_a_column_that_a_file_says_twice_is_refused(toml, beside, of_table, setting):
    path = toml(f'[columns]\na = "{of_table}"\n[data]\n{beside}\n')
    with pytest.raises(ConfigError, match=rf"column 'a' is said in \[columns\] and in {setting}, too: leave out one"):
        from_file(path)


def test_two_names_of_one_setting_are_refused_together():
    with pytest.raises(ConfigError, match="ignore is another name of drop: leave out one of them"):
        TrainConfig().with_changes({"drop": "a", "ignore": "b"})


def test_changes_leave_the_original_as_it_was():
    config = TrainConfig()
    config.with_changes({"rounds": 99})
    assert config == TrainConfig()


@pytest.mark.parametrize("name", FIELDS)
def test_a_setting_cannot_be_set_afterwards(name):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(TrainConfig(), name, other(name))


# --- the file that is written ---


@pytest.mark.parametrize("config", [TrainConfig(), changed(*FIELDS)], ids=["defaults", "all-changed"])
def test_the_written_file_reads_back(toml, config):
    assert from_file(toml(config.to_toml())) == config


@pytest.mark.parametrize(
    "text",
    ['a "b" c', "C:\\data\\new", "two\nlines\tand a tab", "größe", "日本", "# no comment", "\U0001f40d"],
)
def test_any_text_survives_the_written_file(toml, text):
    assert from_file(toml(TrainConfig(label=text).to_toml())).label == text


@pytest.mark.parametrize("rate", [1e-05, 0.1 + 0.2, 1e6, 5e-324])
def test_a_number_survives_the_written_file_to_the_bit(toml, rate):
    assert from_file(toml(TrainConfig(learning_rate=rate).to_toml())).learning_rate == rate


@pytest.mark.parametrize("name", FIELDS)
def test_the_written_file_says_what_each_setting_means(name):
    lines = TrainConfig().to_toml().splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith(f"{name} = "))
    assert lines[place - 1] == f"# {FIELDS[name].metadata['help']}"


# --- from text ---


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_is_read_from_text(name):
    value = other(name)
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    assert TrainConfig().with_changes({name: text}) == changed(name)


@pytest.mark.parametrize("given", ["784,500,10", "784, 500, 10", [784, 500, 10], (784, 500, 10), ["784", "500", "10"]])
def test_nodes_from_text_or_from_a_list(given):
    assert TrainConfig().with_changes({"nodes": given}).nodes == (784, 500, 10)


def test_nodes_from_a_toml_list(toml):
    assert from_file(toml("nodes = [784, 500, 10]")).nodes == (784, 500, 10)


def test_a_whole_number_written_with_a_point_is_one():
    rounds = TrainConfig().with_changes({"rounds": 7.0}).rounds
    assert (rounds, type(rounds)) == (7, int)


def test_a_whole_number_becomes_a_number_with_a_point():
    momentum = TrainConfig().with_changes({"momentum": 0}).momentum
    assert (momentum, type(momentum)) == (0.0, float)


def test_a_label_index_in_a_file_is_the_same_as_its_text(toml):
    assert from_file(toml("label = 3")).label == "3"


def test_a_seed_of_64_bits_is_kept():
    assert TrainConfig().with_changes({"seed": 2**64 - 1}).seed == 2**64 - 1


# --- what is refused ---


@pytest.mark.parametrize("value", [True, False, 2.5, "2.5", "two", "", None, [2], float("nan"), float("inf")], ids=repr)
@pytest.mark.parametrize("name", WHOLE_NUMBERS)
def test_only_whole_numbers_for_whole_numbers(name, value):
    if name in OPTIONAL and value in ("", None):
        return
    with pytest.raises(ConfigError, match=f"^{name} is .*, expected a whole number$"):
        TrainConfig().with_changes({name: value})


@pytest.mark.parametrize("value", [True, False, "much", "", None, [0.1], float("nan"), "nan"], ids=repr)
@pytest.mark.parametrize("name", NUMBERS)
def test_only_numbers_for_numbers(name, value):
    if name in OPTIONAL and value in ("", None):
        return
    with pytest.raises(ConfigError, match=f"^{name} is .*, expected a number$"):
        TrainConfig().with_changes({name: value})


@pytest.mark.parametrize(
    "value",
    ["4,two", "4;2", "4,,2", "4.5,2", 4, None, [4, None], [4.5, 2], [True, 2], [4, float("inf")]],
    ids=repr,
)
def test_only_whole_numbers_for_nodes(value):
    with pytest.raises(ConfigError, match="^nodes is .*, expected whole numbers with commas between$"):
        TrainConfig().with_changes({"nodes": value})


def test_hidden_layers_have_nodes():
    assert TrainConfig().with_changes({"hidden": "64,32"}).hidden == (64, 32)
    with pytest.raises(ConfigError, match="above 0"):
        TrainConfig(hidden=(64, 0))


@pytest.mark.parametrize("nodes", [(4,), (4, 0), (-4, 2), (0, 0)])
def test_nodes_are_at_least_two_numbers_above_zero(nodes):
    with pytest.raises(ConfigError, match="expected two or more numbers above 0"):
        TrainConfig(nodes=nodes)


ABOVE_0 = [name for name in NUMBERS if FIELDS[name].metadata["above"] == 0]
RANGES = {
    name: (FIELDS[name].metadata["least"], FIELDS[name].metadata["most"])
    for name in sorted({*WHOLE_NUMBERS, *NUMBERS} - {"threshold"})
}
ENDS = [(name, end, side) for name, ends in RANGES.items() for end, side in zip(ends, (-1, 1), strict=True)]
ENDS = [(name, end, side) for name, end, side in ENDS if end is not None]


def test_every_number_has_a_least_value_and_every_fraction_a_largest():
    assert [name for name, (least, _) in RANGES.items() if least is None and name not in ABOVE_0] == []
    assert [name for name in RANGES if name in NUMBERS and RANGES[name][1] is None] == []


@pytest.mark.parametrize(
    ("name", "ends"),
    {
        "shards": (1, 9999),
        "rounds": (1, 100_000),
        "epochs": (1, None),
        "batch_size": (1, 1_000_000),
        "seed": (0, 2**64 - 1),
        "validation": (0, 0.9),
        "momentum": (0, 0.999),
        "cd_steps": (1, None),
        "weight_cost": (0, 1),
        "layer_rounds": (1, 100_000),
        "learning_rate": (None, 1e6),
        "warm_rows": (0, MOST_WARM_ROWS),
        "outer_momentum": (0, 0.999),
        "outer_step": (None, 10),
    }.items(),
)
def test_a_range_is_the_one_that_makes_sense(name, ends):
    assert RANGES[name] == ends


@pytest.mark.parametrize(("name", "end", "side"), ENDS)
def test_a_number_at_the_end_of_its_range_is_taken(name, end, side):
    assert getattr(TrainConfig().with_changes({name: end}), name) == end


@pytest.mark.parametrize(("name", "end", "side"), ENDS)
def test_a_number_past_the_end_of_its_range_is_refused(name, end, side):
    past = end + side * (1 if name in WHOLE_NUMBERS else 0.0005)
    with pytest.raises(ConfigError, match=f"^{name} is {past}, expected .*[0-9]"):
        TrainConfig().with_changes({name: past})


@pytest.mark.parametrize("value", [0, -0.01, -1], ids=str)
@pytest.mark.parametrize("name", ABOVE_0)
def test_a_step_of_zero_is_refused(name, value):
    with pytest.raises(ConfigError, match=f"^{name} is .*, expected a number above 0, up to [0-9]"):
        TrainConfig().with_changes({name: value})


@pytest.mark.parametrize("given", ["", None], ids=repr)
@pytest.mark.parametrize("name", OPTIONAL)
def test_an_empty_text_leaves_a_setting_out_that_may_be(name, given):
    assert getattr(changed(name).with_changes({name: given}), name) is None


def test_what_may_be_left_out_is_none_by_default():
    assert [name for name in OPTIONAL if FIELDS[name].default is not None] == []


@pytest.mark.parametrize("name", sorted({*NUMBERS} - {"threshold"}))
def test_an_infinite_number_is_refused(name):
    with pytest.raises(ConfigError, match=f"^{name} is inf, expected a number (from|above)"):
        TrainConfig().with_changes({name: "inf"})


@pytest.mark.parametrize("name", CHOICES)
def test_a_value_that_is_no_choice_is_refused_with_all_choices(name):
    with pytest.raises(ConfigError) as refused:
        TrainConfig().with_changes({name: "perhaps"})
    choices = ", ".join(FIELDS[name].metadata["choices"])
    assert str(refused.value) == f"{name} is 'perhaps', expected one of {choices}"


@pytest.mark.parametrize(
    ("wrong", "right"), [("epoch", "epochs"), ("learning-rate", "learning_rate"), ("batchsize", "batch_size")]
)
def test_an_unknown_setting_names_the_nearest(wrong, right):
    with pytest.raises(ConfigError, match=f"^unknown setting '{wrong}', did you mean '{right}'[?]$"):
        TrainConfig().with_changes({wrong: 1})


def test_a_setting_near_to_none_lists_all():
    with pytest.raises(ConfigError) as refused:
        TrainConfig().with_changes({"xyzzy": 1})
    assert str(refused.value).endswith("expected one of " + ", ".join(FIELDS))


@pytest.mark.parametrize("line", ["epoch = 3", "rounds = true", "shards = 0", "kind = 'cnn'", "rounds = 1979-05-27"])
def test_what_is_wrong_in_a_file_is_said_with_its_path(toml, line):
    path = toml(line)
    with pytest.raises(ConfigError) as refused:
        from_file(path)
    assert str(refused.value).endswith(f" ({path})")


@pytest.mark.parametrize("content", ["rounds = ", "rounds: 3", "rounds = 1\nrounds = 2\n", b"label = '\xff\xfe'"])
def test_a_file_that_is_not_toml_is_refused_by_name(toml, content):
    path = toml(content)
    with pytest.raises(ConfigError, match="is not TOML") as refused:
        from_file(path)
    assert str(refused.value).startswith(path)


@pytest.mark.parametrize(("name", "why"), [("nowhere.toml", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path, name, why):
    with pytest.raises(ConfigError, match=f"cannot be read: {why}"):
        from_file(str(tmp_path / name))


# --- what settings decide ---

DECIDES = {
    DATA: ["label", "task", "header", "drop", "category", "hash", "number", "date", "separator"]
    + ["weights", "bad_rows", "validation", "test_fraction", "shards"],
    MODEL: [
        "kind",
        "nodes",
        "hidden",
        "activation",
        "loss",
        "visible",
        "fine_tune",
        "threshold",
        "scaling",
        "missing",
        "fill",
        "levels",
        "budget",
        "rounds",
        "epochs",
        "batch_size",
        "learning_rate",
        "schedule",
        "momentum",
        "cd_steps",
        "chains",
        "weight_cost",
        "layer_rounds",
        "layer_epochs",
        "layer_learning_rate",
        "warm_rows",
        "warm_epochs",
        "combine",
        "outer_momentum",
        "residual",
        "initialisation",
        "optimizer",
        "weight_decay",
        "dropout",
        "label_smoothing",
        "class_weight",
        "outer_step",
        "seed",
        "device",
        "engine",
    ],
}
DECIDES[RUN] = [name for name in FIELDS if name not in DECIDES[DATA] + DECIDES[MODEL]]


@pytest.mark.parametrize("scope", [DATA, MODEL, RUN])
@pytest.mark.parametrize("name", FIELDS)
def test_a_digest_depends_on_exactly_the_settings_of_its_scope(name, scope):
    differs = changed(name).digest((scope,)) != TrainConfig().digest((scope,))
    assert differs == (name in DECIDES[scope])


def test_a_digest_leaves_out_what_it_is_told_to():
    assert changed("rounds").digest((MODEL,), but=("rounds",)) == TrainConfig().digest((MODEL,), but=("rounds",))


def test_the_digest_does_not_depend_on_how_settings_were_given(toml):
    given = TrainConfig(nodes=(9, 4, 2), momentum=0.5)
    read = from_file(toml("nodes = '9, 4, 2'\n[training]\nmomentum = '0.50'\n"))
    assert read.digest((MODEL,)) == given.digest((MODEL,))


# --- the fields themselves ---


@pytest.mark.parametrize("name", FIELDS)
def test_a_setting_has_a_help_text_and_the_scope_it_should(name):
    assert FIELDS[name].metadata["help"].strip()
    assert name in DECIDES[FIELDS[name].metadata["decides"]]


def test_a_setting_that_is_the_beginning_of_another_is_not_taken_for_it():
    """argparse takes --run for --run-dir: a shorter name must never become another one's abbreviation."""
    parser = argparse.ArgumentParser(allow_abbrev=True)
    add_training_flags(parser)
    shorter = [a for a in FIELDS for b in FIELDS if a != b and b.startswith(a)]
    for name in shorter:
        value = str(other(name))
        assert given(parser.parse_args(["data.csv", flag(name), value])) == {name: value}
