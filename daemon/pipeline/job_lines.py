"""The log of the service about jobs: whose job every line is about, and one line that tells all of a job at its end."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice

import structlog

from hounsfield.daemon.logs import UidHasher
from hounsfield.storage.ports import JobStore, SeriesStore
from hounsfield.storage.records import Claim, JobRecord
from hounsfield.storage.states import JobState, Proof

log = structlog.get_logger("hounsfield.jobs")

MOST_ASSOCIATIONS = 3
"""Some scanners open one for each image: a line names the first of them, and how many there were."""


class JobLines:
    """For any number of threads. Lines hold keyed hashes in place of UIDs."""

    def __init__(self, jobs: JobStore, series: SeriesStore, hasher: UidHasher) -> None:
        self._jobs = jobs
        self._series = series
        self._hasher = hasher

    @contextmanager
    def about(self, claim: Claim) -> Iterator[None]:
        """Let every line that this thread logs within the block name the job and its series."""
        with structlog.contextvars.bound_contextvars(job=claim.job.id, series=self._hasher(claim.job.series_uid)):
            yield

    def ended(self, claim: Claim) -> None:
        """Tell all of a job that has ended, or waits for a person, by this claim; nothing of one that goes on.

        Raise StorageError.
        """
        job = self._jobs.get(claim.job.id)
        if job is None or job.attempts != claim.job.attempts or not (job.state.is_final or job.state is JobState.HELD):
            return
        log.info("job ended", **self._facts(job, claim))

    def _facts(self, job: JobRecord, claim: Claim) -> dict[str, object]:
        facts: dict[str, object] = {
            "job": job.id,
            "series": self._hasher(job.series_uid),
            **self._associations(job.series_id),
            "kind": job.kind,
            "scanner": job.scanner,
            "revision": job.revision,
            "attempt": job.attempts,
            "state": job.state,
            "outcome": job.outcome,
            "reason": job.reason,
            "bundle": f"{job.bundle} {job.bundle_version}" if job.bundle else None,
            "device": job.device,
            "destination": job.destination,
            "proof": None if job.proof is Proof.NONE else job.proof,
            "wait_seconds": _seconds(claim.job.updated_at.timestamp() - claim.job.available_at.timestamp()),
            **_stages(job.timings),
            "total_seconds": _seconds(job.updated_at.timestamp() - job.created_at.timestamp()),
        }
        return {key: value for key, value in facts.items() if value not in (None, "")}

    def _associations(self, series_id: int) -> Mapping[str, object]:
        """The same ids as in the receiver's lines."""
        ids = [one.id for one in self._series.associations(series_id)]
        named: dict[str, object] = {"association": ", ".join(islice(ids, MOST_ASSOCIATIONS))}
        return {**named, "associations": len(ids)} if len(ids) > MOST_ASSOCIATIONS else named


def _stages(timings: Mapping[str, float]) -> dict[str, object]:
    return {f"{stage}_seconds": _seconds(seconds) for stage, seconds in timings.items()}


def _seconds(seconds: float) -> float:
    return round(max(seconds, 0.0), 3)
