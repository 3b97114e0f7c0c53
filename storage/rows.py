"""Database rows to frozen records."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from hounsfield.storage.records import (
    AssociationRecord,
    EventRecord,
    InstanceRecord,
    JobRecord,
    ResultObject,
    SeriesRecord,
    StoredResultSet,
    Verdict,
)
from hounsfield.storage.states import (
    AssociationEnding,
    Completeness,
    InstanceRole,
    JobKind,
    JobState,
    Outcome,
    Proof,
    Reason,
    ResultKind,
    SeriesState,
    Stage,
)

AnyRow = Row[Any]


def reason_or_none(value: str | None) -> Reason | None:
    """Return the reason that a nullable column holds."""
    return None if value is None else Reason(value)


def seconds_between(start: datetime | None, end: datetime) -> float | None:
    """Return a duration for an event; None when the start is unknown, 0 when clocks ran backwards."""
    return None if start is None else max(0.0, (end - start).total_seconds())


def association_record(row: AnyRow) -> AssociationRecord:
    """Return a row of ``association``."""
    return AssociationRecord(
        id=row.id,
        receiver=row.receiver,
        calling_ae=row.calling_ae,
        called_ae=row.called_ae,
        peer_address=row.peer_address,
        opened_at=row.opened_at,
        ending=AssociationEnding(row.ending),
        ended_at=row.ended_at,
    )


def series_record(row: AnyRow) -> SeriesRecord:
    """Return a row of ``series``."""
    return SeriesRecord(
        id=row.id,
        series_uid=row.series_uid,
        study_uid=row.study_uid,
        state=SeriesState(row.state),
        revision=row.revision,
        completeness=None if row.completeness is None else Completeness(row.completeness),
        reason=reason_or_none(row.reason),
        remarks=tuple(row.remarks),
        instances=row.instances,
        duplicates=row.duplicates,
        variants=row.variants,
        first_received_at=row.first_received_at,
        last_received_at=row.last_received_at,
        touched_at=row.touched_at,
        receiving_since=row.receiving_since,
        closed_at=row.closed_at,
        version=row.version,
        rule=row.rule,
        waived=tuple(Reason(reason) for reason in row.waived),
        scanner=row.scanner,
        images_removed_at=row.images_removed_at,
    )


def instance_record(row: AnyRow) -> InstanceRecord:
    """Return a row of ``instance`` with ``series_uid`` of its series."""
    return InstanceRecord(
        id=row.id,
        series_id=row.series_id,
        digest=row.digest,
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        series_uid=row.series_uid,
        study_uid=row.study_uid,
        transfer_syntax=row.transfer_syntax,
        role=InstanceRole(row.role),
        calling_ae=row.calling_ae,
        called_ae=row.called_ae,
        peer_address=row.peer_address,
        association_id=row.association_id,
        received_at=row.received_at,
        size=row.size,
        revision=row.revision,
        is_primary=row.is_primary,
        copies=row.copies,
        removed_at=row.removed_at,
    )


def verdict_record(stored: Mapping[str, Any]) -> Verdict:
    """Return the verdict in a row of ``revision``, or in the column ``verdict`` of ``job``."""
    return Verdict(
        completeness=Completeness(stored["completeness"]),
        reasons=tuple(Reason(reason) for reason in stored["reasons"]),
        remarks=tuple(stored["remarks"]),
        evidence=dict(stored["evidence"]),
    )


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return what the column ``verdict`` of ``job`` holds, and the columns of ``revision`` of the same names."""
    return {
        "completeness": str(verdict.completeness),
        "reasons": [str(reason) for reason in verdict.reasons],
        "remarks": list(verdict.remarks),
        "evidence": verdict.evidence,
    }


def job_record(row: AnyRow) -> JobRecord:
    """Return a row of ``job`` with ``series_uid`` of its series."""
    return JobRecord(
        id=row.id,
        kind=JobKind(row.kind),
        state=JobState(row.state),
        series_id=row.series_id,
        series_uid=row.series_uid,
        revision=row.revision,
        bundle=row.bundle,
        bundle_version=row.bundle_version,
        bundle_sha256=row.bundle_sha256,
        destination=row.destination,
        result_set_id=row.result_set_id,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        reason=reason_or_none(row.reason),
        score=row.score,
        device=row.device,
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        priority=row.priority,
        proof=Proof(row.proof),
        available_at=row.available_at,
        give_up_at=row.give_up_at,
        lease_until=row.lease_until,
        worker=row.worker,
        created_at=row.created_at,
        updated_at=row.updated_at,
        timings=dict(row.timings),
        part=row.part,
        subject=row.subject,
        rule=row.rule,
        shadow=row.shadow,
        destinations=None if row.destinations is None else tuple(row.destinations),
        verdict=None if row.verdict is None else verdict_record(row.verdict),
        scanner=row.scanner,
    )


def result_object_record(row: AnyRow) -> ResultObject:
    """Return a row of ``result_object``."""
    return ResultObject(
        role=row.role,
        sop_class_uid=row.sop_class_uid,
        sop_instance_uid=row.sop_instance_uid,
        sha256=row.sha256,
        size=row.size,
        profile=row.profile,
        variant_of=row.variant_of,
    )


def result_set_record(row: AnyRow, objects: tuple[ResultObject, ...]) -> StoredResultSet:
    """Return a row of ``result_set`` with its objects."""
    return StoredResultSet(
        id=row.id,
        job_id=row.job_id,
        series_id=row.series_id,
        revision=row.revision,
        created_at=row.created_at,
        identity=row.identity,
        outcome=Outcome(row.outcome),
        reason=reason_or_none(row.reason),
        score=row.score,
        device=row.device,
        objects=objects,
        detail=dict(row.detail),
        kind=ResultKind(row.kind),
        replaces=row.replaces,
        removed_at=row.removed_at,
    )


def event_record(row: AnyRow) -> EventRecord:
    """Return a row of ``event`` with ``series_uid`` of its series."""
    return EventRecord(
        id=row.id,
        at=row.at,
        series_id=row.series_id,
        series_uid=row.series_uid,
        job_id=row.job_id,
        kind=None if row.kind is None else JobKind(row.kind),
        stage=Stage(row.stage),
        from_state=row.from_state,
        to_state=row.to_state,
        attempt=row.attempt,
        worker=row.worker,
        reason=reason_or_none(row.reason),
        seconds=row.seconds,
        detail=dict(row.detail),
    )
