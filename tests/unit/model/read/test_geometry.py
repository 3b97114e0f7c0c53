"""Order, steps, gaps and tilt from positions and orientations."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.ct_factory import ct_slice, write

from hounsfield.model.geometry import SeriesGeometry, measure
from hounsfield.model.headers import SliceHeader, read_header

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


At = Callable[..., SliceHeader]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> SliceHeader:
    return read_header(write(ct_slice(), tmp_path_factory.mktemp("geometry") / "one.dcm"))


@pytest.fixture
def at(template: SliceHeader) -> At:
    def make(z: float, **changes: Any) -> SliceHeader:
        return replace(template, **({"position": (-120.0, -120.0, z)} | changes))

    return make


def measured(at: At, *heights: float, **changes: object) -> SeriesGeometry:
    return measure([at(z, **changes) for z in heights])


def test_slices_are_ordered_by_position_and_never_by_instance_number(at: At) -> None:
    heights = [10.0, 0.0, 15.0, 5.0]
    geometry = measure([at(z, instance_number=k) for k, z in enumerate(heights)])
    assert [heights[i] for i in geometry.order] == [0.0, 5.0, 10.0, 15.0]
    assert geometry.coverage_mm == 15.0
    assert not geometry.gaps
    assert not geometry.irregular


@pytest.mark.parametrize("orientation", [AXIAL, (1.0, 0, 0, 0, -1.0, 0), (-1.0, 0, 0, 0, 1.0, 0)])
def test_axial_slices_run_from_the_feet_to_the_head_however_they_are_flipped(at: At, orientation) -> None:
    geometry = measured(at, 20.0, 0.0, 10.0, orientation=orientation)
    assert geometry.order == (1, 2, 0)
    assert geometry.normal == pytest.approx((0, 0, 1))


def test_a_missing_slice_is_a_gap(at: At) -> None:
    geometry = measured(at, 0, 5, 10, 20, 25, 30)
    assert [(gap.after, gap.step_mm, gap.expected_mm, gap.missing) for gap in geometry.gaps] == [(2, 10.0, 5.0, 1)]


def test_a_step_of_one_and_a_half_is_not_yet_a_gap(at: At) -> None:
    assert not measured(at, 0, 5, 10, 17.5, 22.5).gaps
    assert measured(at, 0, 5, 10, 17.6, 22.6).gaps


def test_thin_slices_below_thick_ones_are_no_gap(at: At) -> None:
    thin = [at(z, thickness=2.5) for z in (0.0, 2.5, 5.0, 7.5, 10.0, 12.5)]
    thick = [at(z, thickness=7.5) for z in (17.5, 25.0, 32.5, 40.0)]
    geometry = measure(thin + thick)
    assert not geometry.gaps
    assert geometry.irregular
    assert geometry.thickness_mm == (2.5, 7.5)


def test_a_thin_slice_missing_among_thick_ones_is_still_a_gap(at: At) -> None:
    thin = [at(z, thickness=2.5) for z in (0.0, 2.5, 7.5, 10.0, 12.5)]
    thick = [at(z, thickness=7.5) for z in (17.5, 25.0, 32.5, 40.0, 47.5)]
    assert [gap.after for gap in measure(thin + thick).gaps] == [1]


def test_thickness_written_with_rounding_is_one_thickness(at: At) -> None:
    heights = [0, 2.5, 5, 7.5, 12.5, 15, 17.5]
    geometry = measure([at(z, thickness=5.0 if k % 2 else 4.997) for k, z in enumerate(heights)])
    assert [gap.after for gap in geometry.gaps] == [3]


def test_every_second_slice_missing_is_sparse(at: At) -> None:
    geometry = measured(at, *range(0, 100, 10))
    assert geometry.sparse
    assert not geometry.gaps


def test_wide_steps_that_the_scanner_states_are_not_sparse(at: At) -> None:
    assert not measured(at, *range(0, 100, 10), spacing_between=10.0).sparse


def test_overlapping_slices_are_not_sparse(at: At) -> None:
    assert not measured(at, 0, 2.5, 5, 7.5).sparse


def test_two_slices_at_one_position_are_duplicates(at: At) -> None:
    assert measured(at, 0, 5, 5.004, 10).duplicate_positions == ((1, 2),)


def test_localizers_are_left_out_by_type_and_by_orientation(at: At) -> None:
    typed = at(0.0, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"), position=None, orientation=None)
    turned = at(0.0, orientation=CORONAL)
    geometry = measure([typed, *[at(5.0 * k) for k in range(9)], turned])
    assert geometry.localizers == (0, 10)
    assert len(geometry.order) == 9
    assert geometry.consistent_orientation
    assert geometry.missing == ()


def test_many_images_in_another_plane_are_inconsistent(at: At) -> None:
    geometry = measure([at(5.0 * k, orientation=CORONAL if k % 2 else AXIAL) for k in range(20)])
    assert not geometry.consistent_orientation


def test_images_without_position_are_counted(at: At) -> None:
    geometry = measure([at(0.0), at(5.0, position=None), at(10.0, orientation=None)])
    assert geometry.missing == (1, 2)
    assert geometry.order == (0,)


def test_tilt_is_the_shear_of_positions_against_the_normal(at: At) -> None:
    for degrees in (-22.0, 15.0):
        lean = math.radians(degrees)
        orientation = (1.0, 0.0, 0.0, 0.0, math.cos(lean), math.sin(lean))
        geometry = measured(at, *range(0, 60, 5), orientation=orientation)
        assert geometry.tilt_degrees == pytest.approx(abs(degrees))
        assert geometry.plane_degrees == pytest.approx(abs(degrees))
        assert geometry.steps_mm[0] == pytest.approx(5 * math.cos(lean))


def test_a_reformat_along_its_own_normal_has_no_shear(at: At) -> None:
    lean = math.radians(20)
    orientation = (1.0, 0.0, 0.0, 0.0, math.cos(lean), math.sin(lean))
    normal = (0.0, -math.sin(lean), math.cos(lean))
    slices = [at(0, position=tuple(5.0 * k * n for n in normal), orientation=orientation) for k in range(9)]
    geometry = measure(slices)
    assert geometry.tilt_degrees == pytest.approx(0.0, abs=1e-4)
    assert geometry.plane_degrees == pytest.approx(20.0)


def test_the_tilt_tag_is_not_believed(at: At) -> None:
    assert measured(at, 0, 5, 10, gantry_tilt=18.5).tilt_degrees == 0.0


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"rows": 32}, "matrix"),
        ({"pixel_spacing": (1.0, 1.0)}, "pixel spacing"),
        ({"frame_of_reference_uid": "2.25.1"}, "frame of reference"),
    ],
)
def test_what_may_not_differ_among_slices_is_named(at: At, changes: dict[str, object], name: str) -> None:
    assert measure([at(0.0), at(5.0), at(10.0, **changes)]).mixed == (name,)
    assert measure([at(0.0), at(5.0)]).mixed == ()


def test_steps_within_rounding_are_regular(at: At) -> None:
    assert not measured(at, 0, 0.626, 1.25, 1.876, 2.5, thickness=0.625).irregular
    assert measured(at, 0, 5, 10, 15.2, 20.2).irregular


@pytest.mark.parametrize("count", [0, 1, 2])
def test_tiny_series_are_measured(at: At, count: int) -> None:
    geometry = measure([at(5.0 * k) for k in range(count)])
    assert len(geometry.order) == count
    assert not geometry.gaps
    assert geometry.coverage_mm == pytest.approx(5.0 * max(count - 1, 0))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(6, 60),
    spacing=st.floats(0.4, 9.0),
    offset=st.floats(-900, 900),
    data=st.data(),
)
def test_any_single_missing_slice_is_found_in_any_order(
    at: At, seed: int, count: int, spacing: float, offset: float, data: st.DataObject
) -> None:
    lost = data.draw(st.integers(1, count - 2))
    kept = [k for k in range(count) if k != lost]
    random.Random(seed).shuffle(kept)
    geometry = measure([at(offset + k * spacing, thickness=spacing) for k in kept])
    assert [kept[i] for i in geometry.order] == sorted(kept)
    assert [gap.after for gap in geometry.gaps] == [lost - 1]
