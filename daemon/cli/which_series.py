"""Which series is meant: by its Series Instance UID, or by the keyed hash that stands for it where people look."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.exits import NotFound

if TYPE_CHECKING:
    from hounsfield.storage.engine import Database
    from hounsfield.storage.records import SeriesRecord

HASH_MARK = "h:"
"""What a keyed hash begins with, and no UID does."""
_NOT_YET_DESCRIBED = 1000

SeriesArgument = Annotated[
    str,
    typer.Argument(metavar="UID|HASH", help="Series Instance UID, or the hash of it that `series list` shows."),
]


def find(database: "Database", home: Path, given: str) -> "SeriesRecord":
    """Return the series; raise :class:`NotFound`."""
    series = look_up(database, home, given)
    if series is None:
        what = "hash" if given.startswith(HASH_MARK) else "UID"
        raise NotFound(f"there is no series with this {what}", "`hounsfield series list` shows those there are")
    return series


def look_up(database: "Database", home: Path, given: str) -> "SeriesRecord | None":
    """Return the series, None where there is none."""
    if not given.startswith(HASH_MARK):
        return database.series.find(given)
    return database.log_book.by_handle(given) or _new(database, home, given)


def _new(database: "Database", home: Path, handle: str) -> "SeriesRecord | None":
    """Look among the series whose hash the assembler has not written down yet."""
    from hounsfield.daemon.logs import UidHasher

    hash_of = UidHasher.of_home(home)
    undescribed = database.log_book.undescribed(_NOT_YET_DESCRIBED)
    return next((one for one in undescribed if hash_of(one.series_uid) == handle), None)


def uid_of(database: "Database", home: Path, given: str) -> str:
    """Return the Series Instance UID; one that was never seen is taken as it is, for nothing is found by it.

    Raise :class:`NotFound` for a hash that stands for nothing.
    """
    return find(database, home, given).series_uid if given.startswith(HASH_MARK) else given
