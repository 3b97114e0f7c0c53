"""The courier: sends finished result objects, byte for byte, and records how each fared. One thread a destination.

A job stays open until its objects are stored and, where the destination wants proof, proven.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.delivery.breaker import Circuit
from hounsfield.daemon.delivery.plugs import (
    Lost,
    NotYet,
    PatientCheck,
    Proven,
    Prover,
    Transport,
    Unobtainable,
)
from hounsfield.daemon.delivery.retry import (
    Complete,
    Decision,
    Discard,
    RetryLater,
    decide,
    decide_lost,
    decide_unknown,
    is_refused_for_good,
    lost_status,
)
from hounsfield.daemon.delivery.scu import SendReport
from hounsfield.daemon.delivery.shipment import Shipment, shipment_of
from hounsfield.daemon.errors import DeliveryError
from hounsfield.daemon.pipeline.job_lines import JobLines
from hounsfield.daemon.pipeline.leases import LeaseKeeper
from hounsfield.daemon.pipeline.refusals import refusal_detail, refusals_before
from hounsfield.storage.errors import StorageError
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import Claim, ObjectDelivery, ResultObject
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.states import JobKind, Proof, Reason

OVERDUE_EVERY = timedelta(minutes=15)

log = structlog.get_logger("hounsfield.courier")


class Courier:
    """Serves one destination; a PACS that is slow or down never delays another."""

    def __init__(
        self,
        *,
        name: str,
        destination: Destination,
        transport: Transport,
        prover: Prover | None,
        patient_check: PatientCheck | None,
        breaker: Circuit,
        jobs: JobStore,
        files: ResultFiles,
        keeper: LeaseKeeper,
        clock: Clock,
        random_source: random.Random,
        lines: JobLines,
    ) -> None:
        self._name = name
        self._destination = destination
        self._transport = transport
        self._prover = prover
        self._patient_check = patient_check
        self._breaker = breaker
        self._jobs = jobs
        self._files = files
        self._keeper = keeper
        self._clock = clock
        self._random = random_source
        self._lines = lines
        self._look_for_overdue_at = clock.now()

    @property
    def destination(self) -> str:
        """Name of what it serves."""
        return self._destination.name

    def work_one(self) -> bool:
        """Deliver one result set; False when none is due, or the destination is out of reach."""
        if not self._breaker.may_send():
            return self._give_up_one()
        claim = self._jobs.claim(
            [JobKind.DELIVER],
            self._name,
            self._keeper.lease,
            self._clock.now(),
            destinations=[self._destination.name],
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
                self._deliver(claim)
        except StorageError:
            raise  # the database is the only truth: the job comes back by its lease
        except Exception as error:
            # One result set must not stop the thread that serves this destination.
            log.exception("delivery failed", job=claim.job.id, error=type(error).__name__)
            now = self._clock.now()
            self._put_off(claim, decide_unknown(claim.job.attempts, now, claim.job.give_up_at, self._random), now)

    def _give_up_one(self) -> bool:
        """End a job whose time is over though the destination never came back; False when there is none.

        Looks once in a while: there may be thousands of jobs.
        """
        now = self._clock.now()
        if now < self._look_for_overdue_at:
            return False
        claim = self._jobs.claim_overdue(self._destination.name, self._name, self._keeper.lease, now)
        if claim is None:
            self._look_for_overdue_at = now + OVERDUE_EVERY
            return False
        with self._lines.about(claim):
            self._put_off(claim, Discard(Reason.DEADLINE), now)
            self._lines.ended(claim)
        return True

    def _deliver(self, claim: Claim) -> None:
        shipment = self._shipment(claim)
        if shipment is None or not self._intact(shipment.missing):
            log.error("result files do not match what was stored", job=claim.job.id)
            self._jobs.discard(claim, Reason.RESULT_CHANGED, self._clock.now())
        elif not shipment.wanted:
            log.error("the result set holds nothing this destination asks for", job=claim.job.id)
            self._jobs.discard(claim, Reason.NO_SUCH_RESULT, self._clock.now())
        elif shipment.missing:
            self._send(claim, shipment.missing)
        else:
            self._prove(claim, shipment.kept, (), claim.job.timings)

    def _shipment(self, claim: Claim, sent: Sequence[ObjectDelivery] = ()) -> Shipment | None:
        """Return how far the job is, ``sent`` included; None if its result set is not there."""
        result = self._jobs.result_set(claim.job.result_set_id or 0)
        if result is None:
            return None
        return shipment_of(result, self._destination, self._delivered(claim, sent))

    def _kept(self, claim: Claim, sent: Sequence[ObjectDelivery]) -> Sequence[ResultObject]:
        """Return what the destination has by now, as far as anybody asks."""
        shipment = None if self._prover is None else self._shipment(claim, sent)
        return () if shipment is None else shipment.kept

    def _delivered(self, claim: Claim, sent: Sequence[ObjectDelivery]) -> list[ObjectDelivery]:
        """Return the latest answer for each object, ``sent`` being newer than what is stored."""
        stored = self._jobs.delivered_objects(claim.job.id)
        return list({one.sop_instance_uid: one for one in (*stored, *sent)}.values())

    def _send(self, claim: Claim, missing: Sequence[ResultObject]) -> None:
        if not self._is_still_the_patient(claim, missing):
            return
        started = self._clock.monotonic()
        report = self._transport.send(claim.job, missing)
        timings = {"deliver": round(self._clock.monotonic() - started, 4)}
        self._breaker.note(report.failure)
        now = self._clock.now()
        sent = [ObjectDelivery(sop_instance_uid=one.sop_instance_uid, status=one.status, at=now) for one in report.sent]
        refusals = refusals_before(self._jobs, claim.job.id) + 1 if is_refused_for_good(report) else 0
        decision = decide(report, claim.job.attempts, now, claim.job.give_up_at, self._random, refusals)
        if not isinstance(decision, Complete):
            self._put_off(claim, decision, now, sent, report)
            return
        self._prove(claim, self._kept(claim, sent), sent, timings)

    def _is_still_the_patient(self, claim: Claim, missing: Sequence[ResultObject]) -> bool:
        """Whether sending may go on; where not, the job is held or put off."""
        if self._patient_check is None:
            return True
        try:
            changed = self._patient_check.has_changed(claim.job, missing)
        except DeliveryError:
            # Whoever answers such questions may be another than who stores: only several in a row count as away.
            silence = SendReport(failure=Failure.BROKEN_OFF)
            self._breaker.note(silence.failure)
            now = self._clock.now()
            self._put_off(claim, decide(silence, claim.job.attempts, now, claim.job.give_up_at, self._random), now)
            return False
        if changed:
            log.error("the destination has another patient for the study", job=claim.job.id)
            self._jobs.hold_delivery(claim, Reason.PATIENT_CHANGED, self._clock.now())
        return not changed

    def _prove(
        self, claim: Claim, kept: Sequence[ResultObject], sent: Sequence[ObjectDelivery], timings: dict[str, float]
    ) -> None:
        """End a job whose objects are all stored, or ask again later."""
        now = self._clock.now()
        if self._prover is None:
            self._jobs.complete_delivery(claim, sent, now, timings, Proof.SENT)
            return
        answer = self._prover.prove(claim.job, kept, now)
        now = self._clock.now()
        match answer:
            case Proven():
                uids = {one.sop_instance_uid for one in kept}
                proven = [
                    replace(one, proven_at=now) if one.sop_instance_uid in uids else one
                    for one in self._delivered(claim, sent)
                ]
                self._jobs.complete_delivery(claim, proven, now, timings, Proof.PROVEN)
            case Unobtainable():
                self._jobs.complete_delivery(claim, sent, now, timings, Proof.SENT, Reason.NO_PROOF)
            case NotYet(ask_again_at=at):
                self._jobs.retry_later(claim, Reason.AWAITING_PROOF, at, now, objects=sent)
            case Lost(failures=failures):
                lost = [
                    ObjectDelivery(sop_instance_uid=uid, status=lost_status(failure), at=now)
                    for uid, failure in failures.items()
                ]
                decision = decide_lost(claim.job.attempts, now, claim.job.give_up_at, self._random)
                self._put_off(claim, decision, now, [*sent, *lost])

    def _put_off(
        self,
        claim: Claim,
        decision: Decision,
        now: datetime,
        objects: Sequence[ObjectDelivery] = (),
        report: SendReport | None = None,
    ) -> None:
        detail = None if report is None else refusal_detail(report)
        match decision:
            case RetryLater(at=at, reason=reason):
                log.warning("delivery waits", destination=self._destination.name, job=claim.job.id, reason=str(reason))
                self._jobs.retry_later(claim, reason, at, now, detail, objects)
            case Discard(reason=reason):
                log.error("delivery given up", destination=self._destination.name, job=claim.job.id, reason=str(reason))
                self._jobs.discard(claim, reason, now, detail, objects)

    def _intact(self, objects: Sequence[ResultObject]) -> bool:
        return all(self._files.verify(one.sop_instance_uid, one.sha256) for one in objects)
