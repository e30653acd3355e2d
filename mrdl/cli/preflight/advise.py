"""`mrdl advise`: how long a training takes, and whether to distribute it."""

import argparse
import json
import math
from dataclasses import asdict

from rich.table import Table

from mrdl.cli.flags import add_training_flags, config_of
from mrdl.cli.screen import Screen, duration, say, wide
from mrdl.data.source import Source
from mrdl.mapreduce.runners import RUNNERS, runner_of
from mrdl.nn.kinds import design
from mrdl.preflight import advice, costs, measuring
from mrdl.preflight.memory import ENOUGH_MB
from mrdl.rounds.plan import resolved
from mrdl.settings.config import TrainConfig


def define(parser: argparse.ArgumentParser) -> None:
    """Say what `mrdl advise` can be told."""
    parser.description = "Measure this machine on the head of the data, with -r hadoop the cluster too, and predict."
    add_training_flags(parser)
    parser.add_argument("--measure", action="store_true", help="measure the cluster again, which takes a minute")
    parser.set_defaults(command=advise)


def advise(options: argparse.Namespace) -> None:
    """Print how long a training takes in one process and shared out, and what to do.

    With -r hadoop the cluster is one of the ways; what its jobs cost is measured once, or with --measure. Raises what
    looking at the data raises, and SetupError where there is no cluster.
    """
    config = config_of(options)
    source = Source.look_at(options.data, config)
    source, config, label = source.decided(config)
    source.check_columns(foreign=config.bad_rows == "skip")
    data, found = _measured(source, config, options)
    told = _told(options.data, label, data)
    lines = [verdict(found)]
    if flags := advice.to_fit(data, config, found[0]):
        lines.append(f"A task takes {ENOUGH_MB} MB or less with {flags}.")
    if options.json:
        asked = resolved(config, data.recipe_size())
        plan = advice.predict(data, asked, options.runner, costs.costs(options.runner))
        more = {"asked": asdict(plan), "parameters": _parameters(asked, data), "told": [*told, *lines]}
        print(json.dumps({**json.loads(advice.as_json(data, found)), **more}))
        return
    for line in told:
        say(line)
    table = Table(box=None, pad_edge=False)
    for name in ("-r", "shards", "rounds", "epochs", "passes in all", "takes about", "MB a task", "MB here"):
        table.add_column(name)
    for plan in found:
        numbers = (plan.shards, plan.rounds, plan.epochs, round(plan.passes))
        memory = (plan.task_mb, plan.driver_mb)
        table.add_row(plan.runner, *map(str, numbers), duration(plan.seconds), *map(str, memory))
    wide().print(table)
    for line in lines:
        say(line)


def _told(name: str, label: str, data: measuring.Data) -> list[str]:
    """What the data is like, in lines."""
    trained = ", ".join(f"{speed:.0f}" for speed in data.trained_per_s)
    return [
        f"{name}: about {data.rows} rows of {data.columns} columns, {data.size / 1e6:.1f} MB"
        + (f", {data.classes} classes in its first rows" if data.classes else ""),
        f"label: {label}",
        f"measured on it: {data.parsed_per_s:.0f} rows/s parsed, {trained} rows/s trained on one core",
    ]


def _parameters(config: TrainConfig, data: measuring.Data) -> int | None:
    """Weights and biases of the network, as far as the head of the data tells; None where it does not."""
    if config.task == "multilabel":
        return None
    inputs, outputs = data.inputs or data.columns - 1, data.classes or 1
    like = design(config.kind, config.nodes, inputs, outputs, config.options, config.hidden)
    return sum(math.prod(shape) for name, shape in like.shapes().items() if like.is_of_layers(name))


def _measured(
    source: Source, config: TrainConfig, options: argparse.Namespace
) -> tuple[measuring.Data, list[advice.Plan]]:
    """What the data is like, and the ways to train on it, the fastest first.

    What jobs cost is measured only where that takes less time than the training itself.
    """
    asked = runner_of(options.runner)
    asked.check()
    runners = [name for name in RUNNERS if name == asked.name or not runner_of(name).reads_hdfs]

    def plans() -> list[advice.Plan]:
        """Ways to train, by what is known of costs now."""
        return advice.plans(data, config, {runner: costs.costs(runner) for runner in runners})

    with Screen(stderr=True).status("measuring this machine") as status:
        data = measuring.measure(source, config, measuring.PROBE_S)
        found = plans()
        if found[0].seconds < costs.MEASURING_S and not options.measure:
            return data, found
        data = measuring.measure(source, config)
        costs.measure_here()
        if asked.reads_hdfs and (options.measure or not costs.is_known(asked.name)):
            status.update("measuring what a job costs on this cluster: about a minute")
            costs.measure_cluster(asked.name)
    return data, plans()


def verdict(found: list[advice.Plan]) -> str:
    """One line of advice: the runner to take, or not to distribute at all.

    found: the fastest plan first, as `advice.plans` gives them.
    """
    best = found[0]
    on_cluster = [plan.seconds for plan in found if runner_of(plan.runner).reads_hdfs]
    if on_cluster and best.seconds < min(on_cluster):
        needs = f"-r {best.runner} needs {duration(best.seconds)}, Hadoop {duration(min(on_cluster))}"
        return f"Do not distribute this: {needs}."
    return f"Take -r {best.runner} --shards {best.shards}."
