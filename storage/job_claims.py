"""Taking jobs in hand: claims with a lease and a fencing number, and the return of jobs whose holder died."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, exists, select, update

from hounsfield.storage.events import append_events
from hounsfield.storage.job_changes import JobChange, change_job
from hounsfield.storage.job_queries import job_by_id
from hounsfield.storage.records import Claim
from hounsfield.storage.retractions import tells_of_retraction
from hounsfield.storage.states import JobAction, JobKind, JobState, SeriesState
from hounsfield.storage.subjects import waits_for_another
from hounsfield.storage.tables import job, series

RESCUE_LEASE = timedelta(seconds=120)
"""How long whoever asked for expired jobs has to decide on each before they expire again."""


def due(kinds: Sequence[JobKind], now: datetime, destinations: Sequence[str] | None) -> ColumnElement[bool]:
    """Return the condition for jobs that may start.

    Nothing of a series that is HELD starts, unless it takes something back, and no analysis while one that it follows
    has not ended.
    """
    is_held = exists().where(series.c.id == job.c.series_id, series.c.state == SeriesState.HELD)
    condition = (
        job.c.state.in_((JobState.AVAILABLE, JobState.RETRYABLE))
        & job.c.kind.in_(kinds)
        & (job.c.available_at <= now)
        & (~is_held | tells_of_retraction())
    )
    if JobKind.INFER in kinds:  # couriers ask twice a second, and the condition takes time to be written
        condition &= ~waits_for_another()
    if destinations is not None:
        condition &= (job.c.kind == JobKind.INFER) | job.c.destination.in_(destinations)
    return condition


def overdue(destination: str, now: datetime) -> ColumnElement[bool]:
    """Return the condition for due deliveries to a destination whose time is over."""
    return due([JobKind.DELIVER], now, [destination]) & (job.c.give_up_at <= now)


def is_any_due(connection: Connection, condition: ColumnElement[bool]) -> bool:
    """Whether a claim has a chance. An idle worker asks this first and so takes no write lock."""
    return connection.execute(select(job.c.id).where(condition).limit(1)).first() is not None


def claim(
    connection: Connection, condition: ColumnElement[bool], worker: str, lease: timedelta, now: datetime
) -> Claim | None:
    """Take the due job of highest priority, oldest first; the attempt is counted now."""
    query = (
        select(job)
        .where(condition)
        .order_by(job.c.priority.desc(), job.c.id)
        .limit(1)
        .with_for_update(of=job, skip_locked=True, key_share=True)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    event = change_job(
        connection,
        row,
        JobChange(JobAction.CLAIM, now),
        attempts=row.attempts + 1,
        fence=row.fence + 1,
        worker=worker,
        claimed_at=now,
        lease_until=now + lease,
    )
    append_events(connection, [event])
    return _held(connection, row.id, row.fence + 1)


def heartbeat(connection: Connection, held: Claim, until: datetime) -> bool:
    """Extend the lease; False when the claim is lost."""
    mine = (job.c.id == held.job.id) & (job.c.fence == held.fence) & (job.c.state == JobState.RUNNING)
    return connection.execute(update(job).where(mine).values(lease_until=until)).rowcount == 1


def expired(connection: Connection, now: datetime) -> list[Claim]:
    """Take over every RUNNING job whose lease is over; its former holder writes nothing any more."""
    query = (
        select(job.c.id, job.c.fence)
        .where(job.c.state == JobState.RUNNING, job.c.lease_until <= now)
        .order_by(job.c.id)
        .with_for_update(skip_locked=True, key_share=True)
    )
    claims = []
    for row in connection.execute(query).all():
        values = {"fence": row.fence + 1, "lease_until": now + RESCUE_LEASE}
        connection.execute(update(job).where(job.c.id == row.id).values(**values))
        claims.append(_held(connection, row.id, row.fence + 1))
    return claims


def _held(connection: Connection, job_id: int, fence: int) -> Claim:
    record = job_by_id(connection, job_id)
    if record is None:
        raise LookupError("a job that is locked cannot vanish")
    return Claim(job=record, fence=fence)
