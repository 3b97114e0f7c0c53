"""How the numbers of ``jobs stats`` are collected and look."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from hounsfield.daemon.cli.counted_by import By
from hounsfield.daemon.cli.moments import duration
from hounsfield.daemon.cli.output import local, note, show_table
from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.words import VERDICT_WORDS, number, reason_words
from hounsfield.storage.log_book import Latencies, LogBook, Queue, Tally
from hounsfield.storage.states import JobKind, Outcome, Reason

PERCENTILES = (50, 90, 95, 99)
QUEUE_COLUMNS = ("kind", "waiting", "between tries", "running", "held", "oldest waits")
SPEED_COLUMNS = ("kind", "stage", "jobs", "per hour", *(f"{percent} % s" for percent in PERCENTILES))
_OUTCOMES = tuple(VERDICT_WORDS[one] for one in (Outcome.POSITIVE, Outcome.NEGATIVE, Outcome.NOT_ANALYSED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Jobs of a kind, counted by something."""

    by: By
    kind: JobKind
    tallies: Sequence[Tally]


_COUNTED = (
    (By.SCANNER, JobKind.INFER),
    (By.BUNDLE, JobKind.INFER),
    (By.REASON, JobKind.INFER),
    (By.DESTINATION, JobKind.DELIVER),
    (By.REASON, JobKind.DELIVER),
)
_NOUNS = {JobKind.INFER: "analyses", JobKind.DELIVER: "deliveries"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What ``jobs stats`` tells."""

    since: datetime
    until: datetime
    queues: Sequence[Queue]
    latencies: Sequence[Latencies]
    counted: Sequence[Counted]

    @property
    def hours(self) -> float:
        """How long the stretch of time is."""
        return max((self.until - self.since).total_seconds(), 1.0) / 3600

    def as_json(self) -> dict[str, object]:
        """Return the fields of ``jobs stats --json``; fixed, later versions only add."""
        return {
            "since": self.since,
            "until": self.until,
            "queues": [queue_json(queue, self.until) for queue in self.queues],
            "latencies": [
                {
                    "kind": one.kind.value,
                    "jobs": one.count,
                    "per_hour": round(one.count / self.hours, 3),
                    "seconds": one.percentiles,
                    "stages": one.stages,
                }
                for one in self.latencies
            ],
            **{f"{_NOUNS[one.kind]}_by_{one.by}": [asdict(tally) for tally in one.tallies] for one in self.counted},
        }


def collect(log: LogBook, since: datetime, until: datetime, by: By | None) -> Statistics:
    """Ask the log book; ``by`` None: count by everything."""
    return Statistics(
        since=since,
        until=until,
        queues=log.queues(until),
        latencies=[log.latencies(kind, since, until) for kind in JobKind],
        counted=[
            Counted(by=one, kind=kind, tallies=log.tallies(one.value, since, until, kind))
            for one, kind in _COUNTED
            if by in (None, one)
        ],
    )


def queue_json(queue: Queue, now: datetime) -> dict[str, object]:
    """Return what waits of one kind."""
    oldest = queue.oldest_waiting_since
    return {
        "kind": queue.kind.value,
        "waiting": queue.waiting,
        "later": queue.later,
        "running": queue.running,
        "held": queue.held,
        "oldest_waiting_since": oldest,
        "oldest_waiting_seconds": None if oldest is None else round((now - oldest).total_seconds(), 3),
    }


def queue_row(queue: Queue, now: datetime) -> tuple[str, ...]:
    """Return the cells under :data:`QUEUE_COLUMNS`."""
    oldest = queue.oldest_waiting_since
    return (
        queue.kind.value,
        *(str(count) for count in (queue.waiting, queue.later, queue.running, queue.held)),
        "" if oldest is None else duration((now - oldest).total_seconds()),
    )


def print_statistics(found: Statistics) -> None:
    """Print them for a person."""
    show_table(QUEUE_COLUMNS, [queue_row(queue, found.until) for queue in found.queues], title="waiting now")
    rows = [row for one in found.latencies if one.count for row in _speed_rows(one, found.hours)]
    title = f"\nfinished since {local(found.since)}"
    if not rows:
        note(f"nothing was finished since {local(found.since)}")
    else:
        show_table(SPEED_COLUMNS, rows, title=title)
    for one in found.counted:
        if one.tallies:
            _print_tallies(one)


def _print_tallies(counted: Counted) -> None:
    analyses, noun = counted.kind is JobKind.INFER, _NOUNS[counted.kind]
    columns = (counted.by.value, noun, *(_OUTCOMES if analyses else ()), "given up", "cancelled")
    rows = [_tally_row(counted.by, tally, analyses=analyses) for tally in counted.tallies]
    show_table(columns, rows, title=f"\n{noun} by {counted.by}")


def _speed_rows(one: Latencies, hours: float) -> list[tuple[str, ...]]:
    whole = (one.kind.value, "all", str(one.count), number(one.count / hours, 1), *_seconds(one.percentiles))
    return [whole, *(("", stage, "", "", *_seconds(seconds)) for stage, seconds in one.stages.items())]


def _seconds(percentiles: Mapping[int, float]) -> list[str]:
    return [number(percentiles.get(percent)) for percent in PERCENTILES]


def _tally_row(by: By, tally: Tally, *, analyses: bool) -> tuple[str, ...]:
    outcomes = (tally.positive, tally.negative, tally.not_analysed) if analyses else ()
    counts = (tally.jobs, *outcomes, tally.discarded, tally.cancelled)
    return (_group(by, tally.group), *(str(count) for count in counts))


def _group(by: By, group: str) -> str:
    if by is By.REASON and group in set(Reason):
        return f"{group}: {words}" if (words := reason_words(Reason(group))) != group else group
    return escape_controls(group) or "not known"
