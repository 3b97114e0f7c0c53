"""Brings back jobs whose worker died or hung: another attempt, or the dead letter with its not-analysed report.

A crashed model must not leave silence in the PACS, so an INFER job that is given up is reported without the model
and without decoding its pixels again.
"""

from functools import partial

import structlog

from hounsfield.daemon.bundles.shelf import BundleShelf
from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.pipeline.attempts import pause_before_next
from hounsfield.daemon.pipeline.destinations import requests_of
from hounsfield.daemon.pipeline.evidence import open_snapshot, undecoded_evidence
from hounsfield.daemon.pipeline.job_lines import JobLines
from hounsfield.daemon.pipeline.reporting import Reporter
from hounsfield.model.findings import Analysis, Rejection
from hounsfield.storage.errors import StorageError
from hounsfield.storage.ports import JobStore, SeriesStore
from hounsfield.storage.records import Claim, ResultSet
from hounsfield.storage.spool_files import SpoolFiles
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
        spool: SpoolFiles,
        reporter: Reporter,
        shelf: BundleShelf,
        clock: Clock,
        lines: JobLines,
    ) -> None:
        self._settings = settings
        self._series = series
        self._jobs = jobs
        self._spool = spool
        self._reporter = reporter
        self._shelf = shelf
        self._clock = clock
        self._lines = lines

    def tick(self) -> int:
        """Deal with every job whose lease is over; return how many there were."""
        expired = self._jobs.expired(self._clock.now())
        for claim in expired:
            with self._lines.about(claim):
                self._bring_back(claim)
        return len(expired)

    def _bring_back(self, claim: Claim) -> None:
        log.warning("lease expired", kind=str(claim.job.kind), attempt=claim.job.attempts)
        try:
            self.failed(claim, Reason.LEASE_EXPIRED, gave_up=Reason.MODEL_CRASHED)
        except Exception as error:
            # Its short lease runs out and it comes back; the other lost jobs do not wait for that.
            log.exception("a lost job could not be brought back yet", error=type(error).__name__)

    def failed(self, claim: Claim, reason: Reason, gave_up: Reason) -> None:
        """Give the job another attempt, or, after its last one, end it as not analysed because of ``gave_up``."""
        job = claim.job
        now = self._clock.now()
        most = job.max_attempts if job.kind is JobKind.INFER else job.attempts + 1
        pause = pause_before_next(job.attempts, most)
        if pause is None:
            self.give_up(claim, gave_up)
        else:
            self._jobs.retry_later(claim, reason, now + pause, now)

    def give_up(self, claim: Claim, reason: Reason) -> None:
        """DISCARDED, with a not-analysed result and its DELIVER jobs in the same transaction.

        Where no report can be built (no image of the series can be read any more) the job ends without one and the
        series is held, so that a person sees it. Raises StorageError only: then the job comes back by its lease.
        """
        job = claim.job
        bundle = self._shelf.for_report(job.bundle or "", job.bundle_sha256 or "")
        snapshot = open_snapshot(self._series, self._spool, job)
        evidence = undecoded_evidence(snapshot)
        if not evidence.sources:
            self._give_up_without_report(claim, reason, evidence.identity, Reason.UNREADABLE)
            return
        analysis = Analysis(rejection=Rejection.UNREADABLE, remarks=snapshot.remarks)
        try:
            result = self._reporter.report(job, bundle, analysis, evidence, reason)
        except StorageError:
            raise
        except Exception as error:
            log.exception("no report can be built", job=job.id, error=type(error).__name__)
            self._give_up_without_report(claim, reason, evidence.identity, Reason.INTERNAL)
            return
        now = self._clock.now()
        requests = requests_of(self._settings, bundle.manifest, job, Outcome.NOT_ANALYSED, now)
        publish = partial(self._reporter.publish, result.objects)
        if not self._jobs.discard_infer(claim, reason, result, requests, now, publish):
            self._reporter.drop(result.objects)
            return
        log.error("job given up; reported as not analysed", job=job.id, reason=str(reason))
        self._lines.ended(claim)

    def _give_up_without_report(self, claim: Claim, reason: Reason, identity: str, hold: Reason) -> None:
        job, now = claim.job, self._clock.now()
        remark = "No report could be built, so nothing was sent."
        result = ResultSet(
            identity=identity,
            outcome=Outcome.NOT_ANALYSED,
            reason=reason,
            score=None,
            device=None,
            objects=(),
            detail={"remarks": [remark]},
        )
        if not self._jobs.discard_infer(claim, reason, result, (), now):
            return
        log.error("ALARM: a series ended without a report; it is held for a person", job=job.id, reason=str(hold))
        series = self._series.get(job.series_id)
        if series is not None and series.revision == job.revision:  # a later revision gets a report of its own
            self._series.hold(series, hold, now, (remark,))
        self._lines.ended(claim)
