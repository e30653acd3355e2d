"""`mrdl drill`: faults against a run of one's own."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.progress import Progress
from rich.table import Table

from mrdl.cli.screen import Screen, say, wide
from mrdl.drill.drill import Report, drill
from mrdl.drill.faults import FAULTS, check_cluster
from mrdl.mapreduce.runners import runner_of


def drill_command(options: Any, words: list[str]) -> int:
    """`mrdl drill`: faults against a run of the user's own; the status is 1 if a single byte differs."""
    runner = runner_of(options.runner)
    if runner.reads_hdfs:
        check_cluster()
    runner.check()
    folder = Path(tempfile.mkdtemp(prefix="mrdl-drill-"))
    screen, report = Screen(stderr=True), Report(options.runner)
    with Progress(console=screen, transient=True) as bar:
        task = bar.add_task("calm run", total=options.faults)

        def on_progress(now: Report) -> None:
            nonlocal report
            report = now
            hits, equal = sum(report.hits.values()), sum(report.equal.values())
            bar.update(task, completed=hits, description=f"{hits} faults, {equal} equal")

        try:
            report = drill(words, options.runner, options.faults, options.drill_seed, folder, on_progress)
        except KeyboardInterrupt:
            print("interrupted: this is what was seen until then", file=sys.stderr)
    if options.json:
        print(json.dumps(vars(report)))
    else:
        say(f"calm run: {report.calm_s:.1f} s, sha256 {report.calm[:16]}; {report.trials} runs under fire")
        table = Table(box=None, pad_edge=False)
        for name in ("fault, -r " + options.runner, "hits", "same bytes"):
            table.add_column(name, justify="left" if name.startswith("fault") else "right")
        for fault in FAULTS[options.runner]:
            if report.hits.get(fault):
                table.add_row(fault, str(report.hits[fault]), str(report.equal[fault]))
        table.add_row("all", str(sum(report.hits.values())), str(sum(report.equal.values())))
        wide().print(table)
    for wrong in report.wrong:
        say(f"  {wrong}", file=sys.stderr)
    if report.wrong:
        say(f"the folders of these runs are kept in {folder}", file=sys.stderr)
    return int(bool(report.wrong))
