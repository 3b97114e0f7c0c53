"""The console and the lists of the command line over a short past and a long one.

    make bench-console                                         1,000 and 1,000,000 jobs: about five minutes
    make bench-console BENCH_ARGS="--jobs 1000 100000"         other lengths; the first is compared with the others
    make bench-console BENCH_ARGS="--keep FOLDER"              keep the databases there, or take those of a run before

Prints medians in milliseconds, by turns, and the targets of the project with what was measured. Exits with 0 also where
a target is missed.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tests"))

from fill import fill
from rich.console import Console
from rich.table import Table
from visits import COMMANDS, Visited, visited

PER_DAY = 1000
"""Jobs of a day: a longer past, not a busier site."""
TARGET_RATIO = 2.0
CHANGE_TARGET = 0.5
"""Seconds from a commit to the page."""

Timing = Callable[[Visited], float]


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1000, 1_000_000], help="(default: 1000 1000000)")
    parser.add_argument("--rounds", type=int, default=9, help="medians of so many (default: 9)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the databases stay")
    return parser.parse_args()


def filled(folder: Path, jobs: int) -> Path:
    """Return the home of a database with so many jobs, made if it is not there."""
    home = folder / f"jobs-{jobs}"
    if not (home / "filled").exists():
        began = time.perf_counter()
        fill(home, jobs, PER_DAY, datetime.now(UTC))
        (home / "filled").touch()
        print(f"{jobs} jobs written in {time.perf_counter() - began:.0f} s", flush=True)
    return home


def by_turns(sites: Sequence[Visited], timing: Timing, rounds: int) -> list[float]:
    """Return the median of each site in milliseconds; the first round warms up."""
    taken: list[list[float]] = [[] for _ in sites]
    for number in range(rounds + 1):
        for site, times in zip(sites, taken, strict=True):
            seconds = timing(site)
            if number:
                times.append(1000 * seconds)
    return [statistics.median(times) for times in taken]


def compared(title: str, sites: Sequence[Visited], timings: dict[str, Timing], rounds: int) -> Table:
    """Measure everything on every site, by turns."""
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for site in sites:
        table.add_column(f"{site.jobs:,} jobs", justify="right")
    table.add_column("ratio", justify="right")
    table.add_column(f"target {TARGET_RATIO}")
    for name, timing in timings.items():
        medians = by_turns(sites, timing, rounds)
        ratio = max(medians) / medians[0]
        cells = [f"{one:.1f}" for one in medians]
        table.add_row(name, *cells, f"{ratio:.2f}", "met" if ratio <= TARGET_RATIO else "MISSED")
    return table


def page(name: str) -> Timing:
    """Return what opens a page."""
    return lambda site: site.seconds(site.pages()[name])


def command(words: tuple[str, ...]) -> Timing:
    """Return what runs a command."""
    return lambda site: site.command_seconds(words)


def changes(sites: Sequence[Visited], rounds: int) -> Table:
    """Measure how soon a page has what was committed."""
    table = Table(title="A change in the database, ms after its commit (median and longest)", title_justify="left")
    for name in ("jobs", "told to browsers", "on the page", f"target {1000 * CHANGE_TARGET:.0f} ms"):
        table.add_column(name, justify="right")
    for site in sites:
        told, shown = zip(*(site.change_seconds() for _ in range(rounds)), strict=True)
        cells = [f"{1000 * statistics.median(one):.0f} ({1000 * max(one):.0f})" for one in (told, shown)]
        table.add_row(f"{site.jobs:,}", *cells, "met" if max(shown) <= CHANGE_TARGET else "MISSED")
    return table


def main() -> int:
    """Fill, open, print."""
    options = arguments()
    console = Console(width=120)
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        homes = [filled(folder, jobs) for jobs in options.jobs]
        sites = [stack.enter_context(visited(home, jobs)) for home, jobs in zip(homes, options.jobs, strict=True)]
        pages = {name: page(name) for name in sites[0].pages()}
        pages["metrics, read anew"] = Visited.metrics_seconds
        pages["search by a UID's hash"] = Visited.search_seconds
        console.print(compared("Pages, ms", sites, pages, options.rounds))
        commands = {name: command(words) for name, words in COMMANDS.items()}
        console.print(compared("Commands, ms, with the start of Python", sites, commands, max(3, options.rounds // 3)))
        console.print(changes(sites, options.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
