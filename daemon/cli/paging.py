"""Listings of any length: read by id, one page in memory at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from hounsfield.daemon.cli.output import json_line, show_table

PAGE = 500


class Numbered(Protocol):
    """A row with a number."""

    @property
    def id(self) -> int:
        """The row's number."""


Row = TypeVar("Row", bound=Numbered)


def pages(fetch: Callable[[int, int], list[Row]], after: int, limit: int | None) -> Iterator[list[Row]]:
    """Yield pages of what ``fetch(after_id, limit)`` returns, ``limit`` rows in all, every row if it is None."""
    return _walk(lambda position, count: fetch(position or 0, count), after, limit)


def pages_back(
    fetch: Callable[[int | None, int], list[Row]], before: int | None, limit: int | None
) -> Iterator[list[Row]]:
    """The same for what is listed newest first: ``fetch(before_id, limit)``, from the newest on if that is None."""
    return _walk(fetch, before, limit)


def _walk(
    fetch: Callable[[int | None, int], list[Row]], position: int | None, limit: int | None
) -> Iterator[list[Row]]:
    left = limit
    while left is None or left > 0:
        page = fetch(position, PAGE if left is None else min(PAGE, left))
        if not page:
            return
        yield page
        position = page[-1].id
        left = None if left is None else left - len(page)


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """Prints pages as they come: tables for a person, a line of JSON for each row for programs."""

    columns: Sequence[str]
    json_of: Callable[[Row], dict[str, object]]
    row_of: Callable[[Row], Sequence[str]]
    as_json: bool

    def show(self, found: Iterable[Sequence[Row]]) -> tuple[int | None, int]:
        """Print them; return the number of the last row, None where there is none, and how many there were."""
        last, count = None, 0
        for page in found:
            last, count = page[-1].id, count + len(page)
            if self.as_json:
                for one in page:
                    json_line(self.json_of(one))
            else:
                show_table(self.columns, [self.row_of(one) for one in page])
        return last, count
