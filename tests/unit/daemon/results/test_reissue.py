"""Results written anew for another patient: the patient's values whatever their character set, all else as it was."""

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from support.recalled import result_files
from support.reports import received, series

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.results.recoding import CharacterSet, Recoding
from hounsfield.daemon.results.reissue import NewPatient, Original, reissued
from hounsfield.daemon.results.request import BuiltObject, InstanceReference
from hounsfield.daemon.results.source_attributes import raw_bytes

LATIN = {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg", "StudyDescription": "Schädel"}
PLAIN = {"PatientName": "Doe^Jane", "StudyDescription": "head"}
JAPANESE = {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう"}


def answer(**values: Any) -> Dataset:
    """An answer to a query, raw, as it came over the network."""
    said = Dataset()
    said.SOPClassUID, said.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    told = {"PatientID": "P-2", "PatientName": "Roe^Richard", "PatientSex": "M"} | values
    for keyword, value in told.items():
        setattr(said, keyword, value)
    return received(said)


def originals(folder: Path, **source: Any) -> list[Original]:
    files = result_files(folder, sources=series(**source))
    return [Original(role=role, dataset=dcmread(path)) for role, path in zip(("sr", "sc"), files, strict=True)]


def anew(folder: Path, source: dict[str, Any], patient: Dataset, **more: Any) -> dict[str, Dataset]:
    built = reissued(originals(folder, **source), NewPatient.of(patient), more.get("predecessor"))
    return {one.role: dcmread(io.BytesIO(one.content)) for one in built}


def test_patient_values_are_the_archive_s_and_nothing_of_the_old_patient_is_left(tmp_path: Path) -> None:
    old = {"PatientAge": "070Y", "IssuerOfPatientID": "OLD", "OtherPatientNames": "Doe^J", "AdmissionID": "V1"}
    for found in anew(tmp_path, old, answer(PatientBirthDate="19600202")).values():
        assert (found.PatientID, str(found.PatientName), found.PatientSex) == ("P-2", "Roe^Richard", "M")
        assert found.PatientBirthDate == "19600202"
        for keyword in old:
            assert keyword not in found
        assert "Doe" not in str(found)


def test_what_the_archive_does_not_say_is_empty_rather_than_the_old_patient_s(tmp_path: Path) -> None:
    found = anew(tmp_path, {}, answer(PatientSex="", IssuerOfPatientID="NEW"))["sr"]
    assert (found.PatientSex, found.PatientBirthDate, found.IssuerOfPatientID) == ("", "", "NEW")


def test_all_else_is_as_it_was_but_for_our_own_uids(tmp_path: Path) -> None:
    before = {one.role: one.dataset for one in originals(tmp_path)}
    after = anew(tmp_path, {}, answer())
    ours = {str(one[keyword].value) for one in before.values() for keyword in ("SOPInstanceUID", "SeriesInstanceUID")}
    for role, old in before.items():
        new = after[role]
        assert new.file_meta.MediaStorageSOPInstanceUID == new.SOPInstanceUID
        for element in old:
            if element.tag.group == 0x0010 or element.keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
                continue
            if element.VR != "SQ":
                assert new[element.tag].value == element.value, element.keyword
            else:
                assert len(new[element.tag].value) == len(element.value)
        assert not ours & set(str(new).split())
    assert after["sc"].pixel_array.tobytes() == before["sc"].pixel_array.tobytes()


def test_the_report_names_the_new_companions_and_the_same_images(tmp_path: Path) -> None:
    after = anew(tmp_path, {}, answer())
    evidence = {
        item.ReferencedSOPInstanceUID
        for study in after["sr"].CurrentRequestedProcedureEvidenceSequence
        for one in study.ReferencedSeriesSequence
        for item in one.ReferencedSOPSequence
    }
    assert after["sc"].SOPInstanceUID in evidence
    assert {str(image.SOPInstanceUID) for image in series()} <= evidence


def test_the_same_patient_gives_the_same_bytes_and_another_one_other_uids(tmp_path: Path) -> None:
    def uids(built: tuple[BuiltObject, ...]) -> list[str]:
        return [one.sop_instance_uid for one in built]

    first = reissued(originals(tmp_path), NewPatient.of(answer()), None)
    assert reissued(originals(tmp_path), NewPatient.of(answer()), None) == first
    other = reissued(originals(tmp_path), NewPatient.of(answer(PatientID="P-3")), None)
    assert not set(uids(other)) & set(uids(first))


def test_only_the_report_names_a_predecessor_besides_those_it_had(tmp_path: Path) -> None:
    sent = InstanceReference(study_uid="1.2.9", series_uid="1.2.9.1", sop_class_uid="1.2.3", sop_instance_uid="1.2.9.2")
    after = anew(tmp_path, {}, answer(), predecessor=sent)
    (study,) = after["sr"].PredecessorDocumentsSequence
    assert study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.9.2"
    assert "PredecessorDocumentsSequence" not in after["sc"]
    assert anew(tmp_path, {}, answer())["sr"].SOPInstanceUID != after["sr"].SOPInstanceUID


@pytest.mark.parametrize(
    ("source", "said", "expected"),
    [
        pytest.param(PLAIN, {}, None, id="ascii everywhere"),
        pytest.param(LATIN, {}, "ISO_IR 100", id="an ascii answer leaves the set"),
        pytest.param(LATIN, {"SpecificCharacterSet": "ISO_IR 192"}, "ISO_IR 100", id="ascii said to be unicode"),
        pytest.param(LATIN, {**LATIN, "PatientName": "Weiß^Jörg"}, "ISO_IR 100", id="the same set"),
        pytest.param(
            PLAIN,
            {"SpecificCharacterSet": "ISO_IR 144", "PatientName": "Иванов^Иван"},
            "ISO_IR 144",
            id="an ascii result takes the answer's set",
        ),
        pytest.param(PLAIN, JAPANESE, ["", "ISO 2022 IR 87"], id="also one with escape sequences"),
        pytest.param(
            LATIN,
            {"SpecificCharacterSet": "ISO_IR 101", "PatientName": "Łukasz^Jan"},
            "ISO_IR 101",
            id="the answer's set can express the rest",
        ),
        pytest.param(
            LATIN,
            {"SpecificCharacterSet": "ISO_IR 144", "PatientName": "Иванов^Иван"},
            "ISO_IR 192",
            id="neither set holds both",
        ),
        pytest.param(LATIN, JAPANESE, "ISO_IR 192", id="escape sequences and latin"),
        pytest.param(
            {**JAPANESE, "StudyDescription": "頭部"},
            {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Yamada=山田"},
            "ISO_IR 192",
            id="unicode expresses everything",
        ),
    ],
)
def test_every_letter_survives_whatever_the_two_character_sets_are(
    tmp_path: Path, source: dict[str, Any], said: dict[str, Any], expected: object
) -> None:
    patient = answer(**said)
    for found in anew(tmp_path, source, patient).values():
        assert found.get("SpecificCharacterSet") == expected
        assert str(found.PatientName) == said.get("PatientName", "Roe^Richard")
        if "StudyDescription" in source:
            assert found.StudyDescription == source["StudyDescription"]


def test_bytes_in_no_known_set_are_refused_rather_than_guessed(tmp_path: Path) -> None:
    undeclared = answer(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")
    del undeclared.SpecificCharacterSet
    with pytest.raises(ResultError, match="does not say in which character set"):
        anew(tmp_path, LATIN, undeclared)
    wrong = answer(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")
    wrong.SpecificCharacterSet = "ISO_IR 192"
    with pytest.raises(ResultError, match="not in the character set"):
        anew(tmp_path, LATIN, wrong)


def test_undeclared_bytes_stay_as_they_are_where_both_sides_leave_the_set_out(tmp_path: Path) -> None:
    sources = series(**LATIN)
    for image in sources:
        del image.SpecificCharacterSet
    files = result_files(tmp_path, sources=sources)
    patient = answer(SpecificCharacterSet="ISO_IR 100", PatientName="Weiß^Jörg")
    del patient.SpecificCharacterSet
    built = reissued([Original(role="sr", dataset=dcmread(files[0]))], NewPatient.of(patient), None)
    found = dcmread(io.BytesIO(built[0].content))
    assert raw_bytes(found, "PatientName").rstrip() == "Weiß^Jörg".encode("latin-1")
    assert raw_bytes(found, "StudyDescription").rstrip() == "Schädel".encode("latin-1")


def test_an_answer_without_a_patient_id_is_refused() -> None:
    with pytest.raises(ResultError, match="no Patient ID"):
        NewPatient.of(answer(PatientID=""))


@given(st.text(st.characters(codec="iso8859-2", exclude_characters="\\^=\x1b", exclude_categories=["Cc"])))
def test_a_text_keeps_its_letters_through_a_change_of_the_set(text: str) -> None:
    recoding = Recoding(CharacterSet("ISO_IR 101"), CharacterSet("ISO_IR 192"))
    assert recoding(text.encode("iso8859-2")).decode() == text
