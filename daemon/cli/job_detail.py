"""Everything about one job: timeline, stages, result objects, and how each fared at each destination."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.text import Text

from hounsfield.daemon.cli.delivery_views import DELIVERY_COLUMNS, Delivery, delivery_json, delivery_rows
from hounsfield.daemon.cli.job_views import job_json, job_more, subject
from hounsfield.daemon.cli.output import console, local, show_table
from hounsfield.daemon.cli.retraction_views import retracted_words, retraction_of
from hounsfield.daemon.cli.score_views import score_lines
from hounsfield.daemon.cli.tailing import step
from hounsfield.daemon.cli.verdict_views import evidence_lines, verdict_text
from hounsfield.daemon.cli.words import number, reason_words, verdict
from hounsfield.daemon.logs import escape_controls
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import EventRecord, JobRecord, ResultObject, StoredResultSet
from hounsfield.storage.states import JobKind

PAGE = 500
LABEL = 18
"""Characters of the labels before the timeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectPlace:
    """A result object and where its files lie; ``preview`` is None where there is none."""

    role: str
    sop_instance_uid: str
    size: int
    file: Path
    preview: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetail:
    """What ``jobs show`` prints."""

    job: JobRecord
    events: tuple[EventRecord, ...]
    objects: tuple[ObjectPlace, ...]
    deliveries: tuple[Delivery, ...]
    result: StoredResultSet | None
    retraction: StoredResultSet | None = None
    """What takes the result back."""

    def as_json(self) -> dict[str, object]:
        """Return the fields of ``jobs list`` and, after them, the detail."""
        job = self.job
        detail = {
            "max_attempts": job.max_attempts,
            "device": job.device,
            "worker": job.worker,
            "proof": job.proof.value,
            "available_at": job.available_at,
            "give_up_at": job.give_up_at,
            "timings": job.timings,
            "timeline": [_event_json(event) for event in self.events],
            "objects": [
                {
                    "role": one.role,
                    "sop_instance_uid": one.sop_instance_uid,
                    "size": one.size,
                    "file": str(one.file),
                    "preview": None if one.preview is None else str(one.preview),
                }
                for one in self.objects
            ],
            "deliveries": [delivery_json(delivery) for delivery in self.deliveries],
            "result": None if self.result is None else self.result.detail,
            "retracted_at": None if self.retraction is None else self.retraction.created_at,
        }
        return job_json(job) | detail | job_more(job)


def describe(job: JobRecord, jobs: JobStore, home: Path) -> JobDetail:
    """Collect everything that the log knows about ``job``."""
    result = None if job.result_set_id is None else jobs.result_set(job.result_set_id)
    return JobDetail(
        job=job,
        events=tuple(_all_events(jobs, job.id)),
        objects=() if result is None else tuple(_places(result, home)),
        deliveries=tuple(_deliveries(job, jobs, () if result is None else result.objects)),
        result=result,
        retraction=None if result is None else retraction_of(jobs, result),
    )


def _all_events(jobs: JobStore, job_id: int) -> list[EventRecord]:
    found: list[EventRecord] = []
    while page := jobs.events(after_id=found[-1].id if found else 0, limit=PAGE, job_id=job_id):
        found += page
    return found


def _places(result: StoredResultSet, home: Path) -> list[ObjectPlace]:
    return [
        ObjectPlace(
            role=one.role,
            sop_instance_uid=one.sop_instance_uid,
            size=one.size,
            file=home / "results" / f"{one.sop_instance_uid}.dcm",
            preview=preview if (preview := home / "previews" / f"{one.sop_instance_uid}.png").exists() else None,
        )
        for one in result.objects
    ]


def _deliveries(job: JobRecord, jobs: JobStore, objects: tuple[ResultObject, ...]) -> list[Delivery]:
    """Return the job itself for DELIVER and NOTIFY; for INFER every job that sends or tells its result set."""
    if job.kind is not JobKind.INFER:
        related = [job]
    else:
        related = [] if job.result_set_id is None else jobs.deliveries_of(job.result_set_id)
    return [Delivery(job=one, sent=tuple(jobs.delivered_objects(one.id)), objects=objects) for one in related]


def _event_json(event: EventRecord) -> dict[str, object]:
    return {
        "at": event.at,
        "stage": event.stage.value,
        "from_state": event.from_state,
        "to_state": event.to_state,
        "attempt": event.attempt,
        "worker": event.worker,
        "reason": None if event.reason is None else event.reason.value,
        "seconds": event.seconds,
        "detail": event.detail,
    }


def print_detail(detail: JobDetail) -> None:
    """Print the detail for a person."""
    screen = console()
    taken_back = [("retracted", retracted_words(detail.retraction))]
    for label, value in (*_head(detail.job), *taken_back, *_origin(detail.job)):
        if value:
            screen.print(Text.assemble((f"{label:<{LABEL}}", "bold"), value))
    for line in [] if detail.result is None else score_lines(detail.result.detail, LABEL):
        screen.print(line)
    told = detail.result.detail.get("remarks") if detail.result is not None else None
    for remark in told if isinstance(told, list) else []:
        screen.print(Text.assemble((f"{'remark':<{LABEL}}", "bold"), str(remark)))
    runtime = detail.result.detail.get("runtime") if detail.result is not None else None
    if isinstance(runtime, dict):
        words = ", ".join(f"{key} {value}" for key, value in runtime.items())
        screen.print(Text.assemble((f"{'ran with':<{LABEL}}", "bold"), words))
    screen.print()
    show_table(
        ("time", "+s", "stage", "state", "try", "seconds", "reason", "worker"),
        _timeline(detail.events, detail.job.created_at),
    )
    if detail.objects:
        screen.print()
        show_table(
            ("object", "SOP Instance UID", "bytes", "file", "preview"),
            [
                (one.role.upper(), one.sop_instance_uid, str(one.size), str(one.file), str(one.preview or ""))
                for one in detail.objects
            ],
        )
    if detail.deliveries:
        screen.print()
        show_table(DELIVERY_COLUMNS, delivery_rows(detail.deliveries))


def _head(job: JobRecord) -> list[tuple[str, str]]:
    stages = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in job.timings.items())
    waiting = f", due {local(job.available_at)}" if not job.state.is_final else ""
    return [
        ("job", f"{job.id}  {job.kind}  {job.state}{waiting}"),
        ("series", f"{job.series_uid}  revision {job.revision}"),
        ("what", subject(job)),
        ("verdict", verdict(job.outcome, job.reason)),
        ("reason", "" if job.outcome is not None else reason_words(job.reason)),
        ("score", number(job.score, 3)),
        ("attempts", f"{job.attempts} of {job.max_attempts}" if job.kind is JobKind.INFER else str(job.attempts)),
        ("device", job.device or ""),
        ("seconds", stages),
        ("gives up", local(job.give_up_at)),
    ]


def _origin(job: JobRecord) -> list[tuple[str, str]]:
    """Say why there is this job: the rule, and what was known of the series."""
    evidence = [] if job.verdict is None else evidence_lines(job.verdict.evidence)
    return [
        ("rule", job.rule or ""),
        ("shadow", "yes: nothing is sent" if job.shadow else ""),
        ("only to", ", ".join(job.destinations) or "nobody" if job.destinations is not None else ""),
        ("part", job.part[:8]),
        ("series is", verdict_text(job.verdict)),
        *[(f"  {label}", text) for label, text in evidence],
    ]


def _timeline(events: tuple[EventRecord, ...], start: datetime) -> list[tuple[str, ...]]:
    return [
        (
            local(event.at),
            f"{(event.at - start).total_seconds():.2f}",
            *step(event),
            "" if event.attempt is None else str(event.attempt),
            number(event.seconds),
            _why(event),
            event.worker or "",
        )
        for event in events
    ]


def _why(event: EventRecord) -> str:
    """Return the reason, with the answer of who was notified where there was one."""
    answer = event.detail.get("answer")
    words = reason_words(event.reason)
    return f"{words} ({escape_controls(answer)})" if isinstance(answer, str) else words
