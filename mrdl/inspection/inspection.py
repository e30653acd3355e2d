"""What an inspection found, whole: the columns of a table, its label, and what looks wrong."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from mrdl.data.contents import contents_of
from mrdl.data.source import Source
from mrdl.data.text.columns import AS_FLAGS
from mrdl.errors import ConfigError
from mrdl.inspection import faults
from mrdl.inspection.columns import Column, Figures
from mrdl.inspection.faults import Fault
from mrdl.inspection.inputs import inputs_of
from mrdl.inspection.reader import Reader
from mrdl.inspection.summary import Summary
from mrdl.mapreduce.runners import Runner
from mrdl.mapreduce.status import Progress
from mrdl.settings.config import TrainConfig
from mrdl.settings.recipe import TABLE

FIRST = 5  # rows that are shown as they are


@dataclass(frozen=True)
class Inspection:
    """What a table is like.

    name: as the user has it; size: bytes of its files; rows, bad: its lines that are rows, and that are none; sampled:
    the rows from which quantiles and histograms come, all of them where they are few; columns: in their order; label:
    the place of the label, None where it is not known; told: which it is and why, or why it is not known; faults: what
    looks wrong; first: the cells of the first rows; header: whether the first line names the columns; separator: what
    stands between cells; suggested: the place of the column that may be the label if nobody says it, and why; head:
    whether all this is of the first rows alone; rows_about: of the whole table, about; refused: what `mrdl train` would
    say of rows that it cannot read, with their places, "" where it can read all.
    """

    name: str
    size: int
    rows: int
    bad: int
    sampled: int
    columns: tuple[Column, ...]
    label: int | None
    told: str
    faults: tuple[Fault, ...]
    first: tuple[tuple[str, ...], ...]
    header: bool
    separator: str
    suggested: tuple[int, str] | None
    head: bool
    rows_about: int
    refused: str

    @property
    def inputs(self) -> int:
        """The inputs of a network that learns from the table."""
        return sum(column.inputs for column in self.columns)

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags of `mrdl train` that mend what looks wrong, all of them together."""
        dropped = list(dict.fromkeys(name for fault in self.faults if fault.drop for name in fault.columns))
        others = dict.fromkeys(fault.other for fault in self.faults if " " in fault.other)
        return (*([AS_FLAGS.drop(dropped)] if dropped else []), *others)

    def to_json(self) -> dict[str, Any]:
        """The inspection as JSON has it."""
        return {
            **vars(self),
            "columns": [column.to_json() for column in self.columns],
            "label": None if self.label is None else self.columns[self.label].name,
            "label_place": self.label,
            "inputs": self.inputs,
            "faults": [{**asdict(fault), "flag": fault.flag} for fault in self.faults],
            "suggested": self.suggested and {"label": self.columns[self.suggested[0]].said, "why": self.suggested[1]},
        }


def inspect(
    data: str,
    config: TrainConfig,
    runner: Runner,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    *,
    head: bool = False,
) -> Inspection:
    """Inspect a table, all of it, by one job.

    data: a file, folder or glob; config: of which the settings of the data and the run count; on_progress: is told how
    far the job is; head: look at the first megabyte alone, here. Raises DataError or ConfigError where there is no
    table, and what the job raises.
    """
    source, label, told = _looked_at(data, config)
    if head:
        summary = _of_head(source)
    else:
        from mrdl.inspection import run  # whose libraries a look at a head does not wait for

        summary = run.sum_up(source, config, runner, on_progress)
    schema = source.schema
    figures = Figures(summary, schema)
    learnt = set(schema.feature_places) - {label}
    flagged = config.supervised and contents_of(source.head) == TABLE  # as standard scaling has it
    found = []
    for column in map(figures.column, range(len(schema.columns))):
        inputs = inputs_of(figures, column, flagged) if column.place in learnt else 0
        found.append(replace(column, inputs=inputs))
    wrong = faults.together(faults.find(figures, found, label))
    return Inspection(
        name=data,
        size=source.size,
        rows=summary.rows,
        bad=summary.bad,
        sampled=int(summary.sample.counts.sum()),
        columns=tuple(found),
        label=label,
        told=told,
        faults=wrong,
        first=tuple(map(tuple, source.head.rows(FIRST))),
        header=source.schema.header_crc is not None,
        separator=schema.separator,
        suggested=source.head.suggestion(),
        head=head and not source.head.whole,
        rows_about=source.about_rows if head and not source.head.whole else summary.rows,
        refused=_refused(source, config, head) if any(fault.other == faults.SKIP for fault in wrong) else "",
    )


def _refused(source: Source, config: TrainConfig, head: bool) -> str:
    """What a training says of rows that it cannot read."""
    from mrdl.inspection import refusal  # which a table with nothing wrong in its rows does not wait for

    return refusal.of_rows(source, config, head)


def _of_head(source: Source) -> Summary:
    """What is known of the first rows."""
    summary = Summary(len(source.schema.columns))
    if lines := source.head.lines:
        summary.add(Reader(source.schema).read(lines))
    return summary


def _looked_at(data: str, config: TrainConfig) -> tuple[Source, int | None, str]:
    """The table with what its columns hold; the place of the label, None where it is not known, and why, in words."""
    source = Source.look_at(data, config)
    try:
        source, _, told = source.decided(config)
    except ConfigError as error:
        source = source.typed(config)
        place = source.schema.label if config.label else None
        return source, place, str(error) if config.label else f"not known: {error}"
    return source, next(iter(source.schema.targets), source.schema.label), told
