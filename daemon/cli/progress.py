"""Bars for long work: on stderr, with the time left, and on a terminal only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hounsfield.daemon.cli.output import console

Steps = Callable[[str, int, int], None]
"""Takes what is being done, how much of it is done, and how much there is; 0: nobody knows."""


@contextmanager
def steps() -> Iterator[Steps]:
    """Give what draws a bar for each thing that is done, one below the other."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    screen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as drawn:

        def report(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = drawn.add_task(what, total=total or None)
            drawn.update(bars[what], completed=done, total=total or None)

        yield report


@contextmanager
def one_step(what: str) -> Iterator[Callable[[int, int], None]]:
    """Give what takes how much is done and how much there is, of one thing."""
    with steps() as report:
        report(what, 0, 0)
        yield lambda done, total: report(what, done, total)
