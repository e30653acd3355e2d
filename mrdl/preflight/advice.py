"""How long a training would take, in one process and shared out, by what data, machine and cluster were measured at.

seconds = start + h * N / parse + W / train             text to shards, and the warm start
        + R * (job + (shards of a task) * E * N / K / (s * train))

and so on for each further stage of the network, whose warm start is a job of its own. N rows, of which W are the warm
start's, are parsed and trained on at so many a second; R rounds of E epochs; K shards; s is the speed of a core when
all of them train, by that of one alone; h what rows go through beside being parsed.
"""

import json
from dataclasses import asdict, dataclass

from mrdl.data.source import Source
from mrdl.mapreduce.runners import runner_of
from mrdl.nn.kinds import design
from mrdl.preflight import memory
from mrdl.preflight.costs import Costs, costs
from mrdl.preflight.measuring import Data, measure
from mrdl.rounds.plan import resolved, rounds_of
from mrdl.settings.config import TrainConfig
from mrdl.settings.fields import decided

ALONE = "inline"  # what a run is compared with: one process
ESTIMATE_S = 0.15  # of training on the head of the data, before each run
ESTIMATE_SHARE = 0.02  # or of so much of the run's own, where that is less
HANDLING = 2.0  # times parsing: rows are hashed, packed, sorted, put in order and packed (scripts/bench/advise.py)
SPLIT_BYTES = 64 << 20  # of text that a mapper parses, about
SMALLEST_SHARD = 500  # rows: below that the start of a task is all that is paid for
MOST_SHARDS = 9999  # as the setting has it


@dataclass(frozen=True)
class Plan:
    """A way to train, and the seconds that it would take.

    runner: by its name; rounds, epochs: of each stage of the network, and of each round; passes: how often each row is
    gone through, the warm start included; task_mb, driver_mb: memory of its largest task, and of the driver.
    """

    runner: str
    shards: int
    rounds: int
    epochs: int
    seconds: float
    passes: float = 0.0
    task_mb: int = 0
    driver_mb: int = 0


@dataclass(frozen=True)
class Estimate:
    """What a run would take, in seconds, and what the same settings would take in one process."""

    seconds: float
    alone_s: float


def predict(data: Data, config: TrainConfig, runner: str, costs: Costs) -> Plan:
    """Predict the time of one way to train.

    data: as it was measured; config: resolved; runner: its name; costs: of that runner.
    """
    tasks = min(config.shards, config.tasks or costs.slots)
    training_rows = data.rows * (1 - config.kept_out)
    # the fullest task decides: it has a shard more than others where tasks do not divide the shards
    rows_a_task = -(-config.shards // tasks) * training_rows / config.shards
    parse = HANDLING * data.rows / data.parsed_per_s / min(costs.slots, max(1, round(data.size / SPLIT_BYTES)))
    seconds, passes = costs.first_s - costs.round_s + parse, 0.0
    stages = design(config.kind, config.nodes, (config.nodes or (1,))[0], 0, config.options, config.hidden).stages
    for planned in rounds_of(config, stages):
        rows = rows_a_task if planned.stage_round else min(decided(config.warm_rows), training_rows)
        shared = costs.shared if planned.stage_round and tasks > 1 else 1.0
        passes += planned.epochs * (1.0 if planned.stage_round else rows / max(1.0, training_rows))
        seconds += costs.round_s + planned.epochs * rows / data.trained_per_s[planned.stage] / shared
    found = memory.task_mb(data.shape, config), memory.driver_mb(data.shape, config)
    return Plan(runner, config.shards, decided(config.rounds), decided(config.epochs), seconds, passes, *found)


def plans(data: Data, config: TrainConfig, known: dict[str, Costs]) -> list[Plan]:
    """Find for each runner the fastest number of shards; the fastest way comes first.

    data: as it was measured; config: as the user left it; known: the costs of each runner, by its name.

    One shard has no warm start. Of a table that is all of the warm start's sample, several shards are as accurate or
    more so (iris, wine and breast cancer by scikit-learn, 4 seeds, a third kept out, per cent: 91.8, 98.1 and 97.2 with
    one; 91.8, 99.5 and 98.3 with four): then there are at least two.
    """
    found = []
    rows = data.rows * (1 - config.kept_out)
    size = data.recipe_size()
    shared = resolved(config.with_changes({"shards": max(2, config.shards)}), size)
    small = bool(shared.warm_epochs) and rows <= decided(shared.warm_rows)
    for runner, cost in known.items():
        most = max(2 if small else 1, min(MOST_SHARDS, int(rows / SMALLEST_SHARD)))
        numbers = {min(n, most) for n in (cost.slots, 2 * cost.slots, 4 * cost.slots)}
        if runner_of(runner).runs_here:
            numbers = {max(2, config.shards)} if small else {1}
        ways = [
            predict(data, resolved(config.with_changes({"shards": n}), size), runner, cost) for n in sorted(numbers)
        ]
        found.append(min(ways, key=lambda plan: plan.seconds))
    return sorted(found, key=lambda plan: plan.seconds)


def to_fit(data: Data, config: TrainConfig, plan: Plan) -> str:
    """The flags by which a task of a plan takes no more than ENOUGH_MB, "" where it does not, or none help.

    data: as it was measured; config: as the user left it.
    """
    return memory.to_fit(data.shape, resolved(config.with_changes({"shards": plan.shards}), data.recipe_size()))


def expect(source: Source, config: TrainConfig, runner: str) -> Estimate:
    """Estimate what a run would take, by a short measurement of its data.

    config: resolved; runner: the name of the one that was asked for. Raises what looking at the data raises.

    expect(Source.look_at("digits.csv", config), config, "local").seconds
    """
    data = measure(source, config, seconds=ESTIMATE_S, share=ESTIMATE_SHARE)
    seconds, alone_s = (predict(data, config, name, costs(name)).seconds for name in (runner, ALONE))
    return Estimate(seconds, alone_s)


def as_json(data: Data, found: list[Plan]) -> str:
    """The measured data and the ways to train, as one JSON object."""
    return json.dumps({**asdict(data), "plans": [asdict(plan) for plan in found]})
