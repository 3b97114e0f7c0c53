"""Small generated CT instances for tests: valid by default, every attribute can be set, removed or broken.

    ct_slice(z=5.0)                                  one pydicom Dataset, 64 x 64, a head in air
    ct_slice(SliceThickness=None)                    None removes an element
    ct_series(12, spacing=5.0)                       a list of them with one Series Instance UID
    write(dataset, path, syntax=RLELossless)         a Part 10 file; compresses if asked
    write_series(folder, ct_series(12))              001.dcm ...; returns the paths
    enhanced(ct_series(12))                          the same slices as the frames of one Enhanced CT instance

No phantom of a brain: use ``hounsfield.model.phantom`` where a picture must look like one.
"""

import functools
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
from openjpeg.utils import encode_pixel_data
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    generate_uid,
)

SIZE = 64
ENTROPY = "2.25.314159"


@functools.cache
def head_hu(size: int = SIZE) -> np.ndarray:
    """HU of a crude head: air, skin, skull, brain of 35 HU with a little noise; int16 (size, size)."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    radius = np.hypot(x / 0.78, y / 0.9)
    noise = np.random.default_rng(1).normal(0, 4, (size, size))
    hu = np.where(radius < 0.82, 35.0, np.where(radius < 0.92, 1100.0, np.where(radius < 1.0, 40.0, -1000.0)))
    return np.clip(hu + noise, -1024, 3071).astype(np.int16)


def uid(name: str) -> str:
    """The same UID for the same name."""
    return generate_uid(entropy_srcs=[ENTROPY, name])


def ct_slice(hu: np.ndarray | None = None, *, z: float = 0.0, name: str = "a", **attributes: object) -> Dataset:
    """One axial CT slice at ``z`` mm; ``name`` makes the UIDs; ``attributes`` are keywords, None removes."""
    hu = head_hu() if hu is None else hu
    intercept = float(str(attributes.get("RescaleIntercept", -1024) or 0))
    dataset = Dataset()
    values: dict[str, object] = {
        "SpecificCharacterSet": "ISO_IR 100",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": uid(f"{name} {z}"),
        "StudyDate": "20260102",
        "StudyTime": "030405",
        "AccessionNumber": "",
        "Modality": "CT",
        "Manufacturer": "Hounsfield tests",
        "ReferringPhysicianName": "",
        "StudyDescription": "CT head",
        "SeriesDescription": "Head 5.0",
        "PatientName": "Test^Head",
        "PatientID": "T-1",
        "PatientBirthDate": "19500101",
        "PatientSex": "O",
        "BodyPartExamined": "HEAD",
        "SliceThickness": "5",
        "KVP": "120",
        "StudyInstanceUID": uid(f"study {name}"),
        "SeriesInstanceUID": uid(f"series {name}"),
        "StudyID": "1",
        "SeriesNumber": "2",
        "AcquisitionNumber": "1",
        "InstanceNumber": str(round(z) + 1),
        "ImagePositionPatient": [-120.0, -120.0, z],
        "ImageOrientationPatient": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        "FrameOfReferenceUID": uid(f"frame {name}"),
        "PositionReferenceIndicator": "",
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": hu.shape[0],
        "Columns": hu.shape[1],
        "PixelSpacing": [240.0 / hu.shape[0], 240.0 / hu.shape[1]],
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 1,
        "RescaleIntercept": "-1024",
        "RescaleSlope": "1",
        "RescaleType": "HU",
        "PixelData": (hu.astype(np.int32) - round(intercept)).astype("<i2").tobytes(),
    } | attributes
    for keyword, value in values.items():
        if value is not None:
            setattr(dataset, keyword, value)
    if "PixelData" in dataset:
        dataset["PixelData"].VR = "OW"
    return dataset


def ct_series(
    count: int = 12, *, spacing: float = 5.0, name: str = "a", without: Sequence[int] = (), **attributes: object
) -> list[Dataset]:
    """An axial series from the feet upwards; ``without`` leaves out slices by index."""
    return [ct_slice(z=i * spacing, name=name, **attributes) for i in range(count) if i not in set(without)]


_OF_FRAMES = {
    "CTImageFrameTypeSequence": {"ImageType": "FrameType"},
    "FrameContentSequence": {"AcquisitionNumber": "FrameAcquisitionNumber"},
    "PlanePositionSequence": {"ImagePositionPatient": "ImagePositionPatient"},
    "PlaneOrientationSequence": {"ImageOrientationPatient": "ImageOrientationPatient"},
    "PixelMeasuresSequence": {name: name for name in ("SliceThickness", "SpacingBetweenSlices", "PixelSpacing")},
    "CTReconstructionSequence": {"ConvolutionKernel": "ConvolutionKernel"},
    "CTAcquisitionDetailsSequence": {"GantryDetectorTilt": "GantryDetectorTilt"},
    "PixelValueTransformationSequence": {name: name for name in ("RescaleIntercept", "RescaleSlope", "RescaleType")},
}


def enhanced(
    slices: Sequence[Dataset],
    *,
    sop_class: str = EnhancedCTImageStorage,
    shared: Sequence[str] = ("PlaneOrientationSequence", "PixelMeasuresSequence", "CTImageFrameTypeSequence"),
    undefined: bool = False,
    **attributes: object,
) -> Dataset:
    """One Enhanced CT instance of the slices: macros in ``shared`` are written once, as the first slice says.

    ``undefined`` writes all sequences and items with undefined length; ``attributes`` as in ``ct_slice``.
    """
    first = slices[0]
    whole = deepcopy(first)
    for names in _OF_FRAMES.values():
        for name in names:
            if name in whole and name != "ImageType":
                delattr(whole, name)
    whole.SOPClassUID = sop_class
    whole.NumberOfFrames = len(slices)
    whole.PixelData = b"".join(one.PixelData for one in slices)
    whole["PixelData"].VR = "OW"
    whole.SharedFunctionalGroupsSequence = [_groups(first, shared, undefined)]
    own = [name for name in _OF_FRAMES if name not in shared]
    whole.PerFrameFunctionalGroupsSequence = [_groups(one, own, undefined) for one in slices]
    for sequence in (whole["SharedFunctionalGroupsSequence"], whole["PerFrameFunctionalGroupsSequence"]):
        sequence.is_undefined_length = undefined
    for keyword, value in attributes.items():
        if value is None:
            delattr(whole, keyword)
        else:
            setattr(whole, keyword, value)
    return whole


def _groups(source: Dataset, macros: Sequence[str], undefined: bool) -> Dataset:
    groups = Dataset()
    groups.is_undefined_length_sequence_item = undefined
    for macro in macros:
        item = Dataset()
        item.is_undefined_length_sequence_item = undefined
        for theirs, ours in _OF_FRAMES[macro].items():
            if theirs in source:
                setattr(item, ours, source[theirs].value)
        setattr(groups, macro, [item])
        groups[macro].is_undefined_length = undefined
    return groups


def write(dataset: Dataset, path: Path, *, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write a Part 10 file in ``syntax``: native ones, or any that pydicom compresses. ``dataset`` is not changed."""
    copy = deepcopy(dataset)
    copy.file_meta = FileMetaDataset()
    copy.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CTImageStorage)
    copy.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", uid("none"))
    native = syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
    copy.file_meta.TransferSyntaxUID = syntax if native else ExplicitVRLittleEndian
    if syntax == ExplicitVRBigEndian and "PixelData" in copy:
        copy.PixelData = np.frombuffer(copy.PixelData, "<u2").astype(">u2").tobytes()
        copy["PixelData"].VR = "OW"
    if syntax in (JPEG2000Lossless, JPEG2000):  # pydicom wants one more package for these than the project needs
        copy.PixelData = encapsulate([_jpeg_2000(copy)])
        copy["PixelData"].is_undefined_length = True
        copy["PixelData"].VR = "OB"  # PS3.5 A.4
        copy.file_meta.TransferSyntaxUID = syntax
    elif not native:
        copy.compress(syntax, generate_instance_uid=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    copy.save_as(path, enforce_file_format=True)
    return path


def _jpeg_2000(dataset: Dataset) -> bytes:
    encoded: bytes = encode_pixel_data(
        dataset.PixelData,
        rows=dataset.Rows,
        columns=dataset.Columns,
        samples_per_pixel=1,
        bits_allocated=dataset.BitsAllocated,
        bits_stored=dataset.BitsStored,
        pixel_representation=dataset.PixelRepresentation,
        photometric_interpretation=dataset.PhotometricInterpretation,
        use_mct=False,
    )
    return encoded


def write_series(folder: Path, series: Sequence[Dataset], *, syntax: str = ExplicitVRLittleEndian) -> list[Path]:
    """Write ``001.dcm``, ``002.dcm`` ... and return the paths."""
    return [write(one, folder / f"{i:03}.dcm", syntax=syntax) for i, one in enumerate(series, start=1)]
