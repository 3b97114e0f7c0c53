"""Listings of any length: read by id, one page in memory at a time."""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

PAGE = 500


class Numbered(Protocol):
    """A row with an ascending id."""

    @property
    def id(self) -> int:
        """The row's number."""


Row = TypeVar("Row", bound=Numbered)


def pages(fetch: Callable[[int, int], list[Row]], after: int, limit: int | None) -> Iterator[list[Row]]:
    """Yield pages of what ``fetch(after_id, limit)`` returns, ``limit`` rows in all, every row if it is None."""
    left = limit
    while left is None or left > 0:
        page = fetch(after, PAGE if left is None else min(PAGE, left))
        if not page:
            return
        yield page
        after = page[-1].id
        left = None if left is None else left - len(page)
