"""Everything about one job: timeline, stages, result objects, and how each fared at each destination."""

from dataclasses import dataclass
from pathlib import Path

from hounsfield.daemon.deliveries import Delivery
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import EventRecord, JobRecord, ResultObject, StoredResultSet
from hounsfield.storage.states import JobKind, Reason, ResultKind

PAGE = 500


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
    """What ``jobs show`` and the page of a job show."""

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


def retraction_of(jobs: JobStore, result: StoredResultSet) -> StoredResultSet | None:
    """Return the retraction of a result set, None if there is none."""
    found = jobs.result_sets_of_job(result.job_id)
    return next((one for one in found if one.kind is ResultKind.RETRACTION and one.replaces == result.id), None)
