"""The summary page: its words, its colours, the sides of the patient."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.ct_factory import head_hu

from hounsfield.model.page import PageContent, PageSlice, render_page, write_png
from hounsfield.model.page.canvas import Canvas, printable
from hounsfield.model.page.layout import AMBER, BLUE_GREY, VIOLET, WIDTH, compose, number
from hounsfield.model.page.tiles import edge_letters, head_box, picture

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
BANNER = "synthetic-trained demonstration, not for clinical use"
LARGEST_RESULT_BYTES = 6_000_000


def content(verdict: str = "FLAGGED", **changes: object) -> PageContent:
    scores = (0.1, 0.2, 0.7, 0.9, 0.8, 0.3, 0.1, 0.05)
    whole = PageContent(
        verdict=verdict,
        words="",
        short="ICH",
        score=0.8 if verdict == "FLAGGED" else 0.2,
        score_word="Score",
        threshold=0.5,
        slice_threshold=0.5,
        slice_scores=scores,
        slices=tuple(
            PageSlice(number=k + 1, hu=head_hu().astype(np.float32), score=scores[k], orientation=AXIAL)
            for k in range(1, 7)
        ),
        bundle="ich-demo 1.0.0",
        completeness="COMPLETE",
        remarks=("Gantry tilt 18.5 degrees.",),
        banner=BANNER,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def not_analysed(**changes: object) -> PageContent:
    nothing: dict[str, object] = {"score": None, "threshold": None, "slice_threshold": None, "slice_scores": ()}
    return content("NOT ANALYSED", **(nothing | {"slices": (), "words": "slices missing"} | changes))


def texts_of(page: PageContent) -> str:
    return "\n".join(compose(page)[1])


ALL = [content(), content("NOT FLAGGED"), not_analysed()]


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.verdict)
def test_every_page_says_its_verdict_and_that_it_is_no_diagnosis(page: PageContent) -> None:
    texts = texts_of(page)
    assert page.verdict in texts.splitlines()
    assert "Not for diagnosis" in texts
    assert "Synthetic-trained demonstration, not for clinical use" in texts
    assert "ich-demo 1.0.0" in texts


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.verdict)
def test_no_page_reassures(page: PageContent) -> None:
    texts = texts_of(replace(page, remarks=())).lower()
    assert not any(word in texts for word in ("absent", "negative", "normal", "clear", "healthy", "no finding"))


def test_a_page_that_is_not_flagged_says_that_it_excludes_nothing() -> None:
    assert "does not exclude" in texts_of(content("NOT FLAGGED"))


def test_a_page_that_is_not_analysed_shows_the_reason_and_no_score() -> None:
    texts = texts_of(not_analysed())
    assert "Slices missing" in texts
    assert "core" not in texts


@pytest.mark.parametrize(
    ("page", "colour"), [(content(), AMBER), (content("NOT FLAGGED"), BLUE_GREY), (not_analysed(), VIOLET)]
)
def test_the_verdict_has_its_colour(page: PageContent, colour: tuple[int, int, int]) -> None:
    area = render_page(page)[120:250, 60:-60].reshape(-1, 3)
    share = np.mean(np.all(area == colour, axis=1))
    assert share > 0.3


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.verdict)
def test_nothing_is_green(page: PageContent) -> None:
    red, green, blue = np.moveaxis(render_page(page).astype(int), -1, 0)
    assert not np.any((green > red + 20) & (green > blue + 20))


def test_the_page_is_rgb_of_fixed_width_and_small_enough_for_a_result() -> None:
    page = render_page(content(remarks=tuple(f"Remark number {k}, and some words. " * 9 for k in range(40))))
    assert page.dtype == np.uint8
    assert page.shape[1:] == (WIDTH, 3)
    assert page.nbytes < LARGEST_RESULT_BYTES


@pytest.mark.parametrize("count", [1, 7, 300, 3000])
def test_any_number_of_slices_is_drawn(count: int) -> None:
    scores = tuple(float(s) for s in np.linspace(0, 1, count))
    texts = texts_of(content(slice_scores=scores))
    flagged = sum(score >= 0.5 for score in scores)
    assert f"{flagged} of {count} slices at or above 0.50" in texts


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_any_number_of_pictures_is_drawn(count: int) -> None:
    page = content()
    few = render_page(replace(page, slices=page.slices[:count]))
    assert few.shape[0] <= render_page(page).shape[0]


@pytest.mark.parametrize(
    ("orientation", "letters"),
    [
        (AXIAL, ("R", "L", "A", "P")),
        ((-1.0, 0.0, 0.0, 0.0, 1.0, 0.0), ("L", "R", "A", "P")),
        ((1.0, 0.0, 0.0, 0.0, -1.0, 0.0), ("R", "L", "P", "A")),
        ((-1.0, 0.0, 0.0, 0.0, -1.0, 0.0), ("L", "R", "P", "A")),
        ((1.0, 0.0, 0.0, 0.0, 0.9483237, -0.3173047), ("R", "L", "A", "P")),
        ((0.0, 1.0, 0.0, 0.0, 0.0, -1.0), ("A", "P", "H", "F")),
        ((1.0, 0.0, 0.0, 0.0, 0.0, -1.0), ("R", "L", "H", "F")),
    ],
)
def test_the_letters_follow_the_orientation(orientation: tuple[float, ...], letters: tuple[str, ...]) -> None:
    assert edge_letters(orientation) == letters


def test_markers_stand_on_the_page_in_the_order_of_the_image() -> None:
    mirrored = PageSlice(number=1, hu=head_hu(), score=0.9, orientation=(-1.0, 0.0, 0.0, 0.0, 1.0, 0.0))
    texts = compose(content(slices=(mirrored,)))[1]
    assert [text for text in texts if text in ("R", "L")] == ["L", "R"]
    unknown = replace(mirrored, orientation=None)
    assert not [text for text in compose(content(slices=(unknown,)))[1] if text in ("R", "L")]


def test_a_slice_is_never_mirrored_and_its_window_is_80_at_40() -> None:
    hu = np.full((100, 100), -1000.0, np.float32)
    hu[20:80, 20:80] = 40.0
    hu[40:60, 22:30] = 90.0
    drawn = picture(hu, (1.0, 1.0), (0.0, 100.0, 0.0, 100.0), 100)[:, :, 0]
    assert drawn[50, 26] == 255
    assert drawn[50, 74] in (127, 128)
    assert drawn[5, 5] == 0


def test_pixels_that_are_not_square_are_drawn_in_proportion() -> None:
    hu = np.full((50, 100), -1000.0, np.float32)
    hu[10:40, 20:80] = 200.0  # 60 mm x 60 mm
    box = head_box([(hu, (2.0, 1.0))])
    drawn = picture(hu, (2.0, 1.0), box, 200)[:, :, 0] > 128
    rows, columns = np.nonzero(drawn)
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 3


def test_a_score_is_never_rounded_across_its_limit() -> None:
    assert number(0.93, 0.5) == "0.93"
    assert number(0.4996, 0.5) == "0.4996"
    assert number(0.504, 0.503) == "0.504"
    assert number(0.5, 0.5) == "0.50"
    assert number(0.123, None) == "0.12"


def test_only_latin_letters_are_drawn() -> None:
    assert printable("Kopf 山田\n\x1b[31m Schädel") == "Kopf ????[31m Schädel"
    assert "山" not in texts_of(content(bundle="山田 1.0.0"))


def test_long_words_are_wrapped_within_the_page() -> None:
    canvas = Canvas(WIDTH, 100, (0, 0, 0))
    lines = canvas.wrap("one two three " * 40, 17, 500)
    assert len(lines) > 3
    assert all(canvas.measure(line, 17) <= 500 for line in lines)
    assert " ".join(lines).split() == ("one two three " * 40).split()


def test_the_png_holds_the_page(tmp_path: Path) -> None:
    page = render_page(content())
    write_png(tmp_path / "previews" / "1.2.3.png", page)
    read = cv2.imread(str(tmp_path / "previews" / "1.2.3.png"))
    assert np.array_equal(read[:, :, ::-1], page)
    assert [path.name for path in (tmp_path / "previews").iterdir()] == ["1.2.3.png"]
