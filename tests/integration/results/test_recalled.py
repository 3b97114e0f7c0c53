"""Rejection notes and results written anew, before the validators and in a real archive."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import highdicom
import pytest
from pydicom import Dataset, dcmread
from support.bench import Bench
from support.ct_factory import ct_series
from support.outcomes import analyse, newest
from support.peers import Orthanc, dciodvfy, orthanc, run_tool
from support.recalled import rejection, result_files
from support.reports import encoded, received, series

from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.delivery.address import address_of
from hounsfield.daemon.delivery.scu import send
from hounsfield.daemon.pipeline.recall import RecallOrder
from hounsfield.daemon.results.reissue import NewPatient, Original, reissued
from hounsfield.daemon.results.retraction import rejection_note
from hounsfield.daemon.sop_classes import KEY_OBJECT_SELECTION
from hounsfield.storage.states import JobKind, JobState, Reason, ResultKind

SOURCES: dict[str, dict[str, Any]] = {
    "ascii": {},
    "latin": {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg", "StudyDescription": "Schädel"},
    "unicode": {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Müller^Jörg"},
    "japanese": {
        "SpecificCharacterSet": ["", "ISO 2022 IR 87"],
        "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    },
    "with an offset": {"TimezoneOffsetFromUTC": "+0100"},
    "no order": {"AccessionNumber": "", "BodyPartExamined": None},
}


def new_patient(**values: Any) -> NewPatient:
    said = Dataset()
    said.SOPClassUID, said.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    said.PatientID, said.PatientName, said.PatientSex, said.PatientBirthDate = "P-2", "Roe^Richard", "M", "19600202"
    for keyword, value in values.items():
        setattr(said, keyword, value)
    return NewPatient.of(received(said))


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_the_validators_find_no_fault_in_a_rejection_note(tmp_path: Path, source: dict[str, Any]) -> None:
    note = tmp_path / "note.dcm"
    note.write_bytes(rejection_note(rejection(result_files(tmp_path, sources=series(**source)))).content)
    assert dciodvfy(note) == ([], [])
    dumped = run_tool("dsrdump", note)
    assert dumped.returncode == 0
    assert "Rejected for Patient Safety Reasons" in dumped.stdout
    found = highdicom.ko.KeyObjectSelectionDocument.from_dataset(dcmread(note))
    assert found.ConceptNameCodeSequence[0].CodeValue == "113037"


@pytest.mark.parametrize("patient", [{}, SOURCES["latin"], SOURCES["japanese"]], ids=["ascii", "latin", "japanese"])
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_the_validators_find_no_fault_in_results_written_anew(
    tmp_path: Path, source: dict[str, Any], patient: dict[str, Any]
) -> None:
    files = result_files(tmp_path, sources=series(**source))
    originals = [Original(role=role, dataset=dcmread(path)) for role, path in zip(("sr", "sc"), files, strict=True)]
    said = {keyword: patient[keyword] for keyword in ("SpecificCharacterSet", "PatientName") if keyword in patient}
    for built in reissued(originals, new_patient(**said), None):
        path = tmp_path / f"{built.role}.dcm"
        path.write_bytes(built.content)
        assert dciodvfy(path) == ([], [])
    assert run_tool("dsrdump", tmp_path / "sr.dcm").returncode == 0
    assert isinstance(highdicom.sr.srread(tmp_path / "sr.dcm"), highdicom.sr.Comprehensive3DSR)


def test_results_and_their_note_are_one_consistent_study(tmp_path: Path) -> None:
    files = result_files(tmp_path, sources=series())
    note = tmp_path / "note.dcm"
    note.write_bytes(rejection_note(rejection(files)).content)
    checked = run_tool("dcentvfy", *files, note)
    # it takes the Accession Number inside Referenced Request Sequence for one of the series
    faults = [line for line in checked.stderr.splitlines() if "Element=<AccessionNumber>" not in line]
    assert (checked.returncode, faults) == (0, [])


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Orthanc]:
    with orthanc(tmp_path / "pacs") as running:  # an empty one: the study is the same in all tests
        yield running


@pytest.fixture
def benches(tmp_path: Path, pacs: Orthanc) -> Iterator[Callable[..., Bench]]:
    """Make benches that deliver to the archive."""
    made: list[Bench] = []

    def bench(**more: Any) -> Bench:
        destination = {"name": "pacs", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": pacs.dicom_port, **more}
        made.append(Bench(tmp_path / "home", [destination]))
        return made[-1]

    yield bench
    for one in made:
        one.app.database.close()


def kept(pacs: Orthanc, uid: str) -> Dataset:
    return dcmread(io.BytesIO(pacs.file(uid)))


def test_the_archive_takes_note_and_corrected_report_of_what_it_has(
    pacs: Orthanc, benches: Callable[..., Bench]
) -> None:
    bench = benches()
    taken = analyse(bench)
    (courier,) = bench.app.couriers()
    assert courier.work_one()
    assert set(pacs.instances()) >= {one.sop_instance_uid for one in taken.objects}
    bench.app.retractor().retract(taken.id, RecallOrder(by="anna", words="wrong threshold", corrected=True))
    assert courier.work_one()
    made = newest(bench)
    note = kept(pacs, made.objects[0].sop_instance_uid)
    assert (note.SOPClassUID, made.objects[0].role) == (KEY_OBJECT_SELECTION, "rejection")
    assert note.StudyInstanceUID == kept(pacs, taken.objects[0].sop_instance_uid).StudyInstanceUID
    report = kept(pacs, next(one.sop_instance_uid for one in made.objects if one.role == "sr"))
    assert report.SeriesDescription.endswith("NOT ANALYSED - result withdrawn")
    assert {job.state for job in bench.jobs(JobKind.DELIVER)} == {JobState.COMPLETED}


def test_a_merge_at_the_archive_holds_the_result_which_then_goes_to_the_right_patient(
    pacs: Orthanc, benches: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = benches(check_patient=True)
    taken = analyse(bench)
    image = ct_series(1)[0]
    image.PatientID, image.PatientName, image.SOPInstanceUID = "MERGED", "Weiss^Anna", "1.2.826.0.1.3680043.8.498.4477"
    image.StudyInstanceUID = bench.series()[0].study_uid
    file = tmp_path / "merged.dcm"
    file.write_bytes(encoded(image))
    destination: Destination = bench.app.settings.destination[0]
    assert send(address_of(destination, "HOUNSFIELD"), [file]).failure is None
    (courier,) = bench.app.couriers()
    assert courier.work_one()
    (held,) = bench.app.reissuer().held(bench.series()[0].id)
    assert (held.state, held.reason) == (JobState.HELD, Reason.PATIENT_CHANGED)
    assert not set(pacs.instances()) & {one.sop_instance_uid for one in taken.objects}
    change = bench.app.reissuer().look(held)
    bench.app.reissuer().reissue(held, change, "anna")
    assert courier.work_one()
    made = newest(bench)
    assert made.kind is ResultKind.REISSUE
    for one in made.objects:
        assert kept(pacs, one.sop_instance_uid).PatientID == "MERGED"
    assert sorted(str(job.state) for job in bench.jobs(JobKind.DELIVER)) == ["CANCELLED", "COMPLETED"]
