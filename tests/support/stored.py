"""What storage tests store: receipts, requests and results with plain values that a test may replace."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from support.recording import register

from hounsfield.storage.engine import Database
from hounsfield.storage.records import (
    AssociationRecord,
    Claim,
    DeliveryRequest,
    InferRequest,
    InstanceReceipt,
    ResultObject,
    ResultSet,
    SeriesRecord,
    Verdict,
)
from hounsfield.storage.spool import digest_of
from hounsfield.storage.states import Completeness, InstanceRole, JobKind, Outcome, Reason

T = TypeVar("T")
T0 = datetime(2026, 11, 22, 8, 0, 0, 123456, tzinfo=UTC)
LEASE = timedelta(seconds=60)
SERIES = "1.2.3.4"
STUDY = "1.2.3"
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
GIVE_UP = T0 + timedelta(days=7)
WHOLE = Verdict(completeness=Completeness.COMPLETE)
BUNDLE = InferRequest(bundle="ich-demo", bundle_version="1.0.0", bundle_sha256="b" * 64)


def at(seconds: float) -> datetime:
    """Return the moment ``seconds`` after the start of the story."""
    return T0 + timedelta(seconds=seconds)


def receipt(number: int = 1, content: str = "", series: str = SERIES, **changes: Any) -> InstanceReceipt:
    """Return the receipt of image ``number``; ``content`` tells copies with other bytes apart."""
    sop = changes.pop("sop_instance_uid", f"{series}.{number}")
    fields: dict[str, Any] = {
        "digest": digest_of(EXPLICIT, f"{series} {sop} {content}".encode()),
        "sop_instance_uid": sop,
        "sop_class_uid": CT,
        "series_uid": series,
        "study_uid": STUDY,
        "transfer_syntax": EXPLICIT,
        "role": InstanceRole.SOURCE,
        "calling_ae": "CT1",
        "called_ae": "HOUNSFIELD",
        "peer_address": "192.0.2.7",
        "association_id": "a1",
        "received_at": at(0),
        "size": 524_288,
    }
    return InstanceReceipt(**fields | changes)


def association(name: str = "a1", receiver: str = "receiver-1", opened: float = 0) -> AssociationRecord:
    """Return an open association."""
    return AssociationRecord(
        id=name,
        receiver=receiver,
        calling_ae="CT1",
        called_ae="HOUNSFIELD",
        peer_address="192.0.2.7",
        opened_at=at(opened),
    )


def result(outcome: Outcome = Outcome.POSITIVE, name: str = "2.25.1", **changes: Any) -> ResultSet:
    """Return a result set of a structured report and a summary page."""
    analysed = outcome is not Outcome.NOT_ANALYSED
    fields: dict[str, Any] = {
        "identity": "1" * 64,
        "outcome": outcome,
        "reason": None if analysed else Reason.INCOMPLETE,
        "score": 0.93 if analysed else None,
        "device": "/device:CPU:0" if analysed else None,
        "objects": (
            ResultObject(role="sr", sop_class_uid="1.2", sop_instance_uid=f"{name}.1", sha256="2" * 64, size=10),
            ResultObject(role="sc", sop_class_uid="1.3", sop_instance_uid=f"{name}.2", sha256="3" * 64, size=20),
        ),
        "detail": {"threshold": 0.5, "slice_scores": [0.1, 0.9]},
    }
    return ResultSet(**fields | changes)


def to(*destinations: str) -> tuple[DeliveryRequest, ...]:
    """Return delivery requests for the named destinations."""
    return tuple(DeliveryRequest(destination=name, give_up_at=GIVE_UP) for name in destinations)


def received(database: Database, count: int = 3, series: str = SERIES) -> SeriesRecord:
    """Register ``count`` images of a series and return it."""
    for number in range(1, count + 1):
        register(database.series, receipt(number, series=series))
    return present(database.series.find(series))


def closed(database: Database, count: int = 3, series: str = SERIES, **changes: Any) -> SeriesRecord:
    """Receive a series and close it with one INFER job of :data:`BUNDLE`."""
    record = received(database, count, series)
    fields: dict[str, Any] = {"verdict": WHOLE, "requests": [BUNDLE], "now": at(20)} | changes
    ids = [instance.id for instance in database.series.instances(record.id) if instance.is_primary]
    assert database.series.close(record, ids, **fields)
    return present(database.series.get(record.id))


def claimed(database: Database, kind: JobKind = JobKind.INFER, seconds: float = 30, worker: str = "worker-1") -> Claim:
    """Claim the next job of a kind."""
    return present(database.jobs.claim([kind], worker, LEASE, at(seconds)))


def analysed(database: Database, *destinations: str, series: str = SERIES) -> SeriesRecord:
    """Receive, close and analyse a series; DELIVER jobs wait for the destinations."""
    record = closed(database, series=series)
    assert database.jobs.complete_infer(
        claimed(database), result(), to(*(destinations or ("pacs",))), at(31), {"infer": 0.5}
    )
    return record


def present(value: T | None) -> T:
    """Return what must be there."""
    assert value is not None
    return value
