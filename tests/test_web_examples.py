"""What a form may be filled with at a press is what its words say."""

import tomllib

import pytest

from mrdl.settings.config import TrainConfig, from_tables
from mrdl.sweep.spec import spec_of
from mrdl.web.examples import EXAMPLES
from mrdl.web.forms import KINDS, Values, form, toml_of_form

ALL = [(kind, example) for kind, examples in EXAMPLES.items() for example in examples]
TRAININGS = {"A first look": 12, "How deep, how wide?": 60, "A thousand trainings": 1000}


def read(kind, example):
    return tomllib.loads(toml_of_form(kind, Values(values=dict(example.values)))["toml"])


def test_every_form_has_examples_and_tells_them():
    assert EXAMPLES.keys() == KINDS.keys()
    told = [example["title"] for kind in KINDS for example in form(kind)["examples"]]
    assert told == [example.title for _, example in ALL]


@pytest.mark.parametrize(("kind", "example"), ALL, ids=lambda value: getattr(value, "title", value))
def test_an_example_is_settings_that_may_be(kind, example):
    if kind == "sweep":
        spec = spec_of(read(kind, example))
        assert len(spec.designs(columns=30, classes=2)) == TRAININGS[example.title]
    else:
        assert (from_tables(read(kind, example)) == TrainConfig()) == (not example.values)
