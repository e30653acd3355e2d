"""What the commands predict, plot, advise and drill do, from parsed options to text."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress
from rich.table import Table

from mrdl import advise as advice
from mrdl.config import TrainConfig
from mrdl.drill import Report, drill
from mrdl.driver import Run
from mrdl.faults import FAULTS, check_cluster
from mrdl.launch import find_hadoop
from mrdl.screen import Screen, duration, wide
from mrdl.source import Source
from mrdl.storage import hdfs_store
from mrdl.words import say


def plot(options: Any) -> None:
    """`mrdl plot`: a run folder as pictures."""
    from mrdl.plot import plot as draw  # imports torch to reconstruct

    for path in draw(options.run, options.out):
        say(path)


# --- what would come of it ---


def advise(options: Any, config: TrainConfig) -> None:
    """`mrdl advise`: how long a training takes in one process and shared out, and what to do."""
    source = Source.look_at(options.data, config)
    label = source.head.label(config.label, config.supervised)
    source.check_columns(said=bool(config.label))
    data, found = _measured(source, config, options)
    if options.json:
        print(advice.as_json(data, found))
        return
    trained = ", ".join(f"{speed:.0f}" for speed in data.train_s)
    say(
        f"{options.data}: about {data.rows} rows of {data.columns} columns, {data.size / 1e6:.1f} MB"
        + (f", {data.classes} classes in its first rows" if config.supervised else "")
        + f"\nlabel: {label}"
        + f"\nmeasured on it: {data.parse_s:.0f} rows/s parsed, {trained} rows/s trained on one core"
    )
    table = Table(box=None, pad_edge=False)
    for name in ("-r", "shards", "rounds", "epochs", "passes in all", "takes about"):
        table.add_column(name)
    for plan in found:
        numbers = (plan.shards, plan.rounds, plan.epochs, round(plan.passes))
        table.add_row(plan.runner, *map(str, numbers), duration(plan.seconds))
    wide().print(table)
    say(verdict(found))


def _measured(source: Source, config: TrainConfig, options: Any) -> tuple[advice.Data, list[advice.Plan]]:
    """What the data is like, and the ways to train on it. What jobs cost is measured only where that takes less time
    than the training itself."""
    runners = ["inline", "local"]
    if options.runner == "hadoop":
        find_hadoop()
        runners.append("hadoop")

    def plans() -> list[advice.Plan]:
        return advice.plans(data, config, {runner: advice.costs(runner) for runner in runners})

    with Screen(stderr=True).status("measuring this machine") as status:
        data = advice.measure(source, config, advice.PROBE_S)
        found = plans()
        if found[0].seconds < advice.MEASURING_S and not options.measure:
            return data, found
        data = advice.measure(source, config)
        advice.measure_local()
        if options.runner == "hadoop" and (options.measure or not advice.is_known("hadoop")):
            status.update("measuring what a job costs on this cluster: about a minute")
            advice.keep("hadoop", *measure_hadoop())
    return data, plans()


def verdict(found: list[advice.Plan]) -> str:
    """One line of advice. found: the fastest plan first."""
    best = found[0]
    others = {plan.runner: plan.seconds for plan in found}
    if best.runner != "hadoop" and "hadoop" in others:
        needs = f"-r {best.runner} needs {duration(best.seconds)}, Hadoop {duration(others['hadoop'])}"
        return f"Do not distribute this: {needs}."
    return f"Take -r {best.runner} --shards {best.shards}."


def measure_hadoop() -> tuple[float, float]:
    """Seconds of the first job and of a round's, of a run that has next to nothing to do."""
    store = hdfs_store()
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.arange(400) % 2, rng.integers(0, 256, (400, 8))])
    path = store.uri(f"/user/{store.cluster.user}/mrdl/advise/rows.csv")
    store.write(path, "".join(",".join(map(str, row)) + "\n" for row in rows).encode())
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(
            nodes=(8, 4, 2), shards=max(2, store.cluster.slots()), rounds=1, epochs=1, warm_epochs=1,
            run_dir=f"{folder}/run", cache_dir=store.uri(f"/user/{store.cluster.user}/mrdl/advise/cache"),
        )  # fmt: skip
        run = Run(path, config, runner="hadoop")
        run.execute()
        first, each = [m["seconds"] for m in run.folder.manifests()]
    store.remove(store.uri(f"/user/{store.cluster.user}/mrdl/advise"))
    return first + advice.driver_s(), each


def drill_command(options: Any, words: list[str]) -> int:
    """`mrdl drill`: faults against a run of the user's own; the status is 1 if a single byte differs."""
    if options.runner == "hadoop":
        check_cluster()
        find_hadoop()
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
