"""Four hosts, two receivers and two workers, whose processes are killed and whose links are cut.

``python -m torture.cluster --minutes 10``: a process is killed with kill -9 every five seconds, a link is cut every
thirty, every ninety the database is restarted, crashes or fails over, while two scanners send. Nothing acknowledged
may be lost, and every series has exactly one result in the PACS. With ``--series 50`` so many are sent, and no more.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from support.cluster.namespaces import NoNamespaces
from support.cluster.site import cluster
from support.cluster.trial import Report, Trial, random_faults

_WIDTH = 120


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
        "images sent again, since nobody had acknowledged them": ledger.repeated,
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
    """What happens: the last lines on a terminal, every line anywhere else."""

    def __init__(self, console: Console, seconds: float) -> None:
        self._console = console
        self._began = time.monotonic()
        self._seconds = seconds
        self._lines: list[str] = []
        self._live: Live | None = None

    @contextmanager
    def shown(self) -> Iterator["Progress"]:
        """Draw while the block runs."""
        if not self._console.is_terminal:
            yield self
            return
        with Live(get_renderable=self._drawn, console=self._console, refresh_per_second=2, transient=True) as live:
            self._live = live
            yield self

    def say(self, line: str) -> None:
        """Tell one thing that happened."""
        line = f"{time.monotonic() - self._began:6.1f} s  {line}"
        self._lines.append(line)
        if self._live is None:
            self._console.print(line, highlight=False, markup=False)

    def _drawn(self) -> Group:
        left = max(0.0, self._seconds - (time.monotonic() - self._began))
        head = f"four hosts; {left:.0f} s of faults are left" if left else "four hosts; what is left is finished"
        return Group(Text(head, style="bold"), *(Text(line) for line in self._lines[-12:]))


def torment(options: argparse.Namespace, console: Console) -> Report | None:
    """Run it; the folder stays where something was not kept."""
    folder, seconds = Path(tempfile.mkdtemp(prefix="torture-cluster-")), 60 * options.minutes
    choice = random.Random(options.seed)
    skews = {"receiver-2": 180.0, "worker-2": -120.0} if options.skew else {}
    report = None
    try:
        with cluster(folder, engine=options.engine, skews=skews) as site:
            console.print("four hosts, a database and a PACS are started")
            site.start()
            with Progress(console, seconds).shown() as progress:
                trial = Trial(site, choice, progress.say, options.series, options.pause)
                plan = random_faults(site, choice, kill=options.kill, cut=options.cut, outage=options.outage)
                report = trial.run(plan, seconds)
    finally:
        if report is not None and not report.failures:
            shutil.rmtree(folder)
        else:
            console.print(f"what was found lies in {folder}", markup=False)
    return report


def main() -> int:
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    try:
        report = torment(options, console)
    except NoNamespaces as error:
        console.print(str(error), markup=False)
        return 1
    if report is None:
        return 1
    for table in (host_table(report), fault_table(report), final_table(report)):
        console.print(table)
    for sentence in report.failures:
        console.print(f"not kept: {sentence}", style="bold red", markup=False)
    return 1 if report.failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture.cluster", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of faults")
    parser.add_argument("--series", type=int, help="send so many; without it as long as faults come")
    parser.add_argument("--pause", type=float, default=3.0, help="seconds from one series to the next")
    parser.add_argument("--kill", type=float, default=5.0, help="kill a process every so many seconds")
    parser.add_argument("--cut", type=float, default=30.0, help="cut a link every so many seconds")
    parser.add_argument("--outage", type=float, default=90.0, help="end the database every so many seconds")
    parser.add_argument("--engine", choices=("embedded", "procrastinate"), default="embedded")
    parser.add_argument("--skew", action="store_true", help="clocks of hosts differ by minutes")
    parser.add_argument("--seed", type=int, default=20261126)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
