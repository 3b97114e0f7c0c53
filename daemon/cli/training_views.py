"""How a training shows where it is: a bar that is redrawn on a terminal, a line for each epoch elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hounsfield.daemon.cli.output import console, note

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from hounsfield.model.train.loop import Progress

Report = Callable[["Progress"], None]


@contextmanager
def shown_training() -> Iterator[Report]:
    """Give what a training calls; all of it goes to stderr."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield _line
        return
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("at most"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Bars(*columns, console=out) as bars:
        yield _Drawn(bars)


class _Drawn:
    """One bar for each stage; epochs stay above it as lines."""

    def __init__(self, bars: "Bars") -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, progress: "Progress") -> None:
        total, done = _steps(progress)
        if progress.stage not in self._tasks:
            # A run that goes on starts where it stood: the time left follows from what is done now.
            self._tasks[progress.stage] = self._bars.add_task(progress.stage, total=total, completed=done)
        words = f"{progress.stage} {progress.epoch}/{progress.epochs}, loss {progress.loss:.4f}"
        self._bars.update(self._tasks[progress.stage], completed=done, description=words)
        if progress.figures is not None:
            self._bars.console.print(epoch_line(progress))


def _steps(progress: "Progress") -> tuple[int, int]:
    return progress.epochs * progress.steps, (progress.epoch - 1) * progress.steps + progress.step


def _line(progress: "Progress") -> None:
    if progress.figures is not None:
        note(epoch_line(progress))


def epoch_line(progress: "Progress") -> str:
    """Return what is said about an epoch that ended."""
    figures = progress.figures
    if figures is None:
        return ""
    auc = "not defined" if figures.auc != figures.auc else f"{figures.auc:.3f}"
    best = ", best so far" if progress.best else ""
    return (
        f"{progress.stage} epoch {progress.epoch}/{progress.epochs}: loss {progress.loss:.4f}, "
        f"validation loss {figures.loss:.4f}, AUC {auc}{best}"
    )
