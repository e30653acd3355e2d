"""The names that programs import: which there are, where they come from, and what importing them costs."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import mrdl

NAMES = [
    "Classifier",
    "ConfigError",
    "DataError",
    "Data_load",
    "MRDL",
    "MR_dist",
    "Model",
    "ModelError",
    "MrdlError",
    "Net",
    "Regressor",
    "SetupError",
    "Sweep",
    "ToTensor",
    "TrainConfig",
    "TrainJob",
    "TrainingError",
    "Transformer",
    "explain",
    "load",
    "log",
    "rbm",
    "train",
    "watch",
]


def imported_by(statement: str) -> set[str]:
    """The modules that a new Python has after a statement."""
    command = [sys.executable, "-c", f"{statement}; import sys; print(*sys.modules)"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def test_the_public_names_are_these():
    assert mrdl.__all__ == NAMES


def test_dir_lists_the_public_names_and_the_version():
    assert dir(mrdl) == sorted([*NAMES, "__version__"])


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_a_documented_thing_of_that_name(name):
    found = getattr(mrdl, name)
    assert found.__name__ == {"MR_dist": "MRDL"}.get(name, name)
    assert found.__module__.startswith("mrdl.") and found.__doc__


def test_no_public_name_is_that_of_a_file():
    """The module would take the name's place in the package after its first import."""
    files = {path.stem for path in Path(mrdl.__file__).parent.iterdir()}
    assert "paper" in files and not files & set(NAMES)


def test_a_name_stays_what_it_is_when_all_modules_are_imported():
    before = [getattr(mrdl, name) for name in NAMES]
    for module in pkgutil.walk_packages(mrdl.__path__, "mrdl."):
        importlib.import_module(module.name)
    assert [getattr(mrdl, name) for name in NAMES] == before


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'mrdl' has no attribute 'fit'"):
        mrdl.fit  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "light"),
    [
        ("import mrdl", {"torch", "numpy", "pyarrow", "mrjob", "pandas", "safetensors", "requests", "rich", "sklearn"}),
        ("from mrdl import TrainConfig, MrdlError", {"torch", "numpy", "pyarrow", "mrjob", "pandas"}),
        ("from mrdl import TrainJob", {"torch", "pandas", "rich"}),  # each task imports it, few of them train
        ("from mrdl import load", {"torch", "mrjob", "pandas", "rich"}),
    ],
)
def test_an_import_does_not_pay_for_what_it_does_not_need(statement, light):
    imported = imported_by(statement)
    assert "mrdl" in imported and not light & imported
