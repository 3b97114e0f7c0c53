"""Stored scores for tests."""

from typing import Any

from hounsfield.storage.analysis_facts import ScoredJob
from hounsfield.storage.states import Outcome


def scored(number: int, score: float = 0.7, **changes: Any) -> ScoredJob:
    """Return the score of series ``number``, flagged from 0.5."""
    fields: dict[str, Any] = {
        "job_id": number,
        "series_id": number,
        "series_uid": f"1.2.{number}",
        "study_uid": f"1.3.{number}",
        "part": "",
        "bundle": "ich-demo",
        "bundle_version": "1.0.0",
        "shadow": False,
        "scanner": "CT1",
        "score": score,
        "threshold": 0.5,
        "outcome": Outcome.POSITIVE if score >= 0.5 else Outcome.NEGATIVE,
        "report_uid": None,
    }
    return ScoredJob(**fields | changes)
