"""Facts to be told, read from a real report of ours."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.reports import SERIES, request

from hounsfield.daemon.notifications.facts import ResultFacts
from hounsfield.daemon.notifications.report_reader import read_facts
from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.request import ReportRequest
from hounsfield.storage.records import JobRecord, ResultObject, StoredResultSet
from hounsfield.storage.states import JobKind, JobState, Outcome, Proof, ResultKind

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def notify_job(**changes: Any) -> JobRecord:
    values: dict[str, Any] = {
        "id": 7,
        "kind": JobKind.NOTIFY,
        "state": JobState.RUNNING,
        "series_id": 1,
        "series_uid": SERIES,
        "revision": 1,
        "bundle": "ich-demo",
        "bundle_version": "1.0.0",
        "bundle_sha256": "ab" * 32,
        "destination": "worklist",
        "result_set_id": 3,
        "outcome": None,
        "reason": None,
        "score": None,
        "device": None,
        "attempts": 1,
        "max_attempts": 2**31 - 1,
        "priority": 0,
        "proof": Proof.NONE,
        "available_at": NOON,
        "give_up_at": None,
        "lease_until": None,
        "worker": None,
        "created_at": NOON,
        "updated_at": NOON,
        "timings": {},
    }
    return JobRecord(**{**values, **changes})


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
