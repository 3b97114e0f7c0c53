"""The page of one flagged slice: large, beside its heatmap."""

from typing import Final

from hounsfield.model.page.canvas import BOLD, SEMIBOLD, Canvas
from hounsfield.model.page.content import PageContent, PageSlice
from hounsfield.model.page.sheet import Sheet
from hounsfield.model.page.slices import BETWEEN, common_box, draw_legend, draw_pair
from hounsfield.model.page.style import AMBER, BACKGROUND, MUTED, TEXT, number, sentence

WIDTH: Final = 688
HEIGHT: Final = 438
"""Three of these and a summary of 1024 x 1000 are less than a result may have."""
_MARGIN: Final = 12
_TILE: Final = (WIDTH - 2 * _MARGIN - BETWEEN) // 2


def draw_flagged(content: PageContent, one: PageSlice, page: int, pages: int) -> Sheet:
    """Draw the page of a slice; it is number ``page`` of ``pages``, the summary being the first."""
    canvas = Canvas(WIDTH, HEIGHT, BACKGROUND)
    labels = content.labels
    heading = labels.flagged_slice_page.format(number=one.number, count=len(content.slice_scores))
    canvas.text(f"{labels.assistant} {content.short}  {heading}", _MARGIN, 28, 20, TEXT, weight=BOLD)
    if one.score is not None:
        shown = f"{content.score_word} {number(one.score, content.slice_threshold)}"
        canvas.text(shown, WIDTH - _MARGIN, 28, 20, AMBER, weight=BOLD, align="right")
    canvas.text(content.bundle, _MARGIN, 50, 14, MUTED)
    canvas.text(labels.not_for_diagnosis_tag, WIDTH - _MARGIN, 50, 14, TEXT, weight=SEMIBOLD, align="right")
    y = 60
    tiles = draw_pair(canvas, content, one, common_box([one]), (_MARGIN, y), _TILE)
    y += _TILE + 4
    if one.heatmap is not None:
        draw_legend(canvas, content, _MARGIN, y)
    canvas.text(sentence(content.banner) or labels.output_of_program, _MARGIN, HEIGHT - 7, 14, MUTED)
    canvas.text(labels.page_of.format(page=page, pages=pages), WIDTH - _MARGIN, HEIGHT - 7, 14, MUTED, align="right")
    return Sheet(canvas.finish(HEIGHT), tuple(canvas.written), tiles)
