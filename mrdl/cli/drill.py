"""`mrdl drill`: faults against a run of one's own."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from rich.progress import Progress
from rich.table import Table

from mrdl.cli import process
from mrdl.cli.flags import add_training_flags, given
from mrdl.cli.screen import Screen, say, wide
from mrdl.drill.drill import Report
from mrdl.drill.drill import drill as run_drill
from mrdl.drill.faults import check_cluster, faults_of
from mrdl.errors import ConfigError
from mrdl.mapreduce.runners import runner_of
from mrdl.settings.fields import flag


def define(parser: argparse.ArgumentParser) -> None:
    """Say what `mrdl drill` can be told."""
    parser.description = (
        "Run a training calm, then under random faults, and compare the sha256. With -r hadoop only on the cluster of "
        "`mrdl hadoop`, whose daemons are killed and started again."
    )
    add_training_flags(parser)
    parser.add_argument("--faults", type=int, default=20, metavar="N", help="how many (default: 20)")
    parser.add_argument("--drill-seed", type=int, default=0, metavar="N", help="of the faults (default: 0)")
    parser.set_defaults(command=drill)


def drill(options: argparse.Namespace) -> int:
    """Let faults hit a run of the user's own, and print how often its bytes were those of the calm one.

    Returns 1 if a single byte differs, else 0. Raises ConfigError for a folder or a cache of the user's, TrainingError
    where the run fails without any fault, SetupError where there is no cluster whose daemons may be killed.
    """
    words = _words(options)
    runner = runner_of(options.runner)
    if runner.reads_hdfs:
        check_cluster()
    runner.check()
    folder = Path(tempfile.mkdtemp(prefix="mrdl-drill-"))
    report = _under_fire(options, words, folder)
    if options.json:
        print(json.dumps(vars(report)))
    else:
        _print(report, options.runner)
    for wrong in report.wrong:
        say(f"  {wrong}", file=sys.stderr)
    if report.wrong:
        say(f"the folders of these runs are kept in {folder}", file=sys.stderr)
    return int(bool(report.wrong))


def _words(options: argparse.Namespace) -> list[str]:
    """What `mrdl train` is told in each run; raises ConfigError for a folder or a cache of the user's."""
    settings = given(options)
    if "run_dir" in settings or "cache_dir" in settings:
        raise ConfigError("drill makes run folders and caches of its own: leave out --run-dir and --cache-dir")
    words = [options.data, "-r", options.runner]
    words += ["--config", options.config] if options.config else []
    return words + [f"{flag(name)}={value}" for name, value in settings.items()]


def _under_fire(options: argparse.Namespace, words: list[str], folder: Path) -> Report:
    """Drill with a bar; gives what was seen until then where somebody interrupts it.

    words: what `mrdl train` is told; folder: where the runs may write.
    """
    report = Report(options.runner)
    with Progress(console=Screen(stderr=True), transient=True) as bar:
        task = bar.add_task("calm run", total=options.faults)

        def on_progress(now: Report) -> None:
            """Move the bar by what was hit."""
            nonlocal report
            report = now
            hits, equal = sum(report.hits.values()), sum(report.equal.values())
            bar.update(task, completed=hits, description=f"{hits} faults, {equal} equal")

        try:
            return run_drill(words, options.runner, options.faults, options.drill_seed, folder, on_progress)
        except KeyboardInterrupt:
            process.heard()
            print("interrupted: this is what was seen until then", file=sys.stderr)
    return report


def _print(report: Report, runner: str) -> None:
    """Print the calm run and a line a fault."""
    say(f"calm run: {report.calm_s:.1f} s, sha256 {(report.calm or 'none')[:16]}; {report.trials} runs under fire")
    table = Table(box=None, pad_edge=False)
    for name in ("fault, -r " + runner, "hits", "same bytes"):
        table.add_column(name, justify="left" if name.startswith("fault") else "right")
    for fault in faults_of(runner):
        if report.hits.get(fault):
            table.add_row(fault, str(report.hits[fault]), str(report.equal[fault]))
    table.add_row("all", str(sum(report.hits.values())), str(sum(report.equal.values())))
    wide().print(table)
