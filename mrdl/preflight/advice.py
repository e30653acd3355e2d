"""How long a training would take, in one process and shared out, by what this machine and the cluster were measured at.

seconds = start + h * N / parse + W / train             text to shards, and the warm start
        + R * (job + (shards of a task) * E * N / K / (s * train))

s is how fast a core trains when all of them do, by what one alone does; h what rows go through beside being parsed.

and so on for each further stage of the network, whose warm start is a job of its own.
"""

import dataclasses
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mrdl.data.csv import Block, BlockParser, whole_lines
from mrdl.data.preparation import Scaling, prepare
from mrdl.data.schema import filled_lines
from mrdl.data.source import Source
from mrdl.data.statistics import Statistics
from mrdl.errors import DataError
from mrdl.mapreduce.runners import runner_of
from mrdl.nn.architecture import Stage
from mrdl.nn.kinds import design
from mrdl.rounds.plan import rounds_of
from mrdl.settings.config import TrainConfig
from mrdl.storage.store import head, user_cache

HEAD_BYTES = 4 << 20
SHARED, TYPICAL_SHARED = "shared", 0.85
ALONE = "inline"  # what a run is compared with: one process
HANDLING = 2.0  # of parsing: rows are hashed and packed, sorted, unpacked, put in order and packed again
DRIVER_S = 1.5  # the driver's own look at the data, and its end
MEASURING_S = 15.0  # what `measure_local` takes on two cores
PROBE_S = 0.2
SMALLEST_SHARD = 500  # rows: below that the start of a task is all that is paid for


@dataclass(frozen=True)
class Data:
    """What the head of a data set tells of all of it. parse_s, train_s: rows a second, of one core; the latter
    for each stage of the network."""

    rows: int
    size: int
    columns: int
    classes: int
    parse_s: float
    train_s: tuple[float, ...]


@dataclass(frozen=True)
class Costs:
    """Seconds that a runner takes beside the work: for the first job, and for each round's; tasks at a time; speed of
    a task when all slots are busy, by that of one alone."""

    first_s: float
    round_s: float
    slots: int
    shared: float = 1.0


@dataclass(frozen=True)
class Plan:
    """A way to train, the seconds it would take, and how often each row is gone through, the warm start included."""

    runner: str
    shards: int
    rounds: int
    epochs: int
    seconds: float
    passes: float = 0.0


@dataclass(frozen=True)
class Estimate:
    """What a run would take, in seconds, and what the same settings would take in one process."""

    seconds: float
    alone_s: float


def measure(source: Source, config: TrainConfig, seconds: float = 1.0) -> Data:
    """Parse and train on the head of a data set for about so many seconds."""
    text = _head_with_rows(source)
    _parse(source, text[:65536])  # the first call loads libraries
    began = time.perf_counter()
    blocks = [block for part in whole_lines([text], source.schema.header_crc) for block in _parse(source, part)]
    spent = time.perf_counter() - began
    rows = sum(len(block.features) for block in blocks)
    if not rows:
        raise DataError(f"{source.name}: no row of the first {len(text)} bytes can be read")
    size = sum(info.size * (4 if info.path.endswith((".gz", ".bz2")) else 1) for info in source.files)
    names = sorted({name for block in blocks for name in block.label_names})
    classes = len(names) if config.supervised else 0
    return Data(
        max(rows, round(rows * size / max(1, len(text)))), size, len(source.schema.columns), classes,
        rows / spent, _training_speed(source, config, blocks, names, seconds),
    )  # fmt: skip


def _head_with_rows(source: Source) -> bytes:
    """The head, of whole lines, of the first file with more than a header; of the last one where none has."""
    text = b""
    for info in source.files:
        text = head(info.path, HEAD_BYTES)
        if len(filled_lines(text)) >= 2:
            break
    return text[: text.rfind(b"\n") + 1] or text


def _parse(source: Source, text: bytes) -> list[Block]:
    return BlockParser(source.schema).parse(text)[0]


def _training_speed(
    source: Source, config: TrainConfig, blocks: list[Block], names: list[str], seconds: float
) -> tuple[float, ...]:
    """Rows a second of the training loop on these rows, for each stage of the network."""
    from mrdl.nn import minibatch, trainer
    from mrdl.nn.rows import Rows

    features = np.concatenate([block.features for block in blocks])
    numbers = {name: i for i, name in enumerate(names)}
    codes = np.concatenate([np.array([numbers[n] for n in b.label_names], np.int64)[b.label_codes] for b in blocks])
    statistics = Statistics.empty(features.shape[1])
    statistics.training_rows, statistics.classes = len(features), dict.fromkeys(names, 1)
    statistics.add_range(features)
    preparation = prepare(statistics, source.schema, Scaling(config.scaling, config.threshold))
    arch = design(config.kind, config.nodes, features.shape[1], len(names), config.options)
    rows = Rows(
        features, codes, np.arange(len(features)), preparation.minimum, preparation.factor, preparation.threshold
    )
    weights = arch.initial_weights(0)

    def speed(stage: Stage) -> float:
        count = 20 * config.batch_size
        while True:
            some = dataclasses.replace(rows, order=np.resize(rows.order, count))
            settings = minibatch.Hyperparameters(
                1, config.batch_size, 1e-6, 0.8, config.device, config.cd_steps, config.chains == "persistent"
            )
            began = time.perf_counter()
            trainer.train_shard(arch, weights, some, settings, np.random.default_rng(0), stage=stage)
            spent = time.perf_counter() - began
            if spent >= seconds / 2 / len(arch.stages):
                return count / spent
            count = max(2 * count, int(count * 0.7 * seconds / len(arch.stages) / max(spent, 1e-3)))

    return tuple(speed(stage) for stage in arch.stages)


def predict(data: Data, config: TrainConfig, runner: str, costs: Costs) -> Plan:
    """The time of one way to train; `config` is resolved."""
    tasks = min(config.shards, config.tasks or costs.slots)
    training_rows = data.rows * (1 - config.validation)
    # the fullest task decides: it has a shard more than others where tasks do not divide the shards
    rows_a_task = -(-config.shards // tasks) * training_rows / config.shards
    parse = HANDLING * data.rows / data.parse_s / min(costs.slots, max(1, round(data.size / (64 << 20))))
    seconds, passes = costs.first_s - costs.round_s + parse, 0.0
    stages = design(config.kind, config.nodes, (config.nodes or (1,))[0], 0, config.options).stages
    for planned in rounds_of(config, stages):
        rows = rows_a_task if planned.stage_round else min(config.warm_rows, training_rows)
        shared = costs.shared if planned.stage_round and tasks > 1 else 1.0
        passes += planned.epochs * (1.0 if planned.stage_round else rows / max(1.0, training_rows))
        seconds += costs.round_s + planned.epochs * rows / data.train_s[planned.stage] / shared
    return Plan(runner, config.shards, config.rounds, config.epochs, seconds, passes)


def plans(data: Data, config: TrainConfig, known: dict[str, Costs]) -> list[Plan]:
    """For each runner the fastest number of shards, the fastest way first. config: as the user left it.

    One shard has no warm start. Of a table that is all of the warm start's sample, several shards are as accurate or
    more so (iris, wine and breast cancer by scikit-learn, 4 seeds, a third kept out, per cent: 91.8, 98.1 and 97.2 with
    one; 91.8, 99.5 and 98.3 with four): then there are at least two.
    """
    found = []
    rows = data.rows * (1 - config.validation)
    small = bool(config.warm_epochs) and rows <= config.warm_rows
    for runner, cost in known.items():
        most = max(2 if small else 1, min(9999, int(rows / SMALLEST_SHARD)))
        numbers = {min(n, most) for n in (cost.slots, 2 * cost.slots, 4 * cost.slots)}
        if runner_of(runner).runs_here:
            numbers = {max(2, config.shards)} if small else {1}
        ways = [predict(data, config.with_changes({"shards": n}).resolved(), runner, cost) for n in sorted(numbers)]
        found.append(min(ways, key=lambda plan: plan.seconds))
    return sorted(found, key=lambda plan: plan.seconds)


def expect(source: Source, config: TrainConfig, runner: str) -> Estimate:
    """The seconds that a run would take by the runner that was asked for, and by the one of one process.

    config: resolved.
    """
    data = measure(source, config, seconds=0.3)
    seconds, alone_s = (predict(data, config, name, costs(name)).seconds for name in (runner, ALONE))
    return Estimate(seconds, alone_s)


# --- what a runner costs ---


def costs(runner: str) -> Costs:
    """What `keep` wrote of a runner here, else what is typical."""
    known = _known()
    first_s, round_s = known.get(runner_of(runner).place, runner_of(runner).typical_s)
    _, shared = known.get(SHARED, (0.0, TYPICAL_SHARED))
    return Costs(first_s, round_s, runner_of(runner).slots(), shared)


def is_known(runner: str) -> bool:
    """Whether a runner was measured here."""
    return runner_of(runner).place in _known()


def measure_local() -> None:
    """Measure the inline and local runners, by what each process of a job needs to get to its work; keep it."""
    light, heavy = _seconds_of("import mrdl.rounds.job"), _seconds_of("import mrdl.rounds.job, mrdl.nn.trainer")
    side_by_side = _seconds_of("import mrdl.rounds.job, mrdl.nn.trainer", runner_of("local").slots())
    keep("inline", heavy + DRIVER_S, 0.1)
    # the first job: a mapper, a reducer that trains, a mapper and a reducer that combine; a round: two tasks
    keep("local", heavy + DRIVER_S + 3 * light + side_by_side, side_by_side + light)
    keep(SHARED, 0.0, _shared())


def driver_s() -> float:
    """Seconds of a driver beside its jobs."""
    return _seconds_of("import mrdl.rounds.job, mrdl.nn.trainer") + DRIVER_S


def _shared() -> float:
    """How fast a core multiplies matrices as training does when all cores do, by what it does alone."""
    code = (
        "import time, torch; torch.set_num_threads(1); a, b = torch.rand(16, 784), torch.rand(784, 500); n = 0;"
        "v = torch.zeros(400_000); end = time.perf_counter() + 1.5\n"
        "while time.perf_counter() < end: a @ b; v.mul_(0.5).add_(v); n += 1\n"
        "print(n)"
    )

    def all_at_once(count: int) -> float:
        processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(count)]
        return sum(int(process.communicate()[0]) for process in processes) / count

    cores = runner_of("local").slots()
    return min(1.0, all_at_once(cores) / all_at_once(1)) if cores > 1 else 1.0


def _seconds_of(code: str, at_once: int = 1) -> float:
    """Seconds until so many processes have run some code side by side."""
    began = time.perf_counter()
    for process in [subprocess.Popen([sys.executable, "-c", code]) for _ in range(at_once)]:
        process.wait()
    return time.perf_counter() - began


def keep(runner: str, first_s: float, round_s: float) -> None:
    """Remember what the jobs of a runner cost here: the first one, and that of a round."""
    path, name = _file(), runner if runner == SHARED else runner_of(runner).place
    path.parent.mkdir(0o700, parents=True, exist_ok=True)
    path.write_text(json.dumps({**_known(), name: [round(first_s, 3), round(round_s, 3)]}, indent=1))


def _known() -> dict[str, tuple[float, float]]:
    """The file's content; empty where there is none, or what is there is not what `keep` wrote."""
    try:
        return {
            str(name): (float(first), float(each)) for name, (first, each) in json.loads(_file().read_text()).items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _file() -> Path:
    return user_cache() / "costs.json"


def as_json(data: Data, found: list[Plan]) -> str:
    """All that is known, as one JSON object."""
    return json.dumps({**asdict(data), "plans": [asdict(plan) for plan in found]})
