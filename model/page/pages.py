"""All pages of a result: the summary, then the flagged slices with the highest scores, within the size of a result."""

from typing import Final

from hounsfield.model.page import flagged, summary
from hounsfield.model.page.canvas import Picture
from hounsfield.model.page.content import PageContent, PageSlice
from hounsfield.model.page.flagged import draw_flagged
from hounsfield.model.page.sheet import Sheet
from hounsfield.model.page.style import is_flagged
from hounsfield.model.page.summary import draw_summary

MOST_BYTES: Final = 5_900_000
"""Of pixels: 6 MB is what a result may have, and the objects around the pixels need a little."""
MOST_FLAGGED: Final = 3
_OF_FLAGGED: Final = flagged.WIDTH * flagged.HEIGHT * 3


def render_pages(content: PageContent, *, most_flagged: int = MOST_FLAGGED) -> tuple[Picture, ...]:
    """Draw all pages: uint8 RGB (height, width, 3). They hold nothing that was not in ``content``.

    The summary comes first; after it, for a flagged result, at most ``most_flagged`` (and never more than three) pages
    of single flagged slices, highest score first. All pages together have less than 6 MB.
    """
    return tuple(sheet.picture for sheet in compose(content, most_flagged=most_flagged))


def compose(content: PageContent, *, most_flagged: int = MOST_FLAGGED) -> tuple[Sheet, ...]:
    """Draw all pages; also return what stands where on them."""
    alone = _alone(content)[: min(most_flagged, MOST_FLAGGED)]
    tallest = (MOST_BYTES - len(alone) * _OF_FLAGGED) // (summary.WIDTH * 3)
    pages = 1 + len(alone)
    return (
        draw_summary(content, tallest),
        *(draw_flagged(content, one, k, pages) for k, one in enumerate(alone, start=2)),
    )


def _alone(content: PageContent) -> list[PageSlice]:
    if content.verdict != "FLAGGED":  # a slice over its threshold in a series that is not flagged gets no page
        return []
    over = [one for one in content.slices if is_flagged(content, one.score)]
    return sorted(over, key=lambda one: -(one.score or 0.0))
