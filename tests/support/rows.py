"""Rows of the job log for tests: every field has a plain value that a test may replace."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hounsfield.storage.records import EventRecord, JobRecord, SeriesRecord
from hounsfield.storage.states import Completeness, JobKind, JobState, Proof, SeriesState, Stage

START = datetime(2026, 11, 22, 8, 0, 0, tzinfo=UTC)
SERIES_UID = "1.2.826.0.1.3680043.8.498.1"


def at(seconds: float) -> datetime:
    """Return the moment ``seconds`` after the start of the story."""
    return START + timedelta(seconds=seconds)


def series_row(**changes: Any) -> SeriesRecord:
    """Return a CLOSED series of 24 images received in 3 s and closed 2 s later."""
    fields: dict[str, Any] = {
        "id": 1,
        "series_uid": SERIES_UID,
        "study_uid": "1.2.826.0.1.3680043.8.498.2",
        "state": SeriesState.CLOSED,
        "version": 1,
        "revision": 1,
        "completeness": Completeness.COMPLETE,
        "reason": None,
        "remarks": (),
        "instances": 24,
        "duplicates": 0,
        "variants": 0,
        "first_received_at": at(0),
        "last_received_at": at(3),
        "touched_at": at(3),
        "receiving_since": at(0),
        "closed_at": at(5),
    }
    return SeriesRecord(**fields | changes)


def job_row(**changes: Any) -> JobRecord:
    """Return an AVAILABLE INFER job created at 5 s."""
    fields: dict[str, Any] = {
        "id": 1,
        "kind": JobKind.INFER,
        "state": JobState.AVAILABLE,
        "series_id": 1,
        "series_uid": SERIES_UID,
        "revision": 1,
        "bundle": "ich-demo",
        "bundle_version": "1.0.0",
        "bundle_sha256": "0" * 64,
        "destination": None,
        "result_set_id": None,
        "outcome": None,
        "reason": None,
        "score": None,
        "device": None,
        "attempts": 0,
        "max_attempts": 3,
        "priority": 0,
        "proof": Proof.NONE,
        "available_at": at(5),
        "give_up_at": None,
        "lease_until": None,
        "worker": None,
        "created_at": at(5),
        "updated_at": at(5),
        "timings": {},
    }
    return JobRecord(**fields | changes)


def delivery_row(**changes: Any) -> JobRecord:
    """Return a COMPLETED DELIVER job of result set 1."""
    job = job_row(
        id=2, kind=JobKind.DELIVER, state=JobState.COMPLETED, destination="pacs", result_set_id=1, updated_at=at(8)
    )
    return replace(job, bundle=None, bundle_version=None, bundle_sha256=None, **changes)


def event_row(**changes: Any) -> EventRecord:
    """Return an event of job 1."""
    fields: dict[str, Any] = {
        "id": 1,
        "at": at(6),
        "series_id": 1,
        "series_uid": SERIES_UID,
        "job_id": 1,
        "kind": JobKind.INFER,
        "stage": Stage.INFER,
        "from_state": "AVAILABLE",
        "to_state": "RUNNING",
        "attempt": 1,
        "worker": "worker-1",
        "reason": None,
        "seconds": None,
        "detail": {},
    }
    return EventRecord(**fields | changes)
