"""Everything about one job: timeline, stages, result objects, and how each fared at each destination."""

from dataclasses import dataclass
from pathlib import Path

from hounsfield.daemon.cli.delivery_views import Delivery, delivery_json
from hounsfield.daemon.cli.job_views import job_json, job_more
from hounsfield.daemon.cli.retraction_views import retraction_of
from hounsfield.daemon.reason_texts import REASON_TEXTS
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import EventRecord, JobRecord, ResultObject, StoredResultSet
from hounsfield.storage.states import JobKind, Reason

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

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Every reason that it met, the one that stands last first."""
        met = [self.job.reason, *(event.reason for event in reversed(self.events))]
        return tuple(dict.fromkeys(reason for reason in met if reason is not None))

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
            "advice": [_advice_json(reason) for reason in self.reasons],
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


def _advice_json(reason: Reason) -> dict[str, object]:
    text = REASON_TEXTS[reason]
    return {"reason": reason.value, "meaning": text.meaning, "advice": text.advice}
