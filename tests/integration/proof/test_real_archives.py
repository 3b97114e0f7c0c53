"""Orthanc commits to what it keeps and tells what it has; DCMTK's dcmqrscp tells what it has."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydicom import dcmread
from support.destinations import route
from support.peers import accepts_connections, free_port, orthanc, require_binary, running
from support.query_peers import peer_at
from support.reception import receiving
from support.reports import request, series
from support.sending import dcmsend
from support.stored import analysed, claimed, present
from support.waiting import wait_until

from hounsfield.daemon.association.address import Address
from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.delivery.patient_check import StudyPatientCheck, patient_at
from hounsfield.daemon.delivery.plugs import Lost, NotYet, Proven
from hounsfield.daemon.delivery.proof.provers import CommitmentProver, FindProver
from hounsfield.daemon.delivery.proof.reports import ReportDesk
from hounsfield.daemon.delivery.scu import send
from hounsfield.daemon.errors import DeliveryError
from hounsfield.daemon.query.archive import QueryPeer
from hounsfield.daemon.results.registry import build
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.records import ObjectDelivery, ResultObject
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.states import JobKind, Outcome, Reason

DCMQRSCP = """\
NetworkTCPPort = {port}
MaxPDUSize = 16384
MaxAssociations = 4
HostTable BEGIN
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
DCMQR {folder} RW (10, 1024mb) ANY
AETable END
"""
START = datetime(2026, 11, 22, 8, 1, tzinfo=UTC)


@dataclass
class Results:
    """Two finished objects on disk, the DELIVER job that carries them, and where reports about them are taken."""

    database: Database
    files: ResultFiles
    desk: ReportDesk

    def __post_init__(self) -> None:
        analysed(self.database)
        self.claim = claimed(self.database, JobKind.DELIVER, 40)
        self.objects: list[ResultObject] = []
        for made in build(request(Outcome.POSITIVE, sources=series(PatientID="ID-1")), ("sr", "sc")):
            sha256 = self.files.write(made.sop_instance_uid, made.content)
            self.objects.append(
                ResultObject(
                    role=made.role,
                    sop_class_uid=made.sop_class_uid,
                    sop_instance_uid=made.sop_instance_uid,
                    sha256=sha256,
                    size=len(made.content),
                )
            )

    @property
    def paths(self) -> list[Path]:
        return [self.files.path(one.sop_instance_uid) for one in self.objects]

    @property
    def uids(self) -> list[str]:
        return [one.sop_instance_uid for one in self.objects]

    @property
    def study_uid(self) -> str:
        return str(dcmread(self.paths[0], stop_before_pixels=True).StudyInstanceUID)

    def committing(self, address: Address) -> CommitmentProver:
        return CommitmentProver(
            address_of=lambda _: address,
            commitments=self.database.commitments,
            desk=self.desk,
            jobs=self.database.jobs,
            clock=SystemClock(),
            proof_hours=24.0,
            linger_seconds=10.0,
        )

    def finding(self, peer: QueryPeer) -> FindProver:
        return FindProver(
            peer_of=lambda _: peer, files=self.files, jobs=self.database.jobs, clock=SystemClock(), proof_hours=24.0
        )

    def checking(self, peer: QueryPeer) -> StudyPatientCheck:
        return StudyPatientCheck(peer_of=lambda _: peer, files=self.files, clock=SystemClock())

    def note_sent(self) -> None:
        done = [ObjectDelivery(sop_instance_uid=uid, status=0, at=START) for uid in self.uids]
        assert self.database.jobs.retry_later(
            self.claim, Reason.AWAITING_PROOF, START + timedelta(seconds=2), START, objects=done
        )


@pytest.fixture
def results(tmp_path: Path) -> Iterator[Results]:
    database = open_database(None, tmp_path)
    files = ResultFiles(tmp_path)
    files.prepare()
    yield Results(database, files, ReportDesk(database.commitments, SystemClock()))
    database.close()


def test_orthanc_commits_to_what_it_keeps_and_says_what_it_does_not(results: Results, tmp_path: Path) -> None:
    with (
        receiving(tmp_path / "ours", take_report=results.desk.take) as reception,
        orthanc(tmp_path / "pacs", reports_to=reception.port) as pacs,
    ):
        prover = results.committing(route(pacs.dicom_port))
        first, second = results.paths
        assert [one.status for one in send(route(pacs.dicom_port), [first]).sent] == [0]
        assert prover.prove(results.claim.job, results.objects, START) == Lost({second.stem: 0x0112})
        assert [one.status for one in send(route(pacs.dicom_port), [second]).sent] == [0]
        assert prover.prove(results.claim.job, results.objects, START + timedelta(seconds=5)) == Proven()
    assert results.desk.counts == {"recorded": 2}
    transactions = results.database.commitments.of_job(results.claim.job.id)
    assert [len(one.items) for one in transactions] == [2, 1]


def test_orthanc_is_asked_by_c_find_what_it_has_and_whose_study_it_is(results: Results, tmp_path: Path) -> None:
    with orthanc(tmp_path / "pacs") as pacs:
        peer = peer_at(pacs.dicom_port, pacs.ae_title)
        prover, check, job = results.finding(peer), results.checking(peer), results.claim.job
        assert not check.has_changed(job, results.objects), "a study that it does not know"
        with pytest.raises(DeliveryError):
            patient_at(peer, results.study_uid, SystemClock().monotonic)
        results.note_sent()
        first, second = results.paths
        send(route(pacs.dicom_port), [first])
        assert prover.prove(job, results.objects, START + timedelta(seconds=2)) == NotYet(START + timedelta(seconds=12))
        assert prover.prove(job, results.objects, START + timedelta(minutes=2)) == Lost({second.stem: 0x0112})
        send(route(pacs.dicom_port), [second])
        assert prover.prove(job, results.objects, START + timedelta(seconds=12)) == Proven()
        assert not check.has_changed(job, results.objects)
        patient = patient_at(peer, results.study_uid, SystemClock().monotonic)
        assert patient.PatientID == "ID-1"


def test_dcmqrscp_is_asked_by_c_find_what_it_has_and_whose_study_it_is(results: Results, tmp_path: Path) -> None:
    program, port = require_binary("dcmqrscp"), free_port()
    folder, settings = tmp_path / "archive", tmp_path / "dcmqrscp.cfg"
    folder.mkdir()
    settings.write_text(DCMQRSCP.format(port=port, folder=folder))
    with running([program, "-c", settings], tmp_path / "log"):
        wait_until(lambda: accepts_connections(port), 20)
        peer = peer_at(port, "DCMQR")
        prover, check, job = results.finding(peer), results.checking(peer), results.claim.job
        results.note_sent()
        assert prover.prove(job, results.objects, START + timedelta(minutes=2)) == Lost(
            dict.fromkeys(results.uids, 0x0112)
        )
        dcmsend(port, results.paths, called="DCMQR")
        assert prover.prove(job, results.objects, START + timedelta(seconds=12)) == Proven()
        assert not check.has_changed(job, results.objects)
        merged = tmp_path / "merged.dcm"
        other = dcmread(results.paths[0])
        assert present(other.PatientID) == "ID-1"
        other.PatientID, other.StudyInstanceUID = "ID-2", results.study_uid
        other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = "2.25.815"
        other.save_as(merged)
        dcmsend(port, [merged], called="DCMQR")
        assert not check.has_changed(job, results.objects), "filed under both: one of them is ours"
