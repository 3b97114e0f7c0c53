"""What the gates and the geometry need from one CT instance, read without its pixels and without trusting it."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from hounsfield.model.elements import Elements
from hounsfield.model.walker import EXPLICIT_BIG, IMPLICIT_LITTLE, Walked, walk

EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
NATIVE: Final = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG})
"""Transfer syntaxes whose pixel data is not encapsulated."""
ENHANCED_CT: Final = frozenset({"1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"})
"""Enhanced CT and Legacy Converted Enhanced CT Image Storage: frames described by functional groups (PS3.3 A.38)."""

_ALWAYS_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 53, 55, 81))
_PERHAPS_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (91, 93, 203))
_NO_CONTRAST = frozenset({"", "0", "NO", "NONE", "N", "N/A", "NA", "NIL", "W/O", "WO", "WITHOUT", "UNENHANCED"})
_FARTHEST_MM = 100_000.0

_TAGS = {
    "image_type": 0x00080008,
    "sop_class_uid": 0x00080016,
    "sop_instance_uid": 0x00080018,
    "modality": 0x00080060,
    "manufacturer": 0x00080070,
    "station_name": 0x00081010,
    "study_description": 0x00081030,
    "series_description": 0x0008103E,
    "model_name": 0x00081090,
    "patient_name": 0x00100010,
    "patient_id": 0x00100020,
    "issuer": 0x00100021,
    "birth_date": 0x00100030,
    "sex": 0x00100040,
    "contrast_agent": 0x00180010,
    "contrast_sequence": 0x00180012,
    "body_part": 0x00180015,
    "thickness": 0x00180050,
    "spacing_between": 0x00180088,
    "protocol_name": 0x00181030,
    "gantry_tilt": 0x00181120,
    "kernel": 0x00181210,
    "study_uid": 0x0020000D,
    "series_uid": 0x0020000E,
    "acquisition_number": 0x00200012,
    "instance_number": 0x00200013,
    "position": 0x00200032,
    "orientation": 0x00200037,
    "frame_of_reference_uid": 0x00200052,
    "images_in_acquisition": 0x00201002,
    "samples": 0x00280002,
    "photometric": 0x00280004,
    "frames": 0x00280008,
    "rows": 0x00280010,
    "columns": 0x00280011,
    "pixel_spacing": 0x00280030,
    "bits_allocated": 0x00280100,
    "bits_stored": 0x00280101,
    "high_bit": 0x00280102,
    "pixel_representation": 0x00280103,
    "padding": 0x00280120,
    "padding_limit": 0x00280121,
    "quality_control": 0x00280300,
    "burned_in": 0x00280301,
    "intercept": 0x00281052,
    "slope": 0x00281053,
    "rescale_type": 0x00281054,
    "lossy": 0x00282110,
}
_FRAME_TYPE, _FRAME_ACQUISITION, _AGENT_ADMINISTERED, _REGION_MEANING = 0x00089007, 0x00209156, 0x00189342, 0x00080104
_CHARACTER_SET = 0x00080005
_WANTED = frozenset(_TAGS.values()) | {_CHARACTER_SET}


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientIdentity:
    """Who the slice says it shows, decoded and normalised (PS3.5 6.2), so that ``==`` means the same identity.

    Outer spaces, padding and trailing name delimiters are gone; case is kept, since it is significant.
    """

    id: str = field(repr=False)
    issuer: str = field(repr=False)
    name: str = field(repr=False)
    birth_date: str = field(repr=False)
    sex: str = field(repr=False)

    def __str__(self) -> str:
        return repr(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceHeader:
    """One CT instance without its pixels. Text is empty and numbers are None (or 0) where absent or unusable."""

    path: Path
    sop_instance_uid: str
    sop_class_uid: str
    study_uid: str
    series_uid: str
    transfer_syntax: str
    modality: str
    image_type: tuple[str, ...]
    body_part: str
    study_description: str
    series_description: str
    protocol_name: str
    manufacturer: str
    model_name: str
    station_name: str
    kernel: str
    patient: PatientIdentity
    position: tuple[float, ...] | None
    """Image Position (Patient), mm; None if it lies farther than 100 m away."""
    orientation: tuple[float, ...] | None
    """Image Orientation (Patient): direction of a row, then of a column; None unless two orthogonal unit vectors."""
    frame_of_reference_uid: str
    rows: int
    columns: int
    frames: int
    """Number of Frames of the instance."""
    frame: int | None
    """Which of them this slice is, from 1; None where the instance is no multi-frame object."""
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    pixel_representation: int
    photometric: str
    pixel_spacing: tuple[float, float] | None
    """Distance of rows, distance of columns, mm."""
    thickness: float | None
    """mm"""
    spacing_between: float | None
    """mm"""
    gantry_tilt: float | None
    """Degrees, as the header says; its sign means different things to different vendors: never compute with it."""
    slope: float | None
    intercept: float | None
    rescale_type: str
    padding: int | None
    padding_limit: int | None
    lossy: bool
    """The pixels have been through lossy compression, by flag or by transfer syntax."""
    contrast: bool
    instance_number: int | None
    acquisition_number: int | None
    images_in_acquisition: int | None
    quality_control_image: bool
    burned_in: bool
    """Burned In Annotation (0028,0301) is YES."""
    pixel_offset: int | None
    """Where the value of Pixel Data starts in the file; None if there is none."""
    pixel_bytes: int | None
    """Length of the native Pixel Data value, never more than the file holds; None if encapsulated or absent."""

    @property
    def native(self) -> bool:
        """Whether the pixel data is not encapsulated."""
        return self.transfer_syntax in NATIVE


def read_slices(path: Path) -> tuple[SliceHeader, ...]:
    """Read one instance up to its pixel data: a header for each image in it.

    An instance of a single-frame class gives one header with ``frame`` None; one of :data:`ENHANCED_CT` gives one a
    frame, in stored order, described by its functional groups. A multi-frame instance of another class, and one whose
    Number of Frames (0028,0008) is not that of its per-frame functional groups, gives one header with ``frame`` None,
    of which nothing is used.

    Raises:
        hounsfield.model.errors.UnreadableInstance: as :func:`read_header`.
    """
    walked = walk(path, _WANTED)
    whole = _header(path, walked)
    if whole.sop_class_uid not in ENHANCED_CT or not walked.frames or whole.frames != len(walked.frames):
        return (whole,)
    return tuple(_frame_header(whole, number, walked) for number in range(1, whole.frames + 1))


def read_header(path: Path) -> SliceHeader:
    """Read one instance up to its pixel data, as one header whatever the number of its frames.

    Raises:
        hounsfield.model.errors.UnreadableInstance: not a Part 10 file, deflated, damaged, or nested beyond reason.
    """
    walked = walk(path, _WANTED)
    return _header(path, walked)


def _header(path: Path, walked: Walked) -> SliceHeader:
    get = Elements(walked.values, little=walked.little)
    meta = Elements(walked.meta)
    tag = _TAGS
    signed = get.short(tag["pixel_representation"]) == 1
    syntax = walked.syntax
    return SliceHeader(
        path=path,
        sop_instance_uid=get.code(tag["sop_instance_uid"]) or meta.code(0x00020003),
        sop_class_uid=get.code(tag["sop_class_uid"]) or meta.code(0x00020002),
        study_uid=get.code(tag["study_uid"]),
        series_uid=get.code(tag["series_uid"]),
        transfer_syntax=syntax,
        modality=get.code(tag["modality"]),
        image_type=get.codes(tag["image_type"]),
        body_part=get.code(tag["body_part"]),
        study_description=get.text(tag["study_description"]),
        series_description=get.text(tag["series_description"]),
        protocol_name=get.text(tag["protocol_name"]),
        manufacturer=get.text(tag["manufacturer"]),
        model_name=get.text(tag["model_name"]),
        station_name=get.text(tag["station_name"]),
        kernel=get.text(tag["kernel"]),
        patient=_patient(get),
        position=_position(get.numbers(tag["position"], 3)),
        orientation=_orientation(get.numbers(tag["orientation"], 6)),
        frame_of_reference_uid=get.code(tag["frame_of_reference_uid"]),
        rows=get.short(tag["rows"]) or 0,
        columns=get.short(tag["columns"]) or 0,
        frames=_frames(get),
        frame=None,
        samples=get.short(tag["samples"]) or 0,
        bits_allocated=get.short(tag["bits_allocated"]) or 0,
        bits_stored=get.short(tag["bits_stored"]) or 0,
        high_bit=get.short(tag["high_bit"]) or 0,
        pixel_representation=int(signed),
        photometric=get.code(tag["photometric"]),
        pixel_spacing=_spacing(get.numbers(tag["pixel_spacing"], 2)),
        thickness=_positive(get.number(tag["thickness"])),
        spacing_between=_positive(abs(get.number(tag["spacing_between"]) or 0.0)),
        gantry_tilt=get.number(tag["gantry_tilt"]),
        slope=get.number(tag["slope"]),
        intercept=get.number(tag["intercept"]),
        rescale_type=get.code(tag["rescale_type"]),
        padding=get.short(tag["padding"], signed=signed),
        padding_limit=get.short(tag["padding_limit"], signed=signed),
        lossy=_lossy(syntax, get.code(tag["lossy"])),
        contrast=_contrast(get),
        instance_number=get.integer(tag["instance_number"]),
        acquisition_number=get.integer(tag["acquisition_number"]),
        images_in_acquisition=get.integer(tag["images_in_acquisition"]),
        quality_control_image=get.code(tag["quality_control"]) == "YES",
        burned_in=get.code(tag["burned_in"]) == "YES",
        pixel_offset=walked.pixel_offset,
        pixel_bytes=walked.pixel_length if syntax in NATIVE else None,
    )


def _frame_header(whole: SliceHeader, number: int, walked: Walked) -> SliceHeader:
    """What is said of one frame comes from its functional groups alone; only what no macro holds is the instance's."""
    charset = {_CHARACTER_SET: walked.values.get(_CHARACTER_SET, b"")}
    get = Elements(charset | walked.shared | walked.frames[number - 1], little=walked.little)
    tag = _TAGS
    return replace(
        whole,
        frame=number,
        image_type=get.codes(_FRAME_TYPE) or get.codes(tag["image_type"]) or whole.image_type,
        body_part=whole.body_part or get.code(tag["body_part"]) or get.text(_REGION_MEANING),
        kernel=get.text(tag["kernel"]),
        position=_position(get.numbers(tag["position"], 3)),
        orientation=_orientation(get.numbers(tag["orientation"], 6)),
        pixel_spacing=_spacing(get.numbers(tag["pixel_spacing"], 2)),
        thickness=_positive(get.number(tag["thickness"])),
        spacing_between=_positive(abs(get.number(tag["spacing_between"]) or 0.0)),
        gantry_tilt=get.number(tag["gantry_tilt"]),
        slope=get.number(tag["slope"]),
        intercept=get.number(tag["intercept"]),
        rescale_type=get.code(tag["rescale_type"]),
        contrast=whole.contrast or _contrast(get) or get.code(_AGENT_ADMINISTERED) == "YES",
        acquisition_number=get.short(_FRAME_ACQUISITION) or get.integer(tag["acquisition_number"]),
        quality_control_image=whole.quality_control_image or get.code(tag["quality_control"]) == "YES",
        burned_in=whole.burned_in or get.code(tag["burned_in"]) == "YES",
    )


def _patient(get: Elements) -> PatientIdentity:
    return PatientIdentity(
        id=get.text(_TAGS["patient_id"]),
        issuer=get.text(_TAGS["issuer"]),
        name=get.name(_TAGS["patient_name"]),
        birth_date=get.code(_TAGS["birth_date"]).replace(".", ""),  # 1970.01.02: ACR-NEMA, same date
        sex=get.code(_TAGS["sex"]),
    )


def _frames(get: Elements) -> int:
    if not get.code(_TAGS["frames"]):
        return 1
    frames = get.integer(_TAGS["frames"])
    return 0 if frames is None else frames


def _lossy(syntax: str, flag: str) -> bool:
    """JPEG 2000 and HTJ2K in their general syntaxes may be lossless; only the flag 00 says so."""
    return flag == "01" or syntax in _ALWAYS_LOSSY or (syntax in _PERHAPS_LOSSY and flag != "00")


def _contrast(get: Elements) -> bool:
    agent = get.text(_TAGS["contrast_agent"]).upper()
    return agent not in _NO_CONTRAST or get.present(_TAGS["contrast_sequence"])


def _position(values: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """Beyond every patient a number is damage, and squares of it overflow."""
    return values if values is not None and max(map(abs, values)) <= _FARTHEST_MM else None


def _orientation(values: tuple[float, ...] | None) -> tuple[float, ...] | None:
    if values is None:
        return None
    row, column = values[:3], values[3:]
    unit = all(abs(math.hypot(*vector) - 1.0) < 0.02 for vector in (row, column))
    orthogonal = abs(sum(a * b for a, b in zip(row, column, strict=True))) < 0.02
    return values if unit and orthogonal else None


def _spacing(values: tuple[float, ...] | None) -> tuple[float, float] | None:
    if values is None or min(values) <= 0.0:
        return None
    return values[0], values[1]


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0.0 else None
