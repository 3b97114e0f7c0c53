"""The report as a DICOM object: the modules of the SR Document IODs around the content tree."""

from pydicom import Dataset

from hounsfield.daemon.product import MANUFACTURER, PRODUCT
from hounsfield.daemon.results import codes
from hounsfield.daemon.results.evidence import evidence_of
from hounsfield.daemon.results.parts import coded, envelope, hierarchical
from hounsfield.daemon.results.request import InstanceReference, ObjectReference, ReportRequest
from hounsfield.daemon.results.source_attributes import text
from hounsfield.daemon.results.sr.content import content_tree, source_procedure
from hounsfield.daemon.results.sr.context import referenced_requests
from hounsfield.daemon.results.uids import reference_of
from hounsfield.daemon.results.words import LONGEST_LO, plain
from hounsfield.daemon.sop_classes import COMPREHENSIVE_3D_SR

SERIES_NUMBER = 9001


class StructuredReportWriter:
    """Writes TID 1500 as Comprehensive 3D SR; the tree holds nothing that Enhanced SR would not allow."""

    role = "sr"

    def references(
        self, request: ReportRequest, companions: tuple[ObjectReference, ...]
    ) -> tuple[ObjectReference, ...]:
        """Return the UIDs; what the report names is part of its identity."""
        return (reference_of(self.role, COMPREHENSIVE_3D_SR, request, companions),)

    def write(self, request: ReportRequest, companions: tuple[ObjectReference, ...]) -> tuple[Dataset, ...]:
        """Build the report, preliminary and unverified."""
        (reference,) = self.references(request, companions)
        result = envelope(request, reference, "SR", SERIES_NUMBER)
        result.ReferencedPerformedProcedureStepSequence = []
        result.CompletionFlag = "COMPLETE"
        result.VerificationFlag = "UNVERIFIED"
        result.PreliminaryFlag = "PRELIMINARY"
        result.AuthorObserverSequence = [_author(request)]
        result.PerformedProcedureCodeSequence = [source_procedure(request) or coded(codes.CT_OF_HEAD)]
        if requested := referenced_requests(request):
            result.ReferencedRequestSequence = requested
        if request.predecessors:
            result.PredecessorDocumentsSequence = hierarchical(request.predecessors)
        study = text(request.sources[0], "StudyInstanceUID")
        ours = [
            InstanceReference(study, entry.series_uid, entry.sop_class_uid, entry.sop_instance_uid)
            for entry in companions
        ]
        result.CurrentRequestedProcedureEvidenceSequence = hierarchical([*evidence_of(request), *ours])
        result.update(content_tree(request, companions))
        return (result,)


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
