"""Who asks a destination for proof: by storage commitment, or by C-FIND; each is asked again until it is sure."""

import secrets
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.delivery.address import AddressOf, PeerOf
from hounsfield.daemon.delivery.plugs import Lost, NotYet, ProofAnswer, Proven, Unobtainable
from hounsfield.daemon.delivery.proof.commitment import Request, Requested, request
from hounsfield.daemon.delivery.proof.decision import NOT_FOUND, Ask, judge, next_look
from hounsfield.daemon.delivery.proof.find import SeriesAtPeer, instances_at
from hounsfield.daemon.delivery.proof.reports import ReportDesk, TakeReport
from hounsfield.daemon.delivery.result_header import header_of
from hounsfield.daemon.delivery.retry import is_kept
from hounsfield.daemon.query.archive import QueryPeer, Unanswered
from hounsfield.storage.commitments import CommitmentStore
from hounsfield.storage.records import JobRecord, ObjectDelivery, ResultObject
from hounsfield.storage.results import ResultFiles

log = structlog.get_logger("hounsfield.proof")

SAME_ASSOCIATION_SECONDS = 1.0
"""How long our association stays open for a report. More would hold up the next result."""
GRACE = timedelta(minutes=1)
"""How long an object may be missing from what C-FIND finds: archives store first and index later."""

AskCommitment = Callable[[Request, TakeReport, Callable[[], bool], Callable[[], float], float], Requested]


class Deliveries(Protocol):
    """What a prover asks of the job store."""

    def delivered_objects(self, job_id: int) -> list[ObjectDelivery]:
        """Return what a DELIVER job has sent so far."""


def sent_at(jobs: Deliveries, job: JobRecord, kept: Sequence[ResultObject], now: datetime) -> datetime:
    """Return when the last of these objects was sent: ``now`` where one of them was sent in this very try."""
    times = {one.sop_instance_uid: one.at for one in jobs.delivered_objects(job.id) if is_kept(one.status)}
    return max((times.get(one.sop_instance_uid, now) for one in kept), default=now)


class CommitmentProver:
    """Proof by storage commitment. A :class:`~hounsfield.daemon.delivery.plugs.Prover`."""

    def __init__(
        self,
        *,
        address_of: AddressOf,
        commitments: CommitmentStore,
        desk: ReportDesk,
        jobs: Deliveries,
        clock: Clock,
        proof_hours: float,
        linger_seconds: float = SAME_ASSOCIATION_SECONDS,
        ask: AskCommitment = request,
    ) -> None:
        self._address_of = address_of
        self._commitments = commitments
        self._desk = desk
        self._jobs = jobs
        self._clock = clock
        self._patience = timedelta(hours=proof_hours)
        self._linger = linger_seconds
        self._ask = ask

    def prove(self, job: JobRecord, kept: Sequence[ResultObject], now: datetime) -> ProofAnswer:
        """See :class:`~hounsfield.daemon.delivery.plugs.Prover`."""
        since = sent_at(self._jobs, job, kept, now)
        step = self._judge(job, kept, since, now)
        if isinstance(step, Ask):
            self._request(job, kept, step, now)
            step = self._judge(job, kept, since, now)
        if isinstance(step, Ask):
            return NotYet(next_look(since, now))
        if isinstance(step, Lost):
            self._acted_upon(job, step, now)
        return step

    def _judge(self, job: JobRecord, kept: Sequence[ResultObject], since: datetime, now: datetime) -> ProofAnswer | Ask:
        wanted = [one.sop_instance_uid for one in kept]
        return judge(wanted, self._commitments.of_job(job.id), since, now, since + self._patience)

    def _request(self, job: JobRecord, kept: Sequence[ResultObject], step: Ask, now: datetime) -> None:
        address = self._address_of(job)
        if address is None:
            return
        if step.overdue:
            self._commitments.close(step.overdue, now)
        uid = f"2.25.{secrets.randbits(122)}"
        objects = [one for one in kept if one.sop_instance_uid in step.sop_instance_uids]
        self._commitments.open(uid, job.id, step.sop_instance_uids, now)  # before it is sent: see CommitmentStore.open
        asked = Request(address=address, transaction_uid=uid, objects=objects)
        requested = self._ask(
            asked, self._desk.take, lambda: self._is_answered(job, uid), self._clock.monotonic, self._linger
        )
        if not requested.is_accepted:
            status = None if requested.status is None else f"{requested.status:04X}"
            log.warning("storage commitment is not accepted", job=job.id, status=status, reason=requested.failure)
            self._commitments.close([uid], now)

    def _is_answered(self, job: JobRecord, transaction_uid: str) -> bool:
        return any(
            one.transaction_uid == transaction_uid and one.answered_at is not None
            for one in self._commitments.of_job(job.id)
        )

    def _acted_upon(self, job: JobRecord, lost: Lost, now: datetime) -> None:
        """What is missing will be sent again: what these transactions say of it is out of date then."""
        told = [
            one.transaction_uid
            for one in self._commitments.of_job(job.id)
            if not lost.failures.keys().isdisjoint(one.items)
        ]
        self._commitments.close(told, now)


class FindProver:
    """Proof by C-FIND. A :class:`~hounsfield.daemon.delivery.plugs.Prover`."""

    def __init__(
        self,
        *,
        peer_of: PeerOf,
        files: ResultFiles,
        jobs: Deliveries,
        clock: Clock,
        proof_hours: float,
        find: Callable[[QueryPeer, Sequence[SeriesAtPeer], Callable[[], float]], set[str]] = instances_at,
    ) -> None:
        self._peer_of = peer_of
        self._files = files
        self._jobs = jobs
        self._clock = clock
        self._patience = timedelta(hours=proof_hours)
        self._find = find

    def prove(self, job: JobRecord, kept: Sequence[ResultObject], now: datetime) -> ProofAnswer:
        """See :class:`~hounsfield.daemon.delivery.plugs.Prover`."""
        since = sent_at(self._jobs, job, kept, now)
        missing = self._missing(job, kept)
        if missing is not None and not missing:
            return Proven()
        if missing and now - since >= GRACE:
            return Lost(dict.fromkeys(missing, NOT_FOUND))
        if now >= since + self._patience:
            return Unobtainable()
        return NotYet(min(next_look(since, now), since + self._patience))

    def _missing(self, job: JobRecord, kept: Sequence[ResultObject]) -> list[str] | None:
        """Return what the destination does not find; None if it did not tell."""
        peer = self._peer_of(job)
        if peer is None:
            return None
        series: dict[tuple[str, str], list[str]] = defaultdict(list)
        for one in kept:
            header = header_of(self._files, one.sop_instance_uid)
            series[header.study_uid, header.series_uid].append(one.sop_instance_uid)
        wanted = [SeriesAtPeer(*key, tuple(uids)) for key, uids in series.items()]
        try:
            found = self._find(peer, wanted, self._clock.monotonic)
        except Unanswered as failure:
            log.warning("the destination does not tell what it keeps", job=job.id, reason=str(failure.why))
            return None
        return [one.sop_instance_uid for one in kept if one.sop_instance_uid not in found]
