"""Scores as bars: those of all slices as a strip, those of other labels as rows."""

from typing import Final

from hounsfield.model.page.canvas import BOLD, Canvas
from hounsfield.model.page.choice import SHOWN
from hounsfield.model.page.content import FurtherScore, PageContent
from hounsfield.model.page.style import AMBER, BAR, MUTED, PANEL, RULE, TEXT, is_flagged, number

HEIGHT: Final = 132
"""Of a panel."""
MOST_ROWS: Final = 5
_ROW: Final = 24
_BAR: Final = 12
_BAR_WIDTH: Final = 130
_NUMBER: Final = 76
"""Room for a number behind its bar."""


def draw_strip(canvas: Canvas, content: PageContent, x: int, y: int, width: int) -> None:
    """Draw the score of every slice, with the threshold of slices and dots at those shown; as high as a panel."""
    canvas.box(x, y, width, HEIGHT, PANEL, 8)
    narrow = bool(content.further)  # then the legend stands in a line of its own
    height, left, inner, top = 72 if narrow else 90, x + 42, width - 42 - 14, y + 12
    for value in (0.0, 0.5, 1.0):
        level = top + round((1 - value) * height)
        canvas.line(left, level, left + inner, level, RULE)
        canvas.text(f"{value:g}", left - 10, level + 5, 14, MUTED, align="right")
    _bars(canvas, content, (left, top), (inner, height))
    if content.slice_threshold is not None:
        canvas.dashes(left, left + inner, top + round((1 - content.slice_threshold) * height), TEXT)
    labels, base = content.labels, top + height + 23
    canvas.text(labels.first_slice, left, base, 14, MUTED)
    canvas.text(labels.strip_legend, left + inner // 2, base + 18 * narrow, 14, MUTED, align="centre")
    canvas.text(labels.last_slice.format(count=len(content.slice_scores)), left + inner, base, 14, MUTED, align="right")


def _bars(canvas: Canvas, content: PageContent, at: tuple[int, int], size: tuple[int, int]) -> None:
    (left, top), (width, height), scores = at, size, content.slice_scores
    shown = {one.number for one in content.slices[:SHOWN] if one.score is not None}
    for k, score in enumerate(scores):
        start, end = left + k * width // len(scores), left + (k + 1) * width // len(scores)
        inset = 2 if end - start > 7 else 0
        tall = max(round(min(max(score, 0.0), 1.0) * height), 2)
        colour = AMBER if is_flagged(content, score) else BAR
        canvas.box(start + inset, top + height - tall, max(end - start - 2 * inset, 1), tall, colour)
        if k + 1 in shown:
            canvas.dot((start + end) // 2, top + height + 6, 3, TEXT)


def draw_further(canvas: Canvas, content: PageContent, x: int, y: int, width: int) -> None:
    """Draw the scores of other labels as rows, as high as a panel: at most five, what reaches its threshold first."""
    canvas.box(x, y, width, HEIGHT, PANEL, 8)
    rows = content.further
    if len(rows) > MOST_ROWS:
        rows = tuple(sorted(rows, key=lambda one: (one.score < one.threshold, -one.score)))[: MOST_ROWS - 1]
        last = y + 12 + (MOST_ROWS - 1) * _ROW + 16
        canvas.text(content.labels.more_scores, x + 14, last, 14, MUTED)
    for k, one in enumerate(rows):
        _row(canvas, one, x + 14, y + 8 + k * _ROW, width - 28)


def _row(canvas: Canvas, one: FurtherScore, x: int, y: int, width: int) -> None:
    reached = one.score >= one.threshold
    bar, top = x + width - _NUMBER - _BAR_WIDTH, y + (_ROW - _BAR) // 2
    canvas.text(_cut(canvas, one.name, bar - x - 12), x, y + 17, 15, TEXT)
    canvas.box(bar, top, _BAR_WIDTH, _BAR, RULE)
    canvas.box(bar, top, max(round(min(max(one.score, 0.0), 1.0) * _BAR_WIDTH), 1), _BAR, AMBER if reached else BAR)
    limit = bar + round(one.threshold * _BAR_WIDTH)
    canvas.line(limit, top - 3, limit, top + _BAR + 2, TEXT, 2)
    shown = number(one.score, one.threshold)
    canvas.text(shown, x + width, y + 18, 17, AMBER if reached else TEXT, weight=BOLD, align="right")


def _cut(canvas: Canvas, text: str, width: int) -> str:
    """Shorten a name until it fits."""
    shown = text
    while len(shown) > 1 and canvas.measure(shown, 15) > width:
        shown = f"{shown.removesuffix('...')[:-1]}..."
    return shown
