"""The flags that say how to train: one for each field of TrainConfig, and the runner; for train, advise and drill."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from mrdl.mapreduce.runners import RUNNERS
from mrdl.settings.config import ALIASES, REFUSED, TrainConfig, from_file
from mrdl.settings.decides import DATA, MODEL, RUN
from mrdl.settings.fields import flag, flag_help

TITLES = {DATA: "the data", MODEL: "the network and its training", RUN: "the run"}


def add_training_flags(
    parser: argparse.ArgumentParser, *, data_known: str = "", scopes: Sequence[str] = tuple(TITLES)
) -> None:
    """Add the data, the runner, a file of settings and a flag for each setting.

    A setting that is left out is not among the options: `given` tells those that are. The flags are in groups, by what
    a setting decides: the data, the network, or nothing of both. data_known: when the data may be left out, in words;
    scopes: the groups that are wanted.
    """
    parser.add_argument(
        "data",
        nargs="?" if data_known else None,
        help="a CSV with a label: a file, folder or glob, local or hdfs://, plain, gz or bz2" + data_known,
    )
    parser.add_argument(
        "-r",
        "--runner",
        default="inline",
        choices=tuple(RUNNERS),
        help="where tasks run: in this process (default), in a process a core, or on YARN",
    )
    parser.add_argument("--config", default="", metavar="FILE", help="a TOML file of settings; flags go before it")
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.add_argument("--verbose", action="store_true", help="say what mrjob does, too")
    groups = {scope: parser.add_argument_group(title) for scope, title in TITLES.items() if scope in scopes}
    for field in dataclasses.fields(TrainConfig):
        if field.metadata["decides"] not in groups:
            continue
        about = flag_help(TrainConfig, field)  # left out, a setting is not among the options
        group = groups[field.metadata["decides"]]
        names = [field.name, *(other for other, name in ALIASES.items() if name == field.name)]
        group.add_argument(*map(flag, names), dest=field.name, default=argparse.SUPPRESS, **about)
    for name in REFUSED:  # not shown, but answered
        parser.add_argument(flag(name), nargs="?", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def config_of(
    options: argparse.Namespace, defaults: Mapping[str, Any] | None = None, base: TrainConfig | None = None
) -> TrainConfig:
    """The settings of a command line: flags over the file of --config over defaults over a base.

    defaults: of a script that is a command; base: mrdl's own where none is given. Raises ConfigError for a value that
    is out of its bounds, or a file that cannot be read.
    """
    config = (base or TrainConfig()).with_changes(defaults or {})
    config = from_file(options.config, config) if options.config else config
    return config.with_changes(given(options))


def given(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that have a flag on this command line, by name."""
    names = [*(field.name for field in dataclasses.fields(TrainConfig)), *REFUSED]
    return {name: getattr(options, name) for name in names if hasattr(options, name)}
