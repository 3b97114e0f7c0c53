"""The courier, wired as the daemon wires it, with archives that commit, lose, or have another patient."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pynetdicom import evt
from support.bench import Bench
from support.ct_factory import ct_series, write_series
from support.peers import free_port, orthanc
from support.query_peers import archive
from support.reception import receiving

from hounsfield.daemon.demo.store_listener import FolderStore
from hounsfield.storage.records import JobRecord
from hounsfield.storage.states import JobKind, JobState, Proof, Reason


def reported(folder: Path, port: int, **more: Any) -> Bench:
    destination = {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": port, "flagged_pages": 0, **more}
    bench = Bench(folder / "home", [destination])
    bench.receive(write_series(folder / "files", ct_series(12)))
    bench.settle()
    bench.worker(0.9).work_one()
    return bench


def ours(bench: Bench) -> set[str]:
    """SOP Instance UIDs of what was made."""
    return {path.stem for path in bench.app.files.folder.glob("*.dcm")}


def delivery(bench: Bench) -> JobRecord:
    (job,) = bench.jobs(JobKind.DELIVER)
    return job


def work(bench: Bench) -> JobRecord:
    """Let the time pass until the job is due, serve it, and return it."""
    bench.clock.advance(max(0.0, (delivery(bench).available_at - bench.clock.now()).total_seconds()))
    (courier,) = bench.app.couriers()
    courier.work_one()
    return delivery(bench)


def test_orthanc_takes_the_results_commits_to_them_and_the_job_says_proven(tmp_path: Path) -> None:
    port = free_port()
    bench = reported(tmp_path, port, proof="commitment")
    with (
        receiving(tmp_path / "ours", take_report=bench.app.report_desk.take) as reception,
        orthanc(tmp_path / "pacs", dicom_port=port, reports_to=reception.port),
    ):
        job = work(bench)
    assert (job.state, job.proof) == (JobState.COMPLETED, Proof.PROVEN)
    objects = bench.app.database.jobs.delivered_objects(job.id)
    assert {one.sop_instance_uid for one in objects} == ours(bench)
    assert all(one.proven_at is not None for one in objects)
    bench.app.database.close()


def test_orthanc_that_lost_an_object_is_sent_it_again(tmp_path: Path) -> None:
    port = free_port()
    bench = reported(tmp_path, port, proof="find")
    with orthanc(tmp_path / "pacs", dicom_port=port) as pacs:
        (courier,) = bench.app.couriers()
        find, courier._prover = courier._prover, None
        courier._prover = _NotYet(find)
        courier.work_one()
        assert (delivery(bench).state, delivery(bench).reason) == (JobState.RETRYABLE, Reason.AWAITING_PROOF)
        lost = next(iter(pacs.instances().values()))
        pacs.delete(f"/instances/{lost}")
        bench.clock.advance(120)
        assert (work(bench).state, delivery(bench).reason) == (JobState.RETRYABLE, Reason.PROOF_FAILED)
        job = work(bench)
        assert (job.state, job.proof) == (JobState.COMPLETED, Proof.PROVEN)
        assert set(pacs.instances()) == ours(bench)
    bench.app.database.close()


class _NotYet:
    """Looks too early."""

    def __init__(self, other: Any) -> None:
        self._other = other

    def prove(self, job: Any, kept: Any, now: Any) -> Any:
        from datetime import timedelta

        from hounsfield.daemon.delivery.plugs import NotYet

        assert self._other is not None
        return NotYet(now + timedelta(seconds=2))


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[FolderStore]:
    with FolderStore(tmp_path / "pacs", ae_title="ORTHANC") as store:
        yield store


def has_no_room(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
    """Give no answer: out of resources (PS3.4 C.4.1.1.4)."""
    yield 0xA700, None


def says(patient_id: str, issuer: str = "") -> Any:
    def find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        match = Dataset()
        match.QueryRetrieveLevel = "STUDY"
        match.StudyInstanceUID = event.identifier.StudyInstanceUID
        match.PatientID = patient_id
        match.IssuerOfPatientID = issuer
        yield 0xFF00, match
        yield 0x0000, None

    return find


def test_a_study_that_was_merged_into_another_patient_is_held_and_nothing_is_sent(
    pacs: FolderStore, tmp_path: Path
) -> None:
    with archive() as query:
        query.server.unbind(evt.EVT_C_FIND, query._find)
        query.server.bind(evt.EVT_C_FIND, says("SOMEBODY-ELSE"))
        checked = {"check_patient": True, "query_port": query.port, "query_ae_title": "ARCHIVE"}
        bench = reported(tmp_path, pacs.port, **checked)
        job = work(bench)
        assert (job.state, job.reason) == (JobState.HELD, Reason.PATIENT_CHANGED)
        assert pacs.files() == []
    bench.app.database.close()


def test_the_same_patient_is_delivered_and_without_an_answer_nothing_is_sent(pacs: FolderStore, tmp_path: Path) -> None:
    with archive() as query:
        checked = {"check_patient": True, "query_port": query.port, "query_ae_title": "ARCHIVE"}
        bench = reported(tmp_path, pacs.port, **checked)
        (report, *_) = sorted(bench.app.files.folder.glob("*.dcm"))
        patient_id = str(dcmread(report, stop_before_pixels=True).PatientID)
        query.server.bind(evt.EVT_C_FIND, has_no_room)
        assert work(bench).state is JobState.RETRYABLE
        assert pacs.files() == []
        query.server.bind(evt.EVT_C_FIND, says(f" {patient_id}  "))
        assert work(bench).state is JobState.COMPLETED
        assert {path.stem for path in pacs.files()} == ours(bench)
    bench.app.database.close()


@pytest.mark.parametrize("proof", ["commitment", "find"])
def test_a_destination_that_gives_no_proof_counts_as_sent_after_its_time(
    pacs: FolderStore, tmp_path: Path, proof: str
) -> None:
    """The folder store is an SCP of storage and verification only."""
    bench = reported(tmp_path, pacs.port, proof=proof, proof_hours=1.0)
    looks, job = 0, delivery(bench)
    while not job.state.is_final and looks < 30:
        job = work(bench)
        looks += 1
    assert (job.state, job.proof, job.reason) == (JobState.COMPLETED, Proof.SENT, Reason.NO_PROOF)
    assert (job.updated_at - job.created_at).total_seconds() == pytest.approx(3600, abs=5)
    assert 6 <= looks <= 12
    assert {path.stem for path in pacs.files()} == ours(bench)
    bench.app.database.close()
