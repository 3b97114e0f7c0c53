"""Patient and study attributes of the source, copied into a result as the bytes they are.

Decoding and encoding names anew loses what this machine does not understand (escape sequences, a wrong
character set). So a result takes over the source's Specific Character Set, and its elements stay raw.
"""

from collections.abc import Iterable

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

_DEEPEST = 3
"""Levels of nested sequences that are copied; coded entries and references need two."""
_TEXT = frozenset(
    ["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"]
)
"""Representations whose bytes are the same in every transfer syntax."""
_LONGEST = 65534
"""Bytes of a value with a 16-bit length (PS3.5 7.1.2); only a broken source has more in what is copied here."""

REQUIRED = (
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
)
"""Type 2 in the Patient and General Study modules: empty where the source lacks them."""

OPTIONAL = (
    "IssuerOfAccessionNumberSequence",
    "StudyDescription",
    "ProcedureCodeSequence",
    "PhysiciansOfRecord",
    "AdmittingDiagnosesDescription",
    "ReferencedStudySequence",
    "IssuerOfPatientID",
    "TypeOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "PatientBirthTime",
    "OtherPatientNames",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "EthnicGroup",
    "Occupation",
    "PatientComments",
    "AdmissionID",
)

_DEIDENTIFIED = ("DeidentificationMethod", "DeidentificationMethodCodeSequence")


def new_dataset(source: Dataset) -> Dataset:
    """Return an empty data set that holds the source's character set and keeps raw elements as they are."""
    result = Dataset()
    if raw_bytes(source, "SpecificCharacterSet").strip():
        result.SpecificCharacterSet = source.SpecificCharacterSet
    # tells pydicom that raw elements are already in the encoding that is going to be written
    result.set_original_encoding(False, True, result._character_set)
    return result


def copy_patient_and_study(source: Dataset, target: Dataset) -> None:
    """Copy the Patient, General Study and Patient Study attributes (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2)."""
    target.StudyInstanceUID = text(source, "StudyInstanceUID")
    copy_elements(source, target, REQUIRED)
    for keyword in REQUIRED:
        if keyword not in target:
            setattr(target, keyword, None)
    copy_elements(source, target, OPTIONAL)
    _copy_deidentification(source, target)


def copy_elements(source: Dataset, target: Dataset, keywords: Iterable[str]) -> None:
    """Copy the elements that have a value; the others are left out."""
    for keyword in keywords:
        _copy(source, target, Tag(keyword), _DEEPEST)


def raw_bytes(source: Dataset, keyword: str) -> bytes:
    """Return the value as it was received, b"" if it is absent, empty or a sequence."""
    element = source.get_item(Tag(keyword))
    if element is None:
        return b""
    if isinstance(element, RawDataElement):
        return element.value or b""
    return b"" if element.VR == "SQ" or element.value is None else str(element.value).encode("utf-8", "replace")


def text(source: Dataset, keyword: str) -> str:
    """Return the value of an element whose text is ASCII by its nature (UI, CS, IS, DS); "" if it is not there."""
    return raw_bytes(source, keyword).decode("ascii", "replace").strip(" \0")


def number(source: Dataset, keyword: str) -> int | None:
    """Return an unsigned short such as Rows, None if it is absent or no number."""
    try:
        return int(source[keyword].value)
    except (KeyError, TypeError, ValueError):
        return None


def items(source: Dataset, keyword: str | BaseTag) -> list[Dataset]:
    """Return the items of a sequence, none if it is absent or cannot be read."""
    element = _decoded(source, Tag(keyword))
    value = None if element is None else element.value
    return list(value) if isinstance(value, Sequence) else []


def raw_element(tag: BaseTag, vr: str, value: bytes) -> RawDataElement:
    """Return an element that is written byte for byte, padded to an even length (PS3.5 6.2)."""
    pad = b"\0" if vr in ("UI", "OB", "OW", "UN") else b" "
    padded = value if len(value) % 2 == 0 else value + pad
    return RawDataElement(tag, vr, len(padded), padded, 0, False, True)


def has_value(source: Dataset, keyword: str) -> bool:
    """Whether the element is there and holds more than padding."""
    return bool(raw_bytes(source, keyword).strip(b" \0")) or bool(
        dictionary_VR(keyword) == "SQ" and items(source, keyword)
    )


def _copy_deidentification(source: Dataset, target: Dataset) -> None:
    """Without its method, Patient Identity Removed would make the result invalid where the source already was."""
    if text(source, "PatientIdentityRemoved") == "YES" and any(has_value(source, k) for k in _DEIDENTIFIED):
        copy_elements(source, target, ("PatientIdentityRemoved", *_DEIDENTIFIED))


def _copy(source: Dataset, target: Dataset, tag: BaseTag, levels: int) -> None:
    element = source.get_item(tag)
    if element is None:
        return
    vr = _vr(tag, element)
    if vr == "SQ":
        _copy_sequence(source, target, tag, levels)
    elif not isinstance(element, RawDataElement) or vr not in _TEXT:
        decoded = _decoded(source, tag)
        if decoded is not None and not decoded.is_empty:
            target[tag] = decoded
    elif element.value and element.value.strip(b" \0") and len(element.value) <= _LONGEST:
        target[tag] = raw_element(tag, vr, element.value)


def _copy_sequence(source: Dataset, target: Dataset, tag: BaseTag, levels: int) -> None:
    copies = []
    for item in items(source, tag) if levels else ():
        copied = Dataset()
        copied.set_original_encoding(False, True, copied._character_set)
        for nested in sorted(item.keys()):
            if not Tag(nested).is_private:
                _copy(item, copied, Tag(nested), levels - 1)
        if len(copied):
            copies.append(copied)
    if copies:
        target[tag] = DataElement(tag, "SQ", Sequence(copies))


def _decoded(source: Dataset, tag: BaseTag) -> DataElement | None:
    """The element as pydicom understands it, None if it is absent or broken: it must not cost the whole result."""
    try:
        return source.get(tag)
    except Exception:  # noqa: BLE001 - pydicom raises whatever a broken element of a peer makes it raise
        return None


def _vr(tag: BaseTag, element: DataElement | RawDataElement) -> str:
    """The dictionary's representation: the received one may be missing (implicit), UN, or a lie."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return element.VR or "UN"
