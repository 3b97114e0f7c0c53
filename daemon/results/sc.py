"""The summary page as a Secondary Capture image: what every viewer can show."""

import numpy as np
from pydicom import Dataset

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.results import codes
from hounsfield.daemon.results.evidence import KeyImage, key_images
from hounsfield.daemon.results.parts import coded, envelope, image_reference
from hounsfield.daemon.results.request import ObjectReference, ReportRequest
from hounsfield.daemon.results.source_attributes import copy_elements
from hounsfield.daemon.results.uids import reference_of
from hounsfield.daemon.results.words import DISCLAIMER, banner_sentence, plain

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SERIES_NUMBER = 9002


class SecondaryCaptureWriter:
    """Writes the page uncompressed, RGB: other photometric interpretations show wrong colours in some viewers."""

    role = "sc"

    def reference(self, request: ReportRequest, companions: tuple[ObjectReference, ...]) -> ObjectReference:
        """Return the UIDs."""
        return reference_of(self.role, SECONDARY_CAPTURE, request, companions)

    def write(self, request: ReportRequest, companions: tuple[ObjectReference, ...]) -> Dataset:
        """Build the image; raise :class:`ResultError` if there is no page or it is no RGB image."""
        page = request.pages[0] if request.pages else None
        if page is None or page.dtype != np.uint8 or page.ndim != 3 or page.shape[2] != 3:
            raise ResultError("a secondary capture needs a summary page of shape (rows, columns, 3), 8 bits")
        result = envelope(request, self.reference(request, companions), "OT", SERIES_NUMBER)
        result.ImageType = ["DERIVED", "SECONDARY"]
        result.ConversionType = "WSD"
        copy_elements(request.sources[0], result, ("BodyPartExamined",))
        if "BodyPartExamined" not in result:
            # without it the attribute Laterality would be required, which says nothing about a head
            result.BodyPartExamined = "HEAD"
        result.PatientOrientation = None
        result.BurnedInAnnotation = "NO"
        result.DerivationDescription = "Summary page of an automatic analysis"
        result.ImageComments = plain(" ".join(part for part in (DISCLAIMER, banner_sentence(request.bundle)) if part))
        result.SourceImageSequence = [_source_image(key) for key in key_images(request)]
        _pixels(result, page)
        return result


def _source_image(key: KeyImage) -> Dataset:
    entry = image_reference(key.source, key.frame)
    entry.PurposeOfReferenceCodeSequence = [coded(codes.SOURCE_IMAGE_FOR_PROCESSING)]
    return entry


def _pixels(result: Dataset, page: np.ndarray) -> None:
    result.SamplesPerPixel = 3
    result.PhotometricInterpretation = "RGB"
    result.PlanarConfiguration = 0
    result.Rows, result.Columns = page.shape[:2]
    result.BitsAllocated = 8
    result.BitsStored = 8
    result.HighBit = 7
    result.PixelRepresentation = 0
    pixels = np.ascontiguousarray(page).tobytes()
    result.PixelData = pixels if len(pixels) % 2 == 0 else pixels + b"\0"
    result["PixelData"].VR = "OB"
