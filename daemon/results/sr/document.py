"""The report as a DICOM object: the modules of the SR Document IODs around the content tree."""

from pydicom import Dataset

from hounsfield.daemon.results import codes
from hounsfield.daemon.results.evidence import evidence_of
from hounsfield.daemon.results.parts import coded, envelope, hierarchical
from hounsfield.daemon.results.request import MANUFACTURER, PRODUCT, ObjectReference, PredecessorRef, ReportRequest
from hounsfield.daemon.results.source_attributes import copy_elements, has_value, items, text
from hounsfield.daemon.results.sr.content import content_tree, source_procedure
from hounsfield.daemon.results.uids import reference_of
from hounsfield.daemon.results.words import LONGEST_LO, plain

COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
SERIES_NUMBER = 9001


class StructuredReportWriter:
    """Writes TID 1500 in one of the SR classes; the tree holds nothing that Enhanced SR would not allow."""

    role = "sr"

    def __init__(self, sop_class_uid: str = COMPREHENSIVE_3D_SR) -> None:
        self._sop_class_uid = sop_class_uid

    def reference(self, request: ReportRequest, companions: tuple[ObjectReference, ...]) -> ObjectReference:
        """Return the UIDs; what the report names is part of its identity."""
        return reference_of(self.role, self._sop_class_uid, request, companions)

    def write(self, request: ReportRequest, companions: tuple[ObjectReference, ...]) -> Dataset:
        """Build the report, preliminary and unverified."""
        result = envelope(request, self.reference(request, companions), "SR", SERIES_NUMBER)
        result.ReferencedPerformedProcedureStepSequence = []
        result.CompletionFlag = "COMPLETE"
        result.VerificationFlag = "UNVERIFIED"
        result.PreliminaryFlag = "PRELIMINARY"
        result.AuthorObserverSequence = [_author(request)]
        result.PerformedProcedureCodeSequence = [source_procedure(request) or coded(codes.CT_OF_HEAD)]
        if requested := _requests(request):
            result.ReferencedRequestSequence = requested
        if request.predecessors:
            result.PredecessorDocumentsSequence = hierarchical(_four(entry) for entry in request.predecessors)
        study = text(request.sources[0], "StudyInstanceUID")
        ours = [(study, entry.series_uid, entry.sop_class_uid, entry.sop_instance_uid) for entry in companions]
        result.CurrentRequestedProcedureEvidenceSequence = hierarchical([*evidence_of(request), *ours])
        result.update(content_tree(request, companions))
        return result


def _four(reference: PredecessorRef) -> tuple[str, str, str, str]:
    return reference.study_uid, reference.series_uid, reference.sop_class_uid, reference.sop_instance_uid


def _author(request: ReportRequest) -> Dataset:
    """Identified Person or Device Macro (PS3.3 table 10-9b): a device."""
    author = Dataset()
    author.ObserverType = "DEV"
    author.StationName = ""
    author.DeviceUID = request.device_uid
    author.Manufacturer = MANUFACTURER
    author.ManufacturerModelName = PRODUCT
    author.InstitutionName = plain(request.site.name, LONGEST_LO)
    author.InstitutionCodeSequence = []
    return author


def _requests(request: ReportRequest) -> list[Dataset]:
    """Referenced Request Sequence: needed where the source names the order it fulfils (PS3.3 C.17.2, type 1C)."""
    source = request.sources[0]
    orders = items(source, "RequestAttributesSequence")
    if not orders:
        return [_request(source, Dataset())] if has_value(source, "AccessionNumber") else []
    return [_request(source, order) for order in orders]


def _request(source: Dataset, order: Dataset) -> Dataset:
    entry = Dataset()
    entry.set_original_encoding(False, True, entry._character_set)
    entry.StudyInstanceUID = text(source, "StudyInstanceUID")
    copy_elements(source, entry, ("AccessionNumber", "IssuerOfAccessionNumberSequence", "ReferencedStudySequence"))
    wanted = (
        "AccessionNumber",
        "RequestedProcedureID",
        "RequestedProcedureDescription",
        "RequestedProcedureCodeSequence",
    )
    copy_elements(order, entry, wanted)
    empty_if_missing = (
        "ReferencedStudySequence",
        "AccessionNumber",
        "RequestedProcedureID",
        "RequestedProcedureDescription",
        "RequestedProcedureCodeSequence",
        "PlacerOrderNumberImagingServiceRequest",
        "FillerOrderNumberImagingServiceRequest",
    )
    for keyword in empty_if_missing:
        if keyword not in entry:
            setattr(entry, keyword, [] if keyword.endswith("Sequence") else None)
    return entry
