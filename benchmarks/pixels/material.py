"""What is measured on: a generated head of 512 x 512, written in every transfer syntax."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RLELossless, generate_uid

SIDE = 512
INTERCEPT = -1024


@dataclass(frozen=True)
class Syntax:
    """A transfer syntax, and how its one frame is made."""

    name: str
    uid: str
    encode: Callable[[np.ndarray], bytes] | None


def _rle(stored: np.ndarray) -> bytes:
    options = {
        "rows": SIDE,
        "columns": SIDE,
        "samples_per_pixel": 1,
        "number_of_frames": 1,
        "bits_allocated": 16,
        "bits_stored": 16,
        "pixel_representation": 0,
        "photometric_interpretation": "MONOCHROME2",
    }
    return get_encoder(RLELossless).encode(stored.tobytes(), **options)


SYNTAXES = (
    Syntax("native", ExplicitVRLittleEndian, None),
    Syntax("RLE", RLELossless, _rle),
    Syntax(
        "JPEG lossless", "1.2.840.10008.1.2.4.70", lambda stored: imagecodecs.ljpeg_encode(stored, bitspersample=16)
    ),
    Syntax("JPEG-LS", "1.2.840.10008.1.2.4.80", imagecodecs.jpegls_encode),
    Syntax(
        "JPEG 2000",
        "1.2.840.10008.1.2.4.90",
        lambda stored: imagecodecs.jpeg2k_encode(stored, reversible=True, codecformat="j2k"),
    ),
    Syntax("HTJ2K", "1.2.840.10008.1.2.4.201", lambda stored: imagecodecs.htj2k_encode(stored, reversible=True)),
)


def stored_values() -> np.ndarray:
    """A head with the noise of a scanner, uint16; subtract 1024 for HU."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    radius = np.hypot(x / 0.7, y / 0.85)
    dice = np.random.default_rng(1)
    folds = cv2.GaussianBlur(dice.normal(0, 60, (SIDE, SIDE)), (0, 0), 6)
    hu = np.where(radius < 0.85, 32.0 + folds, np.where(radius < 0.94, 1100.0, np.where(radius < 1.0, 40.0, -1000.0)))
    hu = cv2.GaussianBlur(hu, (0, 0), 1.0) + cv2.GaussianBlur(dice.normal(0, 12, hu.shape), (0, 0), 0.7)
    return (np.clip(hu, -1024, 3071).round() - INTERCEPT).astype(np.uint16)


def encoded(stored: np.ndarray, syntax: Syntax) -> bytes:
    """One frame."""
    return stored.tobytes() if syntax.encode is None else bytes(syntax.encode(stored))


def write(path: Path, frame: bytes, syntax: Syntax, side: int = SIDE) -> Path:
    """A CT slice with the usual number of attributes."""
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, generate_uid(entropy_srcs=[path.name])
    data.ImageType, data.Modality, data.BodyPartExamined = ["ORIGINAL", "PRIMARY", "AXIAL"], "CT", "HEAD"
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "Bench^Mark", "B-1", "19500101", "O"
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(entropy_srcs=["s"]), generate_uid(entropy_srcs=["e"])
    data.StudyDescription, data.SeriesDescription, data.ConvolutionKernel = "Head", "Head 5.0", "H30s"
    data.SliceThickness, data.ImagePositionPatient = "5", [-120, -120, 0]
    data.ImageOrientationPatient, data.PixelSpacing = [1, 0, 0, 0, 1, 0], [240 / side, 240 / side]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns, data.BitsAllocated, data.BitsStored, data.HighBit = side, side, 16, 16, 15
    data.PixelRepresentation, data.RescaleIntercept, data.RescaleSlope = 0, str(INTERCEPT), "1"
    data.PixelData = frame if syntax.encode is None else encapsulate([frame])
    data["PixelData"].VR = "OW" if syntax.encode is None else "OB"
    data["PixelData"].is_undefined_length = syntax.encode is not None
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax.uid
    data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = (
        CTImageStorage,
        data.SOPInstanceUID,
    )
    data.save_as(path, enforce_file_format=True)
    return path
