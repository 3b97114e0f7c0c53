"""The only place where a job's state changes: by the table of transitions, under a lock, with its event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select, update

from hounsfield.storage.events import STAGE_OF_KIND, NewEvent, append_events
from hounsfield.storage.records import Claim
from hounsfield.storage.registration import lock_series
from hounsfield.storage.rows import AnyRow, reason_or_none, seconds_between
from hounsfield.storage.states import TRANSITIONS, JobAction, JobKind, JobState, Reason, SeriesState, Stage, next_state
from hounsfield.storage.tables import job

NO_LEASE: dict[str, Any] = {"lease_until": None, "claimed_at": None}


@dataclass(frozen=True, slots=True)
class JobChange:
    """What happens to a job and what its event says."""

    action: JobAction
    now: datetime
    reason: Reason | None = None
    detail: dict[str, object] | None = None


def change_job(connection: Connection, row: AnyRow, change: JobChange, **values: Any) -> NewEvent:
    """Move a locked job on and return the event to be appended; raise IllegalTransition where there is no way."""
    state = next_state(JobState(row.state), change.action)
    written = {"state": state, "reason": change.reason, "updated_at": change.now, **values}
    connection.execute(update(job).where(job.c.id == row.id).values(**written))
    return NewEvent(
        at=change.now,
        series_id=row.series_id,
        job_id=row.id,
        kind=JobKind(row.kind),
        stage=STAGE_OF_KIND[JobKind(row.kind)],
        from_state=row.state,
        to_state=state,
        attempt=values.get("attempts", row.attempts),
        worker=values.get("worker", row.worker),
        reason=change.reason,
        seconds=seconds_between(row.claimed_at, change.now),
        detail=change.detail or {},
    )


def lock_job(connection: Connection, job_id: int) -> AnyRow | None:
    """Return a job's row, locked until commit."""
    return connection.execute(_locked().where(job.c.id == job_id)).one_or_none()


def lock_claimed(connection: Connection, claim: Claim) -> AnyRow | None:
    """Return the locked row of a claimed job, None if the claim is lost: another fence, or no longer RUNNING."""
    row = lock_job(connection, claim.job.id)
    if row is None or row.fence != claim.fence or row.state != JobState.RUNNING:
        return None
    return row


def _locked() -> Select[Any]:
    return select(job).with_for_update(key_share=True)


def cancel_jobs_of_series(
    connection: Connection, series_id: int, states: Sequence[JobState], reason: Reason, now: datetime
) -> list[NewEvent]:
    """Cancel the jobs of a series that are in one of ``states``; the caller holds the series' lock."""
    query = _locked().where(job.c.series_id == series_id, job.c.state.in_(states)).order_by(job.c.id)
    change = JobChange(JobAction.CANCEL, now, reason)
    return [change_job(connection, row, change, **NO_LEASE) for row in connection.execute(query).all()]


def requeue_held_jobs(connection: Connection, series_id: int, revision: int, now: datetime) -> list[NewEvent]:
    """Bring back the jobs of a revision that a hold cancelled; what a person cancelled stays so."""
    query = (
        _locked()
        .where(job.c.series_id == series_id, job.c.revision == revision, job.c.state == JobState.CANCELLED)
        .where(job.c.reason != Reason.OPERATOR)
        .order_by(job.c.id)
    )
    return [_requeued(connection, row, now) for row in connection.execute(query).all()]


def cancel(connection: Connection, job_id: int, now: datetime) -> bool:
    """Take a job out, by a person."""
    row = lock_job(connection, job_id)
    if row is None or (JobState(row.state), JobAction.CANCEL) not in TRANSITIONS:
        return False
    change = JobChange(JobAction.CANCEL, now, Reason.OPERATOR)
    append_events(connection, [change_job(connection, row, change, **NO_LEASE)])
    return True


def requeue(connection: Connection, job_id: int, now: datetime) -> bool:
    """Give an ended job another try, by a person; not while its series is HELD, nor an overtaken analysis."""
    series_id = connection.scalar(select(job.c.series_id).where(job.c.id == job_id))
    series_row = None if series_id is None else lock_series(connection, series_id)
    row = lock_job(connection, job_id)
    if row is None or series_row is None or series_row.state == SeriesState.HELD:
        return False
    if (JobState(row.state), JobAction.REQUEUE) not in TRANSITIONS:
        return False
    if row.kind == JobKind.INFER and row.revision < series_row.revision:
        return False
    append_events(connection, [_requeued(connection, row, now)])
    return True


def _requeued(connection: Connection, row: AnyRow, now: datetime) -> NewEvent:
    values: dict[str, Any] = {"attempts": 0, "available_at": now, "worker": None, "timings": {}, **NO_LEASE}
    if row.kind == JobKind.INFER:
        values |= {"outcome": None, "score": None, "device": None, "result_set_id": None}
    if row.give_up_at is not None:
        # The old deadline may be over: the new try gets as long as the first one had.
        values["give_up_at"] = now + (row.give_up_at - row.created_at)
    return change_job(connection, row, JobChange(JobAction.REQUEUE, now), **values)


def retry_later(connection: Connection, claim: Claim, change: JobChange, available_at: datetime) -> NewEvent | None:
    """RUNNING -> RETRYABLE; the caller appends the event. None when the claim is lost."""
    row = lock_claimed(connection, claim)
    if row is None:
        return None
    return change_job(connection, row, change, available_at=available_at, **NO_LEASE)


def give_back(connection: Connection, claim: Claim, now: datetime) -> bool:
    """RUNNING -> AVAILABLE at a clean shutdown; the attempt is uncounted."""
    row = lock_claimed(connection, claim)
    if row is None:
        return False
    change = JobChange(JobAction.RELEASE, now, Reason.SHUTDOWN)
    append_events(
        connection, [change_job(connection, row, change, attempts=row.attempts - 1, available_at=now, **NO_LEASE)]
    )
    return True


def record_progress(connection: Connection, claim: Claim, stage: str, seconds: float, now: datetime) -> None:
    """Append an event without a change of state; nothing when the claim is lost."""
    row = lock_claimed(connection, claim)
    if row is None:
        return
    progress = NewEvent(
        at=now,
        series_id=row.series_id,
        job_id=row.id,
        kind=JobKind(row.kind),
        stage=Stage(stage) if stage in set(Stage) else STAGE_OF_KIND[JobKind(row.kind)],
        from_state=row.state,
        to_state=row.state,
        attempt=row.attempts,
        worker=row.worker,
        reason=reason_or_none(row.reason),
        seconds=seconds,
        detail={"step": stage},
    )
    append_events(connection, [progress])
