"""What a person sees on standard error while a run goes on, and when it is over."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mrdl.cli.screen import Screen, counted, duration
from mrdl.errors import printable
from mrdl.model.baseline import told_balanced, told_baseline, told_worth
from mrdl.preflight.advice import ALONE, Estimate
from mrdl.rounds.events import Began, Event, Finished, Noted, Progressed, RoundDone
from mrdl.rounds.manifest import shown_score

FASTER = 0.7  # of the time asked for: from there on one process is worth a word
DONE_SHARE = 0.98  # of a round's part of the bar that its job fills; scoring and keeping the round are the rest


class Console:
    """A listener that draws one bar over all rounds, a line a round and a table at the end; plain lines where there is
    no terminal. It computes nothing.

    estimate: how long the run will take, None where nobody knows; set before the run begins.

        console = Console()
        try:
            Run("data.csv", config, listeners=[console]).execute()
        finally:
            console.close()
    """

    def __init__(self) -> None:
        self.estimate: Estimate | None = None
        self._screen = Screen(stderr=True, soft_wrap=True)
        self._bar: Progress | None = None
        self._names: dict[int, str] = {}  # of the rounds
        self._measure = ""  # by which one is better than another

    def __call__(self, event: Event) -> None:
        """Show an event of a run."""
        match event:
            case Began():
                self._begin(event)
            case Progressed():
                self._progress(event)
            case RoundDone():
                self._round_done(event)
            case Noted():
                self._print(f"  note: {event.text}")
            case Finished():
                self.close()
                self._screen.print(_table_of(event))

    def close(self) -> None:
        """Take the bar away, however the run ended."""
        if self._bar:
            self._bar.stop()
            self._bar = None

    def _begin(self, run: Began) -> None:
        """Say what is trained on what, how long it will take, and start the bar."""
        self._names = {planned.number: planned.name for planned in run.rounds}
        self._measure = run.config.stop_on
        stages = list(dict.fromkeys(planned.stage for planned in run.rounds))
        each = f" for each of {', '.join(stages)}" if len(stages) > 1 else ""
        rounds, epochs = counted(run.config.rounds, "round"), counted(run.config.epochs, "epoch")
        self._print(
            f"{run.data}: {counted(run.files, 'file')}, {run.size / 1e6:.1f} MB, {run.columns} columns; "
            f"{counted(run.config.shards, 'shard')}, {rounds} of {epochs}{each}, "
            f"-r {run.runner}, engine {run.config.engine}"
        )
        self._print(f"  label: {run.label}")
        if run.recipe:
            self._print(f"  {run.recipe}")
        if self.estimate:
            less = self.estimate.alone_s < FASTER * self.estimate.seconds
            faster = f"; -r {ALONE} would need {duration(self.estimate.alone_s)}" if less else ""
            self._print(f"  takes about {duration(self.estimate.seconds)}{faster}")
        columns = (
            TextColumn("  {task.description}", markup=False),
            BarColumn(30),
            TextColumn("{task.percentage:>3.0f}%"),
        )
        self._bar = Progress(*columns, TimeElapsedColumn(), console=self._screen, transient=True)
        self._task = self._bar.add_task("starting", total=run.rounds[-1].number)
        if self._screen.is_terminal:
            self._bar.start()

    def _progress(self, now: Progressed) -> None:
        """Move the bar, and say what the job is at."""
        if self._bar:
            done = max(0, now.round - 1 + DONE_SHARE * now.fraction)
            self._bar.update(self._task, description=printable(f"{now.name}  {now.text}"), completed=done)

    def _round_done(self, done: RoundDone) -> None:
        """Print the line of a round, and a note for each shard that was left out."""
        self._print(f"  {done.name}   {done.manifest.summary(self._measure)}")
        for shard in done.manifest.left_out:
            self._print(f"  note: shard {shard.shard} was left out: {shard.left_out}")
        if self._bar:
            now = self._names.get(done.manifest.round + 1, done.name)
            self._bar.update(self._task, description=now, completed=done.manifest.round)

    def _print(self, text: str) -> None:
        """Print a line above the bar, if there is one."""
        (self._bar.console if self._bar else self._screen).print(text)


def _table_of(run: Finished) -> Table:
    """The table of what came of a run."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")  # a path is to be copied, whole
    for name, text in _lines_of(run):
        if text:
            table.add_row(f"  {name}", text)
    return table


def _lines_of(run: Finished) -> Iterator[tuple[str, str]]:
    """Name and text of each line; those without text are not shown."""
    yield "network", f"{run.kind} {'-'.join(map(str, run.nodes))}"
    yield "rows", f"{run.training_rows} trained on, {run.validation_rows} kept out"
    yield "missing cells", f"{run.missing}, filled in (--missing)" if run.missing else ""
    yield "bad rows", f"{run.bad_rows} left out" if run.bad_rows else ""
    for title, scores in (("validation", run.validation), ("test", run.test)):
        if scores:
            yield title, _scores(scores)
            yield "", told_baseline(scores, run.majority)
            yield "", told_balanced(scores)
    for remark in run.remarks:
        yield "", remark
    yield "sha256", run.sha256[:16]
    yield "model", run.model
    yield "time", f"{run.seconds:.1f} s"


def _scores(scores: Mapping[str, Any]) -> str:
    """All measures of the rows that were kept out, or of a test."""
    told = [worth] if (worth := told_worth(scores)) else []
    told += [f"{name} {shown_score(name, scores[name])}" for name in ("loss", "mse") if name in scores]
    return ", ".join(told)
