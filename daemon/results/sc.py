"""The pages as Secondary Capture images of one series: what every viewer can show."""

from itertools import accumulate

import numpy as np
from pydicom import Dataset

from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.results import codes
from hounsfield.daemon.results.evidence import KeyImage, flagged_images, key_images
from hounsfield.daemon.results.parts import coded, copy_body_part, envelope, image_reference
from hounsfield.daemon.results.request import ObjectReference, Page, ReportRequest
from hounsfield.daemon.results.uids import reference_of
from hounsfield.daemon.results.words import disclaimer, words_of
from hounsfield.daemon.sop_classes import SECONDARY_CAPTURE

SERIES_NUMBER = 9002
MOST_BYTES = 6_000_000
"""Of the pixels of one result set; pages that go beyond are left out, never the summary."""


class SecondaryCaptureWriter:
    """Writes the pages uncompressed, RGB: other photometric interpretations show wrong colours in some viewers."""

    role = "sc"

    def references(
        self, request: ReportRequest, companions: tuple[ObjectReference, ...]
    ) -> tuple[ObjectReference, ...]:
        """Return the UIDs of the pages."""
        return tuple(
            reference_of(self.role, SECONDARY_CAPTURE, request, companions, number)
            for number in range(1, len(_pages(request)) + 1)
        )

    def write(self, request: ReportRequest, companions: tuple[ObjectReference, ...]) -> tuple[Dataset, ...]:
        """Build the images; raise :class:`ResultError` if there is no page or one is no RGB image."""
        references = self.references(request, companions)
        numbered = enumerate(zip(references, _pages(request), strict=True), start=1)
        return tuple(_image(request, reference, page, number) for number, (reference, page) in numbered)


def _pages(request: ReportRequest) -> tuple[Page, ...]:
    """The summary and, of a flagged series, as many pages of single slices as are wanted and fit."""
    pages = request.pages
    if not pages or any(page.dtype != np.uint8 or page.ndim != 3 or page.shape[2] != 3 for page in pages):
        raise ResultError("a secondary capture needs a summary page of shape (rows, columns, 3), 8 bits")
    most = 1 + min(request.profile.flagged_pages, len(flagged_images(request)))
    sizes = accumulate(page.nbytes for page in pages[:most])
    fitting = sum(size <= MOST_BYTES for size in sizes)
    return pages[: max(fitting, 1)]


def _image(request: ReportRequest, reference: ObjectReference, page: Page, number: int) -> Dataset:
    words = words_of(request)
    result = envelope(request, reference, request.profile.sc_modality, SERIES_NUMBER)
    result.InstanceNumber = str(number)
    result.ImageType = ["DERIVED", "SECONDARY"]
    result.ConversionType = "WSD"
    copy_body_part(request.sources[0], result)
    result.PatientOrientation = None
    result.BurnedInAnnotation = "NO"
    result.DerivationDescription = words.summary_page if number == 1 else words.flagged_page
    result.ImageComments = disclaimer(request)
    result.SourceImageSequence = [_source_image(key) for key in _sources(request, number)]
    _pixels(result, page)
    return result


def _sources(request: ReportRequest, number: int) -> list[KeyImage]:
    """The images a page is about: all key images for the summary, one flagged slice for any other."""
    return flagged_images(request)[number - 2 : number - 1] if number > 1 else key_images(request)


def _source_image(key: KeyImage) -> Dataset:
    entry = image_reference(key.source, key.frame)
    entry.PurposeOfReferenceCodeSequence = [coded(codes.SOURCE_IMAGE_FOR_PROCESSING)]
    return entry


def _pixels(result: Dataset, page: Page) -> None:
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
