"""`mrdl sweep plan`, `run`, `resume` and `retry-failed`: what would be trained, and training it."""

import json
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from mrdl.cli.screen import Screen, duration, say
from mrdl.cli.sweep.bar import Told, bar, words
from mrdl.cli.sweep.listing import HOME, folder_of
from mrdl.mapreduce.runners import runner_of
from mrdl.nn.backends.groups import chosen
from mrdl.nn.backends.registry import look_for
from mrdl.nn.design import Design, brief
from mrdl.nn.rows import Dataset
from mrdl.sweep import cost
from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder, look_at
from mrdl.sweep.spec import Spec, read_spec

EXAMPLES = 10
LISTED = 1000  # designs whose ids the plan gives a program


# --- before ---


def plan(options: Any) -> None:
    """Say how many designs a spec has, how long they take and how large they are, and show ten of them.

    options: of the command line; spec, data, json: as an object of JSON, with the ids of the first designs. Trains
    nothing, and writes nothing.
    """
    spec, data, designs = look_at(read_spec(options.spec), options.data)
    backends = chosen(designs, spec.backend, data.columns)
    seconds = cost.predict(designs, data, backends)
    sizes = [design.parameters(data.columns, data.outputs) for design in designs]
    told = [*_of_data(options.data, data), *_of_designs(spec, sizes, seconds), *_more_of_plan(spec, data, designs)]
    if options.json:
        memory = [cost.memory_mb(design, data.columns, data.outputs) for design in designs]
        first = zip(designs[:LISTED], backends[:LISTED], strict=True)
        about = {
            "designs": len(designs),
            "seconds": sum(seconds) / runner_of("local").slots(),
            "training_s": sum(seconds),
            "parameters": [min(sizes), max(sizes)],
            "memory_mb": max(memory),
            "too_large": sum(size > spec.memory_mb for size in memory),
            "arch_ids": [design.arch_id(data.digest, backend) for design, backend in first],
            "told": told,
        }
        print(json.dumps(about))
        return
    for line in told:
        say(line)
    _show_designs(designs, sizes, seconds)


def _of_data(name: str, data: Dataset) -> Iterator[str]:
    """What the designs would learn from."""
    yield (
        f"{name}: {len(data.train_x)} rows to train on, {len(data.test_x)} to test on, {data.columns} columns, "
        + (
            f"{len(data.classes)} classes; always the same one: {100 * data.baseline:.1f} % right"
            if data.classes
            else f"numbers; always their mean: an RMSE of {data.baseline:.6g}"
        )
    )
    yield f"label: {data.label}"


def _of_designs(spec: Spec, sizes: Sequence[int], seconds: Sequence[float]) -> Iterator[str]:
    """How many designs there are, how large, and how long they take."""
    if code := look_for(spec.backend):
        yield code
    slots = runner_of("local").slots()
    yield (
        f"{len(sizes)} designs, {min(sizes)} to {max(sizes)} parameters, {sum(seconds):.0f} s of training by "
        f"{spec.backend}: about {duration(sum(seconds) / slots)} on {slots} cores"
    )


def _show_designs(designs: Sequence[Design], sizes: Sequence[int], seconds: Sequence[float]) -> None:
    """Show some designs of the plan in a table."""
    table = Table(box=None, pad_edge=False)
    for name in ("hidden layers", "activation", "optimizer", "epochs", "seed", "parameters", "takes about"):
        table.add_column(name)
    step = max(1, len(designs) // EXAMPLES)
    for i in range(0, len(designs), step)[:EXAMPLES]:
        design = designs[i]
        table.add_row(
            brief(design.hidden),
            design.activation,
            f"{design.optimizer} {design.learning_rate:g}",
            str(design.epochs),
            str(design.seed),
            str(sizes[i]),
            duration(seconds[i]),
        )
    Screen().print(table)


def _more_of_plan(spec: Spec, data: Dataset, designs: Sequence[Design]) -> Iterator[str]:
    """Say what follows from the first results, and which designs will not fit into their memory."""
    if spec.halving:
        first, *rungs = spec.rungs()
        kept = [f"{max(1, len(designs) // spec.halving.eta**i)} for {n}" for i, n in enumerate(rungs, 1)]
        yield f"successive halving: these for {first} epochs, the best {', then '.join(kept)}; not in the time above"
    if spec.sampler == "tpe":
        all_of_them = (spec.count or 0) * len(spec.seeds)
        yield f"TPE: these are the first of {all_of_them}, the others are drawn by what came of them"
    sizes = [cost.memory_mb(design, data.columns, data.outputs) for design in designs]
    if too_large := sum(size > spec.memory_mb for size in sizes):
        yield f"{too_large} of them need up to {max(sizes):.0f} MB and will fail: limits.memory_mb is {spec.memory_mb}"


# --- running ---


def run(options: Any) -> int:
    """Train all designs of a spec, in a new folder or in the one that holds this very sweep.

    options: of the command line; spec, data, dir, and those of `resume`. Returns the exit status.
    """
    read_spec(options.spec)  # errors that name the file
    about = tomllib.loads(Path(options.spec).read_text(encoding="utf-8-sig"))
    folder = options.dir or f"{HOME}/{Path(options.spec).stem}"
    return _drive(lambda told: SweepFolder.create(folder, about, options.data, on_progress=told), options)


def resume(options: Any) -> int:
    """Train the designs of a sweep that are not over.

    options: of the command line; id, runner, slots, python_bin, mrjob_conf, json. Returns the exit status.
    """
    return _drive(lambda told: SweepFolder(folder_of(options.id), told), options)


def retry_failed(options: Any) -> int:
    """Train the designs of a sweep that failed once more, and those that are not over.

    options: as `resume` has them. Returns the exit status.
    """

    def make(told: Told) -> SweepFolder:
        sweep = SweepFolder(folder_of(options.id), told)
        say(f"{sweep.retry_failed()} designs are tried once more", file=sys.stderr)
        return sweep

    return _drive(make, options)


def _drive(make: Callable[[Told], SweepFolder], options: Any) -> int:
    """Run a sweep with a bar, and say the counts at the end.

    make: makes the sweep, and is given what is to be told of its progress. Returns the exit status.
    """
    with bar() as told:
        sweep = make(told)
        for text in (f"label: {sweep.about.get('label', 'not known')}", look_for(sweep.spec.backend)):
            if text:
                say(text, file=sys.stderr)
        SweepDriver(sweep).run(options.runner, options.slots, options.python_bin, options.mrjob_conf)
    counts = sweep.ledger.counts()
    if options.json:
        print(json.dumps({**counts, "folder": str(sweep.path)}))
    else:
        say(f"{words(counts)}; in {sweep.path}")
    return 0


VERBS: dict[str, Callable[[Any], int | None]] = {
    "plan": plan,
    "run": run,
    "resume": resume,
    "retry-failed": retry_failed,
}
"""What the verbs that train, or would, do with their options; returns the exit status."""
