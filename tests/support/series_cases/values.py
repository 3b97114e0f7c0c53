"""Pixels: what they mean, how they are packed, and those that cannot be read."""

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from support.series_cases.case import Case, analysed, held, not_analysed, sent, sent_and_released
from support.series_cases.heads import changed, head, redrawn, twelve_bits

from hounsfield.storage.states import JobState, Reason

JPEG_LS, JPEG_EXTENDED, JPEG_2000_LOSSY = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.91"


def _padded() -> list[Dataset]:
    images = head()
    for image in images:
        redrawn(image, _outside_the_circle)
    return changed(images, PixelPaddingValue=-976)


def _outside_the_circle(stored: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[-1 : 1 : stored.shape[0] * 1j, -1 : 1 : stored.shape[1] * 1j]
    stored.view("<i2")[np.hypot(x, y) > 1.0] = -2000 + 1024
    return stored


def _wrong_sign() -> list[Dataset]:
    """Negative values, stored with a sign, in a header that says there is none."""
    images = head(RescaleIntercept="0")
    return changed(images, PixelRepresentation=0)


def _overlay_bits() -> list[Dataset]:
    return twelve_bits(head(), rubbish=0xA000)


def _odd_high_bit() -> list[Dataset]:
    return twelve_bits(head(), high_bit=14)


def _impossible_high_bit() -> list[Dataset]:
    return changed(head(), BitsStored=12, HighBit=7)


def _rescaled_one_by_one() -> list[Dataset]:
    images = head()
    for place, image in enumerate(images):
        intercept = -1024 - 10 * place
        redrawn(image, lambda stored, shift=10 * place: stored + shift)  # type: ignore[misc]
        image.RescaleIntercept = str(intercept)
    return images


def _offset_by(hu: int) -> list[Dataset]:
    return changed(head(), RescaleIntercept=str(-1024 + hu))


def _cut_short() -> list[Dataset]:
    images = head()
    images[5].PixelData = images[5].PixelData[:-200]
    images[5]["PixelData"].VR = "OW"
    return images


def _encapsulated(syntax: str, stream: bytes, **attributes: object) -> list[Dataset]:
    """Put ``stream`` in the place of every image's pixels."""
    images = changed(head(), **attributes)
    for image in images:
        image.file_meta = FileMetaDataset()
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.file_meta.TransferSyntaxUID = syntax
        image.PixelData = encapsulate([stream])
        image["PixelData"].VR = "OB"
        image["PixelData"].is_undefined_length = True
    return images


def _eight_bits() -> list[Dataset]:
    images = head()
    for image in images:
        image.PixelData = bytes(64 * 64)
        image["PixelData"].VR = "OB"
    return changed(images, BitsAllocated=8, BitsStored=8, HighBit=7, PixelRepresentation=0)


CASES = (
    Case(
        name="MONOCHROME1",
        means="HU unchanged",
        story=sent(lambda: head(PhotometricInterpretation="MONOCHROME1")),
        becomes=analysed(),
        says=("MONOCHROME1 is unusual in CT; HU used unchanged",),
    ),
    Case(
        name="-2000 outside the scan circle",
        means="masked before anything is measured",
        story=sent(_padded),
        becomes=analysed(),
        says=("Pixel padding -976 masked as air",),
    ),
    Case(
        name="12 bits in 16, with overlay bits above them",
        means="the bits above are taken away",
        story=sent(_overlay_bits),
        becomes=analysed(),
    ),
    Case(name="12 bits below an odd High Bit", story=sent(_odd_high_bit), becomes=analysed()),
    Case(
        name="Bits Stored and High Bit that contradict each other",
        story=sent(_impossible_high_bit),
        becomes=not_analysed(Reason.UNREADABLE_PIXELS),
    ),
    Case(
        name="signed values in a header that says unsigned",
        story=sent(_wrong_sign),
        becomes=held(Reason.IMPLAUSIBLE_HU, revision=1, jobs=(JobState.CANCELLED,)),
        settings=("assembly.implausible_hu",),
    ),
    Case(
        name="an intercept that is wrong by 1000",
        story=sent(lambda: _offset_by(1000)),
        becomes=held(Reason.IMPLAUSIBLE_HU, revision=1, jobs=(JobState.CANCELLED,)),
        settings=("assembly.implausible_hu",),
    ),
    Case(
        name="implausible HU, released by a person",
        story=sent_and_released(lambda: _offset_by(1000)),
        becomes=not_analysed(Reason.IMPLAUSIBLE_HU),
        says=("NOT ANALYSED - implausible HU values",),
        settings=("assembly.implausible_hu",),
    ),
    Case(
        name="implausible HU, and nobody shall be asked",
        story=sent(lambda: _offset_by(1000)),
        becomes=not_analysed(Reason.IMPLAUSIBLE_HU),
        says=("NOT ANALYSED - implausible HU values",),
        configuration={"assembly": {"implausible_hu": "report"}},
        settings=("assembly.implausible_hu",),
    ),
    Case(
        name="no rescale slope and intercept",
        means="HU are not guessed",
        story=sent(lambda: head(RescaleIntercept=None, RescaleSlope=None)),
        becomes=not_analysed(Reason.NO_RESCALE),
        says=("NOT ANALYSED - rescale to HU missing or invalid",),
    ),
    Case(
        name="a rescale slope that is no number",
        story=sent(lambda: changed(head(), 3, RescaleSlope="NaN")),
        becomes=not_analysed(Reason.NO_RESCALE),
    ),
    Case(
        name="another rescale in every slice",
        means="applied slice by slice",
        story=sent(_rescaled_one_by_one),
        becomes=analysed(),
        says=("Rescale differs among the slices (12 pairs); applied slice by slice",),
    ),
    Case(
        name="a Rescale Type that is not HU",
        story=sent(lambda: head(RescaleType="US")),
        becomes=not_analysed(Reason.NOT_HU),
        says=("NOT ANALYSED - pixel values are not HU",),
    ),
    Case(
        name="pixel data shorter than the matrix",
        story=sent(_cut_short),
        becomes=not_analysed(Reason.UNREADABLE_PIXELS),
        says=("NOT ANALYSED - pixel data cannot be read",),
    ),
    Case(
        name="no pixel data in one image",
        story=sent(lambda: changed(head(), 5, PixelData=None)),
        becomes=not_analysed(Reason.UNREADABLE_PIXELS),
    ),
    Case(
        name="compressed data that is none",
        story=sent(lambda: _encapsulated(JPEG_LS, b"\xff\xd8" + bytes(62))),
        becomes=not_analysed(Reason.UNREADABLE_PIXELS),
    ),
    Case(
        name="a compression for which there is no decoder",
        story=sent(lambda: _encapsulated(JPEG_EXTENDED, b"\xff\xd8" + bytes(62))),
        becomes=not_analysed(Reason.UNREADABLE_PIXELS),
        scope={"lossy": True},
    ),
    Case(
        name="a header that claims 65,535 x 65,535 pixels",
        means="refused by arithmetic before anything is decoded",
        story=sent(lambda: _encapsulated(JPEG_LS, b"\xff\xd8" + bytes(62), Rows=65535, Columns=65535)),
        becomes=not_analysed(Reason.UNREADABLE_PIXELS),
    ),
    Case(
        name="images that have been through lossy compression",
        story=sent(lambda: head(LossyImageCompression="01")),
        becomes=not_analysed(Reason.LOSSY),
        says=("NOT ANALYSED - lossy compression",),
        settings=("scope.lossy",),
    ),
    Case(
        name="lossy compression, and a model that takes it",
        story=sent(lambda: head(LossyImageCompression="01")),
        becomes=analysed(),
        says=("Lossy compression, allowed for this model",),
        scope={"lossy": True},
        settings=("scope.lossy",),
    ),
    Case(name="8 bits", story=sent(_eight_bits), becomes=not_analysed(Reason.NOT_HU)),
    Case(
        name="text burned into the images",
        story=sent(lambda: head(BurnedInAnnotation="YES")),
        becomes=not_analysed(Reason.BURNED_IN),
        says=("NOT ANALYSED - text burned into the images",),
    ),
)
