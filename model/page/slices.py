"""Slices on a page: the plain one on the left, the same with its heatmap on the right, with the patient's sides.

Both are drawn as they are stored, by the same resampling, and the letters say which side is which.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.page.canvas import BOLD, SEMIBOLD, Canvas, Picture
from hounsfield.model.page.content import PageContent, PageSlice
from hounsfield.model.page.heat import legend, overlaid
from hounsfield.model.page.style import AMBER, MUTED, PANEL, RULE, TEXT, is_flagged, number
from hounsfield.model.page.tiles import Box, edge_letters, head_box, picture, placed

BETWEEN: Final = 4
"""Pixels between the two pictures of a pair."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Where a picture of a slice stands on its page: a square."""

    number: int
    x: int
    y: int
    side: int
    heat: bool
    """Whether it is the one with the heatmap."""


def common_box(slices: Sequence[PageSlice]) -> Box:
    """Return the part in mm that is drawn of all of them."""
    return head_box([(one.hu, one.pixel_spacing) for one in slices])


def draw_pair(
    canvas: Canvas, content: PageContent, one: PageSlice, box: Box, at: tuple[int, int], side: int
) -> tuple[Tile, Tile]:
    """Draw a slice twice, from ``at`` (x, y) to the right; where no heatmap was made the right one says so."""
    shown = picture(one.hu, one.pixel_spacing, box, side)
    plain = _plain(canvas, content, one, shown, at)
    x, y = at[0] + side + BETWEEN, at[1]
    if one.heatmap is None:
        canvas.box(x, y, side, side, PANEL)
        canvas.text(content.labels.no_heatmap, x + side // 2, y + side // 2 + 6, 16, MUTED, align="centre")
    else:
        canvas.paste(overlaid(shown, _heat(content, one, one.heatmap, box, side)), x, y)
        canvas.text(content.labels.overlay, x + 8, y + side - 10, 14, TEXT, halo=True)
        _letters(canvas, one, x, y, side)
    _frame(canvas, content, one, x, y, side)
    return plain, Tile(one.number, x, y, side, heat=one.heatmap is not None)


def draw_plain(canvas: Canvas, content: PageContent, one: PageSlice, box: Box, at: tuple[int, int], side: int) -> Tile:
    """Draw a slice once, with its number and its score."""
    return _plain(canvas, content, one, picture(one.hu, one.pixel_spacing, box, side), at)


def _plain(canvas: Canvas, content: PageContent, one: PageSlice, shown: Picture, at: tuple[int, int]) -> Tile:
    (x, y), side = at, len(shown)
    canvas.paste(shown, x, y)
    canvas.text(content.labels.slice_number.format(number=one.number), x + 8, y + 20, 14, TEXT, halo=True)
    if one.score is not None:
        colour = AMBER if is_flagged(content, one.score) else TEXT
        score = number(one.score, content.slice_threshold)
        canvas.text(score, x + side - 8, y + side - 10, 20, colour, weight=BOLD, align="right", halo=True)
    _letters(canvas, one, x, y, side)
    _frame(canvas, content, one, x, y, side)
    return Tile(one.number, x, y, side, heat=False)


def _heat(
    content: PageContent, one: PageSlice, heatmap: NDArray[np.floating], box: Box, side: int
) -> NDArray[np.float32]:
    """Heat where the picture shows the slice, as strong as its score: full from the threshold of slices on."""
    strength = 1.0
    if one.score is not None and content.slice_threshold:
        strength = min(one.score / content.slice_threshold, 1.0)
    return placed(np.asarray(heatmap, np.float32), one.pixel_spacing, box, side) * np.float32(strength)


def draw_legend(canvas: Canvas, content: PageContent, x: int, y: int) -> int:
    """Explain the colours in one line; return the y below it."""
    labels = content.labels
    canvas.text(labels.legend_low, x, y + 15, 14, MUTED)
    x += canvas.measure(labels.legend_low, 14) + 8
    canvas.paste(legend(96, 12), x, y + 4)
    x += 96 + 8
    canvas.text(labels.legend_high, x, y + 15, 14, MUTED)
    x += canvas.measure(labels.legend_high, 14) + 18
    canvas.text(labels.heatmap_means, x, y + 15, 14, MUTED)
    return y + 22


def _letters(canvas: Canvas, one: PageSlice, x: int, y: int, side: int) -> None:
    if one.orientation is None:
        return
    left, right, top, bottom = edge_letters(one.orientation)
    middle_x, middle_y = x + side // 2, y + side // 2 + 6
    for letter, at_x, at_y, align in (
        (left, x + 8, middle_y, "left"),
        (right, x + side - 8, middle_y, "right"),
        (top, middle_x, y + 20, "centre"),
        (bottom, middle_x, y + side - 9, "centre"),
    ):
        canvas.text(letter, at_x, at_y, 17, TEXT, weight=SEMIBOLD, align=align, halo=True)


def _frame(canvas: Canvas, content: PageContent, one: PageSlice, x: int, y: int, side: int) -> None:
    flagged = is_flagged(content, one.score)
    canvas.frame(x, y, side, side, AMBER if flagged else RULE, 2 if flagged else 1)
