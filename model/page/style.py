"""Colours, and what counts as flagged. Never green; the heat is told by brightness too, for readers who see no red."""

from typing import Final

from hounsfield.model.page.canvas import Colour
from hounsfield.model.page.content import PageContent

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


def is_flagged(content: PageContent, score: float | None) -> bool:
    """Whether a slice is at or above the threshold of slices."""
    return score is not None and content.slice_threshold is not None and score >= content.slice_threshold


def number(score: float, limit: float | None) -> str:
    """Two decimals, or as many as it takes not to show a score on the other side of its limit."""
    for digits in range(2, 7):
        text = f"{score:.{digits}f}"
        if limit is None or (float(text) >= limit) == (score >= limit):
            return text
    return f"{score}"


def sentence(text: str) -> str:
    """Begin with a capital letter."""
    return f"{text[:1].upper()}{text[1:]}"
