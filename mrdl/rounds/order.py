"""What driver and tasks tell each other: the order that is shipped with a job, and the output that comes back."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mrdl.data.preparation.fitness import Refusal
from mrdl.data.preparation.preparation import prepare
from mrdl.data.preparation.scaling import Scaling
from mrdl.data.statistics import Statistics
from mrdl.data.text.schema import Schema
from mrdl.errors import SetupError, brief
from mrdl.nn.architecture import Architecture
from mrdl.nn.diagnostics.figures import EpochFigures
from mrdl.nn.weights import Weights
from mrdl.rounds.combine import ShardResult, to_result
from mrdl.rounds.extensions import Extension
from mrdl.rounds.manifest import ShardRecord
from mrdl.rounds.plan import Round, network_of
from mrdl.settings.config import TrainConfig
from mrdl.shards.records import Tag, lines_of, split_line, to_statistics, unpack


@dataclass(frozen=True, kw_only=True)
class Order:
    """Tells each task of a job all that it works by, but for its rows and the weights that the round starts from.

    config: the run's settings, resolved; schema: the columns of the CSV; round: the one that is trained;
    scaling: of the rows; fitted_layers: those whose visible biases a model that was started from has learnt already;
    cached: whether the job's input is packed shards and not text; pieces: whether it is a list of parts of files, which
    tasks open, in place of text; reducers: that the shards are shared out among;
    failures: shard -> how often it was left out of the mean before; emit_shards: whether the driver wants the result
    of each shard beside the combined one; extensions: rules and kinds of the user's that tasks load.

        order = Order.from_json(path.read_text(), in_task=True)
        tasks.combine_results(lines, write, order, combine.mean)
    """

    config: TrainConfig
    schema: Schema
    round: Round
    scaling: Scaling
    cached: bool
    reducers: int
    pieces: bool = False
    fitted_layers: tuple[int, ...] = ()
    failures: Mapping[int, int] = field(default_factory=dict)
    emit_shards: bool = False
    extensions: tuple[Extension, ...] = ()

    def to_json(self) -> str:
        """The order as the text that `from_json` reads."""
        schema = self.schema.to_meta()
        return json.dumps({**dataclasses.asdict(self), "schema": schema, "scaling": self.scaling.to_meta()})

    @classmethod
    def from_json(cls, text: str, *, in_task: bool = False) -> "Order":
        """The order that `to_json` has written.

        in_task: whether this is a task's own process, which has yet to load the extensions: settings may name them.
        Raises SetupError where a part is missing or not known, ConfigError where an extension is not there.
        """
        try:
            told = json.loads(text)
        except ValueError as error:
            raise SetupError(f"the order that the driver gave this task is not JSON: {error}") from error
        found = _parts(cls, told, "the order")
        extensions = tuple(Extension(**_parts(Extension, each, "an extension")) for each in found["extensions"])
        for extension in extensions if in_task else ():
            extension.load()
        return cls(
            config=TrainConfig().with_changes(_parts(TrainConfig, found["config"], "the settings")),
            schema=Schema.from_meta(_parts(Schema, found["schema"], "the schema")),
            round=Round(**_parts(Round, found["round"], "the round")),
            scaling=Scaling.from_meta(found["scaling"]),
            cached=found["cached"],
            reducers=found["reducers"],
            pieces=found["pieces"],
            fitted_layers=tuple(found["fitted_layers"]),
            failures={int(shard): times for shard, times in found["failures"].items()},
            emit_shards=found["emit_shards"],
            extensions=extensions,
        )

    def architecture(self, statistics: Statistics) -> Architecture:
        """The network for data with these statistics; raises ConfigError where its layers do not fit the data."""
        return network_of(self.config, prepare(statistics, self.schema, self.scaling))


@dataclass
class Output:
    """What a job has said.

    weights: combined; shards: a record for each shard, as a manifest has it; results: those of single shards, where
    they were asked for; diagnostics: figures of the epochs, merged over shards, where they were asked for; of_data: the
    lines that tell of the data; refused: statistics of data that was not trained on, and why; diverged: why there are
    no weights, empty where there are.
    """

    weights: Weights = field(default_factory=dict)
    shards: list[ShardRecord] = field(default_factory=list)
    results: list[ShardResult] = field(default_factory=list)
    diagnostics: tuple[EpochFigures, ...] = ()
    of_data: list[bytes] = field(default_factory=list)
    refused: tuple[Statistics, Refusal] | None = None
    diverged: str = ""


def read_output(chunks: list[bytes]) -> Output:
    """What a job has said, by the records of its output.

    chunks: bytes that are lines when they are put together; the lines may be in any order. They are taken out of the
    list, so that no row of a sample is held twice. Raises DamagedShard where a byte of a record has changed.
    """
    output = Output()
    chunks.reverse()
    for line in lines_of(chunks.pop() for _ in range(len(chunks))):
        _, value = split_line(line)
        tag = Tag.of(value)
        if tag.tells_of_data:
            output.of_data.append(line)
        if tag in (Tag.VALIDATION_ROWS, Tag.WARM_ROWS):
            continue
        _, meta, arrays = unpack(value)
        if tag is Tag.STATISTICS and meta["problem"]:
            output.refused = to_statistics(meta, arrays), Refusal.from_json(meta["problem"])
        elif tag is Tag.RESULT:
            output.results.append(to_result(meta, arrays))
        elif tag is Tag.WEIGHTS:
            output.weights = arrays
            output.shards = [ShardRecord.from_json(shard) for shard in meta["shards"]]
            output.diverged = meta["diverged"]
            output.diagnostics = tuple(EpochFigures.from_json(each) for each in meta.get("diagnostics", ()))
    output.results.sort(key=lambda result: result.shard)
    return output


def _parts(cls: type, found: Any, what: str) -> dict[str, Any]:
    """A JSON object whose keys are the fields of a dataclass; raises SetupError where they differ."""
    if not isinstance(found, dict):
        raise SetupError(f"{what} that the driver gave this task is {brief(str(found))}, expected an object of JSON")
    fields = {each.name for each in dataclasses.fields(cls)}
    differ = [f"no {name!r}" for name in sorted(fields - set(found))]
    differ += [f"an unknown {name!r}" for name in sorted(set(found) - fields)]
    if differ:
        raise SetupError(
            f"{what} that the driver gave this task has {' and '.join(differ)}: "
            "driver and tasks are of different versions of mrdl. Install one version on this machine and on the nodes"
        )
    return found
