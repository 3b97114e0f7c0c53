"""How a job looks in a listing: its fixed JSON fields and its row in a table."""

from hounsfield.daemon.cli.output import local
from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.verdict_texts import verdict_json
from hounsfield.daemon.words import number, reason_words, subject, verdict
from hounsfield.storage.records import JobRecord

JOB_COLUMNS = (
    *("job", "kind", "state", "series", "rev", "scanner", "bundle / destination", "verdict", "score", "tries"),
    "updated",
)


def job_json(job: JobRecord) -> dict[str, object]:
    """Return the fields of ``jobs list --json``; fixed, later versions only add."""
    return {
        "id": job.id,
        "kind": job.kind.value,
        "state": job.state.value,
        "series_uid": job.series_uid,
        "revision": job.revision,
        "bundle": job.bundle,
        "bundle_version": job.bundle_version,
        "destination": job.destination,
        "outcome": None if job.outcome is None else job.outcome.value,
        "reason": None if job.reason is None else job.reason.value,
        "score": job.score,
        "attempts": job.attempts,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "scanner": job.scanner,
    }


def job_more(job: JobRecord) -> dict[str, object]:
    """Return how it came about: fields of ``jobs show`` and ``series show`` behind those of every listing."""
    return {
        "part": job.part or None,
        "rule": job.rule,
        "shadow": job.shadow,
        "priority": job.priority,
        "destinations": None if job.destinations is None else list(job.destinations),
        "verdict": verdict_json(job.verdict),
    }


def job_row(job: JobRecord, series: str) -> tuple[str, ...]:
    """Return the cells under :data:`JOB_COLUMNS`; ``series`` is the keyed hash of its UID."""
    return (
        str(job.id),
        job.kind.value,
        job.state.value,
        series,
        str(job.revision),
        escape_controls(job.scanner),
        subject(job),
        verdict(job.outcome, job.reason) or reason_words(job.reason),
        number(job.score),
        f"{job.attempts}",
        local(job.updated_at),
    )
