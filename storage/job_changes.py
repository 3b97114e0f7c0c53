"""The only place where a job's state changes: by the table of transitions, under a lock, with its event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, select, update

from hounsfield.storage.events import STAGE_OF_KIND, NewEvent, append_events
from hounsfield.storage.people import by_person
from hounsfield.storage.records import Claim
from hounsfield.storage.registration import lock_series
from hounsfield.storage.retractions import rests_for_good, tells_of_retraction
from hounsfield.storage.rows import AnyRow, reason_or_none, seconds_between
from hounsfield.storage.states import TRANSITIONS, JobAction, JobKind, JobState, Reason, SeriesState, Stage, next_state
from hounsfield.storage.subjects import is_overtaken, lock_subjects
from hounsfield.storage.tables import instance, job, result_set, snapshot
from hounsfield.storage.turns import turn_again

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
    """Cancel the jobs of a series that are in one of ``states``; the caller holds the series' lock.

    Not those that take something back.
    """
    mine = and_(job.c.series_id == series_id, job.c.state.in_(states), ~tells_of_retraction())
    query = _locked().where(mine).order_by(job.c.id)
    change = JobChange(JobAction.CANCEL, now, reason)
    return [change_job(connection, row, change, **NO_LEASE) for row in connection.execute(query).all()]


def requeue_held_jobs(connection: Connection, series_id: int, revision: int, now: datetime) -> list[NewEvent]:
    """Bring back the jobs of a revision that a hold cancelled.

    What a person cancelled stays so, and an analysis that was overtaken while the series was held.
    """
    held = and_(
        job.c.series_id == series_id,
        job.c.revision == revision,
        job.c.state == JobState.CANCELLED,
        job.c.reason != Reason.OPERATOR,
        ~_rests(),
    )
    lock_subjects(connection, connection.scalars(select(job.c.subject).where(held)).all())
    rows = connection.execute(_locked().where(held).order_by(job.c.id)).all()
    going = [row for row in rows if not is_overtaken(connection, row.id) and not lacks_files(connection, row)]
    return [_requeued(connection, row, now) for row in going]


def cancel(connection: Connection, job_id: int, now: datetime, by: str = "") -> bool:
    """Take a job out, by a person."""
    row = lock_job(connection, job_id)
    if row is None or (JobState(row.state), JobAction.CANCEL) not in TRANSITIONS:
        return False
    change = JobChange(JobAction.CANCEL, now, Reason.OPERATOR, by_person(by))
    append_events(connection, [change_job(connection, row, change, **NO_LEASE)])
    return True


def requeue(connection: Connection, job_id: int, now: datetime, by: str = "") -> bool:
    """Give an ended job another try, by a person.

    Not while its series is HELD, unless it takes something back; no overtaken analysis, nothing that was taken back,
    nothing whose files were removed after their time.
    """
    query = select(job.c.series_id, job.c.subject, tells_of_retraction().label("takes_back"))
    known = connection.execute(query.where(job.c.id == job_id)).one_or_none()
    if known is None or (_hold_of(lock_series(connection, known.series_id)) is not None and not known.takes_back):
        return False
    lock_subjects(connection, [known.subject])
    row = lock_job(connection, job_id)
    if connection.execute(select(job.c.id).where(job.c.id == job_id, _rests())).first() is not None:
        return False
    if row is None or (JobState(row.state), JobAction.REQUEUE) not in TRANSITIONS or is_overtaken(connection, job_id):
        return False
    if lacks_files(connection, row):
        return False
    append_events(connection, [_requeued(connection, row, now, by)])
    return True


def lacks_files(connection: Connection, row: AnyRow) -> bool:
    """Whether what a job reads was removed after its time: images of its revision, or the objects it sends."""
    if row.kind == JobKind.INFER:
        query = (
            select(instance.c.id)
            .join(snapshot, snapshot.c.instance_id == instance.c.id)
            .where(snapshot.c.series_id == row.series_id, snapshot.c.revision == row.revision)
            .where(instance.c.removed_at.is_not(None))
        )
    else:
        query = select(result_set.c.id).where(
            result_set.c.id == row.result_set_id, result_set.c.removed_at.is_not(None)
        )
    return connection.execute(query.limit(1)).first() is not None


def _rests() -> ColumnElement[bool]:
    return (job.c.kind != JobKind.INFER) & rests_for_good()


def _requeued(connection: Connection, row: AnyRow, now: datetime, by: str = "") -> NewEvent:
    values: dict[str, Any] = {"attempts": 0, "available_at": now, "worker": None, "timings": {}, **NO_LEASE}
    values["turn"] = turn_again(connection, row)
    if row.kind == JobKind.INFER:
        values |= {"outcome": None, "score": None, "device": None, "result_set_id": None}
    if row.give_up_at is not None:
        # The old deadline may be over: the new try gets as long as the first one had.
        values["give_up_at"] = now + (row.give_up_at - row.created_at)
    return change_job(connection, row, JobChange(JobAction.REQUEUE, now, detail=by_person(by)), **values)


def _hold_of(series_row: AnyRow | None) -> Reason | None:
    """Return why a series is HELD, None if it is not."""
    if series_row is None or series_row.state != SeriesState.HELD:
        return None
    return Reason(series_row.reason)


def _hold_over(connection: Connection, claim: Claim) -> Reason | None:
    """Return why the series of a claimed INFER job is HELD by now; the series is locked then, before the job.

    Such a job does not go on: others with its subject, in other series, would wait for it as long as for a person.
    """
    if claim.job.kind is not JobKind.INFER:
        return None
    return _hold_of(lock_series(connection, claim.job.series_id))


def retry_later(connection: Connection, claim: Claim, change: JobChange, available_at: datetime) -> NewEvent | None:
    """RUNNING -> RETRYABLE, or CANCELLED by a hold; the caller appends the event. None when the claim is lost."""
    hold = _hold_over(connection, claim)
    row = lock_claimed(connection, claim)
    if row is None:
        return None
    if hold is not None:
        held = JobChange(JobAction.CANCEL, change.now, hold, change.detail)
        return change_job(connection, row, held, **NO_LEASE)
    # An analysis, which has few attempts, keeps its turn. A delivery may be tried for days: once its destination is
    # back, one scanner's must not all go before those of the others.
    turn = row.turn if row.kind == JobKind.INFER else turn_again(connection, row)
    return change_job(connection, row, change, available_at=available_at, turn=turn, **NO_LEASE)


def give_back(connection: Connection, claim: Claim, now: datetime) -> bool:
    """RUNNING -> AVAILABLE at a clean shutdown, or CANCELLED by a hold; the attempt is uncounted."""
    hold = _hold_over(connection, claim)
    row = lock_claimed(connection, claim)
    if row is None:
        return False
    change = JobChange(JobAction.RELEASE, now, Reason.SHUTDOWN)
    if hold is not None:
        change = JobChange(JobAction.CANCEL, now, hold)
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
