"""The console and the lists of the command line over a short past and a long one.

    make bench-console                                         1,000 and 1,000,000 jobs: about five minutes
    make bench-console BENCH_ARGS="--jobs 1000 100000"         other lengths; the first is compared with the others
    make bench-console BENCH_ARGS="--keep FOLDER"              keep the databases there, or take those of a run before

Prints medians in milliseconds, by turns, and the targets of the project with what was measured. Exits with 0 also where
a target is missed.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "tests"))
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from common.record import Figure, Report, Sheet, add_json_option
from common.spread import Spread, shown
from fill import fill
from rich.console import Console
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
    add_json_option(parser)
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


def by_turns(sites: Sequence[Visited], timing: Timing, rounds: int) -> list[list[float]]:
    """Return the milliseconds of each site in each round; the first round warms up."""
    taken: list[list[float]] = [[] for _ in sites]
    for number in range(rounds + 1):
        for site, times in zip(sites, taken, strict=True):
            seconds = timing(site)
            if number:
                times.append(1000 * seconds)
    return taken


def compared(sites: Sequence[Visited], timings: dict[str, Timing], rounds: int) -> Iterator[Figure]:
    """Measure everything on every site, by turns; each longer past is held against the first one."""
    for name, timing in timings.items():
        short, *longer = by_turns(sites, timing, rounds)
        for site, taken in zip(sites[1:], longer, strict=True):
            yield Figure(
                what=f"{name}, {site.jobs:,} jobs",
                unit="ms",
                ours=Spread.of(taken),
                peer=f"{sites[0].jobs:,} jobs",
                theirs=Spread.of(short),
                ratio=Spread.ratio(taken, short),
                target=TARGET_RATIO,
            )


def page(name: str) -> Timing:
    """Return what opens a page."""
    return lambda site: site.seconds(site.pages()[name])


def command(words: tuple[str, ...]) -> Timing:
    """Return what runs a command."""
    return lambda site: site.command_seconds(words)


def changes(report: Report, sites: Sequence[Visited], rounds: int) -> None:
    """Measure how soon a page has what was committed."""
    heads = ("jobs", "told to browsers", "longest", "on the page", "longest")
    sheet = Sheet("changes", "A change in the database, ms after its commit", heads)
    for site in sites:
        told, shown_after = zip(*(site.change_seconds() for _ in range(rounds)), strict=True)
        spreads = [Spread.of([1000 * value for value in one]) for one in (told, shown_after)]
        sheet.add(f"{site.jobs:,}", *(shown(value) for one in spreads for value in (one.median, one.high)))
        longest = Spread.of([spreads[1].high])
        what = f"commit to the page, the longest, {site.jobs:,} jobs"
        report.figures.append(Figure(what=what, unit="ms", ours=longest, target=1000 * CHANGE_TARGET))
    report.sheets.append(sheet)


def main() -> int:
    """Fill, open, print, write."""
    options = arguments()
    report = Report()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        homes = [filled(folder, jobs) for jobs in options.jobs]
        sites = [stack.enter_context(visited(home, jobs)) for home, jobs in zip(homes, options.jobs, strict=True)]
        pages = {name: page(name) for name in sites[0].pages()}
        pages["metrics, read anew"] = Visited.metrics_seconds
        pages["search by a UID's hash"] = Visited.search_seconds
        report.figures += compared(sites, pages, options.rounds)
        commands = {name: command(words) for name, words in COMMANDS.items()}
        report.figures += compared(sites, commands, max(3, options.rounds // 3))
        changes(report, sites, options.rounds)
    report.end(Console(width=120), options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
