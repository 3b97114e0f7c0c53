"""A home with a job log in it, made through the stores as the daemon does: two series analysed, one held."""

import functools
import json
import shutil
import tempfile
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.recording import open_association, register
from typer.testing import CliRunner, Result

from hounsfield.daemon.cli.main import app
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.records import (
    AssociationRecord,
    DeliveryRequest,
    InferRequest,
    InstanceReceipt,
    JobFilter,
    ObjectDelivery,
    ResultObject,
    ResultSet,
    SeriesRecord,
    Verdict,
)
from hounsfield.storage.states import Completeness, InstanceRole, JobKind, Outcome, Proof, Reason, ResultKind

START = datetime(2026, 11, 22, 8, 0, 0, tzinfo=UTC)
STUDY = "1.2.826.0.1.3680043.8.498.900"
FLAGGED = "1.2.826.0.1.3680043.8.498.901"
UNANALYSED = "1.2.826.0.1.3680043.8.498.902"
HELD = "1.2.826.0.1.3680043.8.498.903"
CT = "1.2.840.10008.5.1.4.1.1.2"
SR = "1.2.840.10008.5.1.4.1.1.88.34"
LEASE = timedelta(seconds=60)


@dataclass(frozen=True)
class Seen:
    """What a test asks about: job ids by what they are."""

    infer: int
    deliver: int
    discarded: int
    report_uid: str


class Log:
    """A filled home and the command line on it."""

    def __init__(self, home: Path) -> None:
        told, self.seen = _story()
        shutil.copytree(told.name, home, dirs_exist_ok=True)
        self.home = home
        self.environment = {"HOUNSFIELD_STORAGE__HOME": str(home), "NO_COLOR": "1", "HOUNSFIELD_CONFIG": None}

    def copied(self, home: Path) -> "Log":
        """Return the same one in another place, which is quicker than another story."""
        shutil.copytree(self.home, home)
        other = copy(self)
        other.home, other.environment = home, {**self.environment, "HOUNSFIELD_STORAGE__HOME": str(home)}
        return other

    def run(self, *arguments: str) -> Result:
        return CliRunner(env=self.environment).invoke(app, list(arguments))

    def json(self, *arguments: str) -> list[dict[str, object]]:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]


@functools.cache
def _story() -> tuple[tempfile.TemporaryDirectory[str], Seen]:
    """Return a home in which the story stands, made once: copying it is quicker than telling it again."""
    folder = tempfile.TemporaryDirectory(prefix="hounsfield-story-")
    return folder, fill(Path(folder.name))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def fill(home: Path) -> Seen:
    """Write the story into ``home`` and return the ids of its jobs."""
    home.mkdir(parents=True, exist_ok=True)
    database = open_database(None, home)
    try:
        infer, deliver, report_uid = _flagged(database)
        discarded = _not_delivered(database)
        held = _received(database, HELD, 40)
        assert database.series.hold(held, Reason.TWO_PATIENTS, at(45))
        return Seen(infer, deliver, discarded, report_uid)
    finally:
        database.close()


def _received(database: Database, series_uid: str, start: float) -> SeriesRecord:
    association = f"association-{series_uid[-3:]}"
    open_association(
        database.series,
        AssociationRecord(
            id=association,
            receiver="receiver-1",
            calling_ae="CT1",
            called_ae="HOUNSFIELD",
            peer_address="127.0.0.1",
            opened_at=at(start),
        ),
    )
    for number in range(3):
        register(
            database.series,
            InstanceReceipt(
                digest=f"{series_uid[-3:]}{number}".rjust(64, "0"),
                sop_instance_uid=f"{series_uid}.{number}",
                sop_class_uid=CT,
                series_uid=series_uid,
                study_uid=STUDY,
                transfer_syntax="1.2.840.10008.1.2.1",
                role=InstanceRole.SOURCE,
                calling_ae="CT1",
                called_ae="HOUNSFIELD",
                peer_address="127.0.0.1",
                association_id=association,
                received_at=at(start + number / 10),
                size=1000,
            ),
        )
    record = database.series.find(series_uid)
    assert record is not None
    return record


def _closed(database: Database, series_uid: str, start: float, verdict: Verdict) -> None:
    record = _received(database, series_uid, start)
    snapshot = [instance.id for instance in database.series.instances(record.id)]
    request = InferRequest(bundle="ich-demo", bundle_version="1.0.0", bundle_sha256="a" * 64)
    assert database.series.close(record, snapshot, verdict, [request], at(start + 3))


def _flagged(database: Database) -> tuple[int, int, str]:
    _closed(database, FLAGGED, 0, Verdict(completeness=Completeness.COMPLETE))
    claim = database.jobs.claim([JobKind.INFER], "worker-1", LEASE, at(4))
    assert claim is not None
    database.jobs.record_progress(claim, "preprocess", 0.25, at(4.25))
    database.jobs.record_progress(claim, "infer", 0.5, at(4.75))
    report_uid = "2.25.4711"
    result = ResultSet(
        identity="b" * 64,
        outcome=Outcome.POSITIVE,
        reason=None,
        score=0.93,
        device="/device:CPU:0",
        objects=(ResultObject(role="sr", sop_class_uid=SR, sop_instance_uid=report_uid, sha256="c" * 64, size=5000),),
        detail={
            "threshold": 0.5,
            "scores": {"haemorrhage": 0.93, "subdural": 0.2},
            "thresholds": {"haemorrhage": 0.5, "subdural": 0.61},
            "runtime": {"tensorflow": "2.21.0", "precision": "float32"},
        },
    )
    request = DeliveryRequest(destination="pacs", give_up_at=at(7 * 86400))
    timings = {"preprocess": 0.25, "infer": 0.5, "report": 0.1}
    assert database.jobs.complete_infer(claim, result, [request], at(5), timings)
    delivery = database.jobs.claim([JobKind.DELIVER], "courier-1", LEASE, at(6))
    assert delivery is not None
    sent = [ObjectDelivery(sop_instance_uid=report_uid, status=0x0000, at=at(6.5))]
    assert database.jobs.complete_delivery(delivery, sent, at(6.5), {"deliver": 0.5}, Proof.SENT)
    return claim.job.id, delivery.job.id, report_uid


def _not_delivered(database: Database) -> int:
    incomplete = Verdict(completeness=Completeness.INCOMPLETE, reasons=(Reason.GAP,), remarks=("one gap of 20 mm",))
    _closed(database, UNANALYSED, 20, incomplete)
    claim = database.jobs.claim([JobKind.INFER], "worker-1", LEASE, at(24))
    assert claim is not None
    result = ResultSet(
        identity="d" * 64, outcome=Outcome.NOT_ANALYSED, reason=Reason.INCOMPLETE, score=None, device=None, objects=()
    )
    request = DeliveryRequest(destination="pacs", give_up_at=at(7 * 86400))
    assert database.jobs.complete_infer(claim, result, [request], at(25), {"report": 0.1})
    delivery = database.jobs.claim([JobKind.DELIVER], "courier-1", LEASE, at(26))
    assert delivery is not None
    assert database.jobs.discard(delivery, Reason.REFUSED_STATUS, at(26.5))
    return delivery.job.id


def add_delivery(home: Path, destination: str, start: float) -> int:
    """Let the flagged result wait for another destination; return the job."""
    database = open_database(None, home)
    try:
        (infer,) = (job for job in database.jobs.page(JobFilter(kind=JobKind.INFER)) if job.series_uid == FLAGGED)
        first = database.jobs.result_set(infer.result_set_id or 0)
        assert first is not None
        again = ResultSet(
            identity=first.identity,
            outcome=first.outcome,
            reason=None,
            score=first.score,
            device=first.device,
            objects=first.objects,
            kind=ResultKind.RETRACTION,
            replaces=first.id,
        )
        request = DeliveryRequest(destination=destination, give_up_at=at(start))
        added = database.recalls.retract(infer.id, again, [request], at(start), "anna")
        (job,) = database.jobs.deliveries_of(added or 0)
        return job.id
    finally:
        database.close()


def add_held(home: Path, series_uid: str, reason: Reason, start: float) -> None:
    """Add a series that waits for a person."""
    database = open_database(None, home)
    try:
        assert database.series.hold(_received(database, series_uid, start), reason, at(start + 5))
    finally:
        database.close()


def add_skipped(home: Path, series_uid: str, reason: Reason, start: float) -> None:
    """Add a series that nobody wants."""
    database = open_database(None, home)
    try:
        assert database.series.skip(_received(database, series_uid, start), reason, at(start + 5), rule="catch-all")
    finally:
        database.close()


def add_analysed(home: Path, series_uid: str, verdict: Verdict, request: InferRequest, start: float) -> int:
    """Add a series that waits for a worker; return its job."""
    database = open_database(None, home)
    try:
        record = _received(database, series_uid, start)
        snapshot = [instance.id for instance in database.series.instances(record.id)]
        assert database.series.close(record, snapshot, verdict, [request], at(start + 3), rule=request.rule)
        (job,) = database.jobs.of_series(record.id)
        return job.id
    finally:
        database.close()


def forget(home: Path, series_uid: str, before: datetime, now: datetime) -> None:
    """Remove the rows of a series' images, as the retention does."""
    database = open_database(None, home)
    try:
        record = database.series.find(series_uid)
        assert record is not None
        assert database.series.forget(record.id, before, now)
    finally:
        database.close()
