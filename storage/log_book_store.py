"""The log book on SQL: each method of the port as one transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from hounsfield.storage import log_book_counts, log_book_lists
from hounsfield.storage.log_book import (
    Description,
    EventQuery,
    Intake,
    JobQuery,
    LastResult,
    Latencies,
    Queue,
    Tally,
)
from hounsfield.storage.records import EventRecord, JobRecord, SeriesRecord
from hounsfield.storage.states import JobKind, Reason, SeriesState
from hounsfield.storage.tables import instance, series
from hounsfield.storage.transactions import Transactions


class SqlLogBook:
    """See :class:`~hounsfield.storage.log_book.LogBook`. Every method may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def newest(self, query: JobQuery, *, before_id: int | None = None, limit: int = 50) -> list[JobRecord]:
        """Return jobs, the newest first."""
        with self._transactions.read() as connection:
            return log_book_lists.newest_jobs(connection, query, before_id, limit)

    def newest_series(
        self,
        state: SeriesState | None = None,
        *,
        reason: Reason | None = None,
        before_id: int | None = None,
        limit: int = 50,
    ) -> list[SeriesRecord]:
        """Return series, the newest first."""
        with self._transactions.read() as connection:
            return log_book_lists.newest_series(connection, state, before_id, limit, reason)

    def events(self, query: EventQuery, *, after_id: int = 0, limit: int = 1000) -> list[EventRecord]:
        """Return events in the order of their ids, one page."""
        with self._transactions.read() as connection:
            return log_book_lists.events_after(connection, query, after_id, limit)

    def last_events(self, query: EventQuery, limit: int) -> list[EventRecord]:
        """Return the newest events that fit, in the order of their ids."""
        with self._transactions.read() as connection:
            return log_book_lists.last_events(connection, query, limit)

    def by_handle(self, handle: str) -> SeriesRecord | None:
        """Return the series with this keyed hash of its UID."""
        with self._transactions.read() as connection:
            return log_book_lists.series_by_handle(connection, handle)

    def by_accession(self, accession: str, limit: int = 100) -> list[SeriesRecord]:
        """Return the series with this keyed hash of their accession number, the newest first."""
        with self._transactions.read() as connection:
            return log_book_lists.series_by_accession(connection, accession, limit)

    def undescribed(self, limit: int = 100) -> list[SeriesRecord]:
        """Return series that have no handle yet, the oldest first."""
        with self._transactions.read() as connection:
            return log_book_lists.series_without_handle(connection, limit)

    def first_image(self, series_id: int) -> str | None:
        """Return the digest of the first image of a series, None where all are gone."""
        first = select(instance.c.digest).where(instance.c.series_id == series_id).order_by(instance.c.id).limit(1)
        with self._transactions.read() as connection:
            return connection.scalars(first).one_or_none()

    def describe(self, descriptions: Sequence[Description]) -> None:
        """Write the keyed hashes that series are found by."""
        with self._transactions.write() as connection:
            for one in descriptions:
                found_by = {"handle": one.handle, "accession": one.accession}
                connection.execute(update(series).where(series.c.id == one.series_id).values(found_by))

    def queues(self, now: datetime) -> list[Queue]:
        """Return what waits, runs and is held, one for each kind."""
        with self._transactions.read() as connection:
            return log_book_counts.queues(connection, now)

    def tallies(self, by: str, since: datetime, until: datetime, kind: JobKind = JobKind.INFER) -> list[Tally]:
        """Count jobs that ended in that time."""
        with self._transactions.read() as connection:
            return log_book_counts.tallies(connection, by, since, until, kind)

    def latencies(self, kind: JobKind, since: datetime, until: datetime) -> Latencies:
        """Return how long jobs that were COMPLETED in that time took."""
        with self._transactions.read() as connection:
            return log_book_counts.latencies(connection, kind, since, until)

    def last_results(self, since: datetime) -> list[LastResult]:
        """Return the newest INFER job with an outcome of each scanner that sent since, by scanner."""
        with self._transactions.read() as connection:
            return log_book_counts.last_results(connection, since)

    def intake(self, since: datetime) -> list[Intake]:
        """Return what each scanner sent since, by scanner."""
        with self._transactions.read() as connection:
            return log_book_counts.intake(connection, since)

    def counts(self) -> dict[str, int]:
        """Return how many of the few that wait for a person, or for more images, there are."""
        with self._transactions.read() as connection:
            return log_book_counts.counts(connection)
