"""The summary page: verdict, top slices beside their heatmaps, scores over the whole series, remarks.

Sections are drawn from top to bottom; each takes the y where it may start and returns the y below it.
"""

from typing import Final

from hounsfield.model.page.canvas import BOLD, SEMIBOLD, Canvas
from hounsfield.model.page.choice import SHOWN
from hounsfield.model.page.content import PageContent
from hounsfield.model.page.scores import HEIGHT as PANEL_HEIGHT
from hounsfield.model.page.scores import draw_further, draw_strip
from hounsfield.model.page.sheet import Sheet
from hounsfield.model.page.slices import BETWEEN, Tile, common_box, draw_legend, draw_pair, draw_plain
from hounsfield.model.page.style import (
    AMBER,
    BACKGROUND,
    BLUE_GREY,
    MUTED,
    ON_AMBER,
    RULE,
    TEXT,
    VIOLET,
    VIOLET_STRIPE,
    is_flagged,
    number,
    sentence,
)
from hounsfield.model.page.tiles import WINDOW_CENTRE, WINDOW_WIDTH

WIDTH: Final = 1024
TALLEST: Final = 1400
_MARGIN: Final = 28
_INNER: Final = WIDTH - 2 * _MARGIN
_BETWEEN_PAIRS: Final = 16
_TILE: Final = (_INNER - _BETWEEN_PAIRS - 2 * BETWEEN) // 4
_STRIP: Final = 560
"""Width of the scores of all slices where others stand beside them."""
_FOOTER: Final = 46
_LINE: Final = 21
"""Of a remark."""


def draw_summary(content: PageContent, tallest: int = TALLEST) -> Sheet:
    """Draw the page, 1024 pixels wide and at most ``tallest``: remarks that do not fit are left to the report."""
    canvas = Canvas(WIDTH, TALLEST, BACKGROUND)
    tiles: list[Tile] = []
    y = _header(canvas, content, 16)
    y = _verdict(canvas, content, y + 12)
    if content.slices:
        y = _slices(canvas, content, y + 14, tiles)
    if content.slice_scores:
        y = _scores(canvas, content, y + 12)
    y = _remarks(canvas, content, y + 12, min(tallest, TALLEST) - _FOOTER)
    _footer(canvas, content, y + 8)
    return Sheet(canvas.finish(y + _FOOTER), tuple(canvas.written), tuple(tiles))


def _header(canvas: Canvas, content: PageContent, y: int) -> int:
    title = f"{content.labels.assistant} {content.short}"
    canvas.text(title, _MARGIN, y + 29, 28, TEXT, weight=BOLD)
    after = _MARGIN + canvas.measure(title, 28, BOLD) + 14
    canvas.text(content.bundle, after, y + 29, 16, MUTED)
    label = content.labels.not_for_diagnosis_tag
    width = canvas.measure(label, 16, SEMIBOLD) + 28
    canvas.box(WIDTH - _MARGIN - width, y + 4, width, 34, RULE, 17)
    canvas.text(label, WIDTH - _MARGIN - width // 2, y + 27, 16, TEXT, weight=SEMIBOLD, align="centre")
    return y + 40


def _verdict(canvas: Canvas, content: PageContent, y: int) -> int:
    height, labels = 100, content.labels
    fill, ink = {"FLAGGED": (AMBER, ON_AMBER), "NOT FLAGGED": (BLUE_GREY, TEXT)}.get(content.verdict, (VIOLET, TEXT))
    canvas.box(_MARGIN, y, _INNER, height, fill, 10, VIOLET_STRIPE if fill is VIOLET else None)
    canvas.text(labels.verdict(content.verdict), _MARGIN + 24, y + 55, 48, ink, weight=BOLD)
    means = {"FLAGGED": labels.flagged_means, "NOT FLAGGED": labels.not_flagged_means}
    below = means.get(content.verdict) or sentence(content.words)
    canvas.text(below, _MARGIN + 26, y + 84, 18, ink, weight=SEMIBOLD)
    if content.score is not None:
        right = WIDTH - _MARGIN - 24
        canvas.text(number(content.score, content.threshold), right, y + 55, 48, ink, weight=BOLD, align="right")
        operating = ""
        if content.threshold is not None:
            operating = ", " + labels.operating_point.format(value=f"{content.threshold:.2f}")
        canvas.text(f"{content.score_word}{operating}", right, y + 84, 17, ink, align="right")
    return y + height


def _heading(canvas: Canvas, left: str, right: str, y: int, x: int = _MARGIN, width: int = _INNER) -> int:
    canvas.text(left, x, y + 16, 18, TEXT, weight=SEMIBOLD)
    canvas.text(right, x + width, y + 16, 15, MUTED, align="right")
    return y + 27


def _slices(canvas: Canvas, content: PageContent, y: int, tiles: list[Tile]) -> int:
    shown, labels = content.slices[:SHOWN], content.labels
    scored = any(one.score is not None for one in shown)
    window = labels.window.format(width=f"{WINDOW_WIDTH:.0f}", level=f"{WINDOW_CENTRE:.0f}")
    y = _heading(canvas, labels.top_slices if scored else labels.unscored_slices, window, y)
    box = common_box(shown)
    if not scored:
        for k, one in enumerate(shown):
            at = _MARGIN + k * (_INNER - _TILE) // (SHOWN - 1), y
            tiles.append(draw_plain(canvas, content, one, box, at, _TILE))
        return y + _TILE
    for k, one in enumerate(shown):
        at = _MARGIN + (k % 2) * (2 * _TILE + BETWEEN + _BETWEEN_PAIRS), y + (k // 2) * (_TILE + 8)
        tiles.extend(draw_pair(canvas, content, one, box, at, _TILE))
    y += -(-len(shown) // 2) * (_TILE + 8) - 2
    return draw_legend(canvas, content, _MARGIN, y) if any(one.heatmap is not None for one in shown) else y


def _scores(canvas: Canvas, content: PageContent, y: int) -> int:
    """Draw the scores of all slices; those of the other labels stand beside them where there are any."""
    limit, labels = content.slice_threshold, content.labels
    over = sum(is_flagged(content, score) for score in content.slice_scores)
    reached = ""
    if limit is not None:
        reached = labels.slices_at_or_above.format(flagged=over, count=len(content.slice_scores), limit=f"{limit:.2f}")
    heading = labels.score_of_every_slice.format(score_word=content.score_word)
    if not content.further:
        below = _heading(canvas, heading, reached, y)
        draw_strip(canvas, content, _MARGIN, below, _INNER)
        return below + PANEL_HEIGHT
    x, width = _MARGIN + _STRIP + _BETWEEN_PAIRS, _INNER - _STRIP - _BETWEEN_PAIRS
    below = _heading(canvas, heading, reached, y, width=_STRIP)
    draw_strip(canvas, content, _MARGIN, below, _STRIP)
    _heading(canvas, labels.further_scores, labels.further_excludes_nothing, y, x, width)
    draw_further(canvas, content, x, below, width)
    return below + PANEL_HEIGHT


def _remarks(canvas: Canvas, content: PageContent, y: int, bottom: int) -> int:
    labels = content.labels
    y = _heading(canvas, labels.about_input, labels.series_completeness.format(completeness=content.completeness), y)
    remarks = content.remarks or (labels.no_remarks,)
    for k, remark in enumerate(remarks):
        lines = canvas.wrap(remark, 16, _INNER - 22)
        more = k + 1 < len(remarks)
        if y + (len(lines) + more) * _LINE > bottom:
            canvas.text(labels.more_remarks, _MARGIN + 20, y + 14, 16, MUTED)
            return y + _LINE
        canvas.dot(_MARGIN + 6, y + 9, 3, MUTED)
        for line in lines:
            canvas.text(line, _MARGIN + 20, y + 14, 16, TEXT if content.remarks else MUTED)
            y += _LINE
    return y


def _footer(canvas: Canvas, content: PageContent, y: int) -> None:
    canvas.line(_MARGIN, y, WIDTH - _MARGIN, y, RULE)
    text = sentence(content.banner) or content.labels.output_of_program
    canvas.text(text, _MARGIN, y + 24, 16, AMBER if content.banner else MUTED, weight=SEMIBOLD)
    canvas.text(content.labels.not_for_diagnosis, WIDTH - _MARGIN, y + 24, 16, TEXT, weight=SEMIBOLD, align="right")
