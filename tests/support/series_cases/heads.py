"""Small head CT series, whole and spoilt. One slice of a head bleeds; each image knows the scores drawn into it."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pydicom import Dataset
from support import ct_factory
from support.ct_factory import ct_slice, head_hu, uid

FLAGGED, UNFLAGGED = 0.95, 0.05
"""What the model of :mod:`support.series_cases.ward` answers for a slice that bleeds, and for one that does not."""
SLICES = 12
BLEEDING = 7
"""Place of the slice that bleeds, from the feet."""


@functools.cache
def slice_hu(bleeds: bool) -> np.ndarray:
    """HU of a slice, int16 (64, 64)."""
    hu = head_hu().copy()
    if bleeds:
        hu[24:40, 24:40] = 70
    return hu


def head_slice(z: float, *, bleeds: bool = False, **attributes: Any) -> Dataset:
    """Return one axial slice at ``z`` mm."""
    image = ct_slice(slice_hu(bleeds), z=z, **attributes)
    image.scores = (FLAGGED if bleeds else UNFLAGGED,)
    return image


def head(
    count: int = SLICES,
    *,
    spacing: float = 5.0,
    bleeding: int | None = BLEEDING,
    without: Sequence[int] = (),
    first: float = 0.0,
    **attributes: Any,
) -> list[Dataset]:
    """Return an axial series from the feet upwards."""
    return [
        head_slice(first + i * spacing, bleeds=i == bleeding, **attributes)
        for i in range(count)
        if i not in set(without)
    ]


def changed(images: Sequence[Dataset], *places: int, **attributes: Any) -> list[Dataset]:
    """Return the images with attributes set (None removes) at these places, everywhere without any."""
    for place in places or range(len(images)):
        for keyword, value in attributes.items():
            if value is None:
                if keyword in images[place]:
                    delattr(images[place], keyword)
            else:
                setattr(images[place], keyword, value)
    return list(images)


def other(images: Sequence[Dataset], tag: str, **attributes: Any) -> list[Dataset]:
    """Return the images with SOP Instance UIDs of their own."""
    for number, image in enumerate(images):
        image.SOPInstanceUID = uid(f"{tag} {number} {image.SOPInstanceUID}")
    return changed(images, **attributes)


def redrawn(image: Dataset, change: Callable[[np.ndarray], np.ndarray]) -> Dataset:
    """Change the stored values, uint16 (rows, columns)."""
    stored = np.frombuffer(image.PixelData, "<u2").reshape(image.Rows, image.Columns)
    image.PixelData = change(stored.copy()).astype("<u2").tobytes()
    image["PixelData"].VR = "OW"
    return image


def twelve_bits(images: Sequence[Dataset], *, high_bit: int = 11, rubbish: int = 0) -> list[Dataset]:
    """Store 12 bits unsigned below ``high_bit``, with ``rubbish`` in the bits they leave."""
    shift = high_bit - 11

    def packed(stored: np.ndarray) -> np.ndarray:
        return (stored.astype(np.uint32) & 0x0FFF) << shift | rubbish

    for image in images:
        redrawn(image, packed)
    return changed(images, BitsStored=12, HighBit=high_bit, PixelRepresentation=0)


def tilted(images: Sequence[Dataset], degrees: float) -> list[Dataset]:
    """Tilt the gantry: the slices lean, the table still moves along the patient's axis."""
    lean = math.radians(degrees)
    return changed(
        images, ImageOrientationPatient=[1.0, 0.0, 0.0, 0.0, round(math.cos(lean), 6), round(-math.sin(lean), 6)]
    )


def coronal(images: Sequence[Dataset]) -> list[Dataset]:
    """Lay the slices upright."""
    for place, image in enumerate(images):
        image.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 0.0, -1.0]
        image.ImagePositionPatient = [-120.0, -30.0 + 5.0 * place, 120.0]
    return list(images)


def lying(images: Sequence[Dataset], row: Sequence[float], column: Sequence[float]) -> list[Dataset]:
    """Turn the plane: rows and columns run along these directions, the corner moves accordingly."""
    for image in images:
        z = float(image.ImagePositionPatient[2])
        corner = [-120.0 * (r + c) for r, c in zip(row, column, strict=True)]
        image.ImagePositionPatient = [corner[0], corner[1], corner[2] + z]
        image.ImageOrientationPatient = [*row, *column]
    return list(images)


def localizer(z: float = -30.0, **attributes: Any) -> Dataset:
    """Return a sagittal scout of the same series."""
    values: dict[str, Any] = {
        "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"],
        "ImageOrientationPatient": [0.0, 1.0, 0.0, 0.0, 0.0, -1.0],
        "ImagePositionPatient": [0.0, -120.0, z],
    }
    return head_slice(z, **{**values, **attributes})


def companion(sop_class: str, modality: str, name: str) -> Dataset:
    """Return something that is no image, in a series of its own."""
    return ct_slice(
        name=name, SOPClassUID=sop_class, Modality=modality, PixelData=None, StudyInstanceUID=uid("study a")
    )


def enhanced(frames: int = 20, *, bleeding: int | None = 9, spacing: float = 5.0, **attributes: Any) -> Dataset:
    """Return an Enhanced CT Image (PS3.3 A.38) whose frames are an axial head."""
    slices = head(frames, spacing=spacing, bleeding=bleeding, **attributes)
    whole = ct_factory.enhanced(slices)
    whole.scores = tuple(score for image in slices for score in image.scores)
    return whole
