"""The command line: `mrdl train` and what stands in mrdl.cli.advise; also `python -m mrdl` and `python train.py`."""

import argparse
import dataclasses
import difflib
import importlib
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NoReturn, get_type_hints

import mrdl
from mrdl.cli import output, process
from mrdl.cli.screen import say
from mrdl.errors import ConfigError, Diverged, MrdlError, TrainingError
from mrdl.mapreduce.runners import RUNNERS
from mrdl.mapreduce.task import die_with_driver
from mrdl.settings.config import DATA, MODEL, TrainConfig, from_file

EXAMPLES = """examples:
  mrdl train digits.csv                                        in this process
  mrdl train mnist.csv -r local --nodes 784,500,100,10         a process for each core
  mrdl train hdfs:///user/me/mnist.csv -r hadoop --shards 16   on YARN, where the data lies
  mrdl train mnist.csv --config configs/mnist_mlp.toml --rounds 8
  mrdl train mnist.csv --run-dir runs/first --resume           go on after whatever happened
  mrdl train mnist.csv -o net.out                              the network itself, for mrdl.load("net.out")
  mrdl train mnist.csv > net.out                               the same
"""

METAVARS = {int: "N", float: "X", str: "TEXT", tuple[str, ...]: "COL,.."}


class Parser(argparse.ArgumentParser):
    """argparse that names the nearest flag where one is unknown, and exits with 2 and one message."""

    def error(self, message: str) -> NoReturn:
        """See argparse."""
        raise ConfigError(message)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See argparse; what a command does not know is refused by itself, so that it hints at no other's flags."""
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
        flags = [flag for action in self._actions for flag in action.option_strings]
        near = difflib.get_close_matches(word.split("=")[0], flags, 1, cutoff=0.7)
        hint = f"did you mean {near[0]}?" if near else f"see {self.prog} --help"
        raise ConfigError(f"unknown flag or argument {word!r}, {hint}")


def main(arguments: Sequence[str] | None = None, **inside: Any) -> int:
    """Run a command; returns the exit status: 0, 1 a job failed, 2 wrong settings or data, 130 interrupted.

    `inside` is for scripts that are a command, too: job_class, defaults of settings, and what Run takes.
    """
    die_with_driver()  # of a sweep, which trains a large design by a command of its own
    words = list(sys.argv[1:] if arguments is None else arguments)
    with process.command():
        return _run(words, inside)


def _run(words: Sequence[str], inside: Mapping[str, Any]) -> int:
    try:
        options = _parser(words).parse_args(words)
        if not hasattr(options, "command"):
            _parser(words).print_help()
            return 0
        status = int(options.command(options, **inside) or 0)
        sys.stdout.flush()  # here, where a reader that has gone can be told from a failure
        return status
    except KeyboardInterrupt:
        print("\nmrdl: interrupted; what is done is kept: --resume, or `mrdl sweep resume`, goes on", file=sys.stderr)
        return 130
    except MrdlError as error:
        say(f"mrdl: {error}", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


# --- what there is to say ---


def _parser(words: Sequence[str] = ()) -> Parser:
    parser = Parser(prog="mrdl", description=(mrdl.__doc__ or "").split("\n")[0], allow_abbrev=False)
    parser.add_argument("--version", action="version", version=mrdl.__version__)
    commands = parser.add_subparsers(title="commands", parser_class=Parser)
    train = commands.add_parser(
        "train", help="train a network on a CSV", description="Train a network on a labelled CSV, where it lies.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    _train_arguments(train)
    train.set_defaults(command=_train)
    _add_views(commands)
    advise = commands.add_parser(
        "advise", help="say how long a training takes, and whether to distribute it", allow_abbrev=False,
        description="Measure this machine on the head of the data, with -r hadoop the cluster too, and predict.",
    )  # fmt: skip
    _train_arguments(advise, resume=False)
    advise.add_argument("--measure", action="store_true", help="measure the cluster again, which takes a minute")
    advise.set_defaults(command=_advise)
    drill = commands.add_parser(
        "drill", help="kill, damage and restart what your run needs, and compare the bytes", allow_abbrev=False,
        description="Run a training calm, then under random faults, and compare the sha256. With -r hadoop only "
        "on the cluster of scripts/hadoop, whose daemons are killed and started again.",
    )  # fmt: skip
    _train_arguments(drill, resume=False)
    drill.add_argument("--faults", type=int, default=20, metavar="N", help="how many (default: 20)")
    drill.add_argument("--drill-seed", type=int, default=0, metavar="N", help="of the faults (default: 0)")
    drill.set_defaults(command=_drill)
    if "sweep" in words:  # loaded when it is asked for, as the other commands are
        from mrdl.cli.sweep.verbs import add_parser

        add_parser(commands)
    else:
        commands.add_parser("sweep", help="train many architectures on one data set: plan, run, status, show, ...")
    return parser


def _add_views(commands: Any) -> None:
    """The commands that look at what was trained."""
    predict = commands.add_parser(
        "predict", help="print the label of each row of a CSV", allow_abbrev=False,
        description="Print the label of each row, one a line; of networks without classes the reconstruction, as CSV.",
    )  # fmt: skip
    predict.add_argument("model", help="a run folder, or a model file that train wrote")
    predict.add_argument("data", help="a CSV, with or without the label column; local or hdfs://")
    predict.add_argument("--proba", action="store_true", help="print the probability of each class instead, as CSV")
    predict.add_argument(
        "--features", action="store_true", help="print the features of RBMs, or an autoencoder's code, instead, as CSV"
    )
    predict.set_defaults(command=_command("predict", "predict"))
    show = commands.add_parser("show", help="show the rounds of a run, or a model", allow_abbrev=False)
    show.add_argument("run", help="a run folder, or a model file")
    show.add_argument("--json", action="store_true", help="as JSON")
    show.set_defaults(command=_command("show", "show"))
    plot = commands.add_parser(
        "plot", help="draw a run: losses, scores, filters, reconstructions", allow_abbrev=False,
        description="Draw a run folder into one PNG and one HTML file. Needs matplotlib: pip install 'mrdl[plot]'.",
    )  # fmt: skip
    plot.add_argument("run", help="a run folder")
    plot.add_argument("--out", default="", metavar="NAME", help="NAME.png and NAME.html (default: plot, in the folder)")
    plot.set_defaults(command=_command("plot", "show"))
    runs = commands.add_parser("runs", help="list run folders", allow_abbrev=False)
    runs.add_argument("folder", nargs="?", default="runs", help="where to look (default: runs)")
    runs.add_argument("--json", action="store_true", help="as JSON")
    runs.set_defaults(command=_command("runs", "show"))


def _train_arguments(parser: argparse.ArgumentParser, resume: bool = True) -> None:
    parser.add_argument("data", help="a CSV with a label: a file, folder or glob, local or hdfs://, plain, gz or bz2")
    parser.add_argument(
        "-r", "--runner", default="inline", choices=tuple(RUNNERS),
        help="where tasks run: in this process (default), in a process a core, or on YARN",
    )  # fmt: skip
    parser.add_argument("--config", default="", metavar="FILE", help="a TOML file of settings; flags go before it")
    if resume:
        parser.add_argument("--resume", action="store_true", help="go on from the newest whole round of --run-dir")
        parser.add_argument(
            "-o", "--output", default="", metavar="FILE",
            help="write the network to a file, too; - is standard output, which gets it anyway if it is a file",
        )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.add_argument("--verbose", action="store_true", help="say what mrjob does, too")
    types = get_type_hints(TrainConfig)
    groups = {
        scope: parser.add_argument_group(title)
        for scope, title in ((DATA, "the data"), (MODEL, "the network and its training"), ("run", "the run"))
    }
    for field in dataclasses.fields(TrainConfig):
        default = field.default if field.default not in ("", (), 0.0) else None
        choices, open_ended = field.metadata["choices"], field.metadata["table"]
        groups[field.metadata["decides"]].add_argument(
            flag(field.name),
            dest=field.name,
            default=argparse.SUPPRESS,
            choices=None if open_ended else choices or None,
            metavar=f"{{{','.join(choices)}}}" if choices else METAVARS.get(types[field.name], "N,N,.."),
            help=field.metadata["help"].replace("%", "%%") + (f" (default: {default})" if default is not None else ""),
        )


def flag(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")


# --- commands ---


def _train(
    options: Any,
    defaults: dict[str, Any] | None = None,
    on_model: Callable[[Any], None] = lambda model: None,
    check: Callable[[TrainConfig], None] = lambda config: None,
    **inside: Any,
) -> int:
    from mrdl.cli.console import Console
    from mrdl.rounds.driver import Run

    if options.verbose:
        logging.getLogger("mrjob").setLevel(logging.INFO)
    config, console = _config(options, defaults), Console()
    check(config)
    where = output.of_network(options.output, options.json)
    run = Run(
        options.data,
        config,
        runner=options.runner,
        resume=options.resume,
        screen=console,
        **inside,
    )
    quiet = process.quiet_output() if where == output.STDOUT or options.json else nullcontext()
    try:
        with quiet:
            model = run.execute()
    except Diverged:
        raise  # it says itself how to go on
    except TrainingError as error:
        again = f"Nothing that is done is lost; go on with --run-dir {run.folder.path} --resume"
        raise TrainingError(f"{error}\n{again}") from error
    finally:
        console.close()
    on_model(model)
    if options.json:
        print(json.dumps(run.summary(model)), flush=True)
    elif not where and output.is_pipe():
        say(
            f"  note: the network is in {run.folder.model}; -o FILE puts it elsewhere, -o - into the pipe",
            file=sys.stderr,
        )
    output.put(model.to_bytes(), where)
    return 0


def _config(options: Any, defaults: dict[str, Any] | None = None) -> TrainConfig:
    config = TrainConfig().with_changes(defaults or {})
    config = from_file(options.config, config) if options.config else config
    given = {f.name: getattr(options, f.name) for f in dataclasses.fields(config) if hasattr(options, f.name)}
    return config.with_changes(given)


def _command(name: str, module: str) -> Callable[..., Any]:
    """A function of a module that is loaded when it is called: tasks and `train` do not need it."""

    def call(options: Any) -> Any:
        return getattr(importlib.import_module(f"mrdl.cli.{module}"), name)(options)

    return call


def _advise(options: Any) -> None:
    from mrdl.cli import advise

    advise.advise(options, _config(options))


def _drill(options: Any) -> int:
    from mrdl.cli import drill

    if hasattr(options, "run_dir") or hasattr(options, "cache_dir"):
        raise ConfigError("drill makes run folders and caches of its own: leave out --run-dir and --cache-dir")
    given = [f for f in dataclasses.fields(TrainConfig) if hasattr(options, f.name)]
    words = [options.data, "-r", options.runner]
    words += ["--config", options.config] if options.config else []
    words += [f"{flag(f.name)}={getattr(options, f.name)}" for f in given]
    return drill.drill_command(options, words)


if __name__ == "__main__":
    sys.exit(main())
