"""The verbs of `mrdl exp`, and what each can be told; what they do is loaded when one is called."""

import argparse
import importlib
from collections.abc import Callable
from typing import Any


def define(exp: argparse.ArgumentParser) -> None:
    """Say what `mrdl exp` can be told.

    exp: its parser, which gets one for each verb. Each verb leaves in `command` what does it: a function of the parsed
    options that returns an exit status, or None for 0. What it needs is imported when it is called, so that to ask for
    help, or to mistype, costs no more than the parser.
    """
    exp.description = (
        "Run any program as an experiment: its facts, output, variables, conditions and messages are kept."
    )
    verbs = exp.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, text: str, module: str, *names: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
        for argument in names:
            parser.add_argument(argument)
        parser.add_argument("--folder", default="", help="of all experiments (default: $MRDL_EXPERIMENTS, experiments)")
        parser.set_defaults(command=_later(module, name))
        return parser

    _add_run(verb("run", "start a program as an experiment and show what it prints", "run"))
    verb("list", "the experiments, the newest last", "views").add_argument(
        "--json", action="store_true", help="as JSON"
    )
    show = verb("show", "what became of an experiment: its state, variables, warnings and facts", "views", "id")
    show.add_argument("--json", action="store_true", help="as JSON")
    verb("log", "what an experiment printed", "views", "id").add_argument(
        "-f", "--follow", action="store_true", help="stay until it has ended"
    )
    verb("diff", "what differs between the facts of two experiments", "views", "a", "b")
    stop = verb("stop", "end an experiment with all that it started, or the runner where no id is said", "run")
    stop.add_argument("id", nargs="?", help="of an experiment (default: the runner; what runs goes on)")
    add = verb("add", "put experiments into the queue, one for each combination of what is set", "queue")
    _add_run(add, waits=True)
    start = verb("start", "start what is queued, in a process that outlives a logout and ends with the queue", "queue")
    start.add_argument("--slots", type=int, default=1, metavar="N", help="how many run at once (default: 1)")
    retry = verb("retry", "let experiments that failed, were stopped or lost wait for another attempt", "queue")
    retry.add_argument("id", nargs="+")
    verb("rm", "delete experiments that have ended, with all their files", "queue").add_argument("id", nargs="+")
    mail = verb("messages", "which messages were not sent yet, and why; tries again", "run")
    mail.add_argument("--test", action="store_true", help="send one to you, by your own settings")


def _add_run(run: argparse.ArgumentParser, waits: bool = False) -> None:
    """Add what `mrdl exp run` and `add`, which waits for its turn, can be told.

    run: the parser of the verb. waits: of `add`, which looks at no needs and waits for no end, so that it has neither
    --force nor --detach. What stands behind -- is kept word by word.
    """
    run.add_argument(
        "--set", action="append", default=[], metavar="NAME=A,B", help="values of {NAME} in the command; 1..9 is a span"
    )
    run.add_argument("--repeat", type=int, default=1, metavar="N", help="run each N times; {repeat} is the number")
    run.add_argument("--name", default="", help="how it is called in messages (default: the program)")
    what = "'CONDITION ACTION', as 'val_loss > 2 after 30m stop'; may be said several times"
    run.add_argument("--when", action="append", default=[], nargs="+", metavar=("CONDITION", "ACTION"), help=what)
    run.add_argument(
        "--pattern", action="append", default=[], help="a regular expression with a named group a variable"
    )
    run.add_argument("--need", action="append", default=[], metavar="NAME=N", help="as disk_mb=500, memory_mb, gpus")
    run.add_argument("--data", action="append", default=[], help="a file or folder whose digest is kept")
    run.add_argument("--time-limit", type=float, default=0, metavar="S", help="seconds until it is ended")
    run.add_argument("--notify", default="", metavar="TOML", help="settings of messages, over those of your own file")
    if not waits:
        run.add_argument("--force", action="store_true", help="start though a need is not met")
        run.add_argument("--detach", action="store_true", help="do not wait: print its id; it survives a logout")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- PROGRAM ...", help="no shell reads it")


def _later(module: str, name: str) -> Callable[[Any], Any]:
    """A verb whose module is loaded when it is called.

    module: a file of mrdl.cli.experiments; name: of the verb, which its function there has, too.
    """

    def run(options: Any) -> Any:
        return getattr(importlib.import_module(f"mrdl.cli.experiments.{module}"), name)(options)

    return run
