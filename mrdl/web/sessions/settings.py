"""Which settings may come from a page: none that names code, or a path outside of the folders that are allowed.

A page is asked by whoever has its token, from wherever; a command line by who may run programs here anyway. So what
would run the user's code, choose a program, or read and write files elsewhere is for the command line alone.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from mrdl.errors import ConfigError
from mrdl.nn.backends.registry import BACKENDS
from mrdl.nn.engines.table import AUTO
from mrdl.settings.config import TrainConfig, from_file
from mrdl.settings.fields import name_of
from mrdl.sweep.spec import read_spec
from mrdl.web.home import Home

OF_SERVER: Mapping[str, str] = {
    "run_dir": "the page names the folder itself",
    "cache_dir": "it would write into any folder",
    "python_bin": "it would run any program",
    "mrjob_conf": "it would run what that file says",
}
"""Settings of a run that a page may not have -> why."""

TABLES = ("test",)  # settings that are tables, in a folder that is allowed
MODELS = ("start_from",)  # and model files, in one of those or in a run of the home
KNOWN = {*OF_SERVER, *TABLES, *MODELS}


def check_settings(home: Home, kind: str, path: Path) -> None:
    """Raise ConfigError, in words, where a file of settings is none, or has one that a page may not have.

    kind: run or sweep. It is read by what reads it for the command, so that both see the same.
    """
    if kind == "sweep":
        backend = read_spec(str(path)).backend
        if backend not in (AUTO, *BACKENDS):
            raise _refusal("sweep.backend", backend, "it is code that would be run: from a page only those of mrdl")
        return
    config = from_file(str(path))
    for field in dataclasses.fields(TrainConfig):
        name, value = field.name, getattr(config, field.name)
        if value in (None, ""):
            continue
        if name in OF_SERVER:
            raise _refusal(name_of(field), str(value), OF_SERVER[name])
        if name in TABLES:
            home.table(str(value))
        if name in MODELS and not _is_model_here(home, str(value)):
            home.table(str(value))


def _is_model_here(home: Home, name: str) -> bool:
    """Whether a path is that of a run of the home, or of the model in it."""
    runs = (home.folder / "runs").resolve()
    return "\0" not in name and "://" not in name and (home.folder / name).resolve().is_relative_to(runs)


def _refusal(name: str, value: str, why: str) -> ConfigError:
    return ConfigError(
        f"{name} is {value[:200]!r}, which cannot be set here: {why}. Leave it out, or use the command line"
    )
