"""Jobs that are due and that nobody takes, jobs that were given up, and what waits for a person."""

from datetime import datetime, timedelta
from typing import Protocol

from hounsfield.daemon.alarms.words import moment
from hounsfield.storage.alarms import Alarm, AlarmKind, Condition
from hounsfield.storage.log_book import JobQuery, Queue
from hounsfield.storage.records import JobRecord
from hounsfield.storage.states import JobState

LOOKED_AT_FOR = timedelta(days=7)
"""A job that was given up longer ago is no longer told of; it stays in the job log."""
MOST = 200
"""Jobs that were given up are counted up to so many."""


class JobLog(Protocol):
    """What is asked of :class:`~hounsfield.storage.log_book.LogBook`."""

    def newest(self, query: JobQuery, *, before_id: int | None = None, limit: int = 50) -> list[JobRecord]:
        """Return jobs, the newest first."""

    def queues(self, now: datetime) -> list[Queue]:
        """Return what waits, one for each kind."""

    def counts(self) -> dict[str, int]:
        """Return ``held_series`` and ``held_deliveries`` among others."""


class Ended(Protocol):
    """What is asked of :class:`~hounsfield.storage.alarms.AlarmStore`."""

    def last_ended(self, kind: AlarmKind, subject: str = "") -> Alarm | None:
        """Return the alarm of this kind about this that ended last."""


class QueueProbe:
    """The oldest job of each kind against what ``alarms.queue_seconds`` allows."""

    kinds = (AlarmKind.QUEUE_OLD,)
    seconds = 15.0

    def __init__(self, log_book: JobLog, most_seconds: float) -> None:
        self._log_book = log_book
        self._most = timedelta(seconds=most_seconds)

    def conditions(self, now: datetime) -> list[Condition]:
        """Return the kinds of job that wait for too long. Raise StorageError."""
        return [
            Condition(
                kind=AlarmKind.QUEUE_OLD,
                subject=str(queue.kind),
                detail={"waiting": queue.waiting, "oldest_since": moment(queue.oldest_waiting_since)},
            )
            for queue in self._log_book.queues(now)
            if queue.oldest_waiting_since is not None and now - queue.oldest_waiting_since > self._most
        ]


class DeadLetterProbe:
    """Jobs that were given up in the last seven days, since this alarm ended last.

    So it ends when the last of them was tried again, or when a person says to have looked
    (`hounsfield alarms acknowledge`), and only what is given up after that raises the next one.
    """

    kinds = (AlarmKind.DEAD_LETTERS,)
    seconds = 30.0

    def __init__(self, log_book: JobLog, alarms: Ended) -> None:
        self._log_book = log_book
        self._alarms = alarms

    def conditions(self, now: datetime) -> list[Condition]:
        """Return one condition, or none. Raise StorageError."""
        last = self._alarms.last_ended(AlarmKind.DEAD_LETTERS)
        since = now - LOOKED_AT_FOR
        if last is not None and last.ended_at is not None:
            since = max(since, last.ended_at)
        jobs = [
            job
            for job in self._log_book.newest(JobQuery(state=JobState.DISCARDED), limit=MOST)
            if job.updated_at > since
        ]
        return [Condition(kind=AlarmKind.DEAD_LETTERS, detail=_given_up(jobs))] if jobs else []


def _given_up(jobs: list[JobRecord]) -> dict[str, object]:
    reasons = sorted({str(job.reason) for job in jobs if job.reason is not None})
    newest = max(jobs, key=lambda job: job.updated_at)
    count = f"{MOST} or more" if len(jobs) == MOST else len(jobs)
    return {"jobs": count, "newest_job": newest.id, "reasons": ", ".join(reasons)}


class HeldProbe:
    """Series, and deliveries, that wait for a person."""

    kinds = (AlarmKind.SERIES_HELD,)
    seconds = 15.0

    def __init__(self, log_book: JobLog) -> None:
        self._log_book = log_book

    def conditions(self, now: datetime) -> list[Condition]:  # noqa: ARG002 - they wait from the first moment
        """Return one condition for series and one for deliveries. Raise StorageError."""
        counts = self._log_book.counts()
        found = []
        if series := counts["held_series"]:
            found.append(Condition(kind=AlarmKind.SERIES_HELD, detail={"series": series}))
        if deliveries := counts["held_deliveries"]:
            do = "`hounsfield jobs list --state HELD`; `series reissue`, or cancel them"
            detail = {"deliveries": deliveries, "do": do}
            found.append(Condition(kind=AlarmKind.SERIES_HELD, subject="deliveries", detail=detail))
        return found
