"""`mrdl train`: a network from a CSV."""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from mrdl.cli import output, process
from mrdl.cli.flags import add_training_flags, config_of
from mrdl.cli.screen import say
from mrdl.errors import ConfigError, Diverged, MrdlError, TrainingError
from mrdl.settings.config import TrainConfig

if TYPE_CHECKING:
    from mrdl.model.model import Model
    from mrdl.preflight.advice import Estimate
    from mrdl.rounds.driver import Run
    from mrdl.rounds.events import Listener

EXAMPLES = """examples:
  mrdl train digits.csv                                        in this process
  mrdl train mnist.csv -r local --nodes 784,500,100,10         a process for each core
  mrdl train hdfs:///user/me/mnist.csv -r hadoop --shards 16   on YARN, where the data lies
  mrdl train mnist.csv --config configs/mnist_mlp.toml --rounds 8
  mrdl train --run-dir runs/first --resume                     go on after whatever happened, with the run's own data
  mrdl train mnist.csv --from-sweep designs -r hadoop          the best design of a sweep, on all rows
  mrdl train mnist.csv -o net.out                              the network itself, for mrdl.load("net.out")
  mrdl train mnist.csv > net.out                               the same
"""


def define(parser: argparse.ArgumentParser) -> None:
    """Say what `mrdl train` can be told."""
    parser.description = "Train a network on a labelled CSV, where it lies."
    parser.epilog, parser.formatter_class = EXAMPLES, argparse.RawDescriptionHelpFormatter
    add_training_flags(parser, data_known="; left out with --resume: the run's own")
    parser.add_argument(
        "--from-sweep",
        default="",
        metavar="SWEEP[:ARCH_ID]",
        help="the settings of a sweep's best design, or of that one; what a file or a flag says goes before them",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the newest whole round of --run-dir, with its settings where no flag says otherwise",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write the network to a file, too; - is standard output, which gets it anyway if it is a file",
    )
    parser.set_defaults(command=train)


def train(
    options: argparse.Namespace,
    defaults: Mapping[str, Any] | None = None,
    on_model: Callable[["Model"], None] = lambda model: None,
    check: Callable[[TrainConfig], None] = lambda config: None,
    listeners: Sequence["Listener"] = (),
    **inside: Any,
) -> int:
    """Train a network and put it where it was asked for; returns 0.

    defaults: settings where neither a flag nor a file says otherwise; on_model: is told the network; check: raises
    ConfigError for settings that do not fit the script; listeners: are told its events; inside: what Run takes
    besides.

    Raises what Run.train raises; a TrainingError says how to go on.
    """
    from mrdl.cli.console import Console
    from mrdl.rounds.driver import Run

    if options.verbose:
        logging.getLogger("mrjob").setLevel(logging.INFO)
    config = settings_of(options, defaults)
    check(config)
    console = Console()
    where = output.of_network(options.output, options.json)
    how: dict[str, Any] = {"runner": options.runner, "resume": options.resume, **inside}
    run = Run(data_of(options, config), config, listeners=[console, *listeners], **how)
    quiet = process.quiet_output() if where == output.STDOUT or options.json else nullcontext()
    try:
        with quiet:
            console.estimate = estimate_of(run)
            trained = run.train()
    except Diverged:
        raise  # it says itself how to go on
    except TrainingError as error:
        again = f"Nothing that is done is lost; go on with --run-dir {run.folder.path} --resume"
        raise TrainingError(f"{error}\n{again}") from error
    finally:
        console.close()
    on_model(trained.model)
    if options.json:
        print(json.dumps(trained.summary()), flush=True)
    elif not where and output.is_pipe():
        note = f"  note: the network is in {run.folder.model}; -o FILE puts it elsewhere, -o - into the pipe"
        say(note, file=sys.stderr)
    output.put(trained.model.to_bytes(), where)
    return 0


def settings_of(options: argparse.Namespace, defaults: Mapping[str, Any] | None = None) -> TrainConfig:
    """The settings of a training: what a flag or a file says, else those of the run that goes on, or of a design.

    Raises ConfigError where it is not said which run is to go on.
    """
    from mrdl.rounds.folder import RunFolder

    if options.from_sweep:
        from mrdl.cli.sweep.from_sweep import on_other_columns, settings_from_sweep

        defaults = {**(defaults or {}), **settings_from_sweep(options.from_sweep)}
        config = on_other_columns(config_of(options, defaults), defaults)
    else:
        config = config_of(options, defaults)
    if not options.resume:
        return config
    if not config.run_dir:
        raise ConfigError("--resume: which run is to go on? Add --run-dir and its folder; `mrdl runs` lists them")
    return config_of(options, base=RunFolder(config.run_dir).settings())


def data_of(options: argparse.Namespace, config: TrainConfig) -> str:
    """The data of a training: what the command names, else that of the run that goes on.

    Raises ConfigError where neither says it.
    """
    from mrdl.rounds.folder import RunFolder

    if options.data:
        return str(options.data)
    if not options.resume:
        raise ConfigError("which data is to be learnt from? Name a CSV; only --resume knows that of its run")
    return str(RunFolder(str(config.run_dir)).about()["data"]["source"])


def estimate_of(run: "Run") -> "Estimate | None":
    """The seconds that a run will take, by a short training on the head of its data; None where it cannot be known.

    Raises what `run.setup` raises: ConfigError, DataError or SetupError.

    console.estimate = estimate_of(run)
    """
    from mrdl.preflight.advice import expect

    setup = run.setup
    try:
        return expect(setup.source, setup.config, run.runner.name)
    except MrdlError:
        return None  # the run itself will say what is wrong, and where
