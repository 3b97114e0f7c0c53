"""The bookkeeping of a series, step by step, as receivers, workers and couriers do it; no pixels, no files."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hounsfield.storage.analysis_facts import AnalysisFacts
from hounsfield.storage.engine import Database
from hounsfield.storage.records import (
    AssociationEnd,
    AssociationRecord,
    Claim,
    DeliveryRequest,
    InferRequest,
    InstanceReceipt,
    ObjectDelivery,
    ResultObject,
    ResultSet,
    SeriesRecord,
    Verdict,
)
from hounsfield.storage.states import AssociationEnding, Completeness, InstanceRole, JobKind, Outcome, Proof

DESTINATION = "pacs"
BUNDLE = InferRequest(bundle="ich-demo", bundle_version="1.0.0", bundle_sha256="b" * 64, rule="head")
LEASE = timedelta(seconds=60)
BATCH = 16
"""Receipts in a transaction of a receiver: what comes within the few milliseconds that the first of them waits."""
_WHOLE = Verdict(completeness=Completeness.COMPLETE, evidence={"images": 300, "quiet_seconds": 5.0})


def moment() -> datetime:
    """Return the time of this host."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Lane:
    """Takes series through the stores. ``name`` keeps the UIDs of several lanes apart."""

    database: Database
    name: int
    scanner: str = "CT01"

    def uid(self, number: int) -> str:
        """Return the Series Instance UID of this lane's series ``number``."""
        return f"2.25.{self.name}{number:09d}"

    def receive(self, number: int, images: int) -> int:
        """Register a series in batches, with its association; return how many transactions it took."""
        uid, association = self.uid(number), f"{self.name:x}-{number:x}"
        opened = AssociationRecord(
            id=association,
            receiver=f"receiver-{self.name}",
            calling_ae=self.scanner,
            called_ae="HOUNSFIELD",
            peer_address="192.0.2.7",
            opened_at=moment(),
        )
        receipts = [self._receipt(uid, association, image) for image in range(1, images + 1)]
        ended = AssociationEnd(id=association, ending=AssociationEnding.RELEASED, at=moment())
        batches = list(cut(receipts, BATCH))
        for place, batch in enumerate(batches):
            self.database.series.record(
                [opened] if place == 0 else [], batch, [ended] if place == len(batches) - 1 else []
            )
        return len(batches)

    def _receipt(self, uid: str, association: str, image: int) -> InstanceReceipt:
        return InstanceReceipt(
            digest=hashlib.sha256(f"{uid} {image}".encode()).hexdigest(),
            sop_instance_uid=f"{uid}.{image}",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            series_uid=uid,
            study_uid=f"{uid}.0",
            transfer_syntax="1.2.840.10008.1.2.1",
            role=InstanceRole.SOURCE,
            calling_ae=self.scanner,
            called_ae="HOUNSFIELD",
            peer_address="192.0.2.7",
            association_id=association,
            received_at=moment(),
            size=524_288,
        )

    def close(self, number: int, priority: int = 0) -> SeriesRecord:
        """Freeze a series that was received, with one analysis."""
        found = self.database.series.find(self.uid(number))
        assert found is not None
        snapshot = [one.id for one in self.database.series.instances(found.id)]
        request = InferRequest(
            bundle=BUNDLE.bundle,
            bundle_version=BUNDLE.bundle_version,
            bundle_sha256=BUNDLE.bundle_sha256,
            rule=BUNDLE.rule,
            priority=priority,
        )
        assert self.database.series.close(found, snapshot, _WHOLE, [request], moment(), rule="head")
        return found

    def claim(self, kind: JobKind) -> Claim | None:
        """Take a job, as workers (INFER) and couriers (DELIVER) do."""
        destinations = None if kind is JobKind.INFER else [DESTINATION]
        return self.database.jobs.claim([kind], f"{kind}-{self.name}", LEASE, moment(), destinations)

    def step(self, claim: Claim) -> None:
        """Tell the job log of a step, as a worker does before it writes results."""
        self.database.jobs.record_progress(claim, "preprocess", 0.5, moment())

    def finish(self, claim: Claim) -> None:
        """End an analysis with its result set and one delivery."""
        now = moment()
        request = DeliveryRequest(
            destination=DESTINATION, give_up_at=now + timedelta(days=7), priority=claim.job.priority
        )
        facts = AnalysisFacts(scanner=self.scanner, scores={"ich": 0.1}, inputs={"slices": 300, "spacing_mm": 0.6})
        timings = {"decode": 0.4, "preprocess": 0.6, "infer": 1.5, "report": 0.5}
        assert self.database.jobs.complete_infer(claim, result_of(claim), [request], now, timings, facts)

    def delivered(self, claim: Claim) -> None:
        """End a delivery with its proof."""
        now = moment()
        names = [one.sop_instance_uid for one in result_of(claim).objects]
        sent = [ObjectDelivery(sop_instance_uid=name, status=0, at=now, proven_at=now) for name in names]
        assert self.database.jobs.complete_delivery(claim, sent, now, {"send": 0.3}, Proof.PROVEN)

    def drain(self) -> None:
        """Take whatever is due to its end."""
        while claim := self.claim(JobKind.INFER):
            self.finish(claim)
        while claim := self.database.jobs.claim([JobKind.DELIVER], "courier", LEASE, moment()):
            self.delivered(claim)


def result_of(claim: Claim) -> ResultSet:
    """Return a report and a capture, named after the job's series."""
    uid = f"{claim.job.series_uid}.9{claim.job.revision}"
    return ResultSet(
        identity=hashlib.sha256(uid.encode()).hexdigest(),
        outcome=Outcome.NEGATIVE,
        reason=None,
        score=0.1,
        device="/device:GPU:0",
        objects=(
            ResultObject(role="sr", sop_class_uid="1.2", sop_instance_uid=f"{uid}.1", sha256="2" * 64, size=12_000),
            ResultObject(role="sc", sop_class_uid="1.3", sop_instance_uid=f"{uid}.2", sha256="3" * 64, size=900_000),
        ),
        detail={"threshold": 0.5, "slice_scores": [round(0.003 * slice_ % 1, 3) for slice_ in range(300)]},
    )


def cut(rows: Sequence[InstanceReceipt], size: int) -> Iterator[Sequence[InstanceReceipt]]:
    """Yield ``rows`` in pieces."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
