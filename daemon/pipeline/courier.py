"""The courier: sends finished result objects, byte for byte, and records how each fared. One thread a destination."""

import random
from collections.abc import Sequence
from datetime import datetime

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.delivery.address import address_of
from hounsfield.daemon.delivery.retry import (
    Complete,
    Decision,
    Discard,
    RetryLater,
    decide,
    decide_unknown,
    is_kept,
)
from hounsfield.daemon.delivery.scu import send
from hounsfield.daemon.pipeline.leases import LeaseKeeper
from hounsfield.storage.errors import StorageError
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import Claim, ObjectDelivery, StoredResultSet
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.states import JobKind, Proof, Reason

log = structlog.get_logger("hounsfield.courier")


class Courier:
    """Serves one destination; a PACS that is slow or down never delays another."""

    def __init__(
        self,
        *,
        name: str,
        destination: Destination,
        calling_ae: str,
        jobs: JobStore,
        files: ResultFiles,
        keeper: LeaseKeeper,
        clock: Clock,
        random_source: random.Random,
    ) -> None:
        self._name = name
        self._destination = destination
        self._calling_ae = calling_ae
        self._jobs = jobs
        self._files = files
        self._keeper = keeper
        self._clock = clock
        self._random = random_source

    def work_one(self) -> bool:
        """Deliver one result set; False when none is due."""
        claim = self._jobs.claim(
            [JobKind.DELIVER],
            self._name,
            self._keeper.lease,
            self._clock.now(),
            destinations=[self._destination.name],
        )
        if claim is None:
            return False
        try:
            with self._keeper.keep(claim):
                self._deliver(claim)
        except StorageError:
            raise  # the database is the only truth: the job comes back by its lease
        except Exception as error:
            # One result set must not stop the thread that serves this destination.
            log.exception("delivery failed", job=claim.job.id, error=type(error).__name__)
            now = self._clock.now()
            self._end(claim, decide_unknown(claim.job.attempts, now, claim.job.give_up_at, self._random), now)
        return True

    def _deliver(self, claim: Claim) -> None:
        result = self._jobs.result_set(claim.job.result_set_id or 0)
        if result is None or not self._intact(result):
            log.error("result files do not match what was stored", job=claim.job.id)
            self._jobs.discard(claim, Reason.RESULT_CHANGED, self._clock.now())
            return
        wanted = [obj.sop_instance_uid for obj in result.objects if obj.role in self._destination.results]
        if not wanted:
            log.error("the result set holds nothing this destination asks for", job=claim.job.id)
            self._jobs.discard(claim, Reason.NO_SUCH_RESULT, self._clock.now())
            return
        started = self._clock.monotonic()
        kept = {done.sop_instance_uid for done in self._jobs.delivered_objects(claim.job.id) if is_kept(done.status)}
        paths = [self._files.path(uid) for uid in wanted if uid not in kept]
        report = send(address_of(self._destination, self._calling_ae), paths)
        seconds = round(self._clock.monotonic() - started, 4)
        now = self._clock.now()
        objects = [
            ObjectDelivery(sop_instance_uid=sent.sop_instance_uid, status=sent.status, at=now) for sent in report.sent
        ]
        decision = decide(report, claim.job.attempts, now, claim.job.give_up_at, self._random)
        self._end(claim, decision, now, objects, seconds)

    def _end(
        self,
        claim: Claim,
        decision: Decision,
        now: datetime,
        objects: Sequence[ObjectDelivery] = (),
        seconds: float = 0.0,
    ) -> None:
        match decision:
            case Complete():
                self._jobs.complete_delivery(claim, objects, now, {"deliver": seconds}, Proof.SENT)
            case RetryLater(at=at, reason=reason):
                log.warning("delivery waits", destination=self._destination.name, job=claim.job.id, reason=str(reason))
                self._jobs.retry_later(claim, reason, at, now, objects=objects)
            case Discard(reason=reason):
                log.error("delivery given up", destination=self._destination.name, job=claim.job.id, reason=str(reason))
                self._jobs.discard(claim, reason, now, objects=objects)

    def _intact(self, result: StoredResultSet) -> bool:
        return all(self._files.verify(obj.sop_instance_uid, obj.sha256) for obj in result.objects)
