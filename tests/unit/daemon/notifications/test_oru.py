"""What stands in an HL7 message, read back with two libraries that are not ours."""

from pathlib import Path

import hl7
import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from support.reports import FRACTURE, HAEMORRHAGE, SERIES, STUDY, facts, of_labels, series, six_labels
from support.told import facts_of, notify_job

from hounsfield.daemon.notifications.facts import ResultFacts
from hounsfield.daemon.notifications.oru import Addressing, escape, oru_r01
from hounsfield.daemon.results.profile import Profile
from hounsfield.storage.states import Outcome, ResultKind

ADDRESSED = Addressing(sending_facility="Klinikum Köln", receiving_application="RIS|1", receiving_facility="Radiologie")
OUTCOMES = list(Outcome)


def text_of(told: ResultFacts) -> str:
    return oru_r01(told, ADDRESSED).decode("utf-8")


def message_of(told: ResultFacts) -> hl7.Message:
    return hl7.parse(text_of(told))


def observations(message: hl7.Message) -> dict[str, hl7.Segment]:
    return {str(row[3]).partition("^")[0]: row for row in message.segments("OBX")}


def unescaped(message: hl7.Message, field: object) -> str:
    return message.unescape(str(field))


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("kind", [ResultKind.ANALYSIS, ResultKind.RETRACTION])
def test_a_strict_validator_of_version_2_5_1_finds_no_fault(tmp_path: Path, outcome: Outcome, kind: ResultKind) -> None:
    text = text_of(facts_of(tmp_path, outcome, kind=kind))
    parsed = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert parsed.validate()
    assert parsed.version == "2.5.1"
    assert parsed.msh.msh_9.to_er7() == "ORU^R01^ORU_R01"
    assert len(parsed.oru_r01_patient_result.oru_r01_order_observation.children) > 5


def test_the_same_result_gives_the_same_bytes_and_another_job_another_control_id(tmp_path: Path) -> None:
    first, again = facts_of(tmp_path), facts_of(tmp_path)
    assert oru_r01(first, ADDRESSED) == oru_r01(again, ADDRESSED)
    assert len(first.message_id) == 20
    message = message_of(first)
    assert str(message["MSH"][0][10]) == first.message_id
    assert str(message["MSH"][0][7]) == "20260701140000", "the time of the report, not of the sending"


def test_a_flagged_result_tells_patient_order_outcome_score_and_where_it_is_found(tmp_path: Path) -> None:
    told = facts_of(tmp_path)
    message = message_of(told)
    pid, obr, rows = message["PID"][0], message["OBR"][0], observations(message)
    assert str(pid[3]) == "P-1^^^^PI"
    assert str(pid[5]) == "Doe^Jane^^^^^L^A"
    assert (str(pid[7]), str(pid[8])) == ("19500101", "F")
    assert (str(obr[3]), str(obr[18])) == ("A-77", "A-77")
    assert str(obr[7]) == "20260701101500"
    assert str(obr[25]) == "P"
    assert str(rows["111017"][5]) == "111242^All algorithms succeeded; with findings^DCM"
    assert str(rows["1386000"][5]) == "52101004^Present^SCT"
    assert float(str(rows["SCORE"][5])) == told.score
    assert str(rows["110180"][5]) == STUDY
    assert str(rows["112002"][5]) == SERIES
    assert str(rows["REPORT"][5]) == told.report_uid
    assert all(str(row[11]) == "P" for row in rows.values())


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("calibrated", [True, False])
def test_every_message_says_what_it_is_not_for_and_no_message_calls_a_series_clear(
    tmp_path: Path, outcome: Outcome, calibrated: bool
) -> None:
    text = text_of(facts_of(tmp_path, outcome, bundle=facts(calibrated=calibrated)))
    assert "not for diagnosis" in text.lower()
    for word in ("absent", "negative", "normal", "clear"):
        assert word not in text.lower()
    assert calibrated or "probability" not in text.lower()


def test_a_series_that_was_not_analysed_has_a_reason_and_no_number(tmp_path: Path) -> None:
    rows = observations(message_of(facts_of(tmp_path, Outcome.NOT_ANALYSED)))
    assert str(rows["REASON"][5]) == "incomplete^slices missing^99HOUNSFIELD"
    assert str(rows["1386000"][5]) == "373068000^Undetermined^SCT"
    assert "SCORE" not in rows


@pytest.mark.parametrize("profile", [Profile(), Profile(code_absence=True)])
def test_an_unflagged_result_names_no_finding_that_could_be_taken_for_one(tmp_path: Path, profile: Profile) -> None:
    message = message_of(facts_of(tmp_path, Outcome.NEGATIVE, profile=profile))
    assert "1386000" not in observations(message)
    assert not any(str(row[8]) for row in message.segments("OBX"))


def rows_of(message: hl7.Message) -> list[tuple[str, str, str]]:
    """Return OBX-3, OBX-4 and OBX-5 of what is told about findings."""
    rows = [
        (str(row[3]).partition("^")[0], str(row[4]), str(row[5]).partition("^")[0]) for row in message.segments("OBX")
    ]
    others = ("111017", "121111", "121106", "111001", "110180", "112002", "REPORT")
    return [row for row in rows if row[0] not in others]


def test_each_flagged_finding_is_told_with_its_site_and_its_score_under_a_sub_id(tmp_path: Path) -> None:
    told = facts_of(tmp_path, asked=six_labels())
    assert rows_of(message_of(told)) == [
        ("1386000", "1", "52101004"),
        ("363698007", "1", "12738006"),
        ("SCORE", "1", "0.930000"),
        ("21454007", "2", "52101004"),
        ("363698007", "2", "12738006"),
        ("SCORE", "2", "0.640000"),
        ("35486000", "3", "52101004"),
        ("363698007", "3", "12738006"),
        ("SCORE", "3", "0.880000"),
    ]
    parsed = parse_message(text_of(told), validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert parsed.validate()


def test_a_second_finding_that_is_flagged_alone_is_the_one_that_is_told(tmp_path: Path) -> None:
    told = facts_of(tmp_path, asked=of_labels({HAEMORRHAGE: (0.3, 0.5), FRACTURE: (0.7, 0.6)}))
    assert told.score == 0.7
    assert rows_of(message_of(told)) == [("71642004", "", "52101004"), ("SCORE", "", "0.700000")]


def test_a_bundle_of_several_labels_names_no_finding_of_a_series_that_is_not_flagged(tmp_path: Path) -> None:
    told = facts_of(tmp_path, asked=six_labels(0.2, profile=Profile(code_absence=True)))
    assert rows_of(message_of(told)) == [("SCORE", "", "0.200000")]


def test_a_result_that_was_taken_back_is_marked_as_wrong_in_every_row(tmp_path: Path) -> None:
    message = message_of(facts_of(tmp_path, kind=ResultKind.RETRACTION))
    assert {str(row[11]) for row in message.segments("OBX")} == {"W"}
    assert str(message["OBR"][0][25]) == "C"
    assert "taken back" in str(observations(message)["121111"][5])


JAPANESE = {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう"}
LATIN = {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg^^Dr.^Jr."}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (JAPANESE, "Yamada^Tarou^^^^^L^A~山田^太郎^^^^^L^I~やまだ^たろう^^^^^L^P"),
        (LATIN, "Müller^Jörg^^Jr.^Dr.^^L^A"),
        ({"PatientName": ""}, "^^^^^^U"),
    ],
)
def test_names_arrive_in_their_own_writing(tmp_path: Path, source: dict[str, object], expected: str) -> None:
    text = text_of(facts_of(tmp_path, sources=series(**source)))
    pid = next(segment for segment in text.split("\r") if segment.startswith("PID"))
    assert pid.split("|")[5] == expected
    assert text.split("\r")[0].split("|")[17] == "UNICODE UTF-8"


def test_the_assigning_authority_stands_beside_the_patient_id(tmp_path: Path) -> None:
    qualifier = Dataset()
    qualifier.UniversalEntityID, qualifier.UniversalEntityIDType = "1.2.3", "ISO"
    told = facts_of(tmp_path, sources=series(IssuerOfPatientID="KH|A", IssuerOfPatientIDQualifiersSequence=[qualifier]))
    assert str(message_of(told)["PID"][0][3]) == r"P-1^^^KH\F\A&1.2.3&ISO^PI"


def test_an_order_gives_its_procedure_and_the_offset_of_the_scanner_is_kept(tmp_path: Path) -> None:
    code, order = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "24725-4", "LN", "CT Head"
    order.RequestedProcedureID = "RP-1"
    sources = series(TimezoneOffsetFromUTC="+0900", RequestAttributesSequence=[order], ProcedureCodeSequence=[code])
    obr = message_of(facts_of(tmp_path, sources=sources))["OBR"][0]
    assert str(obr[4]) == "24725-4^CT Head^LN"
    assert str(obr[19]) == "RP-1"
    assert (str(obr[7]), str(obr[22])) == ("20260701101500+0900", "20260701210000+0900")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientID", "1\rOBX|1|TX|forged"),
        ("PatientID", "a|b^c&d~e"),
        ("AccessionNumber", "\x0b\x1c\rMSH|^~\\&|EVIL"),
        ("PatientName", "A|B^C&D~E\n\r\x1c^\x0b"),
    ],
)
def test_what_a_sender_writes_stays_within_its_field(tmp_path: Path, keyword: str, value: str) -> None:
    raw = oru_r01(facts_of(tmp_path, sources=series(**{keyword: value})), ADDRESSED)
    plain = oru_r01(facts_of(tmp_path), ADDRESSED)
    shape = [segment[:3] for segment in raw.decode().split("\r")]
    assert shape == [segment[:3] for segment in plain.decode().split("\r")]
    assert not set(raw) & {0x0A, 0x0B, 0x1C}
    counted = [[segment.count("|") for segment in one.decode().split("\r")] for one in (raw, plain)]
    assert counted[0] == counted[1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_a_printable_text_comes_back_from_its_escapes_as_it_was(text: str) -> None:
    escaped = escape(text)
    assert not set(escaped) & set("|^&~\r\n\x0b\x1c")
    readable = "".join(one if one.isprintable() else " " for one in text)
    for letter, character in zip("FSTR", "|^&~", strict=True):
        escaped = escaped.replace(f"\\{letter}\\", character) if "\\" not in text else escaped
    assert "\\" in text or escaped == readable


def test_facts_never_print_a_patient(tmp_path: Path) -> None:
    told = facts_of(tmp_path, sources=series(PatientName="Kanarienvogel^Kuno", AccessionNumber="KANARIEN-77"))
    assert told.patient.alphabetic.family == "Kanarienvogel"
    assert "anarien" not in repr(told).lower()
    assert "KANARIEN" not in repr(told)
    assert notify_job().id == 7
