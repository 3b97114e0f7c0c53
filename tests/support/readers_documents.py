"""Documents as readers' workstations write them: key object selections, rejection notes, reports."""

from collections.abc import Sequence

from pydicom import Dataset
from pydicom.uid import generate_uid

KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
STUDY = "1.2.826.0.1.3680043.8.498.77"
OF_INTEREST, REJECTED_QUALITY, REJECTED_SAFETY = "113000", "113001", "113037"
WRONG_WORKLIST, EXPIRED = "113038", "113039"


def code(value: str, scheme: str = "DCM", meaning: str = "meaning") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def reference(uid: str, sop_class: str = "1.2.840.10008.5.1.4.1.1.88.34") -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    return item


def _evidence(references: Sequence[str]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = f"{STUDY}.9"
    series.ReferencedSOPSequence = [reference(uid) for uid in references]
    study = Dataset()
    study.StudyInstanceUID = STUDY
    study.ReferencedSeriesSequence = [series]
    return study


def _shown(uid: str) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "COMPOSITE"
    item.ReferencedSOPSequence = [reference(uid)]
    return item


def text_item(value: str, concept: str = "121014") -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType, item.TextValue = "HAS OBS CONTEXT", "TEXT", value
    item.ConceptNameCodeSequence = [code(concept)]
    return item


def document(
    title: str,
    references: Sequence[str],
    *,
    scheme: str = "DCM",
    sop_class: str = KEY_OBJECTS,
    uid: str | None = None,
    series: str | None = None,
    content: Sequence[Dataset] = (),
) -> Dataset:
    """Return a document about ``references``, by somebody's workstation, in a series of its own."""
    found = Dataset()
    found.SOPClassUID = sop_class
    found.SOPInstanceUID = uid or generate_uid()
    found.StudyInstanceUID, found.SeriesInstanceUID = STUDY, series or generate_uid()
    found.Modality, found.SeriesNumber, found.InstanceNumber = "KO" if sop_class == KEY_OBJECTS else "SR", "800", "1"
    found.Manufacturer, found.ManufacturerModelName = "Workstations Ltd", "Reader 3"
    found.PatientName, found.PatientID = "Doe^Jane", "P-1"
    found.ReferencedPerformedProcedureStepSequence = []
    found.ValueType, found.ContinuityOfContent = "CONTAINER", "SEPARATE"
    found.ConceptNameCodeSequence = [code(title, scheme, "a title")]
    found.CurrentRequestedProcedureEvidenceSequence = [_evidence(references)] if references else []
    found.ContentSequence = [*content, *(_shown(uid) for uid in references)]
    return found
