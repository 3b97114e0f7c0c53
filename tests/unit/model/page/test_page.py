"""The pages of a result: their words, their colours, their size, the sides of the patient."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.ct_factory import head_hu

from hounsfield.model.page import FurtherScore, PageContent, PageSlice, render_pages, write_png
from hounsfield.model.page.canvas import Canvas, printable
from hounsfield.model.page.choice import even_slices, top_slices
from hounsfield.model.page.labels import ENGLISH, GERMAN, PageLabels
from hounsfield.model.page.pages import compose
from hounsfield.model.page.style import AMBER, BLUE_GREY, VIOLET, number
from hounsfield.model.page.summary import WIDTH
from hounsfield.model.page.tiles import edge_letters, head_box, picture

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
BANNER = "synthetic-trained demonstration, not for clinical use"
LARGEST_RESULT_BYTES = 6_000_000


def heat() -> np.ndarray:
    """Hot in one place."""
    rows, columns = np.indices(head_hu().shape)
    return np.exp(-((rows - 50) ** 2 + (columns - 60) ** 2) / 50).astype(np.float32)


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
            PageSlice(number=k + 1, hu=head_hu().astype(np.float32), score=scores[k], orientation=AXIAL, heatmap=heat())
            for k in range(2, 6)
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
    return "\n".join(text for sheet in compose(page) for text in sheet.texts)


def summary_of(page: PageContent) -> np.ndarray:
    return render_pages(page)[0]


def kinds(count: int = 5) -> tuple[FurtherScore, ...]:
    names = ("epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural", "x" * 63, "y" * 63)
    scores = (0.05, 0.31, 0.6099, 0.64, 0.88, 0.999, 0.2)
    limits = (0.61, 0.61, 0.61, 0.61, 0.61, 1.0, 0.1)
    rows = list(zip(names, scores, limits, strict=True))[:count]
    return tuple(FurtherScore(name=name, score=score, threshold=limit) for name, score, limit in rows)


ALL = [content(), content("NOT FLAGGED"), not_analysed(), content(further=kinds())]


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


def test_the_scores_of_other_labels_stand_beside_those_of_the_slices() -> None:
    alone, beside = compose(content())[0], compose(content(further=kinds()))[0]
    assert beside.picture.shape == alone.picture.shape, "a result may have no more pixels for it"
    texts = beside.texts
    at = texts.index("Further scores")
    assert texts[at + 1] == "below a tick excludes nothing"
    assert texts[at + 2 : at + 12] == (
        "epidural",
        "0.05",
        "intraparenchymal",
        "0.31",
        "intraventricular",
        "0.6099",
        "subarachnoid",
        "0.64",
        "subdural",
        "0.88",
    )


def test_a_score_of_another_label_is_amber_from_its_threshold_on() -> None:
    sheet = compose(content(further=kinds()))[0]
    amber = {}
    for name in ("intraventricular", "subarachnoid"):
        row = next(one for one in sheet.written if one.text == name)
        beside = sheet.picture[row.baseline - 17 : row.baseline + 7, row.x + 150 : WIDTH - 28]
        amber[name] = bool(np.all(beside == AMBER, axis=-1).any())
    assert amber == {"intraventricular": False, "subarachnoid": True}


def test_of_many_labels_those_over_their_thresholds_are_shown_and_the_report_is_named() -> None:
    texts = compose(content(further=kinds(7)))[0].texts
    at = texts.index("Further scores")
    assert texts[at + 2] == "More scores stand in the structured report."
    shown = texts[at + 3 : at + 11 : 2]
    assert shown[:2] == ("subdural", "subarachnoid")
    assert shown[2].startswith("yyy")
    assert shown[2].endswith("...")
    assert "epidural" not in texts


@pytest.mark.parametrize("labels", [ENGLISH, GERMAN])
@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("further", [0, 5, 7])
def test_no_text_runs_into_the_next(labels: PageLabels, calibrated: bool, further: int) -> None:
    scores = (0.1, 0.9, 0.8) * 40
    word = labels.probability if calibrated else labels.score
    page = content(labels=labels, score_word=word, further=kinds(further), slice_scores=scores, banner="")
    canvas = Canvas(8, 8, (0, 0, 0))
    rows: dict[int, list[tuple[int, int, str]]] = {}
    for one in compose(page)[0].written:
        end = one.x + canvas.measure(one.text, one.size, one.weight)
        rows.setdefault(one.baseline, []).append((one.x, end, one.text))
    pairs = [pair for row in rows.values() for pair in pairwise(sorted(row))]
    assert len(pairs) > 15
    assert [(left[2], right[2]) for left, right in pairs if left[1] > right[0]] == []
    assert max(end for row in rows.values() for _, end, _ in row) <= WIDTH


@pytest.mark.parametrize(
    ("page", "colour"), [(content(), AMBER), (content("NOT FLAGGED"), BLUE_GREY), (not_analysed(), VIOLET)]
)
def test_the_verdict_has_its_colour(page: PageContent, colour: tuple[int, int, int]) -> None:
    area = summary_of(page)[80:160, 60:-60].reshape(-1, 3)
    share = np.mean(np.all(area == colour, axis=1))
    assert share > 0.3


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.verdict)
def test_nothing_is_green(page: PageContent) -> None:
    for sheet in render_pages(page):
        red, green, blue = np.moveaxis(sheet.astype(int), -1, 0)
        assert not np.any((green > red + 20) & (green > blue + 20))


@pytest.mark.parametrize("verdict", ["FLAGGED", "NOT FLAGGED"])
@pytest.mark.parametrize("remarks", [0, 3, 40])
def test_all_pages_together_are_small_enough_for_a_result(verdict: str, remarks: int) -> None:
    texts = tuple(f"Remark number {k}, and some words. " * 9 for k in range(remarks))
    pages = render_pages(content(verdict, remarks=texts))
    assert pages[0].shape[1:] == (WIDTH, 3)
    assert all(page.dtype == np.uint8 and page.ndim == 3 and page.shape[2] == 3 for page in pages)
    assert sum(page.nbytes for page in pages) < LARGEST_RESULT_BYTES


def test_remarks_that_find_no_room_are_said_to_stand_in_the_report() -> None:
    many = content(remarks=tuple(f"Remark number {k}." for k in range(40)))
    assert "More remarks stand in the structured report." in texts_of(many)
    assert "More remarks" not in texts_of(content())


def test_everything_is_large_enough_to_be_read() -> None:
    for page in ALL:
        assert min(one.size for sheet in compose(page) for one in sheet.written) >= 14


@pytest.mark.parametrize("labels", [ENGLISH, GERMAN], ids=["en", "de"])
@pytest.mark.parametrize("page", ALL, ids=lambda page: page.verdict)
def test_no_text_runs_into_another_or_off_the_page(page: PageContent, labels: PageLabels) -> None:
    for sheet in compose(replace(page, labels=labels)):
        canvas = Canvas(10, 10, (0, 0, 0))
        boxes = [
            (one.x, one.x + canvas.measure(one.text, one.size), one.baseline - one.size * 0.7, one.baseline, one.text)
            for one in sheet.written
            if one.text
        ]
        for k, (left, right, top, bottom, text) in enumerate(boxes):
            assert left >= 0, text
            assert right <= sheet.picture.shape[1], text
            for other_left, other_right, other_top, other_bottom, other in boxes[k + 1 :]:
                apart = right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top
                assert apart, (text, other)


def test_a_flagged_result_has_a_page_for_each_flagged_slice_the_highest_first() -> None:
    sheets = compose(content())
    assert [sheet.tiles[0].number for sheet in sheets[1:]] == [4, 5, 3]
    assert [len(sheet.tiles) for sheet in sheets] == [8, 2, 2, 2]
    assert "Flagged slice 4 of 8" in "\n".join(sheets[1].texts)
    assert "page 2 of 4" in sheets[1].texts


@pytest.mark.parametrize("most", [0, 1, 2, 3, 9])
def test_a_destination_may_want_fewer_pages(most: int) -> None:
    assert len(render_pages(content(), most_flagged=most)) == 1 + min(most, 3)


def test_only_a_flagged_result_has_pages_of_single_slices() -> None:
    assert len(render_pages(content("NOT FLAGGED"))) == 1  # though slices are over their threshold
    assert len(render_pages(not_analysed())) == 1


def test_a_slice_without_a_heatmap_says_so_and_keeps_its_place() -> None:
    page = content()
    without = replace(page, slices=(replace(page.slices[0], heatmap=None), *page.slices[1:]))
    texts = compose(without)[0].texts
    assert texts.count("no heatmap") == 1
    assert texts.count("heatmap") == 3
    assert [tile.heat for tile in compose(without)[0].tiles] == [False, False, False, True, False, True, False, True]


def test_where_there_is_no_heatmap_at_all_no_colours_are_explained() -> None:
    page = content()
    bare = replace(page, slices=tuple(replace(one, heatmap=None) for one in page.slices))
    assert ENGLISH.heatmap_means not in texts_of(bare)
    assert ENGLISH.heatmap_means in texts_of(page)


def test_slices_that_were_not_analysed_are_shown_without_a_place_for_heat() -> None:
    page = content()
    shown = tuple(replace(one, score=None, heatmap=None) for one in page.slices)
    sheet = compose(not_analysed(slices=shown))[0]
    assert [tile.number for tile in sheet.tiles] == [3, 4, 5, 6]
    assert "no heatmap" not in sheet.texts


def test_the_page_speaks_the_language_of_its_labels() -> None:
    texts = texts_of(content(labels=GERMAN))
    assert "MARKIERT" in texts
    assert "Nicht zur Diagnose" in texts
    assert "slice" not in texts.lower()


def test_the_slices_with_the_highest_scores_are_chosen_in_the_order_of_the_volume() -> None:
    assert top_slices([0.1, 0.9, 0.2, 0.8, 0.3, 0.7]) == (1, 3, 4, 5)
    assert top_slices([0.5] * 9) == (0, 1, 2, 3)
    assert top_slices([]) == ()


def test_without_scores_the_slices_are_spread_over_the_volume() -> None:
    assert even_slices(31) == (0, 10, 20, 30)
    assert even_slices(2) == (0, 1)
    assert even_slices(0) == ()


@pytest.mark.parametrize("count", [1, 7, 300, 3000])
def test_any_number_of_slices_is_drawn(count: int) -> None:
    scores = tuple(float(s) for s in np.linspace(0, 1, count))
    texts = texts_of(content(slice_scores=scores))
    flagged = sum(score >= 0.5 for score in scores)
    assert f"{flagged} of {count} slices at or above 0.50" in texts


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_any_number_of_pictures_is_drawn(count: int) -> None:
    page = content()
    few = summary_of(replace(page, slices=page.slices[:count]))
    assert few.shape[0] <= summary_of(page).shape[0]


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
    page = summary_of(content())
    write_png(tmp_path / "previews" / "1.2.3.png", page)
    read = cv2.imread(str(tmp_path / "previews" / "1.2.3.png"))
    assert np.array_equal(read[:, :, ::-1], page)
    assert [path.name for path in (tmp_path / "previews").iterdir()] == ["1.2.3.png"]
