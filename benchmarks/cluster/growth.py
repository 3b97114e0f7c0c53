"""Whether a long past makes the work of today slower: the same steps on a short past and on a long one, by turns."""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from rich.table import Table
from sites import Site, settle
from visits import Visited, visited
from work import Lane, moment

from hounsfield.storage.log_book import EventQuery, JobQuery
from hounsfield.storage.states import JobKind, JobState

T = TypeVar("T")
TARGET_RATIO = 2.0
IMAGES = 16
LOOKS = 5
_GIVEN_UP = JobQuery(state=JobState.DISCARDED, kind=JobKind.INFER)
PAGES = ("overview", "jobs", "jobs, one scanner", "jobs, failed", "job", "series", "series, held", "one series")
PAGES += ("scanners and destinations", "models")


@dataclass(frozen=True, slots=True)
class Compared:
    """Medians in milliseconds, on the short past first."""

    engine: str
    what: str
    short: float
    long: float

    @property
    def ratio(self) -> float:
        """How much longer it takes on the long past."""
        return self.long / self.short

    @property
    def verdict(self) -> str:
        """Whether the target is met."""
        return "met" if self.ratio <= TARGET_RATIO else "MISSED"


@dataclass(slots=True)
class _Watch:
    """Takes times by name."""

    taken: dict[str, list[float]] = field(default_factory=dict)

    def of(self, what: str, step: Callable[[], T]) -> T:
        began = time.perf_counter()
        result = step()
        self.taken.setdefault(what, []).append(1000 * (time.perf_counter() - began))
        return result

    def note(self, what: str, seconds: float) -> None:
        """Take what was timed elsewhere."""
        self.taken.setdefault(what, []).append(1000 * seconds)

    def look(self, what: str, step: Callable[[], T]) -> None:
        """Take what changes nothing a few times and keep the shortest: it takes less than other work's turn."""
        tries = _Watch()
        for _ in range(LOOKS):
            tries.of(what, step)
        self.taken.setdefault(what, []).append(min(tries.taken[what]))

    def medians(self) -> dict[str, float]:
        return {what: statistics.median(times[1:]) for what, times in self.taken.items()}  # the first warms up


def steps(sites: Sequence[Site], rounds: int) -> list[Compared]:
    """Take a new series through every step on each site, by turns."""
    with ExitStack() as stack:
        lanes, watches = [], [_Watch() for _ in sites]
        for site in sites:
            database = site.open()
            stack.callback(database.close)
            lane = Lane(database, time.time_ns() // 1_000_000)  # another one at each run: the databases stay
            lane.drain()
            lanes.append(lane)
            settle(site)
        for number in range(rounds + 1):
            for lane, watch in zip(lanes, watches, strict=True):
                _one_series(lane, number, watch)
    return _compared(sites, [watch.medians() for watch in watches])


def _one_series(lane: Lane, number: int, watch: _Watch) -> None:
    jobs, book = lane.database.jobs, lane.database.log_book
    before = jobs.last_event_id()
    watch.look("claim, where nothing is due", lambda: lane.claim(JobKind.INFER))
    watch.of(f"register {IMAGES} images of a new series", lambda: lane.receive(number, IMAGES))
    watch.of("close a series", lambda: lane.close(number))
    infer = watch.of("claim an analysis", lambda: lane.claim(JobKind.INFER))
    assert infer is not None
    watch.look("heartbeat", lambda: jobs.heartbeat(infer, moment()))
    watch.of("finish an analysis, with results and a delivery", lambda: lane.finish(infer))
    delivery = watch.of("claim a delivery", lambda: lane.claim(JobKind.DELIVER))
    assert delivery is not None
    watch.of("finish a delivery, with its proof", lambda: lane.delivered(delivery))
    watch.look("jobs tail: the last 50 events", lambda: book.last_events(EventQuery(), 50))
    watch.look("jobs tail: those after the last seen", lambda: book.events(EventQuery(), after_id=before))
    watch.look("jobs tail --state DISCARDED", lambda: book.last_events(EventQuery(state="DISCARDED"), 50))
    watch.look("jobs list", lambda: book.newest(JobQuery()))
    watch.look("jobs list --state DISCARDED --kind INFER", lambda: book.newest(_GIVEN_UP))


def _compared(sites: Sequence[Site], medians: Sequence[dict[str, float]]) -> list[Compared]:
    first, last = medians[0], medians[-1]
    return [Compared(sites[0].engine, what, first[what], last[what]) for what in first]


def pages(sites: Sequence[Site], rounds: int) -> list[Compared]:
    """Open pages of a console on each site, by turns."""
    with ExitStack() as stack:
        consoles = [stack.enter_context(visited(site.home, site.jobs, site.daemon())) for site in sites]
        watches = [_Watch() for _ in sites]
        for _ in range(rounds + 1):
            for console, watch in zip(consoles, watches, strict=True):
                _visit(console, watch)
    return _compared(sites, [watch.medians() for watch in watches])


def _visit(console: Visited, watch: _Watch) -> None:
    paths = console.pages()
    for name in PAGES:
        watch.look(f"page: {name}", lambda path=paths[name]: console.seconds(path))  # type: ignore[misc]
    watch.note("page: metrics, read anew", console.metrics_seconds())
    watch.look("page: search by a UID's hash", console.search_seconds)


def as_dict(row: Compared) -> dict[str, str | float]:
    """Return a row for JSON."""
    numbers = {"short_ms": round(row.short, 2), "long_ms": round(row.long, 2), "ratio": round(row.ratio, 2)}
    return {"engine": row.engine, "what": row.what, **numbers, "verdict": row.verdict}


def table(rows: Sequence[Compared], jobs: Sequence[int]) -> Table:
    """Return what was measured, for people."""
    title = "A short past and a long one, by turns, medians in ms (after VACUUM ANALYZE, no autovacuum meanwhile)"
    shown = Table(title=title, title_justify="left")
    for name in ("engine", "what", *(f"{count:,} jobs" for count in jobs), "ratio", f"target {TARGET_RATIO}"):
        shown.add_column(name, justify="left" if name in ("engine", "what") else "right")
    for row in rows:
        cells = (f"{row.short:.2f}", f"{row.long:.2f}", f"{row.ratio:.2f}")
        shown.add_row(row.engine, row.what, *cells, row.verdict)
    return shown
