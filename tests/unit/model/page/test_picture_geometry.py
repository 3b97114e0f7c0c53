"""Where things stand on the page: heat over the very pixel it belongs to, letters at the right sides."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hounsfield.model.page import PageContent, PageSlice
from hounsfield.model.page.pages import compose
from hounsfield.model.page.sheet import Sheet
from hounsfield.model.page.slices import Tile

AIR, BRAIN, BRIGHT = -1000.0, 20.0, 120.0
SPOT = 3
"""Half the side of the bright and hot place, in pixels."""

Vector = tuple[float, float, float]
ALONG: list[tuple[Vector, Vector]] = [
    (tuple(float(v) for v in row), tuple(float(v) for v in column))  # type: ignore[misc]
    for row, column in itertools.permutations(
        [vector for vector in itertools.product((-1, 0, 1), repeat=3) if np.abs(vector).sum() == 1 and vector[2] == 0],
        2,
    )
    if np.dot(row, column) == 0
]
"""The eight ways an axial image may lie: its rows and columns along plus or minus x and y."""


def sheets(one: PageSlice) -> tuple[Sheet, ...]:
    return compose(
        PageContent(
            verdict="FLAGGED",
            words="",
            short="ICH",
            score=0.9,
            score_word="Score",
            threshold=0.5,
            slice_threshold=0.5,
            slice_scores=(0.9,),
            slices=(one,),
            bundle="x 1",
            completeness="COMPLETE",
            remarks=(),
            banner="",
        )
    )


def tilted(vector: Vector, degrees: float) -> Vector:
    """Turn a direction about the patient's left-right axis, as a tilted gantry does."""
    angle = np.radians(degrees)
    x, y, z = vector
    return x, y * float(np.cos(angle)) - z * float(np.sin(angle)), y * float(np.sin(angle)) + z * float(np.cos(angle))


def tile(sheet: Sheet, *, heat: bool) -> tuple[Tile, np.ndarray]:
    (found,) = [one for one in sheet.tiles if one.heat is heat]
    inner = sheet.picture[found.y : found.y + found.side, found.x : found.x + found.side].astype(int)
    return found, inner


def centre_of(weights: np.ndarray) -> tuple[float, float]:
    rows, columns = np.indices(weights.shape)
    return float((rows * weights).sum() / weights.sum()), float((columns * weights).sum() / weights.sum())


def hot_places(shown: np.ndarray) -> np.ndarray:
    """Return how much redder than blue a picture is: grey and letters are not, and the amber frame is left out."""
    colour = np.clip(shown[:, :, 0] - shown[:, :, 2], 0, None)
    colour[:, :4] = colour[:, -4:] = colour[:4] = colour[-4:] = 0
    return np.where(colour > 30, colour, 0)


def head(rows: int, columns: int) -> np.ndarray:
    hu = np.full((rows, columns), AIR, np.float32)
    hu[rows // 8 : -(rows // 8), columns // 8 : -(columns // 8)] = BRAIN
    return hu


@st.composite
def hot_slices(draw: st.DrawFn) -> tuple[PageSlice, int, int]:
    """A slice with one bright place, and heat in the very same place."""
    rows, columns = draw(st.integers(64, 200)), draw(st.integers(64, 200))
    spacing = draw(st.floats(0.4, 1.2)), draw(st.floats(0.4, 1.2))
    row = draw(st.integers(rows // 4, rows - rows // 4 - 1))
    column = draw(st.integers(columns // 4, columns - columns // 4 - 1))
    along = draw(st.sampled_from(ALONG))
    degrees = draw(st.floats(-30.0, 30.0))
    hu, heat = head(rows, columns), np.zeros((rows, columns), np.float32)
    spot = slice(row - SPOT, row + SPOT + 1), slice(column - SPOT, column + SPOT + 1)
    hu[spot], heat[spot] = BRIGHT, 1.0
    orientation = (*tilted(along[0], degrees), *tilted(along[1], degrees))
    return (
        PageSlice(number=1, hu=hu, score=0.9, pixel_spacing=spacing, orientation=orientation, heatmap=heat),
        row,
        column,
    )


@settings(max_examples=25, deadline=None)
@given(hot_slices())
def test_heat_stands_where_the_plain_picture_shows_the_same_pixel(drawn: tuple[PageSlice, int, int]) -> None:
    one, _, _ = drawn
    dark = replace(one, hu=head(*one.hu.shape))
    for bright_sheet, dark_sheet in zip(sheets(one), sheets(dark), strict=True):
        _, shown = tile(bright_sheet, heat=False)
        _, without = tile(dark_sheet, heat=False)
        brighter = np.abs(shown - without).sum(2)
        seen = centre_of(brighter * (brighter > 60))
        felt = centre_of(hot_places(tile(bright_sheet, heat=True)[1]))
        assert abs(seen[0] - felt[0]) < 1.0
        assert abs(seen[1] - felt[1]) < 1.0


@settings(max_examples=25, deadline=None)
@given(hot_slices())
def test_the_plain_picture_shows_a_pixel_on_its_own_side_of_the_image(drawn: tuple[PageSlice, int, int]) -> None:
    one, row, column = drawn
    _, shown = tile(sheets(one)[1], heat=True)
    found = centre_of(hot_places(shown))
    rows, columns = one.hu.shape
    middle = (shown.shape[0] - 1) / 2
    # the head fills the middle of the image: mm from the middle of the picture are mm from the middle of the image
    tall, wide = (rows - 2 * (rows // 8)) * one.pixel_spacing[0], (columns - 2 * (columns // 8)) * one.pixel_spacing[1]
    scale = shown.shape[0] / (max(tall, wide) * 1.16)
    assert found[0] - middle == pytest.approx((row - (rows - 1) / 2) * one.pixel_spacing[0] * scale, abs=1.5)
    assert found[1] - middle == pytest.approx((column - (columns - 1) / 2) * one.pixel_spacing[1] * scale, abs=1.5)


@pytest.mark.parametrize("degrees", [0.0, 25.0, -25.0])
@pytest.mark.parametrize("along", ALONG, ids=str)
def test_what_is_bright_on_the_left_of_the_patient_stands_at_the_edge_that_is_marked_l(
    along: tuple[Vector, Vector], degrees: float
) -> None:
    row, column = tilted(along[0], degrees), tilted(along[1], degrees)
    hu = head(128, 128)
    rows, columns = np.indices(hu.shape)
    to_the_left = (columns - 63.5) * row[0] + (rows - 63.5) * column[0]  # x of PS3.3 C.7.6.2.1.1 grows to the left
    hu[(to_the_left > 20) & (hu == BRAIN)] = BRIGHT
    one = PageSlice(number=1, hu=hu, score=0.9, orientation=(*row, *column), heatmap=np.full_like(hu, 0.0))
    for sheet in sheets(one):
        for heat in (False, True):
            place, shown = tile(sheet, heat=heat)
            bright = centre_of((shown.min(2) > 230)[6:-6, 6:-6])
            middle = (place.side - 13) / 2
            marked = {
                letter: (
                    text.baseline - 6 - place.y - place.side / 2,
                    text.x + 5 - place.x - place.side / 2,
                )
                for text in sheet.written
                for letter in "RLAP"
                if text.text == letter
                and place.x <= text.x < place.x + place.side
                and place.y <= text.baseline <= place.y + place.side
            }
            assert set(marked) == set("RLAP")
            towards = np.array(bright) - middle
            reach = np.linalg.norm(towards)
            for letter, expected in (("L", 1.0), ("R", -1.0), ("A", 0.0), ("P", 0.0)):
                at = np.array(marked[letter])
                assert float(towards @ at / reach / np.linalg.norm(at)) == pytest.approx(expected, abs=0.15), letter


def test_an_image_of_unknown_orientation_gets_no_letters() -> None:
    one = PageSlice(number=1, hu=head(64, 64), score=0.9, orientation=None, heatmap=np.zeros((64, 64), np.float32))
    assert not {text for sheet in sheets(one) for text in sheet.texts} & set("RLAPFH")


def test_no_heat_changes_nothing_but_the_words() -> None:
    one = PageSlice(number=1, hu=head(64, 64), score=0.9, heatmap=np.zeros((64, 64), np.float32))
    sheet = sheets(one)[1]
    assert np.array_equal(tile(sheet, heat=False)[1][60:250], tile(sheet, heat=True)[1][60:250])


def test_a_slice_far_below_its_threshold_is_never_shown_as_hot_as_a_flagged_one() -> None:
    heat = np.ones((64, 64), np.float32)
    flagged = PageSlice(number=1, hu=head(64, 64), score=0.9, heatmap=heat)
    faint = replace(flagged, score=0.05)
    hot, cool = (tile(sheets(one)[0], heat=True)[1][100:140, 100:140] for one in (flagged, faint))
    assert hot[:, :, 0].mean() > cool[:, :, 0].mean() + 100
