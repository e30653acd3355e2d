"""`mrdl show`: the rounds of a run folder, or what a model file holds; read from files, so that it answers at once."""

import argparse
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

import mrdl
from mrdl.cli.runs.naming import run_of
from mrdl.cli.screen import counted, say, wide
from mrdl.errors import ConfigError
from mrdl.model.baseline import as_json, told_baseline, told_worth
from mrdl.reports.runs import kept, state
from mrdl.rounds.diagnostics import judged
from mrdl.rounds.folder import RunFolder
from mrdl.rounds.manifest import Manifest, shown_score, told_name

if TYPE_CHECKING:
    from mrdl.mapreduce.timeline import Timeline
    from mrdl.model.model import Model

LEVELS = 1000  # of a category, that are told a program
BEFORE_ENGINES = "torch"  # what computed where a run has no setting `engine`


def define(parser: argparse.ArgumentParser) -> None:
    """Say what `mrdl show` can be told."""
    parser.add_argument("run", help="a run folder, its name below runs/, or a model file")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--timeline", action="store_true", help="where the seconds of each round went, drawn, too")
    parser.set_defaults(command=show)


def show(options: argparse.Namespace) -> None:
    """Print the rounds of a run folder, or what a model file holds.

    With --json that is run.json and all manifests, or what the model's file says; with --timeline where the time of a
    run's rounds went. Raises ConfigError where there is
    neither, ModelError for a file that is no model.
    """
    path = Path(run_of(options.run))
    if not path.exists():
        raise ConfigError(f"no such run or model: {path}")
    if options.timeline:
        _show_timeline(path, options.json)
        return
    if path.is_dir():
        _show_run(RunFolder(path), options.json)
        return
    model = mrdl.load(path)
    if options.json:
        about = {"kind": model.arch.kind, "nodes": model.arch.nodes, "sha256": model.sha256, "digest": model.digest}
        about.update(as_json(model.validation, model.preparation.usual))
        print(json.dumps({**about, **_asked_of(model), "rounds": model.rounds, "settings": model.settings}))
        return
    say(f"{model!r}\n  sha256 {model.sha256}, of the weights\n  digest {model.digest}, of all that is in the file")
    targets = model.preparation.targets
    learnt = f"{'labels' if targets.flags else 'numbers'}: {', '.join(targets.names[:20])}" if targets else ""
    classes = f"classes: {', '.join(model.classes[:20]) or 'none'}"
    say(f"  {len(model.preparation.columns)} columns; {learnt or classes}")
    if worth := told_worth(model.validation):
        say(f"  {worth}")
        say(f"  {told_baseline(model.validation, model.preparation.usual)}")
    say(model.history.to_string(index=False))


def _asked_of(model: "Model") -> dict[str, Any]:
    """What a model wants of a row, and what it says of it: its columns, each with its type, a value for example and the
    levels of a category; its label, its classes, or the numbers or flags in their place."""
    from mrdl.data.text.numbers import WRITINGS

    prepared, targets = model.preparation, model.preparation.targets
    levels = prepared.levels
    columns = []
    for place, name in enumerate(prepared.columns):
        found = prepared.types[place] if prepared.types else None
        kind, known = (found.kind if found else "number"), levels.get(name, ())
        example = next(iter(known), None)
        if kind == "number":  # as the table writes it, with a decimal comma where that does
            mark = WRITINGS.get(found.format if found else "", ("", "."))[1]
            example = f"{prepared.inputs.shift[place]:.6g}".replace(".", mark)
        columns.append({"name": name, "type": kind, "example": example, "levels": list(known[:LEVELS]) or None})
    return {
        "columns": columns,
        "label": prepared.label,
        "classes": list(model.classes),
        "targets": list(targets.names) if targets else [],
        "flags": bool(targets and targets.flags),
    }


def _show_run(folder: RunFolder, as_json: bool) -> None:
    """Print a run folder: what the run is, how far it came, a line a round, and what a person should know of it."""
    rounds, about = folder.manifests(), folder.about()
    found = judged.flags(folder, rounds)
    if as_json:
        told = {"flags": [dataclasses.asdict(flag) for flag in found]} if folder.diagnostics.exists() else {}
        print(json.dumps({**about, "rounds": [m.to_json() for m in rounds], **told}))
        return
    trained = [m for m in rounds if not m.is_warm_start]
    say(f"{about['name']} on {about['data']['source']}, {len(trained)} rounds; in {folder.path}")
    say(f"computed by {about['settings'].get('engine', BEFORE_ENGINES)}")
    say(f"the data is known by {about['data'].get('known_by', 'its files')}: {about['data']['sha256']}")
    drivers = about.get("drivers", [])
    say(f"{state(folder, drivers)}{_of_driver(drivers)}")
    wide().print(_table_of(rounds))
    for note in filter(
        None, [*_of_kept(folder, trained), *_of_versions(rounds), *_of_trouble(rounds), *map(str, found)]
    ):
        say(f"  {note}")


def _show_timeline(run: Path, as_json: bool) -> None:
    """Print where the time of the first round, and of a later one in the mean, went; draw all into timeline.html.

    Later rounds are told by runner. With --json that is the timelines as they are kept. Raises DataError where the run
    has kept none.
    """
    from mrdl.reports.timeline import draw, timelines

    found = timelines(run)
    if as_json:
        print(json.dumps([timeline.to_json() for timeline in found]))
        return
    later: dict[str, list[Timeline]] = {}  # a run that went on may have changed its runner: times of two have no mean
    for timeline in found[1:]:
        later.setdefault(timeline.runner, []).append(timeline)
    _print_shares(found[0].name, found[:1])
    for part in later.values():
        _print_shares(f"mean of {counted(len(part), 'later round')}", part)
    say(f"drawn: {draw(run)}")


def _print_shares(name: str, part: Sequence["Timeline"]) -> None:
    """Print where the time of rounds of one runner went, in the mean. name: of the rounds, for people."""
    from mrdl.reports.timeline import mean_shares, rows_of

    shares = mean_shares(part)
    table = Table(box=None, pad_edge=False)
    table.add_column(f"{name}, -r {part[0].runner}: {sum(shares.values()):.1f} s")
    for head in ("seconds", "share"):
        table.add_column(head, justify="right")
    for row in rows_of(shares):
        table.add_row(*row)
    wide().print(table)
    say("")


def _table_of(rounds: Sequence[Manifest]) -> Table:
    """The table of rounds: their weights and those that they come from, losses, scores, step and time."""
    table = Table(box=None, pad_edge=False)
    for name in ("round", "weights", "from", "rows", "shards' losses", "validation", "step", "seconds"):
        table.add_column(name, justify="right" if name in ("round", "rows", "step") else "left")
    for m in rounds:
        losses = [s.loss for s in m.shards if not s.left_out and s.loss is not None]
        spent = ", ".join(f"{name} {value:.1f}" for name, value in m.spent.items())
        table.add_row(
            _name(m),
            m.sha256[:8],
            m.parent[:8] or "start",
            str(m.rows),
            f"{min(losses):.4f} - {max(losses):.4f}" if losses else "",
            ", ".join(f"{told_name(name)} {shown_score(name, value)}" for name, value in m.main_scores().items()),
            f"{m.outer_step:g}",
            f"{m.seconds:.1f} ({spent})",
        )
    return table


def _of_trouble(rounds: Sequence[Manifest]) -> Iterator[str]:
    """The attempts that were repeated and the shards that were left out, in words."""
    for m in rounds:
        if m.retried:
            yield f"round {_name(m)}: {m.retried} attempts of tasks were repeated"
        yield from (f"round {_name(m)}: shard {s.shard} was left out, {s.left_out}" for s in m.left_out)


def _of_kept(folder: RunFolder, trained: Sequence[Manifest]) -> list[str]:
    """Which round is the network, where that is not the last one, and how good it is."""
    best = kept(folder, trained)
    if best is None:
        return []
    told = [f"kept: round {_name(best)}, the best one"] if best is not trained[-1] else []
    if worth := told_worth(best.validation):
        told.append(worth)
        told.append(told_baseline(best.validation, best.majority))
    return told


def _of_versions(rounds: Sequence[Manifest]) -> list[str]:
    """What the rounds were made with, and where that changed: from there on the bytes may be others."""
    told: list[str] = []
    before: Mapping[str, str] = {}
    for m in rounds:
        if m.versions != before:
            made_with = ", ".join(f"{name} {version}" for name, version in m.versions.items())
            told.append(f"{'from round ' + _name(m) + ' on ' if before else ''}made with {made_with}")
        before = m.versions
    return told


def _of_driver(drivers: Sequence[Mapping[str, Any]]) -> str:
    """When and by whom the run was started last, from which code, and when that ended."""
    if not drivers:
        return ""
    d = drivers[-1]
    code = f", commit {d['git']['commit'][:12]}{' and changes' * d['git']['dirty']}" if d["git"] else ""
    until = f" until {d['end']}" if d["end"] else ""
    return f"; from {d['start']}{until}, {d['user']} on {d['host']}{code}"


def _name(manifest: Manifest) -> str:
    """Of a round: its number, or the name of its stage and its number there."""
    stage, number = manifest.stage, manifest.stage_round
    return f"{stage}, {number or 'warm'}" if stage else str(number or "warm")
