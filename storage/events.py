"""The event log: one row per change of a job or series, written in the transaction of the change."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Select, func, insert, select

from hounsfield.storage.locks import LockKey, hold_until_commit
from hounsfield.storage.records import EventRecord
from hounsfield.storage.rows import event_record
from hounsfield.storage.states import JobKind, JobState, Reason, Stage
from hounsfield.storage.tables import event, series
from hounsfield.storage.wake_ups import write_wake_ups

STAGE_OF_KIND = {JobKind.INFER: Stage.INFER, JobKind.DELIVER: Stage.DELIVER, JobKind.NOTIFY: Stage.NOTIFY}
_WAITING = frozenset({str(JobState.AVAILABLE), str(JobState.RETRYABLE)})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to be written; fields as in :class:`~hounsfield.storage.records.EventRecord`."""

    at: datetime
    series_id: int | None
    stage: Stage
    from_state: str | None
    to_state: str
    job_id: int | None = None
    kind: JobKind | None = None
    attempt: int | None = None
    worker: str | None = None
    reason: Reason | None = None
    seconds: float | None = None
    detail: dict[str, object] = field(default_factory=dict)


def append_events(connection: Connection, events: Sequence[NewEvent]) -> None:
    """Write events. Must be the last thing a transaction does.

    Who tails the log asks for ids above the last one seen, so ids have to become visible in their order. SQLite has
    one writer at a time; on PostgreSQL writers of events queue up here until commit. As every other lock is taken
    before this one, nobody waits in a circle. Where a queue wakes processes, jobs that wait now get their wake-ups.
    """
    if not events:
        return
    waiting = {one.job_id: one.at for one in events if one.to_state in _WAITING and one.job_id is not None}
    if waiting:
        write_wake_ups(connection, list(waiting), max(waiting.values()))
    hold_until_commit(connection, LockKey.EVENT_LOG)
    connection.execute(insert(event), [asdict(one) for one in events])


def read_events(
    connection: Connection, *, after_id: int, limit: int, job_id: int | None, series_uid: str | None
) -> list[EventRecord]:
    """Return events in the order of their ids, one page."""
    query: Select[tuple[object, ...]] = (
        select(event, series.c.series_uid)
        .outerjoin(series, series.c.id == event.c.series_id)
        .where(event.c.id > after_id)
        .order_by(event.c.id)
        .limit(limit)
    )
    if job_id is not None:
        query = query.where(event.c.job_id == job_id)
    if series_uid is not None:
        query = query.where(series.c.series_uid == series_uid)
    return [event_record(row) for row in connection.execute(query)]


def last_event_id(connection: Connection) -> int:
    """Return the newest event's id, 0 if there is none."""
    newest: int | None = connection.execute(select(func.max(event.c.id))).scalar_one()
    return newest or 0
