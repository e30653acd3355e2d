"""The terminal: a screen for text of others, and what is said on it the same everywhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console as RichConsole
from rich.text import Text

from mrdl.errors import printable

SILENT_S = 2.0  # before a bar is worth a look


def say(text: object, file: TextIO | None = None, end: str = "\n") -> None:
    """Print text for people, on standard output if not elsewhere."""
    print(printable(str(text)), file=file, end=end)


class Screen(RichConsole):
    """rich's console for text of others: nothing in it is markup, and nothing a command to the terminal."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **settings)

    def render_str(self, text: str, **more: Any) -> Text:
        """See rich: what a string looks like, be it printed or the cell of a table."""
        return super().render_str(printable(text), **more)


def wide() -> Screen:
    """Standard output for a table; never narrower than it, or a file would hold cut lines."""
    screen = Screen(soft_wrap=True)
    return screen if screen.is_terminal else Screen(width=200)


@contextmanager
def late_bar(*columns: Any, seen: bool = True) -> Iterator[Callable[..., None]]:
    """A bar on standard error where there is somebody to see it, once it takes long.

    columns: rich's, or texts; seen: whether it may be seen. Gives the function that moves it, as rich's
    `Progress.update` has it: move(advance=1), move(completed=3, total=10).
    """
    from rich.progress import Progress

    screen = Screen(stderr=True)
    bar = Progress(*columns, console=screen, transient=True, redirect_stdout=False)
    task, began = bar.add_task("", total=None), time.monotonic()

    def move(**how: Any) -> None:
        """Move the bar, and show it once it takes long."""
        bar.update(task, **how)
        if seen and screen.is_terminal and time.monotonic() - began > SILENT_S:
            bar.start()

    try:
        yield move
    finally:
        if bar.live.is_started:
            bar.stop()


def counted(number: int | None, noun: str) -> str:
    """A number of things: 1 round, 3 rounds."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
