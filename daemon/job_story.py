"""Everything about one job: timeline, stages, result objects, and how each fared at each destination."""

from collections.abc import Iterator
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
        events=tuple(all_events(jobs, job_id=job.id)),
        objects=() if result is None else tuple(_places(result, home)),
        deliveries=tuple(_deliveries(job, jobs, () if result is None else result.objects)),
        result=result,
        retraction=None if result is None else retraction_of(jobs, result),
    )


def all_events(jobs: JobStore, *, job_id: int | None = None, series_uid: str | None = None) -> Iterator[EventRecord]:
    """Yield every event of a job, or of a series and its jobs, in their order."""
    after = 0
    while page := jobs.events(after_id=after, limit=PAGE, job_id=job_id, series_uid=series_uid):
        yield from page
        after = page[-1].id


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
        return [_delivery(job, jobs, objects)]
    return [] if job.result_set_id is None else deliveries_of(jobs, job.result_set_id, objects)


def deliveries_of(jobs: JobStore, result_set_id: int, objects: tuple[ResultObject, ...]) -> list[Delivery]:
    """Return every job that sends or tells a result set with these objects, and what was answered."""
    return [_delivery(job, jobs, objects) for job in jobs.deliveries_of(result_set_id)]


def _delivery(job: JobRecord, jobs: JobStore, objects: tuple[ResultObject, ...]) -> Delivery:
    return Delivery(job=job, sent=tuple(jobs.delivered_objects(job.id)), objects=objects)


def retraction_of(jobs: JobStore, result: StoredResultSet) -> StoredResultSet | None:
    """Return the retraction of a result set, None if there is none."""
    found = jobs.result_sets_of_job(result.job_id)
    return next((one for one in found if one.kind is ResultKind.RETRACTION and one.replaces == result.id), None)
