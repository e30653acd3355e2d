"""Forms are made from the settings, and the TOML beside them says the same."""

import tomllib

import pytest

from mrdl.errors import ConfigError
from mrdl.settings.config import TrainConfig, from_tables
from mrdl.settings.fields import fields_of
from mrdl.sweep.spec import spec_of
from mrdl.web.forms import HERE_ALONE, KINDS, Toml, Values, form, form_of_toml, toml_of_form

OF_A_RUN = {
    "label": "y, or not",
    "drop": 'id,"a, b"',
    "hidden": "50, 20",
    "residual": "yes",
    "learning_rate": "0.001",
    "rounds": "3",
    "class_weight": "balanced",
    "stop_on": "auc",
    "seed": "18446744073709551615",
}
OF_A_SWEEP = {
    "space.depth": "1, 2, 4",
    "space.width": "8 to 64",
    "space.learning_rate": "0.0001 to 0.1 log",
    "space.residual": "no, yes",
    "space.activation": "relu,tanh",
    "sweep.sampler": "random",
    "sweep.count": "20",
    "sweep.seeds": "0, 1, 2",
    "data.label": "größe",
    "data.category": 'id,"a, b"',
    "limits.cpu_s": "12.5",
}


def keys_of(kind):
    return [field["key"] for group in form(kind)["groups"] for field in group["fields"]]


@pytest.mark.parametrize(("kind", "values"), [("run", OF_A_RUN), ("sweep", OF_A_SWEEP)])
def test_a_form_and_its_toml_are_made_from_each_other(kind, values):
    toml = toml_of_form(kind, Values(values=values))["toml"]
    assert form_of_toml(kind, Toml(toml=toml)) == {"values": values}


def test_the_toml_of_a_form_is_what_the_command_line_reads():
    config = from_tables(tomllib.loads(toml_of_form("run", Values(values=OF_A_RUN))["toml"]))
    assert (config.label, config.drop, config.hidden, config.seed) == ("y, or not", ("id", "a, b"), (50, 20), 2**64 - 1)
    spec = spec_of(tomllib.loads(toml_of_form("sweep", Values(values=OF_A_SWEEP))["toml"]))
    assert (spec.space.width, spec.seeds, spec.category) == ({"min": 8, "max": 64}, (0, 1, 2), ("id", "a, b"))


def test_a_form_asks_for_every_setting_that_a_page_may_name():
    assert set(keys_of("run")) | HERE_ALONE >= {field.name for field in fields_of(TrainConfig)}
    assert not {*keys_of("run"), *keys_of("sweep")} & HERE_ALONE
    assert all(set(KINDS[kind].common) <= set(keys_of(kind)) for kind in KINDS)


def test_defaults_are_not_written():
    defaults = {field["key"]: field["default"] for group in form("run")["groups"] for field in group["fields"]}
    assert toml_of_form("run", Values(values=defaults)) == {"toml": ""}
    assert form_of_toml("sweep", Toml(toml="[space]\ndepth = 2\n")) == {"values": {}}


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("run", {"rounds": "x"}, "rounds is 'x', expected a whole number"),
        ("run", {"roundz": "1"}, "did you mean 'rounds'"),
        ("run", {"shards": "0"}, "shards is 0, expected 1 or more"),
        ("run", {"run_dir": "/etc"}, "unknown setting 'run_dir'"),
        ("sweep", {"sweep.backend": "os:system"}, "unknown setting 'sweep.backend'"),
        ("sweep", {"space.depth": "1, many"}, "space.depth is 'many', expected a whole number from 0"),
        ("sweep", {"space.depth": "8 to 2"}, "expected {min, max} with min not above max"),
        ("sweep", {"space.width": "8 to 64"}, "is a range, which a grid cannot list"),
        ("sweep", {"sweep.halving": "{ first = 2"}, "sweep.halving is '{ first = 2', expected"),
    ],
)
def test_a_wrong_value_is_told_in_the_words_of_the_command_line(kind, values, words):
    with pytest.raises(ConfigError) as told:
        toml_of_form(kind, Values(values=values))
    assert words in str(told.value)


@pytest.mark.parametrize("toml", ["rounds = ", "a" * 10, "x = " + "[" * 5000])
def test_what_is_no_toml_is_told(toml):
    with pytest.raises(ConfigError, match="not TOML"):
        form_of_toml("run", Toml(toml=toml))
