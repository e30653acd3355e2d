"""What a program's experiment is, as the command line tells it."""

import argparse
import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

from mrdl.errors import ConfigError, brief
from mrdl.experiments.conditions.grammar import parse
from mrdl.experiments.machine.needs import check
from mrdl.experiments.notify.settings import Settings, read_settings
from mrdl.experiments.variables import Variables


def specification(options: argparse.Namespace) -> dict[str, Any]:
    """What the experiment is, checked as a whole before anything starts.

    options: of `mrdl exp run` or `add`: argv, the program and its words, with the -- before them or without; name;
    when, the words of each condition; pattern; need, NAME=NUMBER each; data; time_limit in seconds, 0 for none; notify,
    a file. Returns what Folder.made takes, ready for JSON: name, argv, cwd (that of this process), when, patterns,
    needs by name, data, limits and notify. Whether this machine has what is needed, needs.refusal says later.

    Raises ConfigError where there is no program, where it may not be executed, and for a condition, a pattern, a need
    or settings of messages that cannot be read: after an hour of training that would be told too late.
    """
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not argv:
        raise ConfigError("expected a program after --, as: mrdl exp run -- python lang.py --lr 0.1")
    if shutil.which(argv[0]) is None:
        raise ConfigError(f"the program {brief(argv[0])} is not there, or may not be executed. No shell reads the line")
    when = [" ".join(words) for words in options.when]
    for text in when:
        parse(text)
    Variables(options.pattern)
    needs = dict(map(_need, options.need))
    check(needs)
    return {
        "name": options.name or Path(argv[0]).name,
        "argv": argv,
        "cwd": os.getcwd(),
        "when": when,
        "patterns": options.pattern,
        "needs": needs,
        "data": options.data,
        "limits": {"time_s": options.time_limit},
        "notify": _notify(options.notify).to_json(),
    }


def _need(text: str) -> tuple[str, float]:
    """A need as it is said on the command line: "disk_mb=500" gives ("disk_mb", 500.0).

    Raises ConfigError for an amount that is no number; the name is checked by needs.check.
    """
    name, _, amount = text.partition("=")
    try:
        return name, float(amount)
    except ValueError:
        raise ConfigError(f"--need: expected NAME=NUMBER, as disk_mb=500, got {brief(text)}") from None


def _notify(path: str) -> Settings:
    """The settings of messages, of a file over the user's own.

    path: a TOML file whose settings stand in a table [notify] or alone, '' for the user's own ones only. Relative paths
    in it start from its folder. Raises ConfigError where it cannot be read, and for settings that cannot be used.
    """
    if not path:
        return read_settings()
    try:
        table = tomllib.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"--notify {path} cannot be read: {error}") from None
    return read_settings(table.get("notify", table), Path(path).absolute().parent)
