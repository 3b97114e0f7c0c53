"""Patient and study attributes arrive in the result byte for byte, in every character set and encoding."""

import io
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from support.reports import ct_slice, received, request, texts

from hounsfield.daemon.results.registry import build
from hounsfield.daemon.results.source_attributes import REQUIRED
from hounsfield.storage.states import Outcome

JAPANESE = {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう"}
UMLAUT = {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg", "StudyDescription": "Schädel nativ"}
UTF8 = {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Łukasz^Żółć=山田^太郎", "StudyDescription": "Schädel"}
KEYWORDS = ("PatientName", "PatientID", "StudyDescription", "AccessionNumber", "StudyDate")


def results(source: Dataset, outcome: Outcome = Outcome.POSITIVE) -> list[Dataset]:
    return [dcmread(io.BytesIO(b.content)) for b in build(request(outcome, sources=(source,)), ("sr", "sc"))]


def raw(dataset: Dataset, keyword: str) -> bytes:
    element = dataset.get_item(Tag(keyword))
    assert isinstance(element, RawDataElement), f"{keyword} is missing or was decoded"
    return bytes(element.value or b"")


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("changes", [JAPANESE, UMLAUT, UTF8], ids=["japanese", "umlaut", "utf8"])
def test_names_are_byte_identical_with_their_character_set(changes: dict[str, object], syntax: UID) -> None:
    sent = received(ct_slice(1, **changes), syntax)
    expected = {keyword: raw(sent, keyword) for keyword in KEYWORDS}
    for result in results(received(ct_slice(1, **changes), syntax)):
        assert {keyword: raw(result, keyword) for keyword in KEYWORDS} == expected
        assert result.SpecificCharacterSet == changes["SpecificCharacterSet"]
        assert str(result.PatientName) == changes["PatientName"]


def test_bytes_that_contradict_their_character_set_are_copied_and_not_mended() -> None:
    source = received(ct_slice(1, SpecificCharacterSet="ISO_IR 192"))
    broken = source.get_item(Tag("PatientName"))._replace(value=b"M\xfcller^J\xf6rg ", length=14)
    source[Tag("PatientName")] = broken
    for result in results(source):
        assert raw(result, "PatientName") == b"M\xfcller^J\xf6rg "


@pytest.mark.filterwarnings("ignore:Unknown encoding")
def test_an_unknown_character_set_does_not_keep_a_result_back() -> None:
    for result in results(received(ct_slice(1, SpecificCharacterSet="KLINGON"))):
        assert result.SpecificCharacterSet == "KLINGON"
        assert raw(result, "PatientName") == b"Doe^Jane"


def test_attributes_the_source_lacks_are_there_and_empty() -> None:
    source = received(ct_slice(1, **dict.fromkeys(REQUIRED)))
    for result in results(source):
        assert [keyword for keyword in REQUIRED if raw(result, keyword)] == []


def test_coded_entries_of_the_source_keep_their_bytes_too() -> None:
    procedure = Dataset()
    procedure.CodeValue, procedure.CodingSchemeDesignator, procedure.CodeMeaning = "KK1", "99LOCAL", "Schädel nativ"
    source = received(ct_slice(1, SpecificCharacterSet="ISO_IR 192", ProcedureCodeSequence=[procedure]))
    report, capture = results(source)
    expected = "Schädel nativ".encode()
    for copied in (report.ProcedureCodeSequence, capture.ProcedureCodeSequence, report.PerformedProcedureCodeSequence):
        assert raw(copied[0], "CodeMeaning").rstrip() == expected
    reported = next(i for i in report.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == "121058")
    assert raw(reported.ConceptCodeSequence[0], "CodeMeaning").rstrip() == expected


def test_the_scanner_is_named_as_contributing_equipment_with_its_own_bytes() -> None:
    source = received(ct_slice(1, SpecificCharacterSet="ISO_IR 100", InstitutionName="Uniklinik Köln"))
    for result in results(source):
        scanner = result.ContributingEquipmentSequence[0]
        assert raw(scanner, "InstitutionName") == "Uniklinik Köln".encode("latin-1")
        assert (scanner.Manufacturer, scanner.PurposeOfReferenceCodeSequence[0].CodeValue) == ("Generated", "109101")
        assert (result.Manufacturer, result.ManufacturerModelName) == ("Hounsfield project", "hounsfield")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_nested_values_are_written_in_the_encoding_of_the_result(syntax: UID) -> None:
    study, code = Dataset(), Dataset()
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = "1.2.840.10008.3.1.2.3.1", "1.2.3"
    study.ReferencedFrameNumber, study.Rows = 7, 258
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99X", "one"
    study.PurposeOfReferenceCodeSequence = [code]
    for result in results(received(ct_slice(1, ReferencedStudySequence=[study]), syntax)):
        assert result.ReferencedStudySequence[0] == study


def test_a_broken_sequence_is_left_out() -> None:
    source = received(ct_slice(1))
    for keyword in ("ProcedureCodeSequence", "ReferencedStudySequence"):
        source[Tag(keyword)] = RawDataElement(Tag(keyword), "SQ", 6, b"\xff\xfe\x00", 0, False, True)
    for result in results(source):
        assert "ReferencedStudySequence" not in result
        assert raw(result, "PatientID") == b"P-1 "


@pytest.mark.filterwarnings("ignore:The value length")
def test_a_value_no_source_should_have_is_left_out() -> None:
    source = received(ct_slice(1, PatientComments="x" * 70_000), ImplicitVRLittleEndian)
    for result in results(source):
        assert "PatientComments" not in result
        assert raw(result, "PatientID") == b"P-1 "


def test_private_and_acquisition_attributes_are_not_copied() -> None:
    report, _ = results(received(ct_slice(1, ProtocolName="secret protocol")))
    assert "secret protocol" not in texts(report)
    assert "KVP" not in report


def test_a_removed_identity_is_only_claimed_with_its_method() -> None:
    bare = results(received(ct_slice(1, PatientIdentityRemoved="YES")))[0]
    told = results(received(ct_slice(1, PatientIdentityRemoved="YES", DeidentificationMethod="by hand")))[0]
    assert "PatientIdentityRemoved" not in bare
    assert (told.PatientIdentityRemoved, told.DeidentificationMethod) == ("YES", "by hand")


def test_real_head_ct_with_empty_study_attributes_gives_results(real_ct: Path) -> None:
    sources = tuple(dcmread(path, stop_before_pixels=True) for path in sorted((real_ct / "ge_head_ct").glob("*.dcm")))
    report, capture = (dcmread(io.BytesIO(built.content)) for built in build(request(sources=sources), ("sr", "sc")))
    for result in (report, capture):
        assert result.StudyInstanceUID == sources[0].StudyInstanceUID
        assert result.PatientID == sources[0].PatientID
        assert (result.StudyDate, result.StudyID, result.AccessionNumber) == ("", "", "")
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert len(evidence[0].ReferencedSOPSequence) == len(sources) == 28
