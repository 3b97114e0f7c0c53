"""Key Object Selection "Of Interest" (PS3.3 A.35.4, TID 2010): the images a reader should open first."""

from pydicom import Dataset

from hounsfield.daemon.results import codes
from hounsfield.daemon.results.evidence import evidence_of, key_images
from hounsfield.daemon.results.parts import envelope, hierarchical
from hounsfield.daemon.results.request import ObjectReference, ReportRequest
from hounsfield.daemon.results.source_attributes import text
from hounsfield.daemon.results.sr.context import language_of, observer, referenced_requests
from hounsfield.daemon.results.sr.items import CONTAINS, container, image, words
from hounsfield.daemon.results.uids import reference_of
from hounsfield.daemon.results.words import plain, summary, words_of
from hounsfield.daemon.sop_classes import KEY_OBJECT_SELECTION
from hounsfield.storage.states import Outcome

SERIES_NUMBER = 9004


class KeyObjectWriter:
    """Writes one document for a flagged series; where nothing is flagged there is nothing to point to."""

    role = "ko"

    def references(
        self, request: ReportRequest, companions: tuple[ObjectReference, ...]
    ) -> tuple[ObjectReference, ...]:
        """Return the UIDs, none for a series that is not flagged."""
        if request.outcome is not Outcome.POSITIVE:
            return ()
        return (reference_of(self.role, KEY_OBJECT_SELECTION, request, companions),)

    def write(self, request: ReportRequest, companions: tuple[ObjectReference, ...]) -> tuple[Dataset, ...]:
        """Build the document: the key images with a description."""
        return tuple(_document(request, reference) for reference in self.references(request, companions))


def _document(request: ReportRequest, reference: ObjectReference) -> Dataset:
    keys = key_images(request)
    chosen = {key.uid for key in keys}
    result = envelope(request, reference, "KO", SERIES_NUMBER)
    result.ReferencedPerformedProcedureStepSequence = []
    if requested := referenced_requests(request):
        result.ReferencedRequestSequence = requested
    result.CurrentRequestedProcedureEvidenceSequence = hierarchical(
        entry for entry in evidence_of(request) if entry.sop_instance_uid in chosen
    )
    description = plain(f"{summary(request)} {words_of(request).key_images}")
    images = [image(CONTAINS, None, text(key.source, "SOPClassUID"), key.uid, key.frame) for key in keys]
    children = [
        language_of(request),
        *observer(request),
        words(CONTAINS, codes.KEY_OBJECT_DESCRIPTION, description),
        *images,
    ]
    result.update(container(None, codes.OF_INTEREST, children, template="2010"))
    return result
