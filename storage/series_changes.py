"""What the assembler, or a person, makes of a series: one change, one transaction, one event."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, select, update

from hounsfield.storage.errors import StorageError
from hounsfield.storage.events import NewEvent, append_events
from hounsfield.storage.job_changes import (
    NO_LEASE,
    JobChange,
    cancel_jobs_of_series,
    change_job,
    lock_claimed,
    requeue_held_jobs,
)
from hounsfield.storage.people import by_person
from hounsfield.storage.records import Claim, InferRequest, SeriesRecord, Verdict
from hounsfield.storage.registration import lock_series
from hounsfield.storage.rows import AnyRow, seconds_between, verdict_json
from hounsfield.storage.states import (
    NEVER_WAIVED,
    JobAction,
    JobKind,
    JobState,
    Proof,
    Reason,
    SeriesState,
    Stage,
    refuse_impossible,
)
from hounsfield.storage.subjects import lock_subjects, subject_of
from hounsfield.storage.tables import instance, job, revision, series, snapshot
from hounsfield.storage.turns import next_turn

_NOT_STARTED = (JobState.AVAILABLE, JobState.RETRYABLE)


def close(
    connection: Connection,
    record: SeriesRecord,
    instance_ids: Sequence[int],
    verdict: Verdict,
    requests: Sequence[InferRequest],
    now: datetime,
    *,
    variants: Sequence[int] = (),
    rule: str | None = None,
) -> bool:
    """Freeze the next revision and insert its INFER jobs; False when ``record`` is no longer the newest look."""
    row = _unchanged(connection, record)
    if row is None:
        return False
    number = row.revision + 1
    _freeze(connection, row.id, number, instance_ids)
    _mark(connection, row.id, number, variants)
    kept = {"series_id": row.id, "revision": number, "closed_at": now, **verdict_json(verdict)}
    connection.execute(insert(revision).values(kept))
    detail: dict[str, object] = {"revision": number, "instances": len(set(instance_ids))}
    events = [change(row, SeriesState.CLOSED, now, None, detail | _by_rule(rule))]
    lock_subjects(connection, [subject_of(request, row.series_uid) for request in requests])
    events += [_insert_infer(connection, row, number, request, now) for request in requests]
    update_series(
        connection,
        row,
        state=SeriesState.CLOSED,
        revision=number,
        completeness=verdict.completeness,
        reason=verdict.reasons[0] if verdict.reasons else None,
        remarks=list(verdict.remarks),
        closed_at=now,
        rule=rule,
    )
    append_events(connection, events)
    return True


def _freeze(connection: Connection, series_id: int, number: int, instance_ids: Sequence[int]) -> None:
    known = set(connection.scalars(select(instance.c.id).where(instance.c.series_id == series_id)))
    chosen = sorted(set(instance_ids))
    if not chosen or not known.issuperset(chosen):
        raise StorageError("a snapshot holds at least one instance, and only instances of its own series")
    rows = [{"series_id": series_id, "revision": number, "instance_id": one} for one in chosen]
    connection.execute(insert(snapshot), rows)
    _mark(connection, series_id, number, chosen)


def _mark(connection: Connection, series_id: int, number: int, instance_ids: Sequence[int]) -> None:
    """Note the revision that first holds these instances."""
    if not instance_ids:
        return
    waiting = (
        (instance.c.id == bindparam("instance_id")) & (instance.c.series_id == series_id) & (instance.c.revision == 0)
    )
    statement = update(instance).where(waiting).values(revision=number)
    connection.execute(statement, [{"instance_id": one} for one in instance_ids])


def _insert_infer(connection: Connection, row: AnyRow, number: int, request: InferRequest, now: datetime) -> NewEvent:
    values = asdict(request) | {
        "subject": subject_of(request, row.series_uid),
        "destinations": None if request.destinations is None else list(request.destinations),
        "verdict": None if request.verdict is None else verdict_json(request.verdict),
        "kind": JobKind.INFER,
        "state": JobState.AVAILABLE,
        "series_id": row.id,
        "revision": number,
        "proof": Proof.NONE,
        "available_at": now,
        "created_at": now,
        "updated_at": now,
        "scanner": row.scanner,
        "turn": next_turn(connection, JobKind.INFER, None, request.priority, row.scanner),
    }
    key = connection.execute(insert(job).values(values)).inserted_primary_key
    return NewEvent(
        at=now,
        series_id=row.id,
        job_id=key[0] if key else None,
        kind=JobKind.INFER,
        stage=Stage.INFER,
        from_state=None,
        to_state=JobState.AVAILABLE,
        detail={"bundle": request.bundle, "bundle_version": request.bundle_version},
    )


def close_unchanged(connection: Connection, record: SeriesRecord, instance_ids: Sequence[int], now: datetime) -> bool:
    """RECEIVING -> CLOSED at the same revision; jobs that a hold had cancelled go on."""
    row = _unchanged(connection, record)
    if row is None:
        return False
    if row.revision == 0:
        raise StorageError("a series that was never closed has nothing to go back to")
    _mark(connection, row.id, row.revision, instance_ids)
    events = [change(row, SeriesState.CLOSED, now, None, {"revision": row.revision, "unchanged": True})]
    events += requeue_held_jobs(connection, row.id, row.revision, now)
    update_series(connection, row, state=SeriesState.CLOSED)
    append_events(connection, events)
    return True


def skip(
    connection: Connection,
    record: SeriesRecord,
    reason: Reason,
    now: datetime,
    *,
    remarks: Sequence[str] = (),
    rule: str | None = None,
) -> bool:
    """RECEIVING -> SKIPPED(reason)."""
    row = _unchanged(connection, record)
    if row is None:
        return False
    detail: dict[str, object] = {"remarks": list(remarks)} if remarks else {}
    update_series(connection, row, state=SeriesState.SKIPPED, reason=reason, remarks=list(remarks), rule=rule)
    append_events(connection, [change(row, SeriesState.SKIPPED, now, reason, detail | _by_rule(rule))])
    return True


def hold(
    connection: Connection,
    record: SeriesRecord,
    reason: Reason,
    now: datetime,
    remarks: Sequence[str] = (),
    *,
    rule: str | None = None,
) -> bool:
    """RECEIVING or CLOSED -> HELD(reason). What speaks for a hold is not undone by a newer instance."""
    row = lock_series(connection, record.id)
    if row is None or row.state not in (SeriesState.RECEIVING, SeriesState.CLOSED):
        return False
    events = [change(row, SeriesState.HELD, now, reason, {"remarks": list(remarks)} | _by_rule(rule))]
    events += cancel_jobs_of_series(connection, row.id, _NOT_STARTED, reason, now)
    update_series(connection, row, state=SeriesState.HELD, reason=reason, remarks=list(remarks), rule=rule or row.rule)
    append_events(connection, events)
    return True


def hold_claimed(
    connection: Connection, claim: Claim, reason: Reason, now: datetime, remarks: Sequence[str] = ()
) -> bool:
    """CLOSED -> HELD(reason); the claimed INFER job and those that have not started are cancelled."""
    if claim.job.kind is not JobKind.INFER:
        raise StorageError("only an INFER job sees pixels that speak for a hold")
    row = lock_series(connection, claim.job.series_id)  # before the job, as everywhere
    claimed = lock_claimed(connection, claim)
    if row is None or claimed is None or row.state != SeriesState.CLOSED or row.revision != claimed.revision:
        return False
    events = [
        change(row, SeriesState.HELD, now, reason, {"remarks": list(remarks)}),
        change_job(connection, claimed, JobChange(JobAction.CANCEL, now, reason), **NO_LEASE),
        *cancel_jobs_of_series(connection, row.id, _NOT_STARTED, reason, now),
    ]
    update_series(connection, row, state=SeriesState.HELD, reason=reason, remarks=list(remarks))
    append_events(connection, events)
    return True


def discard(connection: Connection, series_id: int, reason: Reason, now: datetime, by: str = "") -> bool:
    """HELD -> SKIPPED(reason); whatever of its jobs has not ended is cancelled."""
    row = lock_series(connection, series_id)
    if row is None or row.state != SeriesState.HELD:
        return False
    events = [change(row, SeriesState.SKIPPED, now, reason, by_person(by))]
    events += cancel_jobs_of_series(connection, row.id, (*_NOT_STARTED, JobState.RUNNING), reason, now)
    update_series(connection, row, state=SeriesState.SKIPPED, reason=reason)
    append_events(connection, events)
    return True


def release(connection: Connection, series_id: int, now: datetime, by: str = "") -> bool:
    """HELD -> RECEIVING; the hold's reason is waived, unless it can never be."""
    row = lock_series(connection, series_id)
    if row is None or row.state != SeriesState.HELD:
        return False
    detail, waived = by_person(by), row.waived
    if row.reason not in NEVER_WAIVED:
        detail, waived = detail | {"waived": row.reason}, sorted({*row.waived, row.reason})
    update_series(connection, row, state=SeriesState.RECEIVING, reason=None, receiving_since=now, waived=waived)
    append_events(connection, [change(row, SeriesState.RECEIVING, now, Reason.OPERATOR, detail)])
    return True


def replay(connection: Connection, series_id: int, now: datetime, by: str = "") -> bool:
    """SKIPPED -> RECEIVING, unless its images have gone."""
    row = lock_series(connection, series_id)
    if row is None or row.state != SeriesState.SKIPPED or row.instances == 0 or _has_lost_images(connection, row.id):
        return False
    update_series(connection, row, state=SeriesState.RECEIVING, reason=None, receiving_since=now)
    append_events(connection, [change(row, SeriesState.RECEIVING, now, Reason.OPERATOR, by_person(by))])
    return True


def _has_lost_images(connection: Connection, series_id: int) -> bool:
    gone = and_(instance.c.series_id == series_id, instance.c.is_primary, instance.c.removed_at.is_not(None))
    return connection.execute(select(instance.c.id).where(gone).limit(1)).first() is not None


def _by_rule(rule: str | None) -> dict[str, object]:
    return {} if rule is None else {"rule": rule}


def _unchanged(connection: Connection, record: SeriesRecord) -> AnyRow | None:
    """Return the locked row if it is RECEIVING and nothing happened since ``record`` was read."""
    row = lock_series(connection, record.id)
    if row is None or row.state != SeriesState.RECEIVING or row.version != record.version:
        return None
    return row


def update_series(connection: Connection, row: AnyRow, **values: Any) -> None:
    """Change a locked series; whoever looked at it before decides no more."""
    connection.execute(update(series).where(series.c.id == row.id).values(version=series.c.version + 1, **values))


def change(
    row: AnyRow, state: SeriesState, now: datetime, reason: Reason | None, detail: dict[str, object] | None = None
) -> NewEvent:
    """Return the event for what becomes of a locked series; raise IllegalTransition for what never may."""
    refuse_impossible(SeriesState(row.state), state)
    return NewEvent(
        at=now,
        series_id=row.id,
        stage=Stage.ASSEMBLE,
        from_state=row.state,
        to_state=state,
        reason=reason,
        seconds=seconds_between(row.receiving_since, now) if row.state == SeriesState.RECEIVING else None,
        detail=detail or {},
    )
