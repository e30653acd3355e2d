"""`mrdl sweep ...`: from parsed options to text."""

import json
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.table import Table

from mrdl import launch
from mrdl.errors import ConfigError, SetupError
from mrdl.screen import Screen, duration
from mrdl.sweep import analysis, cost
from mrdl.sweep.bar import Told, bar, words
from mrdl.sweep.batched import chosen
from mrdl.sweep.dataset import Dataset
from mrdl.sweep.engine import SweepDriver
from mrdl.sweep.fit import look_for
from mrdl.sweep.folder import SweepFolder, look_at
from mrdl.sweep.listing import HOME
from mrdl.sweep.space import Design, Spec, brief
from mrdl.sweep.spec import read_spec
from mrdl.words import say

EXAMPLES = 10
FOLLOW_S = 1.0


# --- before ---


def _plan(options: Any) -> None:
    spec = read_spec(options.spec)
    data, designs = look_at(spec, options.data)
    seconds = cost.predict(designs, data, chosen(designs, spec.backend, data.columns))
    sizes = [design.parameters(data.columns, len(data.classes)) for design in designs]
    say(
        f"{options.data}: {len(data.train_x)} rows to train on, {len(data.test_x)} to test on, {data.columns} columns, "
        f"{len(data.classes)} classes; always the same one: {100 * data.baseline:.1f} % right"
    )
    say(f"label: {data.label}")
    if code := look_for(spec.backend):
        say(code)
    slots = launch.slots("local")
    say(
        f"{len(designs)} designs, {min(sizes)} to {max(sizes)} parameters, {sum(seconds):.0f} s of training: about "
        f"{duration(sum(seconds) / slots)} on {slots} cores"
    )
    for line in _more_of_plan(spec, data, designs):
        say(line)
    table = Table(box=None, pad_edge=False)
    for name in ("hidden layers", "activation", "optimizer", "epochs", "seed", "parameters", "takes about"):
        table.add_column(name)
    step = max(1, len(designs) // EXAMPLES)
    for i in range(0, len(designs), step)[:EXAMPLES]:
        design = designs[i]
        table.add_row(
            brief(design.hidden), design.activation, f"{design.optimizer} {design.learning_rate:g}", str(design.epochs),
            str(design.seed), str(sizes[i]), duration(seconds[i]),
        )  # fmt: skip
    Screen().print(table)


def _more_of_plan(spec: Spec, data: Dataset, designs: Sequence[Design]) -> Iterator[str]:
    """What follows from the first results, and what will not fit."""
    if spec.halving:
        first, *rungs = spec.rungs()
        kept = [f"{max(1, len(designs) // spec.halving['eta'] ** i)} for {n}" for i, n in enumerate(rungs, 1)]
        yield f"successive halving: these for {first} epochs, the best {', then '.join(kept)}; not in the time above"
    if spec.sampler == "tpe":
        yield f"TPE: these are the first of {spec.count * len(spec.seeds)}, the others are drawn by what came of them"
    sizes = [cost.memory_mb(design, data.columns, len(data.classes)) for design in designs]
    if too_large := sum(size > spec.memory_mb for size in sizes):
        yield f"{too_large} of them need up to {max(sizes):.0f} MB and will fail: limits.memory_mb is {spec.memory_mb}"


# --- running ---


def _run(options: Any) -> int:
    read_spec(options.spec)  # errors that name the file
    about = tomllib.loads(Path(options.spec).read_text(encoding="utf-8-sig"))
    folder = options.dir or f"{HOME}/{Path(options.spec).stem}"
    return _go(lambda told: SweepDriver.create(folder, about, options.data, on_progress=told), options)


def _resume(options: Any) -> int:
    return _go(lambda told: SweepDriver(_folder(options.id), told), options)


def _retry(options: Any) -> int:
    def make(told: Told) -> SweepDriver:
        sweep = SweepDriver(_folder(options.id), told)
        say(f"{sweep.retry_failed()} designs are tried once more", file=sys.stderr)
        return sweep

    return _go(make, options)


def _go(make: Callable[[Told], SweepDriver], options: Any) -> int:
    """Run with a bar; the counts at the end."""
    with bar() as told:
        sweep = make(told)
        for text in (f"label: {sweep.about.get('label', 'not known')}", look_for(sweep.spec.backend)):
            if text:
                say(text, file=sys.stderr)
        sweep.run(options.runner, options.slots, options.python_bin, options.mrjob_conf)
    counts = sweep.ledger.counts()
    if options.json:
        print(json.dumps({**counts, "folder": str(sweep.path)}))
    else:
        say(f"{words(counts)}; in {sweep.path}")
    return 0


# --- looking ---


def _status(options: Any) -> None:
    sweep = SweepFolder(_folder(options.id))
    counts = sweep.ledger.counts()
    if options.json:
        print(json.dumps({**counts, "driver": sweep.is_held()}))
        return
    if options.follow:
        with bar() as told:
            told(counts)
            while sweep.is_held():
                time.sleep(FOLLOW_S)
                counts = sweep.ledger.counts()
                told(counts)
    driver = "a driver is at work" if sweep.is_held() else "no driver is at work" + (
        f": mrdl sweep resume {options.id}" if counts["planned"] or counts["running"] else ""
    )  # fmt: skip
    say(f"{words(counts)} of {counts['designs']}; {driver}")


def _show(options: Any) -> None:
    table = SweepFolder(_folder(options.id)).table()
    done = table[table.status == "done"]
    screen, best = Screen(width=160), Table(box=None, pad_edge=False)
    names = (
        "accuracy", "spread", "seeds", "hidden", "activation", "residual", "initialisation", "optimizer", "epochs",
        "parameters", "wall_s",
    )  # fmt: skip
    for name in names:
        best.add_column(name)
    for row in analysis.best(done, options.top).itertuples():
        values = [brief(str(row.hidden).split("-")) if name == "hidden" else getattr(row, name) for name in names]
        best.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in values))
    if len(done):
        several = ", of several seeds their mean and its spread (standard deviation)" * bool(done.seed.nunique() > 1)
        screen.print(f"always the majority class: {done.baseline.iloc[0]:.4f} right; the best{several}:")
        screen.print(best)
    failed = table[table.status == "failed"]
    for reason, count in failed.reason.value_counts().items():
        say(f"{count} failed: {reason}")


def _stop(options: Any) -> None:
    sweep = SweepFolder(_folder(options.id))
    if not sweep.is_held():
        print("no driver is at work, so there is nothing to stop")
        return
    sweep.stop()
    print("it stops when the packs that run are over; on YARN they are ended, and trained again by resume")


def _export(options: Any) -> None:
    table, path = SweepFolder(_folder(options.id)).table(), Path(options.file)
    if path.suffix not in (".csv", ".parquet"):
        raise ConfigError(f"{path} ends with {path.suffix!r}, expected .csv or .parquet")
    with _writing(path):
        if path.suffix == ".parquet":
            table.to_parquet(path)
        else:
            table.map(_no_formula).to_csv(path, index=False)
    say(f"{len(table)} rows in {path}")


def _no_formula(cell: Any) -> Any:
    """Text as it is, but for what a spreadsheet would take for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror or error}") from error


def _report(options: Any) -> None:
    from mrdl.sweep.report import write_report

    sweep = SweepFolder(_folder(options.id))
    path = Path(options.out or sweep.path / "report.html")
    with _writing(path):
        say(write_report(sweep.table(), sweep.about, path))


def _reindex(options: Any) -> None:
    say(words(SweepFolder(_folder(options.id), reindex=True).ledger.counts()))


def _folder(name: str) -> Path:
    """A sweep's folder, by its path or by its name below sweeps/."""
    path = Path(name)
    return path if (path / "sweep.json").exists() else Path(HOME) / name
