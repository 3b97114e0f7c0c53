"""Real CT: a tilted, unevenly spaced head, and one slice in sixteen transfer syntaxes."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from support.stored_values import read_raw
from support.volumes import loaded

from hounsfield.model.errors import PixelError, UnreadableInstance
from hounsfield.model.findings import Rejection
from hounsfield.model.fitness import assess
from hounsfield.model.geometry import measure
from hounsfield.model.headers import SliceHeader, read_header, read_slices
from hounsfield.model.identity import instance_identity
from hounsfield.model.manifest import Scope
from hounsfield.model.page import PageContent, PageSlice, render_pages
from hounsfield.model.parts import split
from hounsfield.model.pixels import read_pixels
from hounsfield.model.plausibility import hu_problem, phantom_content
from hounsfield.model.scope import scope_mismatch
from hounsfield.model.volume import Volume

SCOPE = Scope(body_part="(?i)^(head|brain|skull)", description="(?i)head", slices=(8, 600))

LOSSLESS = [
    "CTImage.dcm_BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2.dcm",
    "CTImage.dcm_JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90.dcm",
    "CTImage.dcm_JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80.dcm",
    "CTImage.dcm_JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70.dcm",
    "CTImage.dcm_JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57.dcm",
    "CTImage.dcm_LittleEndianExplicitTransferSyntax_1.2.840.10008.1.2.1.dcm",
    "CTImage.dcm_LittleEndianImplicitTransferSyntax_1.2.840.10008.1.2.dcm",
    "CTImage.dcm_RLELosslessTransferSyntax_1.2.840.10008.1.2.5.dcm",
]
LOSSY = {
    "CTImage.dcm_JPEG2000TransferSyntax_1.2.840.10008.1.2.4.91.dcm": 8,
    "CTImage.dcm_JPEGLSLossyTransferSyntax_1.2.840.10008.1.2.4.81.dcm": 8,
    "CTImage.dcm_JPEGProcess1TransferSyntax_1.2.840.10008.1.2.4.50.dcm": 200,
}
"""With the largest difference in HU that is seen."""
REFUSED = [
    "CTImage.dcm_JPEGProcess2_4TransferSyntax_1.2.840.10008.1.2.4.51.dcm",
    "CTImage.dcm_JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53.dcm",
    "CTImage.dcm_JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55.dcm",
]


@pytest.fixture(scope="module")
def head(real_ct: Path) -> list[SliceHeader]:
    headers = [read_header(path) for path in sorted((real_ct / "ge_head_ct").glob("*.dcm"))]
    random.Random(3).shuffle(headers)
    return headers


@pytest.fixture(scope="module")
def volume(head: list[SliceHeader], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Volume]:
    with loaded(tmp_path_factory.mktemp("scratch"), head) as whole:
        yield whole


def test_the_tilted_head_of_mixed_thickness_has_no_gap(head: list[SliceHeader]) -> None:
    geometry = measure(head)
    assert [head[i].instance_number for i in geometry.order] == list(range(1, 29))
    assert np.round(geometry.steps_mm, 2).tolist() == [4.0] * 13 + [1.08] + [7.0] * 13
    assert geometry.gaps == ()
    assert geometry.irregular
    assert not geometry.sparse
    assert geometry.thickness_mm == (4.0, 7.0)
    assert geometry.tilt_degrees == pytest.approx(18.5, abs=0.01)
    assert geometry.localizers == geometry.missing == geometry.mixed == ()


@pytest.mark.parametrize("lost", [3, 9, 17, 22])
def test_a_slice_lost_from_the_real_head_is_a_gap(head: list[SliceHeader], lost: int) -> None:
    kept = [header for header in head if header.instance_number != lost]
    assert [gap.missing for gap in measure(kept).gaps] == [1]


def test_the_real_head_is_wanted_and_fit_with_remarks(head: list[SliceHeader]) -> None:
    fitness = assess(head, measure(head), SCOPE)
    assert scope_mismatch(head, SCOPE) is None
    assert fitness.rejection is None
    assert fitness.remarks == (
        "Gantry tilt 18.5 degrees, measured from image orientation and positions; slices are taken one by one, "
        "not resampled.",
        "Slice steps 1.1 to 7.0 mm with thickness 4 and 7 mm; slices are taken one by one.",
        "Rescale intercept 0; values count as HU only after a plausibility check.",
        "Pixel padding -1500 masked as air.",
    )


def test_the_real_head_has_plausible_hu_and_none_with_a_wrong_intercept(volume: Volume) -> None:
    assert hu_problem(volume.slices_hu) is None
    for offset in (-1024, -1000, -200, 200, 1000, 1024):
        shifted = [np.where(hu == -1024, hu, np.maximum(hu + offset, -1024)) for hu in volume.slices_hu]
        assert hu_problem(shifted), offset


def test_hu_equal_what_pydicom_reads(volume: Volume) -> None:
    for header, hu in zip(volume.headers, volume.slices_hu, strict=True):
        stored = dcmread(header.path).pixel_array
        assert np.array_equal(hu, np.where(stored == -1500, -1024, stored))


def test_headers_equal_what_pydicom_reads(real_ct: Path) -> None:
    for path in sorted(real_ct.glob("*/CT*")) + sorted(real_ct.glob("ge_head_ct/*.dcm")):
        expected = dcmread(path, stop_before_pixels=True)
        if expected.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1.99":
            continue
        header = read_header(path)
        assert header.transfer_syntax == expected.file_meta.TransferSyntaxUID
        for ours, keyword in [
            (header.sop_instance_uid, "SOPInstanceUID"),
            (header.series_uid, "SeriesInstanceUID"),
            (header.patient.id, "PatientID"),
            (header.patient.name, "PatientName"),
            (header.manufacturer, "Manufacturer"),
            (header.kernel, "ConvolutionKernel"),
            (header.body_part, "BodyPartExamined"),
        ]:
            assert ours == str(expected.get(keyword, "")).strip()
        for number, keyword in [
            (header.rows, "Rows"),
            (header.bits_stored, "BitsStored"),
            (header.slope, "RescaleSlope"),
            (header.intercept, "RescaleIntercept"),
            (header.padding, "PixelPaddingValue"),
            (header.thickness, "SliceThickness"),
            (header.position, "ImagePositionPatient"),
            (header.orientation, "ImageOrientationPatient"),
        ]:
            value = expected.get(keyword)
            assert number == (tuple(value) if isinstance(number, tuple) else value), keyword


@pytest.mark.parametrize("name", LOSSLESS)
def test_every_lossless_syntax_gives_the_same_pixels_and_identity(real_ct: Path, name: str) -> None:
    folder = real_ct / "transfer_syntaxes"
    original = read_header(folder / "CTImage.dcm")
    header = read_header(folder / name)
    assert np.array_equal(read_raw(header), read_raw(original))
    assert np.array_equal(read_pixels(header).hu, read_pixels(original).hu)
    assert not header.lossy
    if header.sop_instance_uid == original.sop_instance_uid:
        assert instance_identity(header.path) == instance_identity(original.path)


@pytest.mark.parametrize(("name", "most"), LOSSY.items())
def test_lossy_syntaxes_are_decoded_and_known_as_lossy(real_ct: Path, name: str, most: float) -> None:
    header = read_header(real_ct / "transfer_syntaxes" / name)
    original = read_pixels(read_header(real_ct / "transfer_syntaxes" / "CTImage.dcm")).hu
    assert header.lossy
    assert 0 < np.max(np.abs(read_pixels(header).hu - original.astype(np.int32))) < most


@pytest.mark.parametrize("name", REFUSED)
def test_12_bit_jpeg_is_refused_cleanly(real_ct: Path, name: str) -> None:
    header = read_header(real_ct / "transfer_syntaxes" / name)
    assert header.lossy
    with pytest.raises(PixelError) as caught:
        read_pixels(header)
    assert caught.value.rejection is Rejection.UNREADABLE_PIXELS


def test_deflated_and_enhanced_are_refused_cleanly(real_ct: Path) -> None:
    folder = real_ct / "transfer_syntaxes"
    with pytest.raises(UnreadableInstance, match="deflated"):
        read_header(folder / "CTImage.dcm_DeflatedExplicitVRLittleEndianTransferSyntax_1.2.840.10008.1.2.1.99.dcm")
    enhanced = read_header(folder / "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm")
    assert scope_mismatch([enhanced] * 10, SCOPE) == "multi-frame"


@pytest.mark.parametrize("name", ["CT1_J2KR", "CT2_J2KR"])
def test_real_jpeg_2000_equals_what_pydicom_reads(real_ct: Path, name: str) -> None:
    path = real_ct / "transfer_syntaxes" / name
    assert np.array_equal(read_raw(read_header(path)), dcmread(path).pixel_array)


def test_a_page_of_the_real_head_shows_its_sides(volume: Volume) -> None:
    slices = tuple(
        PageSlice(
            number=k + 1,
            hu=volume.slices_hu[k],
            score=0.1,
            pixel_spacing=volume.headers[k].pixel_spacing or (1.0, 1.0),
            orientation=volume.headers[k].orientation,
        )
        for k in range(12, 16)
    )
    (page,) = render_pages(
        PageContent(
            verdict="NOT FLAGGED",
            words="",
            short="ICH",
            score=0.1,
            score_word="Score",
            threshold=0.5,
            slice_threshold=0.5,
            slice_scores=(0.1,) * 28,
            slices=slices,
            bundle="ich-demo 1.0.0",
            completeness="COMPLETE",
            remarks=(),
            banner="",
        )
    )
    tiles = page[210:690, 30:500]  # the plain slices of the left half stand in it, and places for heat
    assert 0.1 < np.mean(tiles > 90) < 0.9


def test_the_head_is_one_scan_although_thickness_acquisition_and_image_type_differ_among_its_slices(
    head: list[SliceHeader],
) -> None:
    (part,) = split(head).parts
    assert (len(part.indices), part.key, part.duplicates) == (28, "", ())
    assert len({one.acquisition_number for one in head}) == 21
    assert {len(one.image_type) for one in head} == {3, 4}


def test_the_head_is_no_phantom_and_its_hu_are_those_of_a_head(volume: Volume) -> None:
    assert not phantom_content(volume.slices_hu)
    assert hu_problem(volume.slices_hu) is None


def test_the_enhanced_perfusion_map_is_read_frame_by_frame_and_wanted_by_nobody(real_ct: Path) -> None:
    path = real_ct / "transfer_syntaxes" / "CT0012.fragmented_no_bot_jpeg_baseline.51.dcm"
    frames = read_slices(path)
    assert [(one.frame, one.frames, one.position) for one in frames] == [
        (1, 2, (99.5, -301.5, -159.0)),
        (2, 2, (99.5, -301.5, -149.0)),
    ]
    assert {one.pixel_spacing for one in frames} == {(0.388672, 0.388672)}
    assert {one.orientation for one in frames} == {(-1.0, 0.0, 0.0, 0.0, 1.0, 0.0)}
    assert {one.rescale_type for one in frames} == {"US"}
    assert {one.body_part for one in frames} == {"Brain"}
    assert all(one.lossy and one.contrast for one in frames)
    assert scope_mismatch(frames, SCOPE) == "multi-frame"
    listed = SCOPE.model_copy(update={"sop_classes": (*SCOPE.sop_classes, frames[0].sop_class_uid)})
    assert scope_mismatch(frames, listed) == "image-type"
