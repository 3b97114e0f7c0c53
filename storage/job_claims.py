"""Taking jobs in hand: claims with a lease and a fencing number, and the return of jobs whose holder died."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, or_, select, update

from hounsfield.storage.claim_order import ClaimOrder
from hounsfield.storage.events import append_events
from hounsfield.storage.job_changes import JobChange, change_job
from hounsfield.storage.job_queries import job_by_id
from hounsfield.storage.records import Claim
from hounsfield.storage.rows import AnyRow
from hounsfield.storage.states import JobAction, JobKind, JobState, ResultKind, SeriesState
from hounsfield.storage.subjects import waits_for_another
from hounsfield.storage.tables import job, result_set, series
from hounsfield.storage.turns import Line, Queue, first_of, has_moved, lines

RESCUE_LEASE = timedelta(seconds=120)
"""How long whoever asked for expired jobs has to decide on each before they expire again."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where a claim looks, and for what."""

    queue: Queue
    due: ColumnElement[bool]


def wanted(kinds: Sequence[JobKind], now: datetime, destinations: Sequence[str] | None) -> list[Wanted]:
    """Return where jobs of these kinds that may start are looked for; no destinations: at all of them."""
    found: list[Wanted] = []
    for kind in kinds:
        places = [None] if kind is JobKind.INFER or destinations is None else destinations
        found += [Wanted(Queue(kind, place), due(kind, now)) for place in places]
    return found


def overdue(destination: str, now: datetime) -> Wanted:
    """Return where deliveries are looked for whose time is over."""
    return Wanted(Queue(JobKind.DELIVER, destination), due(JobKind.DELIVER, now) & (job.c.give_up_at <= now))


def due(kind: JobKind, now: datetime) -> ColumnElement[bool]:
    """Return the condition for open jobs of a kind that may start.

    Nothing of a series that is HELD starts, unless it takes something back, and no analysis while one that it follows
    has not ended. Written as single values and not as EXISTS: of those PostgreSQL may make one table of all series
    that are HELD and all results that were taken back, for one job.
    """
    its_series = select(series.c.state).where(series.c.id == job.c.series_id).scalar_subquery()
    its_result = select(result_set.c.kind).where(result_set.c.id == job.c.result_set_id).scalar_subquery()
    condition = job.c.available_at <= now
    if kind is JobKind.INFER:
        return condition & (its_series != SeriesState.HELD) & ~waits_for_another()
    return condition & or_(its_series != SeriesState.HELD, its_result == ResultKind.RETRACTION)


def is_any_due(connection: Connection, place: Wanted) -> bool:
    """Whether a claim has a chance. An idle worker asks this first and so takes no write lock."""
    return connection.execute(select(job.c.id).where(place.queue.holds, place.due).limit(1)).first() is not None


def claim(
    connection: Connection,
    places: Sequence[Wanted],
    order: ClaimOrder,
    worker: str,
    lease: timedelta,
    now: datetime,
) -> Claim | None:
    """Take the due job whose turn it is; the attempt is counted now."""
    found = [(line, place.due) for place in places for line in lines(connection, place.queue, place.due)]
    heads = [line for line, _ in found]
    for line, may_start in (found[index] for index in order.ranked(heads, now)):
        row = _take(connection, line, may_start)
        if row is not None:  # else others are claiming all there is in that line
            passed_over = [one for one in heads if one.priority < row.priority and order.is_impatient(one, now)]
            return _claimed(connection, row, worker, lease, now, passed_over)
    return None


def _take(connection: Connection, line: Line, may_start: ColumnElement[bool]) -> AnyRow | None:
    query = first_of(line, may_start).with_for_update(of=job, skip_locked=True, key_share=True)
    return connection.execute(query).one_or_none()


def _claimed(
    connection: Connection, row: AnyRow, worker: str, lease: timedelta, now: datetime, passed_over: Sequence[Line]
) -> Claim:
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
    has_moved(connection, row, passed_over)
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
