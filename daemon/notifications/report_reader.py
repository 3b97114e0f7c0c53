"""Reads from a finished report of ours what there is to tell about it."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.notifications.facts import FindingFacts, NameParts, Order, Patient, ResultFacts
from hounsfield.daemon.results import codes
from hounsfield.daemon.results.source_attributes import has_value, items, text
from hounsfield.daemon.results.sr.groups import is_of_series
from hounsfield.daemon.results.times import parse_offset
from hounsfield.model.findings import CodedConcept
from hounsfield.storage.records import JobRecord, ResultObject, StoredResultSet
from hounsfield.storage.states import REASON_WORDS

_DATE = re.compile(r"\d{8}")
_TIME = re.compile(r"((?:\d{2}){1,3})(?:\.\d{1,6})?")
_DECIMAL = re.compile(r"-?\d{1,12}(\.\d{1,12})?")
_UID = re.compile(r"[0-9.]{1,64}")


def report_of(result: StoredResultSet) -> ResultObject | None:
    """Return the structured report to tell from: that of the default profile if there is one."""
    reports = [one for one in result.objects if one.role == "sr" and one.variant_of is None]
    return min(reports, key=lambda one: one.profile != "", default=None)


def read_facts(path: Path, job: JobRecord, result: StoredResultSet) -> ResultFacts:
    """Return what the report at ``path`` and its rows say; ``job`` is the NOTIFY job.

    Raise :class:`ResultError` if the report cannot be read.
    """
    try:
        report = dcmread(path)
    except (OSError, InvalidDicomError, EOFError) as error:
        raise ResultError("a report cannot be read back", "restore the results folder from a backup") from error
    found = _Tree(report)
    report_uid = text(report, "SOPInstanceUID")
    return ResultFacts(
        message_id=message_id(f"{job.id} {report_uid}"),
        job_id=result.job_id,
        kind=result.kind,
        outcome=result.outcome,
        reason=result.reason,
        reason_words=REASON_WORDS.get(result.reason, str(result.reason)) if result.reason else "",
        score=result.score,
        bundle=job.bundle or "",
        bundle_version=job.bundle_version or "",
        study_uid=_uid(report, "StudyInstanceUID"),
        series_uid=job.series_uid if _UID.fullmatch(job.series_uid) else "",
        report_uid=report_uid,
        created=result.created_at,
        reported_at=_moment(report, "ContentDate", "ContentTime"),
        study_at=_moment(report, "StudyDate", "StudyTime"),
        summary=found.text(codes.SUMMARY),
        comment=found.text(codes.COMMENT),
        processing=found.code(codes.PROCESSING_SUMMARY),
        findings=tuple(_findings(found, with_scores=result.score is not None)),
        patient=_patient(report),
        order=_order(report),
    )


def message_id(seed: str) -> str:
    """Return 20 hex digits that name a message."""
    return hashlib.sha256(seed.encode()).hexdigest()[:20]


def _findings(report: "_Tree", *, with_scores: bool) -> Iterator[FindingFacts]:
    """Yield what the groups about the whole series say; those of single slices are left out."""
    for group in report.below(codes.MEASUREMENT_GROUP):
        concept = group.code(codes.FINDING)
        if concept is not None and is_of_series(group.text(codes.TRACKING_IDENTIFIER)):
            yield FindingFacts(
                concept=concept,
                site=group.code(codes.FINDING_SITE),
                presence=group.code(concept),
                score_text=group.number(codes.PROBABILITY) if with_scores else "",
            )


class _Tree:
    """What stands below an item, flat; the first item of a name counts."""

    def __init__(self, report: Dataset) -> None:
        self._items = list(_flat(report))

    def below(self, name: CodedConcept) -> Iterator["_Tree"]:
        """Yield what stands below each container of this name."""
        return (_Tree(item) for item in self._named(name, "CONTAINER"))

    def text(self, name: CodedConcept) -> str:
        for item in self._named(name, "TEXT"):
            return words(item, "TextValue")
        return ""

    def code(self, name: CodedConcept) -> CodedConcept | None:
        for item in self._named(name, "CODE"):
            return _concept(items(item, "ConceptCodeSequence"))
        return None

    def number(self, name: CodedConcept) -> str:
        for item in self._named(name, "NUM"):
            measured = items(item, "MeasuredValueSequence")
            value = text(measured[0], "NumericValue") if measured else ""
            return value if _DECIMAL.fullmatch(value) else ""
        return ""

    def _named(self, name: CodedConcept, value_type: str) -> Iterator[Dataset]:
        for item in self._items:
            found = _concept(items(item, "ConceptNameCodeSequence"))
            same = found is not None and (found.value, found.scheme) == (name.value, name.scheme)
            if same and text(item, "ValueType") == value_type:
                yield item


def _flat(item: Dataset) -> Iterator[Dataset]:
    for child in items(item, "ContentSequence"):
        yield child
        yield from _flat(child)


def words(source: Dataset, keyword: str) -> str:
    """Return an element decoded by the character set of its data set; "" if it is absent or cannot be read."""
    try:
        value = source[keyword].value
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken element of a peer makes it raise
        return ""
    if isinstance(value, MultiValue):  # a backslash in a text that has one value
        value = "\\".join(str(part) for part in value)
    return "" if value is None else str(value).strip(" \0")


def _concept(entries: list[Dataset]) -> CodedConcept | None:
    for entry in entries[:1]:
        value = words(entry, "CodeValue") or words(entry, "LongCodeValue")
        if value:
            return CodedConcept(value, words(entry, "CodingSchemeDesignator"), words(entry, "CodeMeaning"))
    return None


def _patient(report: Dataset) -> Patient:
    qualifiers = items(report, "IssuerOfPatientIDQualifiersSequence")
    qualifier = qualifiers[0] if qualifiers else Dataset()
    alphabetic, ideographic, phonetic = _names(report)
    birth = text(report, "PatientBirthDate")
    sex = text(report, "PatientSex")
    return Patient(
        id=words(report, "PatientID"),
        issuer=words(report, "IssuerOfPatientID"),
        issuer_universal_id=words(qualifier, "UniversalEntityID"),
        issuer_universal_id_type=words(qualifier, "UniversalEntityIDType"),
        alphabetic=alphabetic,
        ideographic=ideographic,
        phonetic=phonetic,
        birth_date=birth if _DATE.fullmatch(birth) else "",
        sex=sex if sex in ("M", "F", "O") else "",
    )


def _names(report: Dataset) -> tuple[NameParts, NameParts, NameParts]:
    try:
        value = report["PatientName"].value
    except Exception:  # noqa: BLE001 - as in words
        value = None
    if isinstance(value, MultiValue):
        value = value[0] if value else None
    if not isinstance(value, PersonName):
        return NameParts(), NameParts(), NameParts()
    return _name(value.alphabetic), _name(value.ideographic), _name(value.phonetic)


def _name(group: str) -> NameParts:
    family, given, middle, prefix, suffix, *_ = [part.strip(" \0") for part in group.split("^")] + [""] * 5
    return NameParts(family=family, given=given, middle=middle, prefix=prefix, suffix=suffix)


def _order(report: Dataset) -> Order:
    requests = items(report, "ReferencedRequestSequence")
    request = requests[0] if requests else Dataset()
    # the accession number of a report that answers an order stands there too, where a study holds several
    accession = words(request, "AccessionNumber") or words(report, "AccessionNumber")
    return Order(
        accession_number=accession,
        placer_order_number=words(request, "PlacerOrderNumberImagingServiceRequest"),
        requested_procedure_id=words(request, "RequestedProcedureID"),
        procedure=_concept(items(report, "PerformedProcedureCodeSequence")),
    )


def _moment(report: Dataset, date_keyword: str, time_keyword: str) -> str:
    date, time = text(report, date_keyword), _TIME.fullmatch(text(report, time_keyword))
    if not _DATE.fullmatch(date):
        return ""
    if time is None or len(time[1]) < 4:  # HL7 knows hours with minutes only
        return date
    offset = text(report, "TimezoneOffsetFromUTC")
    return f"{date}{time[1]}{offset if parse_offset(offset) else ''}"


def _uid(report: Dataset, keyword: str) -> str:
    value = text(report, keyword) if has_value(report, keyword) else ""
    return value if _UID.fullmatch(value) else ""
