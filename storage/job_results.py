"""What a stage leaves behind, in the transaction that ends its job: results, DELIVER jobs, what was sent."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from hounsfield.storage.analysis_facts import AnalysisFacts
from hounsfield.storage.analysis_facts_store import keep_facts
from hounsfield.storage.errors import StorageError
from hounsfield.storage.events import STAGE_OF_KIND, NewEvent, append_events
from hounsfield.storage.job_changes import NO_LEASE, JobChange, change_job, lock_claimed, lock_job, retry_later
from hounsfield.storage.ports import Publish, nothing_to_publish
from hounsfield.storage.records import Claim, DeliveryRequest, ObjectDelivery, ResultObject, ResultSet
from hounsfield.storage.registration import lock_series
from hounsfield.storage.rows import AnyRow
from hounsfield.storage.states import JobAction, JobKind, JobState, Proof, Reason, ResultKind, SeriesState
from hounsfield.storage.tables import delivered_object, job, result_object, result_set, series
from hounsfield.storage.turns import next_turn

BEYOND_REACH = 2**31 - 1
"""``max_attempts`` of DELIVER jobs: ``give_up_at`` ends those."""


def end_infer(
    connection: Connection,
    claim: Claim,
    change: JobChange,
    result: ResultSet,
    deliveries: Sequence[DeliveryRequest],
    timings: dict[str, float],
    facts: AnalysisFacts | None = None,
    publish: Publish = nothing_to_publish,
) -> bool:
    """RUNNING -> COMPLETED or DISCARDED with the result set and its DELIVER jobs; False when the claim is lost."""
    if claim.job.kind is not JobKind.INFER:
        raise StorageError("only an INFER job leaves a result set")
    series_row = lock_series(connection, claim.job.series_id)  # before the job, as everywhere
    row = lock_claimed(connection, claim)
    if row is None or series_row is None:
        return False
    publish()  # before the lock on the log, and with the job's: nobody who lost the claim comes here
    result_set_id = insert_result(connection, row, result, change.now)
    keep_facts(connection, row, result.outcome, facts, change.now)
    event = change_job(
        connection,
        row,
        change,
        result_set_id=result_set_id,
        timings=timings,
        **_answer(result),
        **NO_LEASE,
    )
    events = [event]
    hold = Reason(series_row.reason) if series_row.state == SeriesState.HELD else None
    for request in deliveries:
        if request.withheld is not None:
            events.append(_withheld(event, request, request.withheld))
            continue
        events += insert_delivery(connection, row, result_set_id, request, change.now, hold)
    append_events(connection, events)
    return True


def insert_result(connection: Connection, row: AnyRow, result: ResultSet, now: datetime) -> int:
    """Insert a result set of an INFER job's row with its objects; return its id."""
    values = {
        "job_id": row.id,
        "series_id": row.series_id,
        "revision": row.revision,
        "bundle": row.bundle,
        "identity": result.identity,
        **_answer(result),
        "detail": result.detail,
        "created_at": now,
        "kind": result.kind,
        "replaces": result.replaces,
    }
    result_set_id = int(connection.execute(insert(result_set).values(values).returning(result_set.c.id)).scalar_one())
    for one in result.objects:
        connection.execute(insert(result_object).values(**asdict(one), result_set_id=result_set_id))
    return result_set_id


def _answer(result: ResultSet) -> dict[str, Any]:
    """Return what a job and its result set say alike."""
    return {"outcome": result.outcome, "reason": result.reason, "score": result.score, "device": result.device}


def _withheld(ended: NewEvent, request: DeliveryRequest, reason: Reason) -> NewEvent:
    detail: dict[str, object] = {"step": f"withheld from {request.destination}", "destination": request.destination}
    stage = STAGE_OF_KIND[request.kind]
    return replace(ended, stage=stage, from_state=ended.to_state, reason=reason, seconds=None, detail=detail)


def insert_delivery(
    connection: Connection,
    infer: AnyRow,
    result_set_id: int,
    request: DeliveryRequest,
    now: datetime,
    hold: Reason | None,
) -> list[NewEvent]:
    """Insert a DELIVER or NOTIFY job; nothing of a series that is HELD is sent, so there it is cancelled at once."""
    turn = next_turn(connection, request.kind, request.destination, request.priority, infer.scanner)
    values = _delivery(infer, result_set_id, request, now) | {"turn": turn}
    job_id = int(connection.execute(insert(job).values(values).returning(job.c.id)).scalar_one())
    made = NewEvent(
        at=now,
        series_id=infer.series_id,
        job_id=job_id,
        kind=request.kind,
        stage=STAGE_OF_KIND[request.kind],
        from_state=None,
        to_state=JobState.AVAILABLE,
        detail={"destination": request.destination},
    )
    inserted = lock_job(connection, job_id)
    if hold is None or inserted is None:
        return [made]
    return [made, change_job(connection, inserted, JobChange(JobAction.CANCEL, now, hold))]


def _delivery(infer: AnyRow, result_set_id: int, request: DeliveryRequest, now: datetime) -> dict[str, Any]:
    """Return the columns of a new job, but for its turn."""
    of_infer = ("series_id", "revision", "bundle", "bundle_version", "bundle_sha256", "scanner")
    return {
        **{name: getattr(infer, name) for name in of_infer},
        "destination": request.destination,
        "give_up_at": request.give_up_at,
        "priority": request.priority,
        "kind": request.kind,
        "state": JobState.AVAILABLE,
        "result_set_id": result_set_id,
        "max_attempts": BEYOND_REACH,
        "proof": Proof.NONE,
        "available_at": now,
        "created_at": now,
        "updated_at": now,
    }


def complete_delivery(
    connection: Connection,
    claim: Claim,
    objects: Sequence[ObjectDelivery],
    now: datetime,
    timings: dict[str, float],
    proof: Proof,
    reason: Reason | None,
) -> bool:
    """RUNNING -> COMPLETED with its proof."""
    row = lock_claimed(connection, claim)
    if row is None:
        return False
    _record_sent(connection, row.id, objects)
    detail: dict[str, object] = {"timings": timings, "destination": row.destination, "proof": str(proof)}
    change = JobChange(JobAction.COMPLETE, now, reason, detail)
    event = change_job(connection, row, change, proof=proof, timings=timings, **NO_LEASE)
    append_events(connection, [event])
    return True


def put_off(
    connection: Connection,
    claim: Claim,
    change: JobChange,
    available_at: datetime,
    objects: Sequence[ObjectDelivery],
) -> bool:
    """RUNNING -> RETRYABLE, for any kind; CANCELLED where an INFER job's series is HELD by now."""
    event = retry_later(connection, claim, change, available_at)
    if event is None:
        return False
    _record_sent(connection, claim.job.id, objects)
    append_events(connection, [event])
    return True


def hold_delivery(connection: Connection, claim: Claim, change: JobChange, objects: Sequence[ObjectDelivery]) -> bool:
    """RUNNING -> HELD, for a delivery."""
    if claim.job.kind is JobKind.INFER:
        raise StorageError("an INFER job is not held; its series is")
    row = lock_claimed(connection, claim)
    if row is None:
        return False
    _record_sent(connection, row.id, objects)
    append_events(connection, [change_job(connection, row, change, **NO_LEASE)])
    return True


def add_variant(connection: Connection, result_set_id: int, variant: ResultObject) -> None:
    """Keep an object that carries the content of another under another SOP class; harmless if it is there."""
    known = select(result_object.c.id).where(
        result_object.c.result_set_id == result_set_id, result_object.c.sop_instance_uid == variant.sop_instance_uid
    )
    if connection.execute(known).first() is None:
        connection.execute(insert(result_object).values(**asdict(variant), result_set_id=result_set_id))


def add_result_set(
    connection: Connection, infer: AnyRow, result: ResultSet, deliveries: Sequence[DeliveryRequest], now: datetime
) -> tuple[int, list[NewEvent]]:
    """Add a result set to an INFER job whose row and series are locked; the caller appends the events.

    A hold of the series stops no retraction: what has gone out is taken back all the same.
    """
    result_set_id = insert_result(connection, infer, result, now)
    held = select(series.c.reason).where(series.c.id == infer.series_id, series.c.state == SeriesState.HELD)
    reason = None if result.kind is ResultKind.RETRACTION else connection.execute(held).scalar_one_or_none()
    events: list[NewEvent] = []
    for request in deliveries:
        events += insert_delivery(
            connection, infer, result_set_id, request, now, None if reason is None else Reason(reason)
        )
    return result_set_id, events


def wake_deliveries(connection: Connection, destination: str, now: datetime) -> int:
    """Make the DELIVER jobs due that wait because a destination was out of reach; return how many."""
    waiting = (
        (job.c.destination == destination)
        & (job.c.kind == JobKind.DELIVER)
        & (job.c.state == JobState.RETRYABLE)
        & (job.c.reason.in_((Reason.UNREACHABLE, Reason.REJECTED)))
        & (job.c.available_at > now)
    )
    return connection.execute(update(job).where(waiting).values(available_at=now)).rowcount


def discard_job(connection: Connection, claim: Claim, change: JobChange, objects: Sequence[ObjectDelivery]) -> bool:
    """RUNNING -> DISCARDED. An INFER job cannot end like this: it would leave silence in the PACS."""
    if claim.job.kind is JobKind.INFER:
        raise StorageError("an INFER job is discarded with a not-analysed result: use discard_infer")
    row = lock_claimed(connection, claim)
    if row is None:
        return False
    _record_sent(connection, row.id, objects)
    append_events(connection, [change_job(connection, row, change, **NO_LEASE)])
    return True


def _record_sent(connection: Connection, job_id: int, objects: Sequence[ObjectDelivery]) -> None:
    """Keep the last status of each object. The caller holds the job's lock."""
    for one in {sent.sop_instance_uid: sent for sent in objects}.values():
        key = (delivered_object.c.job_id == job_id) & (delivered_object.c.sop_instance_uid == one.sop_instance_uid)
        connection.execute(delete(delivered_object).where(key))
        connection.execute(insert(delivered_object).values(**asdict(one), job_id=job_id))
