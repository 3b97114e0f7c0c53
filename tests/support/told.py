"""Facts to be told, read from a real report of ours."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.reports import SERIES, request
from support.rows import job_row

from hounsfield.daemon.notifications.facts import ResultFacts
from hounsfield.daemon.notifications.report_reader import read_facts
from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.request import ReportRequest
from hounsfield.storage.records import JobRecord, ResultObject, StoredResultSet
from hounsfield.storage.states import JobKind, JobState, Outcome, ResultKind

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def notify_job(**changes: Any) -> JobRecord:
    """Return a RUNNING NOTIFY job in its first attempt, created at noon."""
    fields: dict[str, Any] = {
        "id": 7,
        "kind": JobKind.NOTIFY,
        "state": JobState.RUNNING,
        "series_uid": SERIES,
        "destination": "worklist",
        "result_set_id": 3,
        "attempts": 1,
        **dict.fromkeys(("available_at", "created_at", "updated_at"), NOON),
    }
    return job_row(**fields | changes)


def result_of(asked: ReportRequest, *objects: ResultObject, kind: ResultKind = ResultKind.ANALYSIS) -> StoredResultSet:
    return StoredResultSet(
        identity=asked.identity,
        outcome=asked.outcome,
        reason=asked.reason,
        score=asked.leading.score if asked.leading else None,
        device=None,
        objects=objects,
        kind=kind,
        id=3,
        job_id=5,
        series_id=1,
        revision=1,
        created_at=NOON,
    )


def facts_of(
    folder: Path,
    outcome: Outcome = Outcome.POSITIVE,
    *,
    kind: ResultKind = ResultKind.ANALYSIS,
    asked: ReportRequest | None = None,
    **changes: Any,
) -> ResultFacts:
    """Return the facts of a report; ``changes`` are fields of its request."""
    chosen = asked or request(outcome, **changes)
    (report,) = build(chosen, ("sr",))
    file = folder / "report.dcm"
    file.write_bytes(report.content)
    return read_facts(file, notify_job(), result_of(chosen, kind=kind))
