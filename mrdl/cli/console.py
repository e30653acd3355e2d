"""What a person sees on standard error while a run goes on, and when it is over."""

from collections.abc import Mapping
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mrdl.cli.screen import Screen, duration
from mrdl.errors import MrdlError, printable
from mrdl.mapreduce.status import Progress as JobProgress
from mrdl.model.baseline import told_accuracy, told_baseline
from mrdl.nn.architecture import Stage
from mrdl.preflight.advice import ALONE, expect
from mrdl.rounds.manifest import Manifest, shown_score
from mrdl.rounds.plan import Round


class Console:
    """One bar over all rounds, a line a round and a table at the end; plain lines where there is no terminal."""

    def __init__(self) -> None:
        self._console = Screen(stderr=True, soft_wrap=True)
        self._bar: Progress | None = None
        self._rounds: dict[int, Round] = {}
        self._stages: tuple[Stage, ...] = ()

    def begin(self, run: Any) -> None:
        """The run starts."""
        config, self._rounds = run.config, {planned.number: planned for planned in run.rounds}
        self._stages = run.architecture.stages
        source = run.source
        self._print(
            f"{run.data}: {len(source.files)} file{'s' * (len(source.files) > 1)}, {source.size / 1e6:.1f} MB, "
            f"{len(run.schema.columns)} columns; {config.shards} shards, {config.rounds} rounds "
            f"of {config.epochs} epochs{self._told_stages()}, -r {run.runner.name}"
        )
        self._print(f"  label: {run.label}")
        self._expect(run)
        columns = (
            TextColumn("  {task.description}", markup=False),
            BarColumn(30),
            TextColumn("{task.percentage:>3.0f}%"),
        )
        self._bar = Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True)
        self._task = self._bar.add_task("starting", total=max(self._rounds))
        if self._console.is_terminal:
            self._bar.start()

    def _expect(self, run: Any) -> None:
        """Say how long it will take, and whether one process would be faster."""
        try:
            found = expect(run.source, run.config, run.runner.name)
        except MrdlError:
            return  # the run itself will say what is wrong, and where
        less = found.alone_s < 0.7 * found.seconds
        faster = f"; -r {ALONE} would need {duration(found.alone_s)}" if less else ""
        self._print(f"  takes about {duration(found.seconds)}{faster}")

    def progress(self, round_: int, progress: JobProgress) -> None:
        """A job goes on."""
        if self._bar:
            text = f"{self._name(round_)}  {progress.text}"
            self._bar.update(
                self._task, description=printable(text), completed=max(0, round_ - 1 + 0.98 * progress.fraction)
            )

    def round_done(self, manifest: Manifest) -> None:
        """A round is kept."""
        self._print(f"  {self._name(manifest.round)}   {manifest.summary()}")
        for shard in manifest.left_out:
            self.note(f"shard {shard.shard} was left out: {shard.left_out}")
        if self._bar:
            self._bar.update(self._task, completed=manifest.round)

    def _name(self, round_: int) -> str:
        planned = self._rounds[round_]
        stage = self._stages[planned.stage].name
        name = f"round {planned.stage_round}/{planned.stage_rounds}" if planned.stage_round else "warm start"
        return f"{stage}, {name}" if stage else name

    def _told_stages(self) -> str:
        names = [self._stages[i].name for i in sorted({planned.stage for planned in self._rounds.values()})]
        return f" for each of {', '.join(names)}" if len(names) > 1 else ""

    def note(self, text: str) -> None:
        """Something a person should know."""
        self._print(f"  note: {text}")

    def finish(self, run: Any, model: Any, tested: dict[str, float] | None) -> None:
        """The run is over: the summary table."""
        self.close()
        counted = run.submission.prepared.statistics
        rows = [
            ("network", f"{model.arch.kind} {'-'.join(map(str, model.arch.nodes))}"),
            ("rows", f"{counted.training_rows} trained on, {counted.validation_rows} kept out"),
            ("missing cells", f"{counted.missing}, taken as 0" if counted.missing else ""),
            ("bad rows", f"{counted.bad_rows} left out" if counted.bad_rows else ""),
        ]
        for title, scores in (("validation", model.validation), ("test", tested)):
            if scores:
                rows.append((title, _scores(scores)))
                rows.append(("", told_baseline(scores, model.preparation.majority)))
        rows += [
            ("", run.judge.told_classes(model.weights)),
            *(("", text) for text in run.judge.told_absent()),
            ("sha256", model.sha256[:16]),
            ("model", str(run.folder.model)),
            ("time", f"{run.seconds:.1f} s"),
        ]
        table = Table(show_header=False, box=None, pad_edge=False)
        table.add_column()
        table.add_column(overflow="fold")  # a path is to be copied, whole
        for name, text in rows:
            if text:
                table.add_row(f"  {name}", text)
        self._console.print(table)

    def close(self) -> None:
        """Take the bar away, however the run ended."""
        if self._bar:
            self._bar.stop()
            self._bar = None

    def _print(self, text: str) -> None:
        (self._bar.console if self._bar else self._console).print(text)


def _scores(scores: Mapping[str, Any]) -> str:
    """All measures of the rows that were kept out, or of a test."""
    told = [f"accuracy {told_accuracy(scores)}"] if "accuracy" in scores else []
    told += [f"{name} {shown_score(name, scores[name])}" for name in ("loss", "mse") if name in scores]
    return ", ".join(told)
