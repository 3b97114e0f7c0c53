"""Enhanced CT is read by its functional groups: a header for each frame, or a refusal."""

import struct
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    LegacyConvertedEnhancedCTImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
)
from support.ct_factory import ct_slice, enhanced, write

from hounsfield.model.errors import UnreadableInstance
from hounsfield.model.headers import SliceHeader, read_header, read_slices
from hounsfield.model.manifest import Scope
from hounsfield.model.multiframe import MOST_BYTES, MOST_FRAMES, GroupReader
from hounsfield.model.scope import scope_mismatch

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
TINY = np.zeros((4, 4), np.int16)
NOT_THE_SAME = {"path", "sop_instance_uid", "sop_class_uid", "frames", "frame", "pixel_offset", "pixel_bytes"}
"""What differs between an instance of its own and a frame."""


def slices(count: int = 6, **attributes: object) -> list[Dataset]:
    return [
        ct_slice(TINY, z=2.5 * i, name="e", **({"ConvolutionKernel": "H30s", "InstanceNumber": "1"} | attributes))
        for i in range(count)
    ]


def comparable(header: SliceHeader) -> dict[str, object]:
    return {one.name: getattr(header, one.name) for one in fields(header) if one.name not in NOT_THE_SAME}


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("sop_class", [EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage])
def test_the_frames_are_described_as_single_instances_are(
    tmp_path: Path, syntax: str, undefined: bool, sop_class: str
) -> None:
    singles = slices(GantryDetectorTilt="3", SpacingBetweenSlices="2.5")
    whole = enhanced(singles, undefined=undefined, sop_class=sop_class)
    frames = read_slices(write(whole, tmp_path / "enhanced.dcm", syntax=syntax))
    ones = [read_header(write(one, tmp_path / f"{i}.dcm", syntax=syntax)) for i, one in enumerate(singles)]
    assert [comparable(frame) for frame in frames] == [comparable(one) for one in ones]
    assert [frame.frame for frame in frames] == [1, 2, 3, 4, 5, 6]
    assert {frame.frames for frame in frames} == {6}
    assert {frame.sop_instance_uid for frame in frames} == {whole.SOPInstanceUID}


def test_a_single_frame_instance_gives_one_header_without_a_frame_number(tmp_path: Path) -> None:
    path = write(ct_slice(TINY), tmp_path / "one.dcm")
    assert read_slices(path) == (read_header(path),)
    assert read_slices(path)[0].frame is None


def test_one_header_of_the_whole_claims_no_place_of_any_frame(tmp_path: Path) -> None:
    header = read_header(write(enhanced(slices()), tmp_path / "e.dcm"))
    assert (header.frames, header.frame, header.position, header.slope) == (6, None, None, None)


def test_a_multi_frame_instance_of_another_class_gives_one_header_that_says_so(tmp_path: Path) -> None:
    whole = enhanced(slices(), sop_class=MultiFrameGrayscaleWordSecondaryCaptureImageStorage)
    (header,) = read_slices(write(whole, tmp_path / "sc.dcm"))
    assert (header.frames, header.frame, header.position) == (6, None, None)


def test_what_differs_among_the_frames_is_read_for_each(tmp_path: Path) -> None:
    singles = [*slices(2), *slices(2, ConvolutionKernel="H60s", RescaleIntercept="-1000", AcquisitionNumber="2")]
    singles[3].ImageType = ["DERIVED", "PRIMARY", "VOLUME", "NONE"]
    frames = read_slices(write(enhanced(singles, shared=()), tmp_path / "e.dcm"))
    assert [frame.kernel for frame in frames] == ["H30s", "H30s", "H60s", "H60s"]
    assert [frame.intercept for frame in frames] == [-1024.0, -1024.0, -1000.0, -1000.0]
    assert [frame.acquisition_number for frame in frames] == [1, 1, 2, 2]
    assert frames[3].image_type == ("DERIVED", "PRIMARY", "VOLUME", "NONE")


def test_a_frame_overrides_what_is_shared(tmp_path: Path) -> None:
    whole = enhanced(slices())
    own = Dataset()
    own.SliceThickness = "1"
    own.PixelSpacing = [0.5, 0.5]
    whole.PerFrameFunctionalGroupsSequence[2].PixelMeasuresSequence = [own]
    frames = read_slices(write(whole, tmp_path / "e.dcm"))
    assert [frame.thickness for frame in frames] == [5.0, 5.0, 1.0, 5.0, 5.0, 5.0]
    assert frames[2].pixel_spacing == (0.5, 0.5)


def test_attributes_outside_their_macro_are_not_taken_for_those_of_a_frame(tmp_path: Path) -> None:
    whole = enhanced(slices(), ImagePositionPatient=[1.0, 2.0, 3.0], RescaleSlope="7")
    whole.PerFrameFunctionalGroupsSequence[1].ImagePositionPatient = [9.0, 9.0, 9.0]
    del whole.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence
    frames = read_slices(write(whole, tmp_path / "e.dcm"))
    assert [frame.position is None for frame in frames] == [False, True, False, False, False, False]
    assert {frame.slope for frame in frames} == {1.0}


def test_contrast_body_part_and_converted_attributes_are_found(tmp_path: Path) -> None:
    whole = enhanced(slices(ConvolutionKernel=None), BodyPartExamined=None)
    shared = whole.SharedFunctionalGroupsSequence[0]
    usage, region, anatomy, converted = Dataset(), Dataset(), Dataset(), Dataset()
    usage.ContrastBolusAgentAdministered = "YES"
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "69536005", "SCT", "Head"
    anatomy.AnatomicRegionSequence = [region]
    converted.ConvolutionKernel = "STANDARD"
    shared.ContrastBolusUsageSequence = [usage]
    shared.FrameAnatomySequence = [anatomy]
    shared.UnassignedSharedConvertedAttributesSequence = [converted]
    frames = read_slices(write(whole, tmp_path / "e.dcm"))
    assert {(frame.contrast, frame.body_part, frame.kernel) for frame in frames} == {(True, "Head", "STANDARD")}


def without(name: str) -> Callable[[Dataset], None]:
    return lambda whole: delattr(whole, name)


def frames_said(number: object) -> Callable[[Dataset], None]:
    return lambda whole: setattr(whole, "NumberOfFrames", number)


@pytest.mark.parametrize(
    "damage",
    [
        frames_said(5),
        frames_said(7),
        frames_said(2_000_000_000),
        frames_said(0),
        frames_said(-6),
        without("NumberOfFrames"),
        without("PerFrameFunctionalGroupsSequence"),
        lambda whole: setattr(whole, "PerFrameFunctionalGroupsSequence", Sequence()),
    ],
)
def test_frames_that_are_not_those_of_the_groups_are_not_read_and_no_bundle_wants_them(
    tmp_path: Path, damage: Callable[[Dataset], None]
) -> None:
    whole = enhanced(slices())
    damage(whole)
    (header,) = read_slices(write(whole, tmp_path / "e.dcm"))
    assert (header.frame, header.position, header.orientation, header.slope) == (None, None, None, None)
    scope = Scope(body_part="HEAD", description="head", sop_classes=(EnhancedCTImageStorage,))
    assert scope_mismatch([header], scope) == "multi-frame"


def test_a_frame_without_a_macro_has_no_geometry_rather_than_a_guessed_one(tmp_path: Path) -> None:
    whole = enhanced(slices())
    del whole.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence
    del whole.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    del whole.PerFrameFunctionalGroupsSequence[0].PixelValueTransformationSequence
    frames = read_slices(write(whole, tmp_path / "e.dcm"))
    assert {(frame.orientation, frame.pixel_spacing, frame.thickness) for frame in frames} == {(None, None, None)}
    assert (frames[0].slope, frames[0].intercept) == (None, None)


def item(length: int, content: bytes = b"") -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, length) + content


def element(tag: int, length: int, content: bytes = b"") -> bytes:
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length) + content


UNDEFINED = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "length", "words"),
    [
        (item(0) * (MOST_FRAMES + 1), None, "frames"),
        (item(8), None, "cut off"),
        (item(UNDEFINED), None, "cut off"),
        (item(8, element(0x00209113, 4)), 16, "cut off"),
        (item(8, element(0x00091001, 4)), 16, "cut off"),
        (item(UNDEFINED, element(0x00091001, UNDEFINED)), None, "cut off"),
        (element(0x00209113, 0), None, "do not match"),
        (item(UNDEFINED, element(0xFFFEE0DD, 0)), None, "do not match"),
        (item(UNDEFINED, (element(0x00091001, UNDEFINED) + item(UNDEFINED)) * 100), None, "nested"),
        (b"", 16, "cut off"),
    ],
)
def test_groups_that_contradict_themselves_are_refused(data: bytes, length: int | None, words: str) -> None:
    with pytest.raises(UnreadableInstance, match=words):
        GroupReader(data, implicit=True, little=True).read(length)


def test_groups_longer_than_any_head_needs_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = write(enhanced(slices()), tmp_path / "e.dcm", syntax=ImplicitVRLittleEndian)
    content = path.read_bytes()
    at = content.index(struct.pack("<HH", 0x5200, 0x9230)) + 4
    path.write_bytes(content[:at] + struct.pack("<I", MOST_BYTES + 1) + content[at + 4 :])
    with pytest.raises(UnreadableInstance, match="too large"):
        read_slices(path)


def test_private_sequences_of_undefined_length_are_passed_over() -> None:
    nested = element(0x00091001, UNDEFINED) + item(UNDEFINED, element(0x00080016, 2, b"1 "))
    ends = element(0xFFFEE00D, 0) + element(0xFFFEE0DD, 0)
    position = element(0x00209113, UNDEFINED) + item(UNDEFINED, element(0x00200032, 6, b"1\\2\\3 ")) + ends
    data = item(UNDEFINED, nested + ends + position + element(0xFFFEE00D, 0)) + element(0xFFFEE0DD, 0)
    reader = GroupReader(data + b"behind it", implicit=True, little=True)
    assert reader.read(None) == [{0x00200032: b"1\\2\\3 "}]
    assert reader.at == len(data)


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, bytes]:
    """An instance with defined and one with undefined lengths."""
    folder = tmp_path_factory.mktemp("multiframe")
    return {u: write(enhanced(slices(), undefined=u), folder / f"{u}.dcm").read_bytes() for u in (False, True)}


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(undefined=st.booleans(), data=st.data())
def test_a_damaged_instance_is_read_or_refused_and_nothing_else(
    tmp_path: Path, contents: dict[bool, bytes], undefined: bool, data: st.DataObject
) -> None:
    content = bytearray(contents[undefined])
    start = content.index(struct.pack("<HH", 0x5200, 0x9229))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(start, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.dcm"
    path.write_bytes(content[: data.draw(st.integers(start, len(content)))])
    try:
        found = read_slices(path)
    except UnreadableInstance:
        return
    assert [one.frame for one in found] in (list(range(1, 7)), [None])


def test_fifteen_hundred_frames_are_read_in_well_under_a_second(tmp_path: Path) -> None:
    whole = enhanced(slices(1), shared=(), undefined=True, NumberOfFrames=1500)
    content = write(whole, tmp_path / "e.dcm", syntax=ImplicitVRLittleEndian).read_bytes()
    start = content.index(element(0x52009230, UNDEFINED)) + 8
    end = content.index(element(0xFFFEE0DD, 0) + element(0x7FE00010, 32))
    (tmp_path / "e.dcm").write_bytes(content[:start] + 1500 * content[start:end] + content[end:])
    begin = time.process_time()
    frames = read_slices(tmp_path / "e.dcm")
    assert time.process_time() - begin < 0.8  # 0.1 s where it was measured; the rest is for a busy machine
    assert frames[-1].position == (-120.0, -120.0, 0.0)
    assert frames[-1].frame == 1500
