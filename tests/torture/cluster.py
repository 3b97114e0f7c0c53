"""Four hosts, two receivers and two workers, whose processes are killed and whose links are cut.

``python -m torture.cluster --minutes 10``: a process is killed with kill -9 every five seconds, a link is cut every
thirty, every ninety the database is restarted, crashes or fails over, while two scanners send. Nothing acknowledged
may be lost, and every series has exactly one result in the PACS. With ``--series 50`` so many are sent, and no more.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from support.cluster.namespaces import NoNamespaces
from support.cluster.site import ENGINES, SKEWS, cluster
from support.cluster.trial import Report, Trial, random_faults

_WIDTH = 120
_LINES = 12


def host_table(report: Report) -> Table:
    """Return one row for each host."""
    shown = Table("host", "processes", "images received", "jobs done", "restarts", title="hosts")
    for name, counts in report.hosts.items():
        shown.add_row(name, *map(str, (counts.processes, counts.images, counts.jobs, counts.restarts)))
    return shown


def fault_table(report: Report) -> Table:
    """Return one row for each kind of fault and host, with how long it took until everything there went on."""
    shown = Table("what", "where", "times", "median s", "longest s", title="faults, and until things went on")
    kinds = sorted({(one.what, one.host) for one in report.recoveries})
    for what, host in kinds:
        mine = [one for one in report.recoveries if (one.what, one.host) == (what, host)]
        took = [one.seconds for one in mine if one.seconds is not None]
        figures = (f"{median(took):.1f}", f"{max(took):.1f}") if len(took) == len(mine) else ("", "never")
        shown.add_row(what, host, str(len(mine)), *figures)
    return shown


def final_table(report: Report) -> Table:
    """Return what was kept and what was not."""
    shown = Table("", "", title="in the end")
    found, ledger = report.found, report.ledger
    rows = {
        "images acknowledged": found.images,
        "acknowledged and lost": len(found.lost),
        "images that were not acknowledged, and sent again": ledger.repeated,
        "series": found.series,
        "series that came a second time": ledger.resent,
        "series without a result in the PACS": len(found.without_result),
        "series with several results": len(found.with_several),
        "result objects that differ from what was written first": len(found.changed),
        "analyses": ", ".join(f"{outcome}: {count}" for outcome, count in found.outcomes.items()),
        "jobs that are not finished": found.unfinished,
        f"longest that a job was stuck (leases of {report.lease_seconds:g} s)": f"{report.longest_silence:.1f} s",
        "from the last fault until all was done": f"{report.settle_seconds:.1f} s",
    }
    for what, value in rows.items():
        shown.add_row(what, str(value))
    return shown


class Progress:
    """What happens: a bar and the last lines on a terminal, every line anywhere else."""

    def __init__(self, console: Console, seconds: float) -> None:
        self._console = console
        self._seconds = seconds
        self._began: float | None = None
        self._lines: list[str] = []

    def begin(self) -> None:
        """The faults begin now."""
        self._began = time.monotonic()

    @contextmanager
    def shown(self) -> Iterator["Progress"]:
        """Draw while the block runs."""
        if not self._console.is_terminal:
            yield self
            return
        with Live(get_renderable=self._drawn, console=self._console, refresh_per_second=2, transient=True):
            yield self

    def say(self, line: str) -> None:
        """Tell one thing that happened."""
        self._lines.append(f"{self._past:6.1f} s  {line}")
        if not self._console.is_terminal:
            self._console.print(self._lines[-1], highlight=False, markup=False)

    @property
    def _past(self) -> float:
        return 0.0 if self._began is None else time.monotonic() - self._began

    def _drawn(self) -> Group:
        left = max(0.0, self._seconds - self._past)
        words = f"{left:.0f} s of faults are left" if left else "no more faults: what is left to do is done"
        head = Text(f"four hosts: {words}" if self._began else "four hosts are being started", style="bold")
        bar = Padding(ProgressBar(total=self._seconds, completed=min(self._past, self._seconds), width=60), 0)
        return Group(head, bar, *map(Text, self._lines[-_LINES:]))


def torment(options: argparse.Namespace, console: Console, folder: Path) -> Report:
    """Run it in a folder."""
    seconds, choice = 60 * options.minutes, random.Random(options.seed)
    skews = SKEWS if options.skew else {}
    with cluster(folder, engine=options.engine, skews=skews) as site, Progress(console, seconds).shown() as progress:
        progress.say("four hosts, PostgreSQL with a standby, and Orthanc")
        site.start()
        progress.begin()
        trial = Trial(site, choice, progress.say, options.series, options.pause)
        plan = random_faults(site, choice, kill=options.kill, cut=options.cut, outage=options.outage)
        return trial.run(plan, seconds)


def main() -> int:
    """Return 0 where everything was kept; what was found stays on disk where it was not."""
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    folder = Path(tempfile.mkdtemp(prefix="torture-cluster-"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        report = torment(options, console, folder)
    except (KeyboardInterrupt, NoNamespaces) as error:
        shutil.rmtree(folder)
        console.print(str(error) or "stopped; nothing is left behind", markup=False)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    for table in (host_table(report), fault_table(report), final_table(report)):
        console.print(table)
    for sentence in report.failures:
        console.print(f"not kept: {sentence}", style="bold red", markup=False)
    if report.failures:
        console.print(f"what was found lies in {folder}", markup=False)
        return 1
    shutil.rmtree(folder)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture.cluster", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of faults")
    parser.add_argument("--series", type=int, help="send so many; without it as long as faults come")
    parser.add_argument("--pause", type=float, default=3.0, help="seconds from one series to the next")
    parser.add_argument("--kill", type=float, default=5.0, help="kill a process every so many seconds")
    parser.add_argument("--cut", type=float, default=30.0, help="cut a link every so many seconds")
    parser.add_argument("--outage", type=float, default=90.0, help="end the database every so many seconds")
    parser.add_argument("--engine", choices=ENGINES, default="procrastinate")
    parser.add_argument(
        "--skew", action=argparse.BooleanOptionalAction, default=True, help="clocks of hosts differ by minutes"
    )
    parser.add_argument("--seed", type=int, default=20261126)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
