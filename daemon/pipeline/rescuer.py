"""Brings back jobs whose worker died or hung: another attempt, or the dead letter with its not-analysed report.

A crashed model must not leave silence in the PACS, so an INFER job that is given up is reported without the model
and without decoding its pixels again.
"""

from datetime import timedelta

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.pipeline.bundles import BundleShelf
from hounsfield.daemon.pipeline.destinations import deliveries
from hounsfield.daemon.pipeline.evidence import open_snapshot, undecoded_evidence
from hounsfield.daemon.pipeline.reporting import Reporter
from hounsfield.model.findings import Analysis, Rejection
from hounsfield.storage.ports import JobStore, SeriesStore
from hounsfield.storage.records import Claim
from hounsfield.storage.spool import Spool
from hounsfield.storage.states import JobKind, Outcome, Reason

log = structlog.get_logger("hounsfield.rescuer")


class Rescuer:
    """Runs beside the assembler; also used by the worker when an attempt raised."""

    def __init__(
        self,
        *,
        settings: Settings,
        series: SeriesStore,
        jobs: JobStore,
        spool: Spool,
        reporter: Reporter,
        shelf: BundleShelf,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._series = series
        self._jobs = jobs
        self._spool = spool
        self._reporter = reporter
        self._shelf = shelf
        self._clock = clock

    def tick(self) -> int:
        """Deal with every job whose lease is over; return how many there were."""
        expired = self._jobs.expired(self._clock.now())
        for claim in expired:
            log.warning("lease expired", job=claim.job.id, kind=str(claim.job.kind), attempt=claim.job.attempts)
            self.failed(claim, Reason.LEASE_EXPIRED, gave_up=Reason.MODEL_CRASHED)
        return len(expired)

    def failed(self, claim: Claim, reason: Reason, gave_up: Reason) -> None:
        """Give the job another attempt, or, after its last one, end it as not analysed because of ``gave_up``."""
        job = claim.job
        now = self._clock.now()
        if job.kind is not JobKind.INFER or job.attempts < job.max_attempts:
            pause = timedelta(seconds=min(2.0 ** max(job.attempts - 1, 0), 30.0))
            self._jobs.retry_later(claim, reason, now + pause, now)
        else:
            self.give_up(claim, gave_up)

    def give_up(self, claim: Claim, reason: Reason) -> None:
        """DISCARDED, with a not-analysed result and its DELIVER jobs in the same transaction."""
        job = claim.job
        bundle = self._shelf.for_report(job.bundle or "", job.bundle_sha256 or "")
        snapshot = open_snapshot(self._series, self._spool, job)
        analysis = Analysis(rejection=Rejection.UNREADABLE)
        result = self._reporter.report(job, bundle, analysis, undecoded_evidence(snapshot), reason)
        now = self._clock.now()
        requests = deliveries(self._settings.destination, bundle.manifest, Outcome.NOT_ANALYSED, now)
        self._jobs.discard_infer(claim, reason, result, requests, now)
        log.error("job given up; reported as not analysed", job=job.id, reason=str(reason))
