"""How far one series has come, read from the job log. Pure: rows in, a standing out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from hounsfield.storage.records import EventRecord, JobRecord, SeriesRecord
from hounsfield.storage.states import JobKind, JobState, Outcome, Reason, SeriesState, Stage

STAGES = tuple(stage for stage in Stage if stage not in (Stage.NOTIFY, Stage.OPERATE))
"""Receive, assemble, infer, report, deliver: the columns of the demonstration."""


class End(StrEnum):
    """How a series ended, None meaning that it still goes on."""

    DELIVERED = "delivered"
    SKIPPED = "skipped"
    HELD = "held"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a series stands."""

    stage: Stage | None = None
    """The stage it is in or ended in; None before its first image arrived."""
    note: str = ""
    """What it waits for, in words."""
    seconds: Mapping[Stage, float] = field(default_factory=dict)
    """Seconds per stage that has ended. Assemble includes the quiet period, infer the wait for the worker."""
    end: End | None = None
    outcome: Outcome | None = None
    reason: Reason | None = None
    score: float | None = None
    result_sets: tuple[int, ...] = ()
    problem: str = ""
    """Why it is FAILED."""


def stand(series: SeriesRecord | None, jobs: Sequence[JobRecord], events: Sequence[EventRecord]) -> Standing:
    """Return the standing of a series from its row, its jobs and its events."""
    if series is None:
        return Standing()
    seconds = {Stage.RECEIVE: _between(series.first_received_at, series.last_received_at)}
    if series.state is SeriesState.RECEIVING:
        return Standing(stage=Stage.RECEIVE, note=_images(series.instances), seconds={})
    seconds[Stage.ASSEMBLE] = _between(series.last_received_at, series.closed_at or _left_receiving(events, series))
    if series.state is SeriesState.SKIPPED:
        return Standing(stage=Stage.ASSEMBLE, seconds=seconds, end=End.SKIPPED, reason=series.reason)
    if series.state is SeriesState.HELD:
        return Standing(stage=Stage.ASSEMBLE, seconds=seconds, end=End.HELD, reason=series.reason)
    infers = [job for job in jobs if job.kind is JobKind.INFER and job.revision == series.revision]
    if not infers:
        return Standing(stage=Stage.ASSEMBLE, seconds=seconds)
    return _analysed(series, infers, [job for job in jobs if job.kind is JobKind.DELIVER], events, seconds)


def _analysed(
    series: SeriesRecord,
    infers: Sequence[JobRecord],
    deliveries: Sequence[JobRecord],
    events: Sequence[EventRecord],
    seconds: dict[Stage, float],
) -> Standing:
    """Return the standing of a CLOSED series: its INFER jobs first, then what was made of them."""
    waiting = [job for job in infers if not job.state.is_final]
    if waiting:
        return Standing(stage=_stage_inside(waiting[0], events), note=_waits(waiting[0]), seconds=seconds)
    first = infers[0]
    reported = first.timings.get("report", 0.0)
    closed = series.closed_at or first.created_at
    seconds[Stage.REPORT] = reported
    seconds[Stage.INFER] = max(0.0, _between(closed, first.updated_at) - reported)
    result_sets = tuple(job.result_set_id for job in infers if job.result_set_id is not None)
    standing = Standing(
        stage=Stage.DELIVER,
        seconds=seconds,
        outcome=first.outcome,
        reason=first.reason,
        score=first.score,
        result_sets=result_sets,
    )
    mine = [job for job in deliveries if job.result_set_id in result_sets]
    problem = _problem(infers, mine)
    if problem:
        return replace(standing, end=End.FAILED, problem=problem)
    undelivered = [job for job in mine if not job.state.is_final]
    if undelivered:
        return replace(standing, note=_waits(undelivered[0]))
    delivered = _between(first.updated_at, max(job.updated_at for job in mine))
    return replace(standing, end=End.DELIVERED, seconds=seconds | {Stage.DELIVER: delivered})


def _problem(infers: Sequence[JobRecord], deliveries: Sequence[JobRecord]) -> str:
    """Return why no result can arrive any more; nothing if all goes well."""
    for job in infers:
        if job.state is JobState.CANCELLED:
            return f"the analysis was cancelled ({job.reason})"
        if job.result_set_id is None:
            return f"the analysis ended {job.state} without a result ({job.reason})"
        if not any(delivery.result_set_id == job.result_set_id for delivery in deliveries):
            return "no destination gets the result"
    for job in deliveries:
        if job.state in (JobState.DISCARDED, JobState.CANCELLED):
            return f"the delivery to {job.destination} ended {job.state} ({job.reason})"
    return ""


def _stage_inside(job: JobRecord, events: Sequence[EventRecord]) -> Stage:
    """Return the stage a job that has not ended is in: report once its inference was told to the log."""
    mine = [event for event in events if event.job_id == job.id and event.attempt == job.attempts]
    told = {event.detail.get("step") for event in mine}
    return Stage.REPORT if job.state is JobState.RUNNING and Stage.INFER.value in told else Stage.INFER


def _waits(job: JobRecord) -> str:
    match job.state:
        case JobState.AVAILABLE:
            return "waits for the worker" if job.kind is JobKind.INFER else "waits for the courier"
        case JobState.RETRYABLE:
            return f"attempt {job.attempts} failed: {job.reason}; tries again"
        case _:
            return ""


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"


def _left_receiving(events: Sequence[EventRecord], series: SeriesRecord) -> datetime:
    """Return when a series without a snapshot (skipped, held) got its state."""
    changes = [event.at for event in events if event.job_id is None and event.to_state == series.state.value]
    return changes[-1] if changes else series.last_received_at


def _between(start: datetime, end: datetime) -> float:
    return max(0.0, (end - start).total_seconds())
