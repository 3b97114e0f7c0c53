"""Resampling against the plainest reference there is, and on a body that must come back straight."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ct_factory import ct_series, write_series

from hounsfield.model.errors import PixelError
from hounsfield.model.findings import Rejection
from hounsfield.model.geometry import measure
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.model.manifest import Scope
from hounsfield.model.resample import Resampling, moved, plan

SCOPE = Scope(body_part="HEAD", description="head", tilt="resample", irregular_spacing="resample")
SIZE = 24
MM = 2.0


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> SliceHeader:
    (path,) = write_series(tmp_path_factory.mktemp("r"), ct_series(1))
    return replace(read_header(path), rows=SIZE, columns=SIZE, pixel_spacing=(MM, MM))


def stack(
    header: SliceHeader, positions: list[tuple[float, float, float]], orientation: tuple[float, ...] = ()
) -> list[SliceHeader]:
    return [replace(header, position=at, orientation=orientation or header.orientation) for at in positions]


def planned(headers: list[SliceHeader], scope: Scope = SCOPE) -> tuple[Resampling | None, list[SliceHeader]]:
    geometry = measure(headers)
    ordered = [headers[i] for i in geometry.order]
    return plan(ordered, geometry, scope), ordered


def plain_shift(hu: np.ndarray, rows: float, columns: float) -> np.ndarray:
    """Bilinear in float64, pixel by pixel; -1024 beyond the image."""

    def at(r: int, c: int) -> float:
        inside = 0 <= r < hu.shape[0] and 0 <= c < hu.shape[1]
        return float(hu[r, c]) if inside else -1024.0

    out = np.empty(hu.shape, np.float64)
    for r in range(hu.shape[0]):
        for c in range(hu.shape[1]):
            y, x = r - rows, c - columns
            top, left = math.floor(y), math.floor(x)
            fy, fx = y - top, x - left
            upper = at(top, left) * (1 - fx) + at(top, left + 1) * fx
            lower = at(top + 1, left) * (1 - fx) + at(top + 1, left + 1) * fx
            out[r, c] = upper * (1 - fy) + lower * fy
    return out


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.floats(-9, 9).map(lambda v: round(v, 4)),
    columns=st.floats(-9, 9).map(lambda v: round(v, 4)),
    whole=st.booleans(),
)
def test_a_slice_moves_as_the_plain_reference_does(seed: int, rows: float, columns: float, whole: bool) -> None:
    hu = np.random.default_rng(seed).uniform(-1024, 3000, (7, 6)).astype(np.int16 if whole else np.float32)
    before = hu.copy()
    got = moved(hu, rows, columns)
    assert np.abs(got - plain_shift(hu, rows, columns)).max() < 1e-6 * 4096
    assert np.array_equal(hu, before)


def ramp(heights: list[float]) -> list[np.ndarray]:
    """Slices whose HU are their height everywhere: linear interpolation is exact on them."""
    return [np.full((SIZE, SIZE), height * 10, np.float32) for height in heights]


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.sampled_from([1.0, 1.25, 2.5, 4.0, 5.0, 7.0]), min_size=2, max_size=25))
def test_uneven_steps_become_the_usual_one(header: SliceHeader, steps: list[float]) -> None:
    heights = [0.0, *np.cumsum(steps).tolist()]
    headers = stack(header, [(0.0, 0.0, z) for z in heights])
    resampling, _ = planned(headers)
    if resampling is None:
        assert len(set(steps)) == 1
        return
    usual = float(np.median(steps))
    got = [float(hu[3, 3]) / 10 for hu in resampling.stream(ramp(heights))]
    assert np.abs(np.array(got) - usual * np.arange(len(got))).max() < 1e-4
    assert heights[-1] - usual < got[-1] <= heights[-1] + 1e-4
    for height, nearest in zip(got, resampling.nearest, strict=True):
        assert abs(heights[nearest] - height) == pytest.approx(min(abs(z - height) for z in heights), abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.sampled_from([1.0, 2.5, 4.0, 7.0]), min_size=3, max_size=20).filter(lambda s: len(set(s)) > 1),
    seed=st.integers(0, 1000),
)
def test_every_source_slice_gets_a_score_and_none_of_a_far_one(
    header: SliceHeader, steps: list[float], seed: int
) -> None:
    heights = [0.0, *np.cumsum(steps).tolist()]
    resampling, _ = planned(stack(header, [(0.0, 0.0, z) for z in heights]))
    assert resampling is not None
    scores = np.random.default_rng(seed).random((len(resampling), 2)).astype(np.float32)
    turned = resampling.to_sources(scores)
    assert turned.shape == (len(heights), 2)
    usual = float(np.median(steps))
    for source, height in enumerate(heights):
        near = [k for k in range(len(resampling)) if abs(k * usual - height) <= max(max(steps), usual)]
        assert turned[source, 0] in scores[near, 0]
    for source in set(resampling.nearest):
        own = [k for k, nearest in enumerate(resampling.nearest) if nearest == source]
        assert np.array_equal(turned[source], scores[own].max(axis=0))


def column(origin: tuple[float, float]) -> np.ndarray:
    """A slice through an upright body that is not round, standing at (20, 26) mm of the patient."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] * MM
    y, x = y + origin[1], x + origin[0]
    return (1000.0 * np.exp(-(((x - 20) / 6) ** 2) - ((y - 26) / 9) ** 2) - 1000.0).astype(np.float32)


@pytest.mark.parametrize("along_x", [False, True])
@pytest.mark.parametrize("degrees", [8.0, 18.5, -12.0])
def test_a_sheared_body_comes_back_straight(header: SliceHeader, degrees: float, along_x: bool) -> None:
    shear = math.tan(math.radians(degrees))
    heights = [2.0 * k for k in range(9)]
    origins = [(z * shear, 0.0) if along_x else (0.0, z * shear) for z in heights]
    headers = stack(header, [(*origin, z) for origin, z in zip(origins, heights, strict=True)])
    resampling, ordered = planned(headers)
    assert resampling is not None
    assert measure(ordered).tilt_degrees == pytest.approx(abs(degrees))
    slices = [column(origin) for origin in origins]
    straight = np.array(list(resampling.stream(slices)))
    middle = straight[len(straight) // 2]
    assert np.array_equal(middle, slices[len(slices) // 2])
    inner = (slice(None), slice(5, -5), slice(5, -5))
    left = np.abs(straight[inner] - middle[None, 5:-5, 5:-5]).max()
    assert left < 40, "a smooth body of 1000 HU"
    assert np.abs(np.array(slices)[inner] - middle[None, 5:-5, 5:-5]).max() > 4 * left
    assert resampling.nearest == tuple(range(9))


def test_a_tilted_plane_is_moved_in_its_own_directions(header: SliceHeader) -> None:
    """A real gantry tilt: the planes lean, the positions go straight up the table."""
    angle = math.radians(15)
    orientation = (1.0, 0.0, 0.0, 0.0, math.cos(angle), -math.sin(angle))
    headers = stack(header, [(0.0, 0.0, 3.0 * k) for k in range(5)], orientation)
    resampling, ordered = planned(headers)
    assert resampling is not None
    per_slice = 3.0 * math.sin(angle) / MM
    spot = np.full((SIZE, SIZE), -1024.0, np.float32)
    spot[12] = 0.0
    rows = [
        float((hu[:, 12] + 1024) @ np.arange(SIZE) / (hu[:, 12] + 1024).sum()) for hu in resampling.stream([spot] * 5)
    ]
    assert np.diff(rows) == pytest.approx([-per_slice] * 4 if rows[0] > rows[-1] else [per_slice] * 4, abs=1e-4)
    assert len(ordered) == 5


def test_uneven_steps_of_a_tilted_series_are_interpolated_between_what_lies_above_each_other(
    header: SliceHeader,
) -> None:
    shear = math.tan(math.radians(15))
    heights = [0.0, 2.0, 4.0, 6.0, 7.0, 9.0, 11.0]
    headers = stack(header, [(0.0, z * shear, z) for z in heights])
    slices = [column((0.0, z * shear)) for z in heights]
    resampling, _ = planned(headers, SCOPE.model_copy(update={"tilt": "per-slice"}))
    assert resampling is not None
    for hu, nearest in zip(resampling.stream(slices), resampling.nearest, strict=True):
        assert np.abs(hu[6:-6, 6:-6] - slices[nearest][6:-6, 6:-6]).max() < 40


def test_what_is_straight_and_regular_is_left_alone(header: SliceHeader) -> None:
    headers = stack(header, [(0.0, 0.0, 2.5 * k) for k in range(8)])
    assert planned(headers)[0] is None


@pytest.mark.parametrize("ways", [{"tilt": "per-slice"}, {"tilt": "refuse"}])
def test_only_a_manifest_that_asks_for_it_gets_it(header: SliceHeader, ways: dict[str, str]) -> None:
    headers = stack(header, [(0.0, k * 1.0, 2.5 * k) for k in range(8)])
    assert planned(headers)[0] is not None
    assert planned(headers, SCOPE.model_copy(update=ways))[0] is None


def test_more_slices_than_the_model_takes_are_refused(header: SliceHeader) -> None:
    heights = [0.1 * k for k in range(20)] + [2.0 + 10 * k for k in range(1, 9)]
    with pytest.raises(PixelError) as caught:
        planned(stack(header, [(0.0, 0.0, z) for z in heights]), SCOPE.model_copy(update={"slices": (1, 300)}))
    assert caught.value.rejection is Rejection.TOO_LARGE


def test_scores_of_another_number_of_slices_are_refused(header: SliceHeader) -> None:
    resampling, _ = planned(stack(header, [(0.0, 0.0, z) for z in (0.0, 1.0, 3.0, 4.0)]))
    assert resampling is not None
    with pytest.raises(ValueError, match="resampled"):
        resampling.to_sources(np.zeros((99, 1), np.float32))


def test_of_a_long_series_two_slices_are_in_hand(header: SliceHeader) -> None:
    heights = [0.0, 1.0, 3.0, *(4.0 + k for k in range(60))]
    resampling, _ = planned(stack(header, [(0.0, 0.0, z) for z in heights]))
    assert resampling is not None
    given_out = 0

    def source() -> object:
        nonlocal given_out
        for hu in ramp(heights):
            given_out += 1
            yield hu

    for number, _ in enumerate(resampling.stream(source())):  # type: ignore[arg-type]
        assert given_out <= number + 2 + 1


def test_paths_are_not_needed(header: SliceHeader) -> None:
    headers = [
        replace(one, path=Path("/nowhere")) for one in stack(header, [(0.0, 1.0 * k, 2.0 * k) for k in range(4)])
    ]
    assert planned(headers)[0] is not None


def test_resampled_slices_lie_at_the_distances_they_were_made_for(header: SliceHeader) -> None:
    headers = stack(header, [(0.0, 0.0, z) for z in (0.0, 5.0, 10.0, 20.0, 25.0, 30.0)])
    resampling, ordered = planned(headers)
    assert resampling is not None
    assert resampling.steps_mm(measure(ordered).steps_mm) == pytest.approx([5.0] * 6)
