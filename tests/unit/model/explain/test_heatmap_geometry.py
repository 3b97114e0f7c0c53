"""Known geometry in, known pixel out: heat at a known place of the tensor must land on the pixel it was made of."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ct_factory import ct_series, write_series

from hounsfield.model.errors import ExplanationError
from hounsfield.model.explain import SliceExplainer, hottest
from hounsfield.model.explain.heatmap import Extent, in_slice, trace
from hounsfield.model.geometry import measure
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.model.manifest import Scope
from hounsfield.model.preprocess import PreprocessingSpec, Preprocessor
from hounsfield.model.preprocess.plane import Plane
from hounsfield.model.preprocess.steps import FieldOfView, Normalise, Padding, Resize, Step, Window, Windows
from hounsfield.model.preprocess.strip import Strip
from hounsfield.model.resample import plan
from hounsfield.model.series_scores import InSequence

AIR, BRAIN, BONE = -1000, 30, 900
BLOOD, METAL = 75, 3000
"""What is marked: the first in the brain that ``strip`` leaves over, the second where the skull is seen too."""
WINDOW = Windows(windows=(Window(centre=2000.0, width=2000.0), Window(centre=40.0, width=80.0)))


class Brightest:
    """Heat at the brightest place of the first channel: what a model that sees only the mark would rest on."""

    method = "brightest"

    def heat(self, tensor: np.ndarray, among: InSequence | None = None) -> np.ndarray:
        channel = tensor[..., 0]
        return np.where(channel == channel.max(), 1.0, 0.0)


def skull(rows: int, columns: int, spacing: tuple[float, float], centre: tuple[float, float]) -> np.ndarray:
    """A ring of bone of 70 mm radius around ``centre`` (row, column), brain inside."""
    row, column = np.indices((rows, columns))
    radius = np.hypot((row - centre[0]) * spacing[0], (column - centre[1]) * spacing[1])
    hu = np.full((rows, columns), AIR, np.int16)
    hu[radius < 70] = BONE
    hu[radius < 62] = BRAIN
    return hu


def marked(hu: np.ndarray, row: int, column: int, value: int = METAL) -> np.ndarray:
    out = hu.copy()
    out[row - 1 : row + 2, column - 1 : column + 2] = value
    return out


@st.composite
def marked_heads(draw: st.DrawFn) -> tuple[np.ndarray, tuple[float, float], int, int]:
    """A whole head somewhere in an image of some shape and pixel spacing, with one bright place in its brain.

    Whole: where the edge of the image opens the skull, ``strip`` finds no brain, and there is nothing to point at.
    """
    spacing = draw(st.floats(0.5, 1.2)), draw(st.floats(0.5, 1.2))
    rows, columns = (draw(st.integers(math.ceil(150 / mm), math.ceil(220 / mm))) for mm in spacing)
    centre = tuple(
        draw(st.floats(72 / mm, count - 72 / mm)) for count, mm in zip((rows, columns), spacing, strict=True)
    )
    row = round(centre[0] + draw(st.floats(-40, 40)) / spacing[0])
    column = round(centre[1] + draw(st.floats(-40, 40)) / spacing[1])
    return skull(rows, columns, spacing, (centre[0], centre[1])), spacing, row, column


CHAINS: dict[str, tuple[Step, ...]] = {
    "the demonstration bundle's": (Padding(), FieldOfView(size_mm=240.0, pixels=192), Strip(), Resize(pixels=96)),
    "crop around the skull": (Padding(), FieldOfView(size_mm=180.0, pixels=256), WINDOW),
    "crop around the middle": (FieldOfView(size_mm=200.0, pixels=160, centre="image"), WINDOW),
    "whole image shrunk": (Padding(), WINDOW, Resize(pixels=128), Normalise(mean=(0.2,), deviation=(0.3,))),
    "two crops": (FieldOfView(size_mm=240.0, pixels=200), FieldOfView(size_mm=150.0, pixels=120), WINDOW),
}


@pytest.mark.parametrize("chain", CHAINS)
@settings(max_examples=15, deadline=None)
@given(drawn=marked_heads())
def test_what_the_model_saw_brightest_is_hottest_at_that_very_pixel(
    chain: str, drawn: tuple[np.ndarray, tuple[float, float], int, int]
) -> None:
    head, spacing, row, column = drawn
    steps = CHAINS[chain]
    hu = marked(head, row, column, BLOOD if any(isinstance(step, Strip) for step in steps) else METAL)
    heatmap = SliceExplainer(steps, Brightest()).explain(hu, spacing)
    assert heatmap.shape == hu.shape
    assert heatmap.max() == 1.0
    found = hottest(heatmap)
    # the mark is three pixels wide; a pixel of the tensor may be two of the slice
    traced = trace(steps, hu, spacing)
    assert traced.extent is not None
    tall = traced.extent.rows / traced.tensor.shape[0]
    wide = traced.extent.columns / traced.tensor.shape[1]
    assert abs(found[0] - row) <= 1 + tall / 2
    assert abs(found[1] - column) <= 1 + wide / 2


@pytest.mark.parametrize("turned", ["as is", "rows flipped", "columns flipped", "both flipped", "transposed"])
def test_a_slice_that_is_stored_otherwise_has_its_heat_where_the_pixel_went(turned: str) -> None:
    hu = marked(skull(260, 300, (0.7, 0.7), (120, 160)), 90, 190, BLOOD)
    steps = CHAINS["the demonstration bundle's"]
    ways: dict[str, Any] = {
        "as is": lambda image: image,
        "rows flipped": np.flipud,
        "columns flipped": np.fliplr,
        "both flipped": lambda image: image[::-1, ::-1],
        "transposed": np.transpose,
    }
    stored = np.ascontiguousarray(ways[turned](hu))
    (rows, columns) = np.nonzero(stored == BLOOD)
    found = hottest(SliceExplainer(steps, Brightest()).explain(stored, (0.7, 0.7)))
    assert math.dist(found, (rows.mean(), columns.mean())) <= 2.0


@pytest.mark.parametrize("chain", CHAINS)
def test_the_traced_tensor_is_the_one_that_the_model_is_given(chain: str) -> None:
    hu = marked(skull(260, 300, (0.7, 0.6), (120, 160)), 90, 190)
    spec = PreprocessingSpec(name="x", steps=CHAINS[chain])
    served = Preprocessor.from_spec(spec).tensor(hu, (0.7, 0.6))
    assert trace(spec.steps, hu, (0.7, 0.6)).tensor == pytest.approx(served, abs=1e-5)


@pytest.mark.parametrize("tilt", [-25.0, 12.0, 25.0])
@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_heat_found_in_a_straightened_volume_lands_on_the_slice_as_it_was_scanned(
    tmp_path: Path, tilt: float, flip: float
) -> None:
    headers, count = tilted(tmp_path, tilt, flip), 12
    geometry = measure(headers)
    ordered = [headers[i] for i in geometry.order]
    scope = Scope(body_part="HEAD", description="head", tilt="resample")
    resampling = plan(ordered, geometry, scope)
    assert resampling is not None
    base = skull(220, 220, (1.0, 1.0), (110, 110))
    slices = [marked(base, 100 + 2 * k, 95 + k) for k in range(count)]
    scores = np.full((count, 1), 0.5, np.float32)
    explainer = SliceExplainer(CHAINS["crop around the middle"], Brightest())
    for place in range(count):
        number = resampling.of_source(place, scores)
        assert number is not None
        image = resampling.image(number, slices)
        heatmap = explainer.explain(image, (1.0, 1.0), resampling.shift(number))
        assert math.dist(hottest(heatmap), (100 + 2 * place, 95 + place)) <= 1.5
    shifts = [resampling.shift(number)[0] for number in range(count)]
    assert max(map(abs, shifts)) > 5  # it would have been seen


def tilted(folder: Path, degrees: float, flip: float) -> list[SliceHeader]:
    """Twelve slices along the table, their planes turned about the left-right axis."""
    (path,) = write_series(folder, ct_series(1))
    angle = math.radians(degrees)
    orientation = (1.0, 0.0, 0.0, 0.0, flip * math.cos(angle), flip * math.sin(angle))
    header = replace(read_header(path), rows=220, columns=220, pixel_spacing=(1.0, 1.0), orientation=orientation)
    return [replace(header, position=(-110.0, -110.0, 5.0 * k)) for k in range(12)]


def test_an_interpolated_slice_is_explained_where_it_gave_the_score(tmp_path: Path) -> None:
    (path,) = write_series(tmp_path, ct_series(1))
    header = replace(read_header(path), rows=64, columns=64, pixel_spacing=(1.0, 1.0))
    headers = [replace(header, position=(0.0, 0.0, z)) for z in (0.0, 5.0, 10.0, 20.0, 25.0, 30.0)]
    scope = Scope(body_part="HEAD", description="head", irregular_spacing="resample")
    resampling = plan(headers, measure(headers), scope)
    assert resampling is not None
    assert resampling.nearest == (0, 1, 2, 2, 3, 4, 5)
    scores = np.array([[0.1], [0.1], [0.2], [0.9], [0.1], [0.1], [0.1]], np.float32)
    assert resampling.of_source(2, scores) == 3
    slices = [np.full((64, 64), 10 * k, np.int16) for k in range(6)]
    assert resampling.image(3, slices).mean() == pytest.approx(25.0)
    assert resampling.shift(3) == (0.0, 0.0)
    assert [image.mean() for image in resampling.stream(slices)] == [
        resampling.image(number, slices).mean() for number in range(7)
    ]


def test_a_source_that_no_resampled_slice_lies_at_was_shown_to_nobody(tmp_path: Path) -> None:
    (path,) = write_series(tmp_path, ct_series(1))
    header = replace(read_header(path), rows=64, columns=64, pixel_spacing=(1.0, 1.0))
    headers = [replace(header, position=(0.0, 0.0, z)) for z in (0.0, 5.0, 7.0, 10.0, 15.0, 20.0)]
    resampling = plan(
        headers, measure(headers), Scope(body_part="HEAD", description="head", irregular_spacing="resample")
    )
    assert resampling is not None
    assert resampling.of_source(2, np.zeros((len(resampling), 1), np.float32)) is None


@pytest.mark.parametrize("cells", [1, 7, 12, 24, 96])
def test_heat_covers_its_cell_evenly_and_nothing_beyond_the_tensor(cells: int) -> None:
    extent = Extent(10.0, 20.0, 96.0, 48.0)
    heat = np.ones((cells, cells))
    found = in_slice(heat, extent, (128, 128))
    assert np.array_equal(np.argwhere(found > 0)[[0, -1]], [[10, 20], [105, 67]])
    assert np.all(found[10:106, 20:68] == 1.0)


def test_heat_beyond_the_slice_is_lost_and_the_rest_stays_where_it_is() -> None:
    heat = np.zeros((10, 10))
    heat[0, 0], heat[5, 5] = 9.0, 1.0
    found = in_slice(heat, Extent(-20.0, -20.0, 100.0, 100.0), (60, 60))
    assert hottest(found) in {(34, 34), (34, 35), (35, 34), (35, 35)}
    assert found.max() == 1.0


def test_what_lowers_a_score_is_no_heat() -> None:
    assert not in_slice(np.full((4, 4), -1.0), Extent(0, 0, 8, 8), (8, 8)).any()


class Warp(Step):
    """A step that no rectangle leads back from."""

    name: Literal["warp"] = "warp"

    def apply(self, plane: Plane) -> Plane:
        return Plane(plane.floats[::-1].copy(), plane.spacing_mm)


def test_a_step_that_nothing_leads_back_from_is_said_and_no_heatmap_is_made() -> None:
    explainer = SliceExplainer((Warp(), WINDOW), Brightest())
    with pytest.raises(ExplanationError, match="leads back to no rectangle"):
        explainer.explain(np.zeros((32, 32), np.int16), (1.0, 1.0))


def test_every_registered_step_says_what_it_shows() -> None:
    plane = Plane(skull(200, 200, (1.0, 1.0), (100, 100)), (1.0, 1.0))
    steps: Sequence[Step] = (*CHAINS["the demonstration bundle's"], WINDOW, Normalise(mean=(0.0,), deviation=(1.0,)))
    assert all(step.shown(plane) is not None for step in steps)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_make_no_heatmap(value: float) -> None:
    class Broken(Brightest):
        def heat(self, tensor: np.ndarray, among: InSequence | None = None) -> np.ndarray:
            return np.full(tensor.shape[:2], value)

    with pytest.raises(ExplanationError, match="not finite"):
        SliceExplainer((WINDOW,), Broken()).explain(np.zeros((32, 32), np.int16), (1.0, 1.0))


def test_a_slice_in_which_nothing_raised_the_score_has_no_heatmap() -> None:
    class Cold(Brightest):
        def heat(self, tensor: np.ndarray, among: InSequence | None = None) -> np.ndarray:
            return np.full(tensor.shape[:2], -0.5)

    with pytest.raises(ExplanationError, match="nothing in the slice"):
        SliceExplainer((WINDOW,), Cold()).explain(np.zeros((32, 32), np.int16), (1.0, 1.0))
