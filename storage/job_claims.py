"""Taking jobs in hand: claims with a lease and a fencing number, and the return of jobs whose holder died."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, not_, or_, select, update

from hounsfield.storage.claim_order import ClaimOrder
from hounsfield.storage.events import append_events
from hounsfield.storage.job_changes import JobChange, change_job
from hounsfield.storage.job_queries import job_by_id
from hounsfield.storage.records import Claim
from hounsfield.storage.rows import AnyRow
from hounsfield.storage.states import JobAction, JobKind, JobState, ResultKind, SeriesState
from hounsfield.storage.subjects import waits_for_another
from hounsfield.storage.tables import job, result_set, series
from hounsfield.storage.turns import Line, Queue, first_of_line, has_moved, heads, line_of

RESCUE_LEASE = timedelta(seconds=120)
"""How long whoever asked for expired jobs has to decide on each before they expire again."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where a claim looks, and for what."""

    queue: Queue
    overdue: bool = False
    """Only what is to be given up."""


@dataclass(frozen=True, slots=True)
class _Questions:
    """Statements that wait for ``now``, the last one for a ``priority`` too."""

    is_any_due: Select[Any]
    heads: Select[Any]
    first: Select[Any]


@cache  # writing them takes as long as running them, and couriers ask twice a second
def _questions(place: Wanted) -> _Questions:
    condition = due(place.queue.kind, bindparam("now"))
    if place.overdue:
        condition &= job.c.give_up_at <= bindparam("now")
    return _Questions(
        is_any_due=select(job.c.id).where(place.queue.holds, condition).limit(1),
        heads=heads(place.queue, condition),
        first=first_of_line(place.queue, condition, bindparam("priority")).with_for_update(
            of=job, skip_locked=True, key_share=True
        ),
    )


def wanted(kinds: Sequence[JobKind], destinations: Sequence[str] | None) -> list[Wanted]:
    """Return where jobs of these kinds that may start are looked for; no destinations: at all of them."""
    found: list[Wanted] = []
    for kind in kinds:
        places = [None] if kind is JobKind.INFER or destinations is None else destinations
        found += [Wanted(Queue(kind, place)) for place in places]
    return found


def due(kind: JobKind, now: Any) -> ColumnElement[bool]:
    """Return the condition for open jobs of a kind that may start.

    Nothing of a series that is HELD starts, unless it takes something back, and no analysis while one that it follows
    has not ended. Written as single values and not as EXISTS: of those PostgreSQL may make one table of all series
    that are HELD and all results that were taken back, for one job.
    """
    its_series = select(series.c.state).where(series.c.id == job.c.series_id).scalar_subquery()
    its_result = select(result_set.c.kind).where(result_set.c.id == job.c.result_set_id).scalar_subquery()
    is_time, is_held = job.c.available_at <= now, its_series == SeriesState.HELD
    if kind is JobKind.INFER:
        return and_(is_time, not_(is_held), not_(waits_for_another()))
    return and_(is_time, or_(not_(is_held), its_result == ResultKind.RETRACTION))


def is_any_due(connection: Connection, places: Sequence[Wanted], now: datetime) -> bool:
    """Whether a claim has a chance. An idle worker asks this first and so takes no write lock."""
    return any(connection.execute(_questions(place).is_any_due, {"now": now}).first() for place in places)


def claim(
    connection: Connection,
    places: Sequence[Wanted],
    order: ClaimOrder,
    worker: str,
    lease: timedelta,
    now: datetime,
) -> Claim | None:
    """Take the due job whose turn it is; the attempt is counted now."""
    lines = [
        (line_of(row), place) for place in places for row in connection.execute(_questions(place).heads, {"now": now})
    ]
    all_heads = [line for line, _ in lines]
    for line, place in (lines[number] for number in order.ranked(all_heads, now)):
        query = _questions(place).first
        row = connection.execute(query, {"now": now, "priority": line.priority}).one_or_none()
        if row is not None:  # else others are claiming all there is in that line
            passed_over = [one for one in all_heads if one.priority < row.priority and order.is_impatient(one, now)]
            return _claimed(connection, row, worker, lease, now, passed_over)
    return None


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
