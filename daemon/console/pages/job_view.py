"""What the page of one job shows. Pure: what the log knows in, what the template prints out. UIDs become hashes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hounsfield.daemon.console.pages.bars import StageBar, Strip, stage_bars, strip
from hounsfield.daemon.console.pages.jobs_view import JobLine, job_line
from hounsfield.daemon.console.pages.shown import Advice, Veil, advice_of, job_state
from hounsfield.daemon.console.standing import State
from hounsfield.daemon.deliveries import Delivery, object_name, status_words
from hounsfield.daemon.event_words import person_of, step
from hounsfield.daemon.job_story import JobDetail
from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.verdict_texts import evidence_lines
from hounsfield.daemon.words import number, reason_words
from hounsfield.storage.feedback import FeedbackRecord
from hounsfield.storage.records import EventRecord, JobRecord, ObjectDelivery, StoredResultSet, Verdict
from hounsfield.storage.states import TRANSITIONS, JobAction, JobKind, Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """How whole the series was, and why we think so."""

    word: str
    reasons: tuple[Advice, ...]
    remarks: tuple[str, ...]
    evidence: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScore:
    """One label of the bundle."""

    label: str
    score: str
    threshold: str
    reached: bool | None
    """At or above the threshold; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a destination answered for one object."""

    name: str
    uid: str
    status: str
    """DIMSE status in hex."""
    words: str
    at: datetime
    proven_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryBox:
    """One destination of the result, or one who is told of it."""

    job_id: int
    to: str
    told: bool
    """Notified, not sent to."""
    state: State
    proof: str
    sent: tuple[Sent, ...]
    advice: Advice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event of the job."""

    at: datetime
    after: float
    """Seconds since the job was created."""
    stage: str
    states: str
    attempt: int | None
    seconds: float | None
    why: str
    who: str
    """Process or person."""
    raw: str
    """Its detail as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFile:
    """A result object that was made."""

    role: str
    uid: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraction:
    """That the result was taken back."""

    at: datetime
    by: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """Everything about one job."""

    line: JobLine
    series_uid: str | None
    """In full, where a person asked for it and said why."""
    revision: int
    updated_at: datetime
    due_at: datetime | None
    give_up_at: datetime | None
    attempts: str
    device: str
    worker: str
    rule: str
    only_to: str
    part: str
    advice: Advice | None
    completeness: Completeness | None
    labels: tuple[LabelScore, ...]
    remarks: tuple[str, ...]
    runtime: tuple[tuple[str, str], ...]
    stages: tuple[StageBar, ...]
    strip: Strip | None
    preview: str
    """Role of the object that there is a picture of; empty: there is none."""
    objects: tuple[ResultFile, ...]
    deliveries: tuple[DeliveryBox, ...]
    steps: tuple[Step, ...]
    retraction: Retraction | None
    opinions: tuple[tuple[datetime, str], ...]
    """What readers said, and when."""
    can_retry: bool
    can_cancel: bool
    can_retract: bool


def job_page(
    detail: JobDetail,
    feedback: Sequence[FeedbackRecord],
    veil: Veil,
    *,
    of_revision: Verdict | None = None,
    reveal: bool = False,
) -> JobPage:
    """Return the page of a job. ``of_revision`` says how whole its series was, where the job has no part of its own."""
    job, result = detail.job, detail.result
    told = {} if result is None else result.detail
    return JobPage(
        line=job_line(job, [one.job for one in detail.deliveries], veil),
        series_uid=job.series_uid if reveal else None,
        revision=job.revision,
        updated_at=job.updated_at,
        due_at=None if job.state.is_final else job.available_at,
        give_up_at=job.give_up_at,
        attempts=f"{job.attempts} of {job.max_attempts}" if job.kind is JobKind.INFER else str(job.attempts),
        device=job.device or "",
        worker=job.worker or "",
        rule=escape_controls(job.rule or ""),
        only_to=_only_to(job),
        part=job.part[:8],
        advice=advice_of(job.reason),
        completeness=completeness(job.verdict or of_revision, veil),
        labels=_labels(told),
        remarks=_remarks(told.get("remarks"), veil),
        runtime=tuple(pair for pair in _pairs(told.get("runtime")) if not (job.device and pair[0] == "device")),
        stages=stage_bars(job.timings),
        strip=strip(told),
        preview=next((one.role for one in detail.objects if one.preview is not None), ""),
        objects=tuple(
            ResultFile(role=one.role.upper(), uid=veil.uid(one.sop_instance_uid), size=one.size)
            for one in detail.objects
        ),
        deliveries=tuple(_delivery(one, veil) for one in detail.deliveries),
        steps=tuple(_step(event, job.created_at, veil) for event in detail.events),
        retraction=_retraction(detail.retraction, veil),
        opinions=tuple((one.received_at, one.opinion.value) for one in feedback),
        can_retry=_can(job, JobAction.REQUEUE),
        can_cancel=_can(job, JobAction.CANCEL),
        can_retract=job.kind is JobKind.INFER and result is not None and detail.retraction is None and not job.shadow,
    )


def completeness(verdict: Verdict | None, veil: Veil) -> Completeness | None:
    """Return a verdict with the meaning of its reasons and its evidence."""
    if verdict is None:
        return None
    reasons = (advice_of(reason) for reason in verdict.reasons)
    return Completeness(
        word=verdict.completeness.value,
        reasons=tuple(one for one in reasons if one is not None),
        remarks=tuple(veil.text(remark) for remark in verdict.remarks),
        evidence=tuple((label, veil.text(text)) for label, text in evidence_lines(verdict.evidence)),
    )


def _can(job: JobRecord, action: JobAction) -> bool:
    return (job.state, action) in TRANSITIONS


def _only_to(job: JobRecord) -> str:
    return "" if job.destinations is None else escape_controls(", ".join(job.destinations)) or "nobody"


def _labels(told: Mapping[str, object]) -> tuple[LabelScore, ...]:
    scores, thresholds = told.get("scores"), told.get("thresholds")
    if not isinstance(scores, Mapping):
        return ()
    limits = thresholds if isinstance(thresholds, Mapping) else {}
    return tuple(_label(str(label), score, limits.get(label)) for label, score in scores.items())


def _label(label: str, score: object, threshold: object) -> LabelScore:
    known = isinstance(score, float | int) and isinstance(threshold, float | int)
    return LabelScore(
        label=escape_controls(label),
        score=number(score, 3) if isinstance(score, float | int) else "",
        threshold=f"{threshold:g}" if isinstance(threshold, float | int) else "",
        reached=score >= threshold if known else None,  # type: ignore[operator]
    )


def _remarks(remarks: object, veil: Veil) -> tuple[str, ...]:
    return tuple(veil.text(str(one)) for one in remarks) if isinstance(remarks, list) else ()


def _pairs(found: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(found, Mapping):
        return ()
    return tuple((escape_controls(str(key)), escape_controls(str(value))) for key, value in found.items())


def _delivery(delivery: Delivery, veil: Veil) -> DeliveryBox:
    job = delivery.job
    return DeliveryBox(
        job_id=job.id,
        to=escape_controls(job.destination or ""),
        told=job.kind is JobKind.NOTIFY,
        state=job_state(job),
        proof="" if job.kind is JobKind.NOTIFY or job.proof is Proof.NONE else job.proof.value,
        sent=tuple(_sent(delivery, one, veil) for one in delivery.sent),
        advice=advice_of(job.reason),
    )


def _sent(delivery: Delivery, sent: ObjectDelivery, veil: Veil) -> Sent:
    return Sent(
        name=object_name(delivery.object_of(sent)),
        uid=veil.uid(sent.sop_instance_uid),
        status=f"{sent.status:04X}",
        words=status_words(sent.status),
        at=sent.at,
        proven_at=sent.proven_at,
    )


def _step(event: EventRecord, start: datetime, veil: Veil) -> Step:
    stage, states = step(event)
    person = person_of(event)
    raw = json.dumps(event.detail, ensure_ascii=False, default=str)
    return Step(
        at=event.at,
        after=(event.at - start).total_seconds(),
        stage=escape_controls(stage),
        states=escape_controls(states).replace(">", " → ").strip(),
        attempt=event.attempt,
        seconds=event.seconds,
        why=reason_words(event.reason),
        who=f"by {person}" if person else escape_controls(event.worker or ""),
        raw=veil.text(raw) if event.detail else "",
    )


def _retraction(found: StoredResultSet | None, veil: Veil) -> Retraction | None:
    if found is None:
        return None
    by, words = found.detail.get("by"), found.detail.get("words")
    return Retraction(at=found.created_at, by=veil.text(str(by or "")), words=veil.text(str(words or "")))
