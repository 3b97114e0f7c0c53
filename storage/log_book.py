"""Reading the job log as people do: newest first, filtered, counted. Nothing here changes a job.

Every list is paged by id, and every count is bounded by what it looks at (open jobs, or a stretch of time), so that a
million finished jobs cost no more than a thousand. All times are timezone-aware UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from hounsfield.storage.records import EventRecord, JobRecord, SeriesRecord
from hounsfield.storage.states import JobKind, JobState, Outcome, Reason, SeriesState, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQuery:
    """Which jobs; None means any."""

    kind: JobKind | None = None
    state: JobState | None = None
    outcome: Outcome | None = None
    reason: Reason | None = None
    scanner: str | None = None
    """AE title, exactly."""
    bundle: str | None = None
    destination: str | None = None
    since: datetime | None = None
    """Created at or after."""
    until: datetime | None = None
    """Created before."""
    series_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events; None means any."""

    state: str | None = None
    """That they lead to."""
    stage: Stage | None = None
    kind: JobKind | None = None
    scanner: str | None = None
    bundle: str | None = None
    since: datetime | None = None
    job_id: int | None = None
    series_uid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Jobs of one kind that have not ended."""

    kind: JobKind
    waiting: int = 0
    """AVAILABLE or RETRYABLE, and due."""
    later: int = 0
    """Not due yet: between two tries."""
    running: int = 0
    held: int = 0
    oldest_waiting_since: datetime | None = None
    """When the oldest of those that wait was created."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One group of jobs that ended in a stretch of time. Those that were discarded may count as not analysed too."""

    group: str
    """Scanner, bundle, destination or reason, as asked for."""
    jobs: int = 0
    positive: int = 0
    negative: int = 0
    not_analysed: int = 0
    discarded: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """Seconds of jobs that were COMPLETED in a stretch of time."""

    kind: JobKind
    count: int
    percentiles: dict[int, float] = field(default_factory=dict)
    """50, 90, 95, 99 -> seconds from creation to end."""
    stages: dict[str, dict[int, float]] = field(default_factory=dict)
    """The same of each stage of their ``timings``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastResult:
    """The newest analysis of what a scanner sent."""

    scanner: str
    job: JobRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Series that began in a stretch of time, or went on receiving in it, with all their primary instances."""

    scanner: str
    series: int
    instances: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The keyed hashes that a series is found by."""

    series_id: int
    handle: str
    """Of its UID."""
    accession: str | None
    """Of its accession number (0008,0050); None where there is none."""


class LogBook(Protocol):
    """Every method is one transaction, and but for ``describe`` only reads."""

    def newest(self, query: JobQuery, *, before_id: int | None = None, limit: int = 50) -> list[JobRecord]:
        """Return jobs, the newest first, those with a smaller id than ``before_id``."""

    def newest_series(
        self,
        state: SeriesState | None = None,
        *,
        reason: Reason | None = None,
        before_id: int | None = None,
        limit: int = 50,
    ) -> list[SeriesRecord]:
        """Return series, the newest first."""

    def events(self, query: EventQuery, *, after_id: int = 0, limit: int = 1000) -> list[EventRecord]:
        """Return events in the order of their ids, one page.

        Who follows the log passes on the newest id there is (``JobStore.last_event_id``, asked before) once a page is
        not full: from the last one that fitted, it would look through the same events again and again.
        """

    def last_events(self, query: EventQuery, limit: int) -> list[EventRecord]:
        """Return the newest events that fit, in the order of their ids.

        Where neither a time nor a job or series is given, a kind, scanner or bundle is looked for among the newest
        100,000 events only.
        """

    def by_handle(self, handle: str) -> SeriesRecord | None:
        """Return the series with this keyed hash of its UID."""

    def by_accession(self, accession: str, limit: int = 100) -> list[SeriesRecord]:
        """Return the series with this keyed hash of their accession number, the newest first."""

    def undescribed(self, limit: int = 100) -> list[SeriesRecord]:
        """Return series that have no handle yet, the oldest first."""

    def first_image(self, series_id: int) -> str | None:
        """Return the digest of the first image of a series, None where all are gone."""

    def describe(self, descriptions: Sequence[Description]) -> None:
        """Write the keyed hashes that series are found by."""

    def queues(self, now: datetime) -> list[Queue]:
        """Return what waits, runs and is held, one for each kind."""

    def tallies(self, by: str, since: datetime, until: datetime, kind: JobKind = JobKind.INFER) -> list[Tally]:
        """Count jobs that ended in that time by ``scanner``, ``bundle``, ``destination`` or ``reason``.

        The largest group comes first; jobs without such a value are left out. Raise StorageError for another word.
        """

    def latencies(self, kind: JobKind, since: datetime, until: datetime) -> Latencies:
        """Return how long jobs that were COMPLETED in that time took."""

    def last_results(self, since: datetime) -> list[LastResult]:
        """Return the newest INFER job with an outcome of each scanner that sent since, by scanner."""

    def intake(self, since: datetime) -> list[Intake]:
        """Return what each scanner sent since, by scanner."""

    def counts(self) -> dict[str, int]:
        """Return ``held_series``, ``receiving_series``, ``discarded_jobs``, ``held_deliveries``."""
