"""How the demonstration looks while it runs: a live table on a terminal, plain lines anywhere else."""

import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hounsfield.daemon.demo.material import DemoSeries
from hounsfield.daemon.demo.standing import STAGES, End, Standing
from hounsfield.daemon.words import number, reason_words, verdict
from hounsfield.storage.states import Outcome, Stage

STYLES = {Outcome.POSITIVE: "bold red", Outcome.NEGATIVE: "cyan", Outcome.NOT_ANALYSED: "yellow"}


def answer(standing: Standing) -> str:
    """Return the verdict words, or how a series without a verdict ended."""
    if standing.end in (End.SKIPPED, End.HELD):
        return f"{standing.end.upper()} ({reason_words(standing.reason)})"
    if standing.end is End.FAILED:
        return f"FAILED: {standing.problem}"
    return verdict(standing.outcome, standing.reason)


class LiveScreen:
    """A table with one row per series that changes in place."""

    def __init__(self, wanted: Sequence[DemoSeries], console: Console) -> None:
        self._wanted = wanted
        self._live = Live(self._table({}), console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> "LiveScreen":
        """Start drawing."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing; the table vanishes, the summary takes its place."""
        self._live.stop()

    def update(self, standings: Mapping[str, Standing]) -> None:
        """Redraw."""
        self._live.update(self._table(standings))

    def _table(self, standings: Mapping[str, Standing]) -> Table:
        table = Table(box=None, pad_edge=False)
        for column in ("series", *STAGES, "verdict"):
            table.add_column(column, min_width=9, no_wrap=column != "verdict")
        for one in self._wanted:
            standing = standings.get(one.series_uid, Standing())
            style = STYLES.get(standing.outcome, "") if standing.outcome else ""
            cells = [stage_cell(stage, standing) for stage in STAGES]
            table.add_row(one.name, *cells, Text(answer(standing) or standing.note, style=style or "dim"))
        return table


def stage_cell(stage: Stage, standing: Standing) -> Text:
    """Return the seconds of a stage that has ended, a mark for the one that goes on."""
    if stage in standing.seconds:
        return Text(f"{standing.seconds[stage]:.2f} s", style="green")
    if stage is standing.stage and standing.end is None:
        return Text("running", style="bold yellow")
    return Text("", style="dim")


class PlainScreen:
    """One line for every change, for logs and pipes."""

    def __init__(self, wanted: Sequence[DemoSeries], console: Console) -> None:
        self._wanted = wanted
        self._console = console
        self._shown: dict[str, Standing] = {}
        self._start = time.monotonic()

    def __enter__(self) -> "PlainScreen":
        """Nothing to start."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to stop."""

    def update(self, standings: Mapping[str, Standing]) -> None:
        """Print what changed since the last call."""
        for one in self._wanted:
            before, now = self._shown.get(one.series_uid, Standing()), standings[one.series_uid]
            for line in changes(before, now):
                elapsed = time.monotonic() - self._start
                self._console.print(f"{elapsed:6.1f} s  {one.name:<20} {line}", markup=False)
            self._shown[one.series_uid] = now


def changes(before: Standing, now: Standing) -> list[str]:
    """Return one line per stage that has ended between two standings, and one for the end."""
    lines = [
        f"{stage:<9} {now.seconds[stage]:6.2f} s" for stage in STAGES if stage in now.seconds.keys() - before.seconds
    ]
    if now.stage is not before.stage and now.stage is not None and now.stage not in now.seconds and now.end is None:
        lines.append(f"{now.stage:<9} begins" + (f", {now.note}" if now.note else ""))
    if now.end is not None and before.end is None:
        lines.append(f"{now.end:<9} {answer(now)}{f', score {number(now.score)}' if now.score is not None else ''}")
    return lines
