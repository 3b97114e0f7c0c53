"""The messenger: tells people and worklists of outcomes, and records what they answered. One thread a [[notify]]."""

import random
from datetime import datetime

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.destinations import Notifier
from hounsfield.daemon.delivery.retry import Complete, Discard, RetryLater, decide_unknown
from hounsfield.daemon.notifications.answers import Refused, Sender, decide, detail_of
from hounsfield.daemon.notifications.facts import ResultFacts
from hounsfield.daemon.notifications.report_reader import read_facts, report_of
from hounsfield.daemon.pipeline.job_lines import JobLines
from hounsfield.daemon.pipeline.leases import LeaseKeeper
from hounsfield.daemon.pipeline.refusals import FOR_GOOD, refusals_before
from hounsfield.storage.errors import StorageError
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import Claim, ResultObject, StoredResultSet
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.states import JobKind, Proof, Reason, ResultKind

log = structlog.get_logger("hounsfield.messenger")


class Messenger:
    """Serves one receiver of notifications; one that hangs delays neither another nor any delivery."""

    def __init__(
        self,
        *,
        name: str,
        notifier: Notifier,
        sender: Sender,
        jobs: JobStore,
        files: ResultFiles,
        keeper: LeaseKeeper,
        clock: Clock,
        random_source: random.Random,
        lines: JobLines,
    ) -> None:
        self._name = name
        self._notifier = notifier
        self._sender = sender
        self._jobs = jobs
        self._files = files
        self._keeper = keeper
        self._clock = clock
        self._random = random_source
        self._lines = lines

    @property
    def notifier(self) -> str:
        """Name of whom it tells."""
        return self._notifier.name

    def work_one(self) -> bool:
        """Tell of one result; False when none is due."""
        claim = self._jobs.claim(
            [JobKind.NOTIFY], self._name, self._keeper.lease, self._clock.now(), destinations=[self._notifier.name]
        )
        if claim is None:
            return False
        with self._lines.about(claim):
            self._work(claim)
            self._lines.ended(claim)
        return True

    def _work(self, claim: Claim) -> None:
        try:
            with self._keeper.keep(claim):
                self._tell(claim)
        except StorageError:
            raise  # the database is the only truth: the job comes back by its lease
        except Exception as error:
            # One result must not stop the thread that tells of all others.
            log.exception("notification failed", job=claim.job.id, error=type(error).__name__)
            self._later(claim)

    def _tell(self, claim: Claim) -> None:
        facts = self._facts(claim)
        if isinstance(facts, Reason):
            log.error("nothing can be told of a result", job=claim.job.id, reason=str(facts))
            self._jobs.discard(claim, facts, self._clock.now())
            return
        started = self._clock.monotonic()
        answer = self._sender.send(facts)
        seconds = round(self._clock.monotonic() - started, 4)
        now, detail, refusals = self._clock.now(), detail_of(answer), 0
        if isinstance(answer, Refused):
            detail[FOR_GOOD], refusals = True, refusals_before(self._jobs, claim.job.id) + 1
        match decide(answer, claim.job.attempts, now, claim.job.give_up_at, self._random, refusals):
            case Complete():
                self._jobs.complete_delivery(claim, (), now, {"notify": seconds}, Proof.SENT)
            case RetryLater(at=at, reason=reason):
                log.warning("notification waits", notify=self._notifier.name, job=claim.job.id, reason=str(reason))
                self._jobs.retry_later(claim, reason, at, now, detail)
            case Discard(reason=reason):
                log.error("notification given up", notify=self._notifier.name, job=claim.job.id, reason=str(reason))
                self._jobs.discard(claim, reason, now, detail)

    def _facts(self, claim: Claim) -> ResultFacts | Reason:
        """Return what there is to tell, or why there is nothing; the bytes are those that were stored."""
        result = self._jobs.result_set(claim.job.result_set_id or 0)
        report = None if result is None else self._report(result)
        if result is None or report is None:
            return Reason.NO_SUCH_RESULT
        if not self._files.verify(report.sop_instance_uid, report.sha256):
            return Reason.RESULT_CHANGED
        return read_facts(self._files.path(report.sop_instance_uid), claim.job, result)

    def _report(self, result: StoredResultSet) -> ResultObject | None:
        """Return the report of a result set; a retraction without one is told with the report it takes back."""
        report = report_of(result)
        if report is None and result.kind is ResultKind.RETRACTION and result.replaces is not None:
            replaced = self._jobs.result_set(result.replaces)
            return None if replaced is None else report_of(replaced)
        return report

    def _later(self, claim: Claim) -> None:
        now: datetime = self._clock.now()
        match decide_unknown(claim.job.attempts, now, claim.job.give_up_at, self._random):
            case RetryLater(at=at, reason=reason):
                self._jobs.retry_later(claim, reason, at, now)
            case Discard(reason=reason):
                self._jobs.discard(claim, reason, now)
