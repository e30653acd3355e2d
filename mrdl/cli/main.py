"""The command line: `mrdl COMMAND ...`, also `python -m mrdl`. Each command stands in a file of its own."""

import argparse
import atexit
import difflib
import gc
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import mrdl
from mrdl.cli import process
from mrdl.errors import ConfigError, MrdlError, printable
from mrdl.mapreduce.task import die_with_driver

COMMANDS = {  # name -> its module, whose `define` says what it can be told; and what it does
    "train": ("train", "train a network on a CSV"),
    "predict": ("predict", "print the label of each row of a CSV"),
    "evaluate": ("evaluate", "say what a model is worth on a labelled CSV"),
    "explain": ("explain", "say what a model looks at: the columns it needs, and how it answers by them"),
    "show": ("runs.show", "show the rounds of a run, or a model"),
    "plot": ("runs.plot", "draw a run: losses, scores, filters, reconstructions"),
    "runs": ("runs.listing", "list run folders"),
    "stop": ("runs.stopping", "stop a run or a sweep; what is done is kept"),
    "resume": ("runs.resuming", "go on with a run or a sweep that was stopped, killed or failed"),
    "delete": ("runs.deleting", "delete a run or a sweep"),
    "inspect": ("preflight.inspection", "say what each column of a table holds, and what looks wrong"),
    "advise": ("preflight.advise", "say how long a training takes, and whether to distribute it"),
    "drill": ("drill", "kill, damage and restart what your run needs, and compare the bytes"),
    "sweep": ("sweep.verbs", "train many architectures on one data set: plan, run, status, show, ..."),
    "exp": ("experiments.verbs", "run any program as an experiment: watched, recorded, stopped, mailed about"),
    "web": ("web", "serve the pages: upload a table, train, watch, read"),
    "hadoop": ("hadoop", "start and stop a real Hadoop on this machine"),
}


class Parser(argparse.ArgumentParser):
    """argparse that names the nearest flag where one is unknown, and exits with 2 and one message.

    module: one of mrdl.cli whose `define` adds the flags of a command; it is imported when its command is asked for.
    """

    def __init__(self, *args: Any, module: str = "", **more: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **more})
        self._module = module

    def error(self, message: str) -> NoReturn:
        """See argparse."""
        raise ConfigError(message)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See argparse; what a command does not know is refused by itself, so that it hints at no other's flags."""
        if self._module:
            module, self._module = self._module, ""
            importlib.import_module(f"mrdl.cli.{module}").define(self)
        found, extra = super().parse_known_args(args, namespace)
        if extra and self._subparsers is None:
            self._refuse(extra[0])
        return found, extra

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See argparse."""
        found, extra = self.parse_known_args(args, namespace)
        if extra:
            self._refuse(extra[0])
        return found

    def _refuse(self, word: str) -> NoReturn:
        """Raise ConfigError for a word that the command does not know, with the flag that is nearest to it."""
        flags = [flag for action in self._actions for flag in action.option_strings]
        near = difflib.get_close_matches(word.split("=")[0], flags, 1, cutoff=0.7)
        hint = f"did you mean {near[0]}?" if near else f"see {self.prog} --help"
        raise ConfigError(f"unknown flag or argument {word!r}, {hint}")


def main(arguments: Sequence[str] | None = None, **inside: Any) -> int:
    """Run a command; returns the exit status: 0, 1 a job failed, 2 wrong settings or data, 130 interrupted.

    arguments: the words after `mrdl`, those of this process by default. inside: what a script that is a command adds,
    see mrdl.cli.train.train.

    main(["train", "digits.csv", "--shards", "2"])
    """
    die_with_driver()  # of a sweep, which trains a large design by a command of its own
    if arguments is None:  # this process is the command: it is not looked through for garbage once more when it ends
        atexit.register(gc.freeze)
    words = list(sys.argv[1:] if arguments is None else arguments)
    with process.command():
        return _run(words, inside)


def _run(words: Sequence[str], inside: Mapping[str, Any]) -> int:
    """Run a command and tell what goes wrong in one message; returns the exit status."""
    parser = _parser()
    try:
        options = parser.parse_args(words)
        if not hasattr(options, "command"):
            parser.print_help()
            return 0
        status = int(options.command(options, **inside) or 0)
        sys.stdout.flush()  # here, where a reader that has gone can be told from a failure
        return status
    except KeyboardInterrupt:
        process.heard()
        print("\nmrdl: interrupted; what is done is kept: --resume, or `mrdl sweep resume`, goes on", file=sys.stderr)
        return 130
    except MrdlError as error:
        print(printable(f"mrdl: {error}"), file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


def _parser() -> Parser:
    """The parser of all commands, each without its flags until it is asked for."""
    parser = Parser(prog="mrdl", description=(mrdl.__doc__ or "").split("\n")[0])
    parser.add_argument("--version", action="version", version=mrdl.__version__)
    commands = parser.add_subparsers(title="commands", parser_class=Parser)
    for name, (module, does) in COMMANDS.items():
        commands.add_parser(name, help=does, module=module)
    return parser
