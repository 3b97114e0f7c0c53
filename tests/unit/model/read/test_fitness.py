"""Which series is wanted, which can be analysed, and what is said about it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import EnhancedCTImageStorage, SecondaryCaptureImageStorage
from support.ct_factory import ct_slice, head_hu, write

from hounsfield.model.findings import Rejection
from hounsfield.model.fitness import Fitness, assess
from hounsfield.model.geometry import measure
from hounsfield.model.headers import PatientIdentity, SliceHeader, read_header
from hounsfield.model.manifest import Scope
from hounsfield.model.phantom import PhantomSpec, render
from hounsfield.model.plausibility import hu_problem, phantom_content
from hounsfield.model.scope import scope_mismatch

SCOPE = Scope(
    body_part="(?i)^(head|brain|skull)",
    description="(?i)head|brain|schädel|kopf",
    exclude_description="(?i)angio|cta|perfusion|bone|sinus",
    thickness_mm=(0.5, 10.0),
    slices=(8, 40),
    max_step_mm=10.0,
)
NOBODY = PatientIdentity(id="", issuer="", name="", birth_date="", sex="")
TILTED = (1.0, 0.0, 0.0, 0.0, 0.9483237, -0.3173047)

Make = Callable[..., list[SliceHeader]]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> SliceHeader:
    return read_header(write(ct_slice(), tmp_path_factory.mktemp("fitness") / "one.dcm"))


@pytest.fixture
def series(template: SliceHeader) -> Make:
    def make(count: int = 12, spacing: float = 5.0, without: int = -1, **changes: Any) -> list[SliceHeader]:
        return [
            replace(template, **({"position": (-120.0, -120.0, k * spacing)} | changes))
            for k in range(count)
            if k != without
        ]

    return make


def judged(headers: list[SliceHeader], **scope: Any) -> Fitness:
    return assess(headers, measure(headers), SCOPE.model_copy(update=scope))


def test_a_head_ct_is_wanted_and_fit(series: Make) -> None:
    assert scope_mismatch(series(), SCOPE) is None
    assert judged(series()) == Fitness(rejection=None, words="", remarks=())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"modality": "MR"}, "modality"),
        ({"sop_class_uid": SecondaryCaptureImageStorage}, "image-type"),
        ({"sop_class_uid": EnhancedCTImageStorage}, "multi-frame"),
        ({"sop_class_uid": EnhancedCTImageStorage, "frames": 12, "frame": 1}, "multi-frame"),
        ({"frames": 30}, "multi-frame"),
        ({"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}, "image-type"),
        ({"image_type": ("DERIVED", "SECONDARY", "MIP")}, "image-type"),
        ({"orientation": (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)}, "image-type"),
        ({"body_part": "CHEST"}, "body-part"),
        ({"body_part": "", "series_description": "Thorax", "study_description": "CT"}, "body-part"),
        ({"body_part": "", "series_description": "", "study_description": ""}, "body-part"),
        ({"series_description": "CTA head"}, "body-part"),
        ({"quality_control_image": True}, "phantom"),
        ({"series_description": "Daily QA head"}, "phantom"),
        ({"study_description": "Water phantom"}, "phantom"),
        ({"patient": replace(NOBODY, name="Catphan^600")}, "phantom"),
        ({"patient": replace(NOBODY, id="PHANTOM_7")}, "phantom"),
    ],
)
def test_what_is_not_wanted_has_its_code(series: Make, changes: dict[str, Any], code: str) -> None:
    assert scope_mismatch(series(**changes), SCOPE) == code


@pytest.mark.parametrize(
    "changes",
    [
        {"body_part": "", "series_description": "Schädel nativ"},
        {"body_part": "", "series_description": "5.0 H30s", "protocol_name": "Kopf"},
        {"body_part": "", "series_description": "", "study_description": "CT HEAD"},
        {"body_part": "BRAIN", "series_description": "5.0 H30s"},
        {"image_type": ("DERIVED", "PRIMARY", "AXIAL")},
        {"patient": replace(NOBODY, name="Phan^Thom")},
        {"orientation": TILTED},
        {"orientation": None},
    ],
)
def test_what_is_wanted_is_not_skipped(series: Make, changes: dict[str, Any]) -> None:
    assert scope_mismatch(series(**changes), SCOPE) is None


def test_enhanced_ct_is_wanted_where_the_manifest_lists_it_and_frames_were_read(series: Make) -> None:
    listed = SCOPE.model_copy(update={"sop_classes": (*SCOPE.sop_classes, EnhancedCTImageStorage)})
    frames = [
        replace(one, sop_class_uid=EnhancedCTImageStorage, frames=12, frame=k)
        for k, one in enumerate(series(), start=1)
    ]
    assert scope_mismatch(frames, listed) is None
    assert assess(frames, measure(frames), listed).rejection is None
    assert scope_mismatch([replace(one, frame=None) for one in frames], listed) == "multi-frame"
    maximum = [replace(one, image_type=("DERIVED", "PRIMARY", "MAX_IP", "MAXIMUM")) for one in frames]
    assert scope_mismatch(maximum, listed) == "image-type"


def test_a_series_of_another_body_part_that_a_rule_wants_is_refused_in_words(series: Make) -> None:
    for changes in ({"body_part": "CHEST"}, {"series_description": "CTA head"}):
        headers = series(**changes)
        fitness = assess(headers, measure(headers), SCOPE, wanted_by_rule=True)
        assert fitness.rejection is Rejection.BODY_PART
        assert "a rule selected it all the same" in fitness.words
        assert "CHEST" not in fitness.words
        assert assess(headers, measure(headers), SCOPE).rejection is None
    headers = series()
    assert assess(headers, measure(headers), SCOPE, wanted_by_rule=True).rejection is None


@pytest.mark.parametrize(
    ("kernel", "scope", "words"),
    [
        ("H60s", {"kernel": "(?i)^h3"}, "not one that the model takes"),
        ("", {"kernel": "(?i)^h3"}, "not stated"),
        ("H60s", {"exclude_kernel": "(?i)^h6"}, "does not take"),
        ("H30s", {"kernel": "(?i)^h3", "exclude_kernel": "(?i)^h6"}, ""),
        ("", {"exclude_kernel": "(?i)^h6"}, ""),
    ],
)
def test_the_manifest_says_which_kernels_a_model_takes(
    series: Make, kernel: str, scope: dict[str, str], words: str
) -> None:
    fitness = judged(series(kernel=kernel), **scope)
    assert fitness.rejection is (Rejection.SCOPE if words else None)
    assert words in fitness.words


def test_too_little_of_the_head_is_not_analysed(series: Make) -> None:
    assert judged(series(), min_coverage_mm=55.0).rejection is None
    fitness = judged(series(), min_coverage_mm=100.0)
    assert (fitness.rejection, fitness.words) == (
        Rejection.COVERAGE,
        "The slices cover 55 mm; the model needs at least 100 mm.",
    )


def test_derived_images_are_noted_where_the_manifest_allows_them(series: Make) -> None:
    fitness = judged(series(image_type=("DERIVED", "PRIMARY", "AXIAL")), derived=True)
    assert fitness.rejection is None
    assert fitness.remarks == ("The images are derived from others (Image Type).",)


def test_blocks_of_different_kernels_are_noted_without_more_of_the_header_than_a_name(series: Make) -> None:
    headers = series()
    headers[6:] = [replace(one, kernel="B<Anna^Müller>") for one in headers[6:]]
    assert judged(headers).remarks == ("Blocks of different kernels in one volume: B_Anna_M_ller_, not stated.",)


def test_phantom_words_beyond_any_name_s_length_are_not_searched(series: Make) -> None:
    assert scope_mismatch(series(study_description="x" * 60_000 + " phantom"), SCOPE) is None


def test_a_short_series_is_skipped_unless_the_scanner_announced_more(series: Make) -> None:
    assert scope_mismatch(series(5), SCOPE) == "too-few-slices"
    assert scope_mismatch(series(5, images_in_acquisition=28), SCOPE) is None


def test_a_localizer_beside_the_slices_does_not_matter(series: Make) -> None:
    headers = series()
    scout = replace(headers[0], image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"), orientation=None)
    assert scope_mismatch([scout, *headers], SCOPE) is None
    assert judged([scout, *headers]).remarks == ("1 localizer or other-plane image left out.",)


@pytest.mark.parametrize(
    ("changes", "rejection", "words"),
    [
        ({"without": 4}, Rejection.INCOMPLETE, "About 1 slice missing at 1 place: a step of 10.0 mm"),
        ({"spacing": 8.0}, Rejection.INCOMPLETE, "every second slice may be missing"),
        ({"count": 4}, Rejection.TOO_FEW_SLICES, "4 slices"),
        ({"count": 41, "spacing": 1.0}, Rejection.TOO_LARGE, "41 slices"),
        ({"position": None}, Rejection.NO_GEOMETRY, "12 images without"),
        ({"pixel_spacing": None}, Rejection.NO_GEOMETRY, "Pixel spacing"),
        ({"spacing": 0.0}, Rejection.AMBIGUOUS_GEOMETRY, "More than one image at 11 positions"),
        ({"slope": None}, Rejection.NO_RESCALE, "not guessed"),
        ({"intercept": None}, Rejection.NO_RESCALE, "not guessed"),
        ({"rescale_type": "MGML"}, Rejection.NOT_HU, "rescale type"),
        ({"bits_stored": 8}, Rejection.NOT_HU, "8 bits"),
        ({"samples": 3}, Rejection.NOT_HU, "greyscale"),
        ({"lossy": True}, Rejection.LOSSY, "lossy"),
        ({"contrast": True}, Rejection.SCOPE, "contrast agent"),
        ({"bits_stored": 8, "bits_allocated": 8}, Rejection.NOT_HU, "8 bits"),
        ({"photometric": "PALETTE COLOR"}, Rejection.NOT_HU, "greyscale"),
        ({"burned_in": True}, Rejection.BURNED_IN, "burned into the images"),
        ({"image_type": ("DERIVED", "SECONDARY", "AXIAL")}, Rejection.SCOPE, "derived from others"),
        ({"thickness": 12.0}, Rejection.SCOPE, "thickness 12 mm"),
        ({"frames": 12}, Rejection.MULTI_FRAME, "multi-frame objects"),
        ({"frames": 12, "frame": 1, "sop_class_uid": EnhancedCTImageStorage}, Rejection.MULTI_FRAME, "multi-frame"),
        ({"spacing": 12.0, "thickness": 9.0}, Rejection.SCOPE, "step of 12.0 mm"),
    ],
)
def test_what_is_not_fit_is_rejected_in_words(
    series: Make, changes: dict[str, Any], rejection: Rejection, words: str
) -> None:
    fitness = judged(series(**changes))
    assert fitness.rejection is rejection
    assert words in fitness.words


def test_the_manifest_can_allow_lossy_contrast_and_sparse(series: Make) -> None:
    headers = series(lossy=True, contrast=True, spacing=8.0)
    fitness = judged(headers, lossy=True, contrast=True, allow_sparse=True)
    assert fitness.rejection is None
    assert any("Lossy" in remark for remark in fitness.remarks)


def test_tilt_is_noted_or_refused_as_the_manifest_says(series: Make) -> None:
    headers = series(orientation=TILTED)
    assert judged(headers).remarks == (
        "Gantry tilt 18.5 degrees, measured from image orientation and positions; slices are taken one by one, "
        "not resampled.",
    )
    assert judged(headers, tilt="resample").remarks == (
        "Gantry tilt 18.5 degrees, measured from image orientation and positions; slices were moved in their planes "
        "until they lie straight above each other.",
    )
    assert judged(headers, tilt="refuse").rejection is Rejection.TILT
    assert judged(headers, max_tilt_degrees=15.0).rejection is Rejection.TILT


def test_irregular_steps_are_noted_or_refused_as_the_manifest_says(series: Make) -> None:
    headers = series()
    headers[6:] = [replace(h, position=(0.0, 0.0, (h.position or (0,))[-1] - 2.0)) for h in headers[6:]]
    headers = [replace(h, position=(-120.0, -120.0, (h.position or (0,))[-1])) for h in headers]
    assert judged(headers).remarks == ("Slice steps 3.0 to 5.0 mm with thickness 5 mm; slices are taken one by one.",)
    assert judged(headers, irregular_spacing="refuse").rejection is Rejection.IRREGULAR_SPACING
    assert judged(headers, irregular_spacing="resample").remarks == (
        "Slice steps 3.0 to 5.0 mm with thickness 5 mm; resampled to regular steps of 5.0 mm.",
    )


def test_remarks_say_what_is_done_about_the_values(series: Make) -> None:
    remarks = judged(series(intercept=0.0, padding=-1500, photometric="MONOCHROME1")).remarks
    assert remarks == (
        "Rescale intercept 0; values count as HU only after a plausibility check.",
        "Pixel padding -1500 masked as air.",
        "MONOCHROME1 is unusual in CT; HU used unchanged.",
    )


def test_rescale_that_differs_among_slices_is_noted(series: Make) -> None:
    headers = series()
    headers[3] = replace(headers[3], intercept=-1000.0)
    assert judged(headers).remarks == ("Rescale differs among the slices (2 pairs); applied slice by slice.",)


def test_no_words_hold_what_the_header_says_of_the_patient(series: Make, tmp_path: Path) -> None:
    secret = replace(NOBODY, id="SECRET", name="Secret^Name")
    for changes in ({}, {"without": 4}, {"position": None}, {"lossy": True}):
        fitness = judged(series(patient=secret, **changes))
        assert "ecret" not in fitness.words + "".join(fitness.remarks)


def test_a_head_is_plausible_and_stays_so_with_padding() -> None:
    padded = head_hu().astype(np.float32)
    padded[:4] = -1024
    assert hu_problem([head_hu().astype(np.float32)] * 12) is None
    assert hu_problem([padded] * 12) is None


@pytest.mark.parametrize("offset", [-1024, -1000, -500, -200, 200, 500, 1000, 1024])
def test_a_wrong_intercept_is_implausible(offset: int) -> None:
    shifted = np.maximum(head_hu().astype(np.float32) + offset, -1024)
    assert hu_problem([shifted] * 12)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda hu: np.where(hu < -400, hu + 300, hu), "air around the head measures -700 HU"),
        (lambda hu: np.where((hu > -100) & (hu < 200), hu + 150, hu), "no soft tissue between -20 and 100 HU"),
        (lambda hu: np.where(hu > 300, 280, hu), "no skull"),
        (lambda hu: np.where(hu > 100, 35, hu), "no skull"),
        (lambda hu: np.where(hu > 300, hu * 3, hu), "Bone measures 3"),
        (lambda hu: hu * 0.2, "no skull"),
    ],
)
def test_what_is_implausible_is_said(wrong: Callable[[np.ndarray], np.ndarray], words: str) -> None:
    problem = hu_problem([wrong(head_hu().astype(np.float32))] * 12)
    assert problem is not None
    assert words in problem


@pytest.mark.parametrize("value", [-1024.0, 0.0, 40.0, 3000.0])
def test_flat_images_are_implausible(value: float) -> None:
    assert hu_problem([np.full((64, 64), value, np.float32)] * 12)
    assert hu_problem([])
    assert hu_problem([]) is not None


def disc(inside: float, noise: float = 20.0) -> np.ndarray:
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    hu = np.where(np.hypot(x, y) < 0.8, inside, -1000.0)
    return hu + np.random.default_rng(1).normal(0, noise, hu.shape)


@pytest.mark.parametrize("inside", [0.0, 40.0, 120.0])
def test_a_uniform_body_without_bone_is_a_phantom(inside: float) -> None:
    assert phantom_content([disc(inside)] * 12)
    assert hu_problem([disc(inside)] * 12)


def test_a_head_is_no_phantom_and_neither_is_nothing() -> None:
    assert not phantom_content([head_hu()] * 12)
    assert not phantom_content([np.full((64, 64), -1000.0)] * 12)
    assert not phantom_content([])
    for seed in (1, 2):
        drawn = render(PhantomSpec(seed=seed, slices=10, step_mm=10.0, matrix=128))
        assert not phantom_content(list(drawn.hu))
        assert hu_problem(list(drawn.hu)) is None
