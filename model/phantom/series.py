"""Writes a phantom as a CT series (CT Image IOD, PS3.3 section A.3), uncompressed, Explicit VR Little Endian."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from hounsfield.model.phantom.head import Difficulty, Grid, Phantom, Scan, Subtype
from hounsfield.model.phantom.rich import draw_rich
from hounsfield.model.phantom.scanner import LOWEST_HU

MADE = datetime(2026, 1, 5, 9, 30)  # noqa: DTZ001 - DICOM dates and times carry no zone
"""When every generated series was acquired: the same seed gives the same bytes."""
LESION_MM2 = 150.0
"""A series with a haemorrhage has at least one slice with this much of it."""
ATTEMPTS = 30
PLAIN = Difficulty(artefacts=0.0)
"""A series that is written for others was scanned without a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomSpec:
    """A generated series. UIDs follow from what decides the pixels and ``uid_salt``; not from names or gaps."""

    seed: int = 1
    lesion: Subtype | str | None = None
    """A :class:`Subtype` or its name; None for a head without haemorrhage."""
    slices: int = 24
    matrix: int = 256
    step_mm: float = 5.0
    """From slice to slice along the table, and the slice thickness."""
    pixel_mm: float | None = None
    """Pixel spacing; by the seed if None."""
    tilt_degrees: float = 0.0
    """Gantry tilt: orientation and positions are sheared as a scanner shears them."""
    drop: tuple[int, ...] = ()
    """Slices (0 is the lowest) that are not written."""
    patient_name: str = "GENERATED^HEAD"
    patient_id: str | None = None
    """By the seed if None."""
    charset: tuple[str, ...] = ("ISO_IR 192",)
    """Specific Character Set (0008,0005) in which the names are encoded; empty for none."""
    uid_salt: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for what cannot be drawn or written."""
        if self.lesion is not None and self.lesion not in list(Subtype):
            raise ValueError(f"lesion must be one of {', '.join(Subtype)}, not {self.lesion!r}")
        if self.seed < 0:
            raise ValueError("seed must not be negative")
        if self.slices < 1 or self.matrix < 16:
            raise ValueError("a series has at least one slice, and a slice at least 16 x 16 pixels")
        if any(not 0 <= index < self.slices for index in self.drop):
            raise ValueError(f"drop must name slices from 0 to {self.slices - 1}")
        if len(set(self.drop)) == self.slices:
            raise ValueError("drop leaves no slice")

    @property
    def scan(self) -> Scan:
        """What the painter needs of it."""
        field_of_view = None if self.pixel_mm is None else self.pixel_mm * self.matrix
        return Scan(
            matrix=self.matrix,
            slices=self.slices,
            step_mm=self.step_mm,
            field_of_view_mm=field_of_view,
            tilt_degrees=self.tilt_degrees,
        )

    def uid(self, *parts: str) -> UID:
        """Return a UID under 2.25 (PS3.5 annex B.2) that is the same for the same series and parts."""
        drawn = (self.seed, self.lesion and str(self.lesion), self.scan, self.uid_salt, *parts)
        return UID(f"2.25.{int.from_bytes(sha256(repr(drawn).encode()).digest()[:16])}")


def render(spec: PhantomSpec) -> Phantom:
    """Draw the head of a series; with a lesion, one that can be seen."""
    kind = None if spec.lesion is None else Subtype(spec.lesion)
    best: Phantom | None = None
    for attempt in range(ATTEMPTS):
        phantom = draw_rich(np.random.default_rng((spec.seed, attempt)), spec.scan, kind, PLAIN)
        if kind is None or phantom.lesion_mm2.max() >= LESION_MM2:
            return phantom
        if best is None or phantom.lesion_mm2.max() > best.lesion_mm2.max():
            best = phantom
    if best is None or not best.label.any():
        raise ValueError("no haemorrhage of this kind fits into these few slices: give more slices or another seed")
    return best


def write_series(folder: Path, spec: PhantomSpec) -> list[Path]:
    """Write the series into ``folder`` (made if absent), one file per slice from the skull base upwards.

    Returns the paths in that order. The same spec gives the same bytes.
    """
    phantom = render(spec)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(spec.slices):
        if index in spec.drop:
            continue
        path = folder / f"IM{index + 1:04d}.dcm"
        _instance(spec, phantom, index).save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def _instance(spec: PhantomSpec, phantom: Phantom, index: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = spec.uid("instance", str(index))
    instance = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    _describe_patient_and_study(spec, instance)
    _describe_series(spec, instance)
    _describe_image(spec, index, instance)
    _place(spec, phantom, index, instance)
    _fill(phantom, index, instance)
    return instance


def _describe_patient_and_study(spec: PhantomSpec, instance: Dataset) -> None:
    if spec.charset:
        instance.SpecificCharacterSet = spec.charset[0] if len(spec.charset) == 1 else list(spec.charset)
    instance.PatientName = spec.patient_name
    instance.PatientID = f"SYNTHETIC-{spec.seed}" if spec.patient_id is None else spec.patient_id
    instance.PatientBirthDate = "19560214"
    instance.PatientSex = "O"
    instance.PatientAge = "069Y"
    instance.StudyInstanceUID = spec.uid("study")
    instance.StudyDate, instance.StudyTime = _date_and_time(MADE)
    instance.ReferringPhysicianName = ""
    instance.StudyID = str(spec.seed)
    instance.AccessionNumber = f"A{spec.seed % 10**14}"
    instance.StudyDescription = "CT head without contrast"


def _describe_series(spec: PhantomSpec, instance: Dataset) -> None:
    instance.Modality = "CT"
    instance.SeriesInstanceUID = spec.uid("series")
    instance.SeriesNumber = 2
    instance.SeriesDate, instance.SeriesTime = _date_and_time(MADE)
    instance.SeriesDescription = "Head axial, generated"
    instance.ProtocolName = "Head"
    instance.BodyPartExamined = "HEAD"
    instance.PatientPosition = "HFS"
    instance.FrameOfReferenceUID = spec.uid("frame of reference")
    instance.PositionReferenceIndicator = ""
    instance.Manufacturer = "Hounsfield"
    instance.ManufacturerModelName = "Generator"
    instance.StationName = "GENERATOR"
    instance.DeviceSerialNumber = "1"
    instance.SoftwareVersions = "1"


def _describe_image(spec: PhantomSpec, index: int, instance: Dataset) -> None:
    instance.SOPClassUID = CTImageStorage
    instance.SOPInstanceUID = spec.uid("instance", str(index))
    instance.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    instance.InstanceNumber = index + 1
    instance.AcquisitionNumber = 1
    taken = MADE + timedelta(seconds=index)
    instance.AcquisitionDate, instance.AcquisitionTime = _date_and_time(taken)
    instance.ContentDate, instance.ContentTime = _date_and_time(taken)
    instance.KVP = 120
    instance.ScanOptions = "AXIAL MODE"
    instance.ConvolutionKernel = "STANDARD"
    instance.ExposureTime = 1000
    instance.XRayTubeCurrent = 200
    instance.GantryDetectorTilt = _decimal(spec.tilt_degrees)


def _place(spec: PhantomSpec, phantom: Phantom, index: int, instance: Dataset) -> None:
    """Image plane (PS3.3 section C.7.6.2): with a tilt the rows lean, while the table moves along z."""
    pixel = phantom.spacing_mm[2]
    grid = Grid.of(spec.scan, pixel * spec.matrix, 0.0)
    corner = float(grid.line[0])
    cos, sin = float(np.cos(grid.tilt)), float(np.sin(grid.tilt))
    height = float(grid.heights[index] - grid.heights[0])
    instance.PixelSpacing = [_decimal(pixel), _decimal(pixel)]
    instance.SliceThickness = _decimal(spec.step_mm)
    instance.ImageOrientationPatient = [1, 0, 0, 0, _decimal(cos), _decimal(sin)]
    instance.ImagePositionPatient = [_decimal(mm) for mm in (corner, corner * cos, height + corner * sin)]
    instance.SliceLocation = _decimal(height)
    instance.ReconstructionDiameter = _decimal(pixel * spec.matrix)


def _fill(phantom: Phantom, index: int, instance: Dataset) -> None:
    stored = (phantom.hu[index].astype(np.int32) - LOWEST_HU).astype("<u2")
    instance.SamplesPerPixel = 1
    instance.PhotometricInterpretation = "MONOCHROME2"
    instance.Rows, instance.Columns = stored.shape
    instance.BitsAllocated, instance.BitsStored, instance.HighBit = 16, 12, 11
    instance.PixelRepresentation = 0
    instance.RescaleIntercept, instance.RescaleSlope, instance.RescaleType = LOWEST_HU, 1, "HU"
    instance.WindowCenter, instance.WindowWidth = 40, 80
    instance.PixelData = stored.tobytes()


def _date_and_time(when: datetime) -> tuple[str, str]:
    return when.strftime("%Y%m%d"), when.strftime("%H%M%S")


def _decimal(value: float) -> str:
    """Return a decimal string (DS) of at most 16 characters."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
