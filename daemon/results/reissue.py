"""A finished result written anew for the patient as the archive knows them now; all else is taken over as it is.

The objects of one result keep what they say, and when they were made; they get new UIDs, and name each other by these.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.sequence import Sequence as ItemSequence
from pydicom.tag import BaseTag, Tag

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.results.parts import hierarchical, part10
from hounsfield.daemon.results.recoding import CharacterSet, Recoding, common_set, is_plain
from hounsfield.daemon.results.request import BuiltObject, InstanceReference
from hounsfield.daemon.results.source_attributes import items, raw_bytes, raw_element, text
from hounsfield.daemon.results.uids import derived_uid

_ANSWERED = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
"""Type 2: empty where the archive does not say."""
_ISSUER = "IssuerOfPatientID"
_PATIENT_GROUP = 0x0010
_ADMISSION_ID = Tag("AdmissionID")
_CHARACTER_SET = Tag("SpecificCharacterSet")
_PREDECESSORS = Tag("PredecessorDocumentsSequence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """An object to be written anew."""

    role: str
    dataset: Dataset
    """The whole file as ``dcmread`` gives it, not accessed since."""


@dataclass(frozen=True, slots=True)
class NewPatient:
    """The patient as the archive answered, as raw elements in a character set."""

    elements: Mapping[str, bytes]
    """By keyword; only what was answered."""
    character_set: CharacterSet

    @classmethod
    def of(cls, answer: Dataset) -> "NewPatient":
        """Take it from an answer to a query; raise :class:`ResultError` if it names no Patient ID."""
        found = {keyword: raw_bytes(answer, keyword).strip(b" \0") for keyword in (*_ANSWERED, _ISSUER)}
        elements = {keyword: value for keyword, value in found.items() if value}
        if "PatientID" not in elements:
            raise ResultError("the destination names no Patient ID for the study", "see the study in the archive")
        return cls(elements, CharacterSet.of(answer))

    @property
    def digest(self) -> str:
        """Hex SHA-256 of what goes into the objects."""
        parts = [self.character_set.value, *(f"{key}={self.elements[key].hex()}" for key in sorted(self.elements))]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def is_plain(self) -> bool:
        """Whether every value is ASCII."""
        return all(map(is_plain, self.elements.values()))


def reissued(
    originals: Sequence[Original], patient: NewPatient, predecessor: InstanceReference | None
) -> tuple[BuiltObject, ...]:
    """Write the objects of one result anew; the same arguments give the same bytes.

    ``predecessor`` is the report that somebody has already; the new report names it. Raise :class:`ResultError` where
    texts in the character sets of both cannot stand in one object.
    """
    salt = [patient.digest, *([predecessor.sop_instance_uid] if predecessor else [])]
    renamed = {
        uid: derived_uid("reissue", uid, *salt)
        for one in originals
        for uid in (text(one.dataset, "SOPInstanceUID"), text(one.dataset, "SeriesInstanceUID"))
    }
    return tuple(_reissued(one, patient, predecessor if one.role == "sr" else None, renamed) for one in originals)


def _reissued(
    one: Original, patient: NewPatient, predecessor: InstanceReference | None, renamed: Mapping[str, str]
) -> BuiltObject:
    kept = _without_patient(one.dataset)
    old = CharacterSet.of(one.dataset)
    chosen = common_set(kept, old, list(patient.elements.values()), patient.character_set)
    result = Dataset()
    if chosen.value:
        result.SpecificCharacterSet = chosen.value.split("\\")
    result.set_original_encoding(False, True, result._character_set)
    _fill(result, kept, Recoding(old, chosen), renamed)
    answered = Recoding(patient.character_set, chosen)
    for keyword in (*_ANSWERED, *([_ISSUER] if _ISSUER in patient.elements else [])):
        tag = Tag(keyword)
        vr = {"PatientName": "PN", "PatientBirthDate": "DA", "PatientSex": "CS"}.get(keyword, "LO")
        result[tag] = raw_element(tag, vr, answered(patient.elements.get(keyword, b"")))
    if predecessor is not None:
        _name_predecessor(result, predecessor)
    content = part10(result)
    return BuiltObject(one.role, text(result, "SOPClassUID"), text(result, "SOPInstanceUID"), content)


def _without_patient(source: Dataset) -> Dataset:
    """Leave out whatever is said of the patient or the visit: it is of the old one (PS3.3 C.7.1.1, C.7.2.2)."""
    kept = Dataset()
    kept.set_original_encoding(False, True, source._character_set)
    for tag in sorted(source.keys()):
        if Tag(tag).group != _PATIENT_GROUP and tag not in (_ADMISSION_ID, _CHARACTER_SET):
            element = source.get_item(tag)
            if element is not None:
                kept[tag] = element
    return kept


def _fill(target: Dataset, source: Dataset, recoding: Recoding, renamed: Mapping[str, str]) -> None:
    """Copy every element, texts in the new character set and our UIDs renamed, at every depth."""
    for tag in sorted(source.keys()):
        element = source.get_item(tag)
        if element is None:
            continue
        vr = element.VR or "UN"
        if vr == "SQ":
            copies = [_item(item, recoding, renamed) for item in items(source, BaseTag(tag))]
            target[tag] = DataElement(tag, "SQ", ItemSequence(copies))
        elif not isinstance(element, RawDataElement):
            target[tag] = element
        elif vr == "UI":
            target[tag] = raw_element(BaseTag(tag), vr, _renamed(element.value or b"", renamed))
        else:
            target[tag] = raw_element(BaseTag(tag), vr, recoding.of(vr, element.value or b""))


def _item(source: Dataset, recoding: Recoding, renamed: Mapping[str, str]) -> Dataset:
    item = Dataset()
    item.set_original_encoding(False, True, item._character_set)
    _fill(item, source, recoding, renamed)
    return item


def _renamed(value: bytes, renamed: Mapping[str, str]) -> bytes:
    uids = value.rstrip(b"\0 ").decode("ascii", "replace").split("\\")
    return "\\".join(renamed.get(uid, uid) for uid in uids).encode()


def _name_predecessor(report: Dataset, predecessor: InstanceReference) -> None:
    known = [
        InstanceReference(text(study, "StudyInstanceUID"), text(series, "SeriesInstanceUID"), *_reference(sop))
        for study in items(report, _PREDECESSORS)
        for series in items(study, "ReferencedSeriesSequence")
        for sop in items(series, "ReferencedSOPSequence")
    ]
    report.PredecessorDocumentsSequence = hierarchical([*known, predecessor])


def _reference(sop: Dataset) -> tuple[str, str]:
    return text(sop, "ReferencedSOPClassUID"), text(sop, "ReferencedSOPInstanceUID")
