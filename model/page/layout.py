"""The summary page: verdict, top slices, scores over the whole series, remarks. Never green, never reassuring words.

Sections are drawn from top to bottom; each takes the y where it may start and returns the y below it.
"""

from typing import Final

from hounsfield.model.page.canvas import BOLD, SEMIBOLD, Canvas, Colour, Picture
from hounsfield.model.page.content import PageContent, PageSlice
from hounsfield.model.page.tiles import WINDOW_CENTRE, WINDOW_WIDTH, edge_letters, head_box, picture

WIDTH: Final = 1024
_TALLEST: Final = 3000
_MARGIN: Final = 36
_INNER: Final = WIDTH - 2 * _MARGIN
_GAP: Final = 14
_COLUMNS: Final = 3
_MOST_SLICES: Final = 6
_MOST_LINES: Final = 20
"""Of remarks: a taller page would make the Secondary Capture larger than a result may be."""
_TILE: Final = (_INNER - (_COLUMNS - 1) * _GAP) // _COLUMNS

BACKGROUND: Final[Colour] = (15, 18, 23)
PANEL: Final[Colour] = (25, 30, 37)
RULE: Final[Colour] = (52, 61, 73)
TEXT: Final[Colour] = (233, 237, 242)
MUTED: Final[Colour] = (150, 161, 175)
AMBER: Final[Colour] = (255, 178, 36)
ON_AMBER: Final[Colour] = (38, 24, 0)
BLUE_GREY: Final[Colour] = (72, 90, 112)
BAR: Final[Colour] = (98, 118, 143)
VIOLET: Final[Colour] = (84, 72, 116)
VIOLET_STRIPE: Final[Colour] = (95, 83, 129)

_EXPLANATION: Final = {
    "FLAGGED": "At or above the operating point of this model",
    "NOT FLAGGED": "Below the operating point; does not exclude the finding",
}


def render_page(content: PageContent) -> Picture:
    """Draw the page: uint8 RGB (height, 1024, 3). Holds nothing that was not in ``content``."""
    return compose(content)[0]


def compose(content: PageContent) -> tuple[Picture, list[str]]:
    """Draw the page; also return every text on it."""
    canvas = Canvas(WIDTH, _TALLEST, BACKGROUND)
    y = _header(canvas, content, _MARGIN)
    y = _verdict(canvas, content, y + 22)
    if content.slices:
        y = _slices(canvas, content, y + 30)
    if content.slice_scores:
        y = _scores(canvas, content, y + 30)
    y = _remarks(canvas, content, y + 30)
    y = _footer(canvas, content, y + 26)
    return canvas.finish(y), canvas.texts


def _header(canvas: Canvas, content: PageContent, y: int) -> int:
    canvas.text(f"AI {content.short}", _MARGIN, y + 26, 30, TEXT, weight=BOLD)
    canvas.text(content.bundle, _MARGIN, y + 54, 17, MUTED)
    label = "NOT FOR DIAGNOSIS"
    width = canvas.measure(label, 17, SEMIBOLD) + 32
    canvas.box(WIDTH - _MARGIN - width, y + 2, width, 36, RULE, 18)
    canvas.text(label, WIDTH - _MARGIN - width // 2, y + 26, 17, TEXT, weight=SEMIBOLD, align="centre")
    if content.banner:
        canvas.text(_sentence(content.banner), WIDTH - _MARGIN, y + 58, 15, AMBER, align="right")
    return y + 60


def _verdict(canvas: Canvas, content: PageContent, y: int) -> int:
    height = 132
    fill, ink = {"FLAGGED": (AMBER, ON_AMBER), "NOT FLAGGED": (BLUE_GREY, TEXT)}.get(content.verdict, (VIOLET, TEXT))
    canvas.box(_MARGIN, y, _INNER, height, fill, 10, VIOLET_STRIPE if fill is VIOLET else None)
    canvas.text(content.verdict, _MARGIN + 28, y + 72, 58, ink, weight=BOLD)
    below = _EXPLANATION.get(content.verdict) or _sentence(content.words)
    canvas.text(below, _MARGIN + 30, y + 108, 19, ink, weight=SEMIBOLD)
    if content.score is not None:
        right = WIDTH - _MARGIN - 28
        canvas.text(number(content.score, content.threshold), right, y + 72, 58, ink, weight=BOLD, align="right")
        operating = f", operating point {content.threshold:.2f}" if content.threshold is not None else ""
        canvas.text(f"{content.score_word}{operating}", right, y + 108, 17, ink, align="right")
    return y + height


def _heading(canvas: Canvas, left: str, right: str, y: int) -> int:
    canvas.text(left, _MARGIN, y + 16, 19, TEXT, weight=SEMIBOLD)
    canvas.text(right, WIDTH - _MARGIN, y + 16, 15, MUTED, align="right")
    return y + 30


def _slices(canvas: Canvas, content: PageContent, y: int) -> int:
    shown = content.slices[:_MOST_SLICES]
    scored = any(one.score is not None for one in shown)
    title = "Slices with the highest scores" if scored else "Slices from the series, not analysed"
    y = _heading(canvas, title, f"window {WINDOW_WIDTH:.0f}, level {WINDOW_CENTRE:.0f} HU", y)
    box = head_box([(one.hu, one.pixel_spacing) for one in shown])
    for k, one in enumerate(shown):
        x = _MARGIN + (k % _COLUMNS) * (_TILE + _GAP)
        top = y + (k // _COLUMNS) * (_TILE + _GAP)
        canvas.paste(picture(one.hu, one.pixel_spacing, box, _TILE), x, top)
        _caption(canvas, content, one, x, top)
    return y + -(-len(shown) // _COLUMNS) * (_TILE + _GAP) - _GAP


def _caption(canvas: Canvas, content: PageContent, one: PageSlice, x: int, y: int) -> None:
    flagged = _flagged(content, one.score)
    count = len(content.slice_scores)
    canvas.text(f"slice {one.number}{f' of {count}' if count else ''}", x + 10, y + 24, 16, MUTED)
    if one.score is not None:
        colour = AMBER if flagged else TEXT
        canvas.text(
            number(one.score, content.slice_threshold), x + _TILE - 10, y + 26, 20, colour, weight=BOLD, align="right"
        )
    if one.orientation is not None:
        left, right, _, _ = edge_letters(one.orientation)
        middle = y + _TILE // 2 + 7
        canvas.text(left, x + 10, middle, 18, MUTED, weight=SEMIBOLD)
        canvas.text(right, x + _TILE - 10, middle, 18, MUTED, weight=SEMIBOLD, align="right")
    canvas.frame(x, y, _TILE, _TILE, AMBER if flagged else RULE, 3 if flagged else 1)


def _flagged(content: PageContent, score: float | None) -> bool:
    return score is not None and content.slice_threshold is not None and score >= content.slice_threshold


def _scores(canvas: Canvas, content: PageContent, y: int) -> int:
    scores, limit = content.slice_scores, content.slice_threshold
    over = sum(_flagged(content, score) for score in scores)
    reached = f"{over} of {len(scores)} slices at or above {limit:.2f}" if limit is not None else ""
    y = _heading(canvas, f"{content.score_word} of every slice", reached, y)
    height, left, width = 132, _MARGIN + 46, _INNER - 46 - 16
    canvas.box(_MARGIN, y, _INNER, height + 46, PANEL, 8)
    top = y + 16
    for value in (0.0, 0.5, 1.0):
        level = top + round((1 - value) * height)
        canvas.line(left, level, left + width, level, RULE)
        canvas.text(f"{value:g}", left - 10, level + 5, 14, MUTED, align="right")
    shown = {one.number for one in content.slices if one.score is not None}
    for k, score in enumerate(scores):
        start, end = left + k * width // len(scores), left + (k + 1) * width // len(scores)
        inset = 2 if end - start > 7 else 0
        tall = max(round(min(max(score, 0.0), 1.0) * height), 2)
        colour = AMBER if _flagged(content, score) else BAR
        canvas.box(start + inset, top + height - tall, max(end - start - 2 * inset, 1), tall, colour)
        if k + 1 in shown:
            canvas.dot((start + end) // 2, top + height + 7, 3, TEXT)
    if limit is not None:
        canvas.dashes(left, left + width, top + round((1 - limit) * height), TEXT)
    base = top + height + 24
    canvas.text("1, feet", left, base, 14, MUTED)
    canvas.text("dots: slices shown above, dashes: slice threshold", left + width // 2, base, 14, MUTED, align="centre")
    canvas.text(f"head, {len(scores)}", left + width, base, 14, MUTED, align="right")
    return y + height + 46


def _remarks(canvas: Canvas, content: PageContent, y: int) -> int:
    y = _heading(canvas, "About the input", f"Series {content.completeness}", y)
    remarks = content.remarks or ("No remarks.",)
    room = _MOST_LINES
    for remark in remarks:
        lines = canvas.wrap(remark, 17, _INNER - 22)
        if len(lines) > room:
            canvas.text("More remarks stand in the structured report.", _MARGIN + 20, y + 14, 17, MUTED)
            return y + 25
        room -= len(lines)
        canvas.dot(_MARGIN + 6, y + 9, 3, MUTED)
        for line in lines:
            canvas.text(line, _MARGIN + 20, y + 14, 17, TEXT if content.remarks else MUTED)
            y += 25
    return y


def _footer(canvas: Canvas, content: PageContent, y: int) -> int:
    canvas.line(_MARGIN, y, WIDTH - _MARGIN, y, RULE)
    text = _sentence(content.banner) or "Output of a computer program"
    canvas.text(text, _MARGIN, y + 32, 17, AMBER if content.banner else MUTED, weight=SEMIBOLD)
    canvas.text("Not for diagnosis", WIDTH - _MARGIN, y + 32, 17, TEXT, weight=SEMIBOLD, align="right")
    return y + 54


def number(score: float, limit: float | None) -> str:
    """Two decimals, or as many as it takes not to show a score on the other side of its limit."""
    for digits in range(2, 7):
        text = f"{score:.{digits}f}"
        if limit is None or (float(text) >= limit) == (score >= limit):
            return text
    return f"{score}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
