"""The patient of the images and the patient of the study at the destination, in all the ways archives write them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian
from support.fakes import ManualClock

from hounsfield.daemon.delivery.patient_check import Find, StudyPatientCheck, patient_at
from hounsfield.daemon.errors import DeliveryError
from hounsfield.daemon.query.archive import QueryPeer, Unanswered, Why
from hounsfield.storage.records import JobRecord, ResultObject
from hounsfield.storage.results import ResultFiles

STUDY = "1.2.3"
OBJECT = ResultObject(role="sr", sop_class_uid="1.2", sop_instance_uid="2.25.1", sha256="", size=1)
PEER = QueryPeer(host="127.0.0.1", port=1, ae_title="PACS", calling_ae="HOUNSFIELD", timeout_seconds=1)
JOB: JobRecord = None  # type: ignore[assignment]  # whom to ask does not depend on it here


def match(study: str = STUDY, **elements: bytes | None) -> Dataset:
    """Return an answer as it comes off the network: raw, as Implicit VR elements are."""
    found = Dataset()
    for keyword, value in {"StudyInstanceUID": study.encode(), **elements}.items():
        if value is not None:
            tag = Tag(keyword)
            found[tag] = RawDataElement(tag, None, len(value), value, 0, True, True)
    return found


def says(*matches: Dataset) -> Find:
    return lambda _peer, questions, _monotonic: [list(matches) for _ in questions]


def silent(why: Why) -> Find:
    def ask(_peer: QueryPeer, _questions: Sequence[Dataset], _monotonic: Callable[[], float]) -> list[list[Dataset]]:
        raise Unanswered(why)

    return ask


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., bool]:
    files = ResultFiles(tmp_path)
    files.prepare()

    def run(ask: Find, patient_id: str = "ID-1", **more: str) -> bool:
        ours = Dataset()
        ours.file_meta = FileMetaDataset()
        ours.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ours.file_meta.MediaStorageSOPClassUID, ours.file_meta.MediaStorageSOPInstanceUID = "1.2", "2.25.1"
        ours.SOPClassUID, ours.SOPInstanceUID = "1.2", "2.25.1"
        for keyword, value in more.items():
            setattr(ours, keyword, value)
        ours.PatientID, ours.StudyInstanceUID, ours.SeriesInstanceUID = patient_id, STUDY, "1.2.3.4"
        ours.save_as(files.path("2.25.1"), enforce_file_format=True)
        checking = StudyPatientCheck(peer_of=lambda _: PEER, files=files, clock=ManualClock(), ask=ask)
        return checking.has_changed(JOB, [OBJECT])

    return run


@pytest.mark.parametrize("theirs", [b"ID-1", b"ID-1 ", b"  ID-1\0", b"ID-1   "])
def test_padding_and_leading_spaces_make_no_other_patient(check: Callable[..., bool], theirs: bytes) -> None:
    assert not check(says(match(PatientID=theirs)))
    assert not check(says(match(PatientID=theirs)), " ID-1")


@pytest.mark.parametrize("theirs", [b"ID-2", b"id-1", b"ID-10", b"D-1"])
def test_another_patient_id_is_another_patient(check: Callable[..., bool], theirs: bytes) -> None:
    assert check(says(match(PatientID=theirs)))


@pytest.mark.parametrize("matches", [(), (match(),), (match(PatientID=b""),), (match("9.9", PatientID=b"ID-2"),)])
def test_where_the_study_is_not_known_or_has_no_patient_id_nothing_has_changed(
    check: Callable[..., bool], matches: tuple[Dataset, ...]
) -> None:
    assert not check(says(*matches))


@pytest.mark.parametrize(
    ("ours", "theirs", "changed"),
    [(None, b"HOSP", False), ("HOSP", None, False), ("HOSP", b"HOSP ", False), ("HOSP", b"OTHER", True)],
)
def test_an_issuer_counts_where_both_sides_name_one(
    check: Callable[..., bool], ours: str | None, theirs: bytes | None, changed: bool
) -> None:
    more = {} if ours is None else {"IssuerOfPatientID": ours}
    assert check(says(match(PatientID=b"ID-1", IssuerOfPatientID=theirs)), **more) is changed


def test_a_patient_id_in_another_character_set_is_the_same_patient_id(check: Callable[..., bool]) -> None:
    answer = match(PatientID="Ä-1".encode(), SpecificCharacterSet=b"ISO_IR 192")
    assert not check(says(answer), "Ä-1", SpecificCharacterSet="ISO_IR 100")


def test_a_character_set_that_nobody_knows_does_no_harm(check: Callable[..., bool]) -> None:
    assert not check(says(match(PatientID=b"ID-1", SpecificCharacterSet=b"KLINGON\\\\x")))


def test_a_study_that_is_filed_under_several_patients_is_ours_if_one_of_them_is(check: Callable[..., bool]) -> None:
    assert not check(says(match(PatientID=b"ID-2"), match(PatientID=b"ID-1")))
    assert check(says(match(PatientID=b"ID-2"), match(PatientID=b"ID-3")))


@pytest.mark.parametrize("why", [Why.UNREACHABLE, Why.TOO_SLOW, Why.REJECTED, Why.FAILED])
def test_without_an_answer_nothing_may_be_sent(check: Callable[..., bool], why: Why) -> None:
    with pytest.raises(DeliveryError) as caught:
        check(silent(why))
    assert "ID-1" not in str(caught.value)


def test_the_patient_at_the_archive_is_handed_on_raw_with_its_character_set() -> None:
    name = "山田^太郎".encode()
    answer = match(
        PatientID=b"ID-2 ",
        PatientName=name,
        PatientBirthDate=b"19700101",
        PatientSex=b"F",
        SpecificCharacterSet=b"ISO_IR 192",
        StudyDescription=b"not asked for",
    )
    patient = patient_at(PEER, STUDY, lambda: 0.0, says(answer, answer))
    assert patient.get_item("PatientName", keep_deferred=True).value == name  # type: ignore[union-attr]
    assert [element.keyword for element in patient] == [
        "SpecificCharacterSet",
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
    ]


@pytest.mark.parametrize(
    "ask",
    [
        says(),
        says(match(PatientID=b"")),
        says(match(PatientID=b"A"), match(PatientID=b"B")),
        says(match("9.9", PatientID=b"A")),
        silent(Why.TOO_SLOW),
    ],
)
def test_a_patient_that_is_not_certain_is_not_handed_on(ask: Find) -> None:
    with pytest.raises(DeliveryError):
        patient_at(PEER, STUDY, lambda: 0.0, ask)
