"""Jobs as lines of CSV: documented columns, no patient data, nothing that a spreadsheet takes for a formula."""

from collections.abc import Mapping
from datetime import UTC, datetime

from hounsfield.daemon.logs import UidHasher, escape_controls
from hounsfield.storage.records import JobRecord

COLUMNS: dict[str, str] = {
    "job": "number of the job",
    "kind": "INFER, DELIVER or NOTIFY",
    "state": "where it stood",
    "outcome": "positive, negative or not_analysed; of INFER jobs",
    "reason": "coded reason, as docs/reasons.md explains it",
    "score": "of the deciding label, 0 to 1",
    "series": "keyed hash of the Series Instance UID, as in the log",
    "revision": "of the series",
    "part": "key of the reconstruction",
    "scanner": "AE title that sent the first image",
    "rule": "that took the series",
    "shadow": "1: analysed, and nothing sent",
    "bundle": "name of the model bundle",
    "bundle_version": "its version",
    "bundle_sha256": "what it was, exactly",
    "destination": "where its results went; of DELIVER and NOTIFY jobs",
    "proof": "none, sent or proven; of DELIVER jobs",
    "attempts": "how often it was begun",
    "priority": "as the rule gave it",
    "device": "on which the model ran",
    "created_at": "ISO 8601, UTC",
    "updated_at": "when it came to its state; ISO 8601, UTC",
    "seconds": "from the one to the other",
    "stages": "seconds of each stage of the last attempt: stage=seconds, separated by spaces",
}
"""Name and meaning, in their order. Later versions only add at the end."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def line(job: JobRecord, hasher: UidHasher) -> tuple[str, ...]:
    """Return the cells under :data:`COLUMNS`."""
    cells: Mapping[str, object] = {
        "job": job.id,
        "kind": job.kind.value,
        "state": job.state.value,
        "outcome": None if job.outcome is None else job.outcome.value,
        "reason": None if job.reason is None else job.reason.value,
        "score": job.score,
        "series": hasher(job.series_uid),
        "revision": job.revision,
        "part": job.part,
        "scanner": job.scanner,
        "rule": job.rule,
        "shadow": int(job.shadow),
        "bundle": job.bundle,
        "bundle_version": job.bundle_version,
        "bundle_sha256": job.bundle_sha256,
        "destination": job.destination,
        "proof": job.proof.value,
        "attempts": job.attempts,
        "priority": job.priority,
        "device": job.device,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "seconds": round((job.updated_at - job.created_at).total_seconds(), 3),
        "stages": " ".join(f"{stage}={seconds:.3f}" for stage, seconds in job.timings.items()),
    }
    return tuple(cell(cells[name]) for name in COLUMNS)


def cell(value: object) -> str:
    """Return a value as text; text that a spreadsheet would run as a formula gets an apostrophe before it.

    CWE-1236. Numbers are ours and stay as they are.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value)
    return escape_controls(f"'{text}" if text.startswith(_FORMULA) else text)
