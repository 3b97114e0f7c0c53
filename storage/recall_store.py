"""Taking results back on SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from hounsfield.storage.events import NewEvent, append_events
from hounsfield.storage.job_changes import NO_LEASE, JobChange, change_job, lock_job
from hounsfield.storage.job_queries import sends
from hounsfield.storage.job_results import add_result_set
from hounsfield.storage.people import person_of
from hounsfield.storage.recall import ResultFilter, ResultLine, Withdrawal
from hounsfield.storage.records import DeliveryRequest, ResultSet
from hounsfield.storage.registration import lock_series
from hounsfield.storage.retractions import is_taken_back
from hounsfield.storage.rows import AnyRow, reason_or_none
from hounsfield.storage.states import TRANSITIONS, JobAction, JobKind, JobState, Outcome, Reason, ResultKind, Stage
from hounsfield.storage.tables import delivered_object, event, job, result_set, series
from hounsfield.storage.transactions import Transactions

NOTHING_SENT = frozenset(
    {Reason.PATIENT_CHANGED, Reason.REJECTED, Reason.RESULT_CHANGED, Reason.NO_SUCH_RESULT, Reason.UNKNOWN_SENDER}
)
"""Why a try ended before any object was sent."""


class SqlRecallStore:
    """See :class:`~hounsfield.storage.recall.RecallStore`. Every method may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def page(self, selection: ResultFilter, *, after_id: int = 0, limit: int = 1000) -> list[ResultLine]:
        """Return result sets in the order of their ids, one page."""
        query = _lines().where(result_set.c.id > after_id, *_conditions(selection)).limit(limit)
        with self._transactions.read() as connection:
            return [_line(row) for row in connection.execute(query)]

    def is_retracted(self, result_set_id: int) -> bool:
        """Whether a retraction names this result set."""
        with self._transactions.read() as connection:
            return _is_retracted(connection, result_set_id)

    def outlook(self, result_set_id: int) -> Withdrawal | None:
        """Say what would be cancelled."""
        with self._transactions.read() as connection:
            if not _exists(connection, result_set_id):
                return None
            query = select(job).where(sends(result_set_id))
            rows = list(connection.execute(query.order_by(job.c.id)).all())
            return _withdrawal(connection, rows, sum(map(_can_be_cancelled, rows)))

    def withdraw(self, result_set_id: int, now: datetime) -> Withdrawal | None:
        """Cancel what has not ended."""
        with self._transactions.write() as connection:
            found = connection.execute(select(result_set.c.series_id).where(result_set.c.id == result_set_id)).first()
            if found is None or lock_series(connection, found.series_id) is None:
                return None
            rows = _deliveries(connection, result_set_id)
            change = JobChange(JobAction.CANCEL, now, Reason.RETRACTED)
            events = [change_job(connection, row, change, **NO_LEASE) for row in rows if _can_be_cancelled(row)]
            done = _withdrawal(connection, rows, len(events))  # as it was before they were cancelled
            append_events(connection, events)
            return done

    def retract(
        self, infer_id: int, result: ResultSet, deliveries: Sequence[DeliveryRequest], now: datetime, by: str
    ) -> int | None:
        """Add a retraction with its deliveries."""
        with self._transactions.write() as connection:
            row = _lock_infer(connection, infer_id)
            if row is None or result.replaces is None or _is_retracted(connection, result.replaces):
                return None
            return _issue(connection, row, result, deliveries, _Word(now, by, Reason.RETRACTED))

    def reissue(
        self,
        held: Sequence[int],
        result: ResultSet,
        deliveries: Sequence[DeliveryRequest],
        now: datetime,
        by: str,
    ) -> int | None:
        """Put a result set in the place of HELD deliveries."""
        with self._transactions.write() as connection:
            of = select(result_set.c.job_id).where(result_set.c.id == result.replaces)
            infer_id = connection.execute(of).scalar_one_or_none()
            row = None if infer_id is None else _lock_infer(connection, infer_id)
            if row is None or result.replaces is None or _is_retracted(connection, result.replaces):
                return None
            waiting = [lock_job(connection, job_id) for job_id in sorted(held)]
            found = [one for one in waiting if one is not None and one.state == JobState.HELD]
            if not found or len(found) != len(waiting) or {one.result_set_id for one in found} != {result.replaces}:
                return None
            change = JobChange(JobAction.CANCEL, now, Reason.REISSUED)
            events = [change_job(connection, one, change, **NO_LEASE) for one in found]
            return _issue(connection, row, result, deliveries, _Word(now, by, Reason.REISSUED), events)


@dataclass(frozen=True, slots=True)
class _Word:
    """Who did what, and when."""

    now: datetime
    by: str
    reason: Reason


def _issue(
    connection: Connection,
    infer: AnyRow,
    result: ResultSet,
    deliveries: Sequence[DeliveryRequest],
    word: _Word,
    events: Sequence[NewEvent] = (),
) -> int:
    result_set_id, made = add_result_set(connection, infer, result, deliveries, word.now)
    said = NewEvent(
        at=word.now,
        series_id=infer.series_id,
        job_id=infer.id,
        kind=JobKind.INFER,
        stage=Stage.REPORT,
        from_state=infer.state,
        to_state=infer.state,
        reason=word.reason,
        detail={"step": str(word.reason), "by": person_of(word.by), "result_set": result.replaces},
    )
    append_events(connection, [*events, said, *made])
    return result_set_id


def _lock_infer(connection: Connection, infer_id: int) -> AnyRow | None:
    """Return the locked row of an INFER job that has ended; its series is locked before it, as everywhere."""
    known = connection.execute(select(job.c.series_id).where(job.c.id == infer_id)).one_or_none()
    if known is None or lock_series(connection, known.series_id) is None:
        return None
    row = lock_job(connection, infer_id)
    if row is None or row.kind != JobKind.INFER or not JobState(row.state).is_final:
        return None
    return row


def _deliveries(connection: Connection, result_set_id: int) -> list[AnyRow]:
    query = select(job.c.id).where(sends(result_set_id)).order_by(job.c.id)
    found = [lock_job(connection, job_id) for job_id in connection.scalars(query).all()]
    return [row for row in found if row is not None]


def _exists(connection: Connection, result_set_id: int) -> bool:
    return connection.execute(select(result_set.c.id).where(result_set.c.id == result_set_id)).first() is not None


def _can_be_cancelled(row: AnyRow) -> bool:
    return (JobState(row.state), JobAction.CANCEL) in TRANSITIONS


def _withdrawal(connection: Connection, rows: Sequence[AnyRow], cancelled: int) -> Withdrawal:
    arrived = [row for row in rows if _may_have_arrived(connection, row)]
    return Withdrawal(
        cancelled=cancelled,
        reached=tuple(row.destination for row in arrived if row.kind == JobKind.DELIVER),
        told=tuple(row.destination for row in arrived if row.kind == JobKind.NOTIFY),
        planned=bool(rows),
    )


def _may_have_arrived(connection: Connection, row: AnyRow) -> bool:
    """Whether an object was answered for, or a courier had the job in hand and it is not known that it sent nothing.

    An object may have arrived though the answer to it was lost.
    """
    answered = select(delivered_object.c.job_id).where(delivered_object.c.job_id == row.id).limit(1)
    if connection.execute(answered).first() is not None:
        return True
    changes = select(event.c.from_state, event.c.to_state, event.c.reason).where(event.c.job_id == row.id)
    found = [one for one in connection.execute(changes) if one.from_state != one.to_state]
    tries = sum(one.to_state == JobState.RUNNING for one in found)
    in_vain = sum(one.from_state == JobState.RUNNING and one.reason in NOTHING_SENT for one in found)
    return bool(row.fence) and (not tries or tries > in_vain)


def _is_retracted(connection: Connection, result_set_id: int) -> bool:
    return bool(connection.execute(select(is_taken_back(result_set_id))).scalar_one())


def _lines() -> Select[Any]:
    return (
        select(
            result_set,
            job.c.bundle_version,
            series.c.series_uid,
            is_taken_back(result_set.c.id).label("is_retracted"),
        )
        .join(job, job.c.id == result_set.c.job_id)
        .join(series, series.c.id == result_set.c.series_id)
        .order_by(result_set.c.id)
    )


def _conditions(selection: ResultFilter) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if selection.job_ids is not None:
        wanted.append(result_set.c.job_id.in_(selection.job_ids))
    if selection.bundle is not None:
        wanted.append(result_set.c.bundle == selection.bundle)
    if selection.bundle_version is not None:
        wanted.append(job.c.bundle_version == selection.bundle_version)
    if selection.since is not None:
        wanted.append(result_set.c.created_at >= selection.since)
    if selection.until is not None:
        wanted.append(result_set.c.created_at < selection.until)
    if not selection.with_retractions:
        wanted.append(result_set.c.kind != ResultKind.RETRACTION)
    return wanted


def _line(row: AnyRow) -> ResultLine:
    return ResultLine(
        id=row.id,
        job_id=row.job_id,
        series_uid=row.series_uid,
        revision=row.revision,
        bundle=row.bundle,
        bundle_version=row.bundle_version,
        kind=ResultKind(row.kind),
        outcome=Outcome(row.outcome),
        reason=reason_or_none(row.reason),
        score=row.score,
        created_at=row.created_at,
        replaces=row.replaces,
        is_retracted=bool(row.is_retracted),
    )
