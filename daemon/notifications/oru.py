"""HL7 v2.5.1 ORU^R01 from the facts of a result. Pure: the same facts give the same bytes.

Built by hand rather than with an HL7 library: what is at hand writes every character beyond ASCII as a hexadecimal
escape, which receivers of UTF-8 do not read as a name.
"""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from hounsfield.daemon.notifications.facts import FindingFacts, NameParts, Patient, ResultFacts
from hounsfield.model.findings import CodedConcept
from hounsfield.storage.states import Outcome, ResultKind

SENDING_APPLICATION = "HOUNSFIELD"
LOCAL_CODES = "99HOUNSFIELD"
"""HL7 table 0396: local codes begin with 99."""
PRELIMINARY, WRONG = "P", "W"
"""HL7 table 0085: P preliminary results, W post original as wrong."""
LINE = 100
"""Characters of a line of text: some receivers take no more than 199 into a field."""
NOTICE = "Preliminary automatic result, not for diagnosis."

_PROCESSING = CodedConcept("111017", "DCM", "CAD Processing and Findings Summary")
_SUMMARY = CodedConcept("121111", "DCM", "Summary")
_COMMENT = CodedConcept("121106", "DCM", "Comment")
_SITE = CodedConcept("363698007", "SCT", "Finding Site")
_STUDY = CodedConcept("110180", "DCM", "Study Instance UID")
_SERIES = CodedConcept("112002", "DCM", "Series Instance UID")
_REPORT = CodedConcept("REPORT", LOCAL_CODES, "SOP Instance UID of the structured report")
_SCORE = CodedConcept("SCORE", LOCAL_CODES, "Score")
"""Never "probability": that word is for calibrated models, and their report says it."""
_REASON = CodedConcept("REASON", LOCAL_CODES, "Reason why not analysed")
_ALGORITHM = CodedConcept("111001", "DCM", "Algorithm Name")

_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """Who speaks to whom: MSH-4 to MSH-6."""

    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""


@dataclass(frozen=True, slots=True)
class _Observation:
    type: str
    code: CodedConcept
    value: str
    """Escaped."""
    flag: str = ""
    units: str = ""
    group: str = ""
    """OBX-4: what belongs together where several findings are told."""


def oru_r01(facts: ResultFacts, addressing: Addressing) -> bytes:
    """Return the message in UTF-8, its segments ended by carriage returns, without the frame of MLLP."""
    status = WRONG if facts.kind is ResultKind.RETRACTION else PRELIMINARY
    segments = [
        _msh(facts, addressing),
        _pid(facts.patient),
        _segment("PV1", {1: "1", 2: "U"}),
        _obr(facts, status),
        *(_obx(number, one, facts, status) for number, one in enumerate(_observations(facts), start=1)),
    ]
    return "".join(f"{segment}\r" for segment in segments).encode("utf-8", "replace")


def escape(text: str) -> str:
    """Return text as it stands in a field: delimiters escaped (2.5.1 section 2.7), control characters gone.

    A carriage return would begin a new segment, and the bytes of the MLLP frame a new message.
    """
    return "".join(_ESCAPES.get(one, one if one.isprintable() else " ") for one in text)


def _segment(name: str, fields: Mapping[int, str]) -> str:
    values = [fields.get(number, "") for number in range(1, max(fields) + 1)]
    return "|".join((name, *values))


def _components(*parts: str) -> str:
    """Join escaped components; empty ones at the end are left out."""
    return "^".join(parts).rstrip("^")


def _msh(facts: ResultFacts, addressing: Addressing) -> str:
    fields = {
        # the separator itself is MSH-1, so that the first field here is MSH-2
        1: "^~\\&",
        2: SENDING_APPLICATION,
        3: escape(addressing.sending_facility),
        4: escape(addressing.receiving_application),
        5: escape(addressing.receiving_facility),
        6: facts.reported_at,
        8: "ORU^R01^ORU_R01",
        9: facts.message_id,
        10: "T" if facts.test else "P",
        11: "2.5.1",
        17: "UNICODE UTF-8",
    }
    return _segment("MSH", fields)


def _pid(patient: Patient) -> str:
    authority = "&".join(
        (escape(patient.issuer), escape(patient.issuer_universal_id), escape(patient.issuer_universal_id_type))
    ).rstrip("&")
    groups = ((patient.alphabetic, "A"), (patient.ideographic, "I"), (patient.phonetic, "P"))
    names = [_xpn(name, code) for name, code in groups if name]
    fields = {
        1: "1",
        3: _components(escape(patient.id), "", "", authority, "PI") if patient.id else "",
        5: "~".join(names) or "^^^^^^U",
        7: patient.birth_date,
        8: patient.sex or "U",
    }
    return _segment("PID", fields)


def _xpn(name: NameParts, representation: str) -> str:
    """Return an extended person name; the order of its parts is not that of DICOM."""
    parts = (name.family, name.given, name.middle, name.suffix, name.prefix)
    return _components(*(escape(part) for part in parts), "", "L", representation)


def _obr(facts: ResultFacts, status: str) -> str:
    order = facts.order
    accession = escape(order.accession_number)
    procedure = order.procedure or CodedConcept("303653007", "SCT", "Computed tomography of head")
    fields = {
        1: "1",
        2: escape(order.placer_order_number),
        3: accession or f"{facts.report_uid}^{SENDING_APPLICATION}",
        4: _coded(procedure),
        7: facts.study_at or facts.reported_at,
        18: accession,  # IHE Radiology, Scheduled Workflow: accession number and requested procedure id
        19: escape(order.requested_procedure_id),
        22: facts.reported_at,
        24: "CT",
        25: status if status == PRELIMINARY else "C",  # table 0123 has no W: a correction of results
    }
    return _segment("OBR", fields)


def _obx(number: int, one: _Observation, facts: ResultFacts, status: str) -> str:
    fields = {
        1: str(number),
        2: one.type,
        3: _coded(one.code),
        4: one.group,
        5: one.value,
        6: one.units,
        8: one.flag,
        11: status,
        14: facts.reported_at,
    }
    return _segment("OBX", fields)


def _observations(facts: ResultFacts) -> list[_Observation]:
    flag = "A" if facts.outcome is Outcome.POSITIVE else ""
    found: list[_Observation] = []
    if facts.processing is not None:
        found.append(_Observation("CWE", _PROCESSING, _coded(facts.processing), flag))
    told = _told(facts)
    for number, one in enumerate(told, start=1):
        found += _about(one, flag, group=str(number) if len(told) > 1 else "")
    if facts.reason is not None:
        reason = CodedConcept(str(facts.reason), LOCAL_CODES, facts.reason_words)
        found.append(_Observation("CWE", _REASON, _coded(reason)))
    if not told and facts.score is not None:
        found += [_score(one, flag) for one in facts.findings[:1]]
    found.append(_Observation("TX", _SUMMARY, _lines(_summary(facts)), flag))
    found.append(_Observation("TX", _COMMENT, _lines(facts.comment or NOTICE)))
    found.append(_Observation("ST", _ALGORITHM, escape(f"{facts.bundle} {facts.bundle_version}")))
    uids = ((_STUDY, facts.study_uid), (_SERIES, facts.series_uid), (_REPORT, facts.report_uid))
    return [*found, *(_Observation("ST", code, uid) for code, uid in uids if uid)]


def _told(facts: ResultFacts) -> list[FindingFacts]:
    """What is flagged, or could not be determined, in the order of the report.

    A coded absence is for readers of reports that asked for it, not for a worklist.
    """
    if facts.outcome is Outcome.NEGATIVE:
        return []
    return [one for one in facts.findings if one.presence is not None]


def _about(one: FindingFacts, flag: str, group: str) -> list[_Observation]:
    """The finding and its score; its site too among several, since two may have the same code."""
    assert one.presence is not None
    found = [_Observation("CWE", one.concept, _coded(one.presence), flag, group=group)]
    if group and one.site is not None:
        found.append(_Observation("CWE", _SITE, _coded(one.site), group=group))
    return [*found, _score(one, flag, group)] if one.score_text else found


def _score(one: FindingFacts, flag: str, group: str = "") -> _Observation:
    return _Observation("NM", _SCORE, one.score_text, flag, "1^no units^UCUM", group)


def _lines(text: str) -> str:
    """Return text for display in lines: repetitions of a TX field are such (2.5.1 section 2.A.79)."""
    return "~".join(escape(line) for line in textwrap.wrap(text, LINE))


def _summary(facts: ResultFacts) -> str:
    if facts.kind is ResultKind.RETRACTION:
        return f"This result has been taken back: do not use it. {facts.summary}"
    return facts.summary or NOTICE


def _coded(concept: CodedConcept) -> str:
    """Return a coded element: identifier, text, name of the coding system."""
    return _components(escape(concept.value), escape(concept.meaning), escape(concept.scheme))
