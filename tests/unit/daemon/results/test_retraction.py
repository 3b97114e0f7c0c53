"""The rejection note: the standard's codes, the same patient and study, every object named, no word of a finding."""

import io
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from support.recalled import rejection, result_files
from support.reports import series, texts

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.product import MANUFACTURER
from hounsfield.daemon.results.retraction import rejection_note
from hounsfield.daemon.results.source_attributes import raw_bytes
from hounsfield.daemon.sop_classes import KEY_OBJECT_SELECTION

UMLAUT = {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg", "StudyDescription": "Schädel"}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, ...]:
    return result_files(tmp_path)


def note(objects: tuple[Path, ...], **changes: object) -> Dataset:
    return dcmread(io.BytesIO(rejection_note(rejection(objects, **changes)).content))


def named(found: Dataset) -> list[str]:
    tree = [item for item in found.ContentSequence if "ReferencedSOPSequence" in item]
    return [item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in tree]


def test_it_is_a_key_object_selection_rejected_for_patient_safety_reasons(files: tuple[Path, ...]) -> None:
    found = note(files)
    assert (found.SOPClassUID, found.Modality) == (KEY_OBJECT_SELECTION, "KO")
    title = found.ConceptNameCodeSequence[0]
    assert (title.CodeValue, title.CodingSchemeDesignator, title.CodeMeaning) == (
        "113037",
        "DCM",
        "Rejected for Patient Safety Reasons",
    )
    assert found.ContentTemplateSequence[0].TemplateIdentifier == "2010"


def test_it_names_every_object_in_its_content_and_as_evidence(files: tuple[Path, ...]) -> None:
    found = note(files)
    uids = {path.stem for path in files}
    assert set(named(found)) == uids
    (study,) = found.CurrentRequestedProcedureEvidenceSequence
    evidence = {
        item.ReferencedSOPInstanceUID: series.SeriesInstanceUID
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert evidence == {path.stem: dcmread(path).SeriesInstanceUID for path in files}
    types = {item.ValueType for item in found.ContentSequence}
    assert {"IMAGE", "COMPOSITE"} <= types


def test_patient_and_study_are_those_of_the_result_byte_for_byte(tmp_path: Path) -> None:
    files = result_files(tmp_path, sources=series(**UMLAUT))
    found, old = note(files), dcmread(files[0])
    assert raw_bytes(found, "PatientName") == b"M\xfcller^J\xf6rg "
    for keyword in ("SpecificCharacterSet", "StudyInstanceUID", "PatientID", "PatientName", "StudyDescription"):
        assert raw_bytes(found, keyword) == raw_bytes(old, keyword) != b""
    assert found.SeriesInstanceUID not in {dcmread(path).SeriesInstanceUID for path in files}


def test_its_uid_depends_on_what_it_takes_back_only(files: tuple[Path, ...]) -> None:
    first = rejection_note(rejection(files))
    again = rejection_note(rejection(files[::-1], words="other words"))
    assert first.sop_instance_uid == again.sop_instance_uid
    assert rejection_note(rejection(files[:1])).sop_instance_uid != first.sop_instance_uid
    assert rejection_note(rejection(files, profile="ab" * 32)).sop_instance_uid != first.sop_instance_uid


def test_it_gives_the_words_of_the_person_as_plain_text_and_no_finding(files: tuple[Path, ...]) -> None:
    found = note(files, words="falsche Schwelle für\nalle\\Serien")
    said = next(item.TextValue for item in found.ContentSequence if item.ValueType == "TEXT")
    assert said == "Result withdrawn, do not use it. falsche Schwelle fuer alle/Serien"
    everything = " ".join(texts(found)).lower()
    for word in ("flagged", "score", "probability", "absent", "negative", "normal", "hemorrhage"):
        assert word not in everything


def test_it_is_marked_ours_so_that_it_never_triggers_anything(files: tuple[Path, ...]) -> None:
    assert note(files).Manufacturer == MANUFACTURER


def test_its_time_is_in_the_offset_of_the_result_or_the_zone_of_the_site(tmp_path: Path) -> None:
    found = note(result_files(tmp_path / "site"))
    assert (found.ContentDate, found.ContentTime[:4], "TimezoneOffsetFromUTC" in found) == ("20260703", "1130", False)
    found = note(result_files(tmp_path / "offset", sources=series(TimezoneOffsetFromUTC="-0500")))
    assert (found.ContentTime[:4], found.TimezoneOffsetFromUTC) == ("0430", "-0500")


def test_a_result_that_cannot_be_read_back_is_an_error_that_names_the_way_out(files: tuple[Path, ...]) -> None:
    files[1].write_bytes(b"torn")
    with pytest.raises(ResultError, match="backup"):
        note(files)
    with pytest.raises(ResultError):
        note(())
