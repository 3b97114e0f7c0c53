"""Facts about analyses for tests: of a scanner that is as it was, or has changed."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Table, func, insert, select

from hounsfield.storage.analysis_facts import FactRecord, Pair
from hounsfield.storage.engine import Database
from hounsfield.storage.states import JobKind, JobState, Outcome, Proof, SeriesState
from hounsfield.storage.tables import analysis_fact, job, result_set, series

START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
SCANNER = "CT1 / ACME / One / S1"
SHA = "b" * 64
THRESHOLD = 0.5


def when(number: int) -> datetime:
    """Return the time of an analysis: four an hour."""
    return START + timedelta(minutes=15 * number)


def fact(number: int, rng: np.random.Generator, **changes: Any) -> FactRecord:
    """Return one analysis of a stable scanner; ``changes`` are inputs, or ``shift`` of the score."""
    moved = changes.pop("shift", 0.0)
    score = float(np.clip(rng.beta(1, 6) + moved, 0, 1))
    inputs: dict[str, Any] = {
        "hu_median": round(float(rng.normal(34, 2)), 1),
        "hu_spread": round(float(rng.normal(9, 1)), 2),
        "noise_hu": round(float(rng.normal(4, 0.4)), 2),
        "bone_share": round(float(rng.normal(0.15, 0.02)), 4),
        "thickness_mm": float(rng.choice([5.0, 1.25], p=[0.9, 0.1])),
        "step_mm": 5.0,
        "pixel_mm": round(float(rng.normal(0.45, 0.02)), 3),
        "slices": int(rng.integers(26, 38)),
        "tilt_degrees": int(rng.choice([0, 12, 15, 18], p=[0.7, 0.1, 0.1, 0.1])),
        "lossy": False,
        "kernel": "H31S",
    }
    return FactRecord(
        job_id=number,
        at=when(number),
        scanner=SCANNER,
        outcome=Outcome.POSITIVE if score >= THRESHOLD else Outcome.NEGATIVE,
        scores={"ich": score, "sdh": float(rng.beta(1, 9))},
        inputs=inputs | changes,
    )


def facts(count: int, *, first: int = 1, seed: int = 0, **changes: Any) -> list[FactRecord]:
    """Return analyses one after the other."""
    rng = np.random.default_rng(seed)
    return [fact(number, rng, **changes) for number in range(first, first + count)]


def pair_of(found: Iterable[FactRecord]) -> Pair:
    """Return the pair that these analyses are of."""
    rows = list(found)
    return Pair(
        bundle="ich-demo",
        bundle_version="1.0.0",
        bundle_sha256=SHA,
        scanner=SCANNER,
        analyses=len(rows),
        first_at=rows[0].at,
        last_at=rows[-1].at,
    )


def store(
    database: Database,
    found: Iterable[FactRecord],
    *,
    scanner: str = SCANNER,
    version: str = "1.0.0",
    sha256: str = SHA,
    shadow: bool = False,
    begin: datetime | None = None,
    uid: Callable[[int], str] = lambda number: f"1.2.{number}",
) -> None:
    """Write analyses into a SQLite database with the least rows around them: series, job and result, alike numbered."""
    rows = list(found)
    offset = timedelta() if begin is None else begin - rows[0].at
    with database.transactions.write() as connection:
        base = connection.execute(select(func.coalesce(func.max(job.c.id), 0))).scalar_one()
        tables: dict[Table, list[dict[str, Any]]] = {series: [], job: [], result_set: [], analysis_fact: []}
        for number, one in enumerate(rows, start=base + 1):
            at = one.at + offset
            tables[series].append({"id": number, **_series(uid(one.job_id), at)})
            tables[job].append({"id": number, **_job(number, one, at, version, sha256, shadow)})
            tables[result_set].append({"id": number, **_result(number, one, at)})
            tables[analysis_fact].append(_fact(number, one, at, version, sha256, scanner))
        for table, values in tables.items():
            connection.execute(insert(table), values)


def _fact(number: int, one: FactRecord, at: datetime, version: str, sha256: str, scanner: str) -> dict[str, Any]:
    return {
        "job_id": number,
        "at": at,
        "bundle": "ich-demo",
        "bundle_version": version,
        "bundle_sha256": sha256,
        "scanner": scanner,
        "outcome": one.outcome,
        "scores": [list(item) for item in one.scores.items()],
        "inputs": dict(one.inputs),
    }


def _series(series_uid: str, at: datetime) -> dict[str, Any]:
    times = dict.fromkeys(("first_received_at", "last_received_at", "touched_at", "receiving_since", "closed_at"), at)
    return {
        "series_uid": series_uid,
        "study_uid": f"{series_uid}.9",
        "state": SeriesState.CLOSED,
        "revision": 1,
        **times,
    }


def _job(number: int, one: FactRecord, at: datetime, version: str, sha256: str, shadow: bool) -> dict[str, Any]:
    return {
        "kind": JobKind.INFER,
        "state": JobState.COMPLETED,
        "series_id": number,
        "result_set_id": number,
        "revision": 1,
        "bundle": "ich-demo",
        "bundle_version": version,
        "bundle_sha256": sha256,
        "outcome": one.outcome,
        "score": one.scores["ich"],
        "max_attempts": 3,
        "proof": Proof.NONE,
        "shadow": shadow,
        **dict.fromkeys(("available_at", "created_at", "updated_at"), at),
    }


def _result(number: int, one: FactRecord, at: datetime) -> dict[str, Any]:
    return {
        "job_id": number,
        "series_id": number,
        "revision": 1,
        "bundle": "ich-demo",
        "identity": "1" * 64,
        "outcome": one.outcome,
        "score": one.scores["ich"],
        "detail": {"threshold": THRESHOLD},
        "created_at": at,
    }
