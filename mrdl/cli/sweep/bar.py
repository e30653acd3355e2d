"""A sweep's progress bar: how many designs are done, failed, running and planned, and how long it takes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Told = Callable[[dict[str, int]], None]
"""Is told the ledger's counts."""


@contextmanager
def bar(show: bool = True) -> Iterator[Told]:
    """Draw a bar on standard error, for as long as it is entered.

    show: whether it is seen. Gives what is to be told the ledger's counts again and again.

    with bar() as told: told(ledger.counts())
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(30),
        TaskProgressColumn(show_speed=True),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=300, disable=not show) as drawn:
        task = drawn.add_task("planning", total=None)

        def told(counts: dict[str, int]) -> None:
            over = counts["done"] + counts["failed"]
            drawn.update(task, description=words(counts), total=counts["designs"], completed=over)

        yield told


def words(counts: dict[str, int]) -> str:
    """The counts for people: 12 done (1 collapsed, ...), 3 failed, 2 running.

    counts: as `Ledger.counts` has them; those that are 0 at the end are left out.
    """
    said = f"{counts['collapsed']} collapsed, {counts['no_better']} no better than knowing nothing"
    told = f"{counts['done']} done ({said}), {counts['failed']} failed"
    more = [f"{counts[name]} {name}" for name in ("running", "planned") if counts[name]]
    return ", ".join([told, *more])
