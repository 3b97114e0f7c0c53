"""Gives every series the keyed hashes that people find it by: of its UID, and of its accession number.

The accession number itself is stored nowhere: whoever knows it finds the series, and nobody reads it out of the log.
"""

import unicodedata
from collections.abc import Sequence
from typing import Protocol

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.logs import UidHasher
from hounsfield.model.attributes import read_attributes
from hounsfield.model.errors import UnreadableInstance
from hounsfield.storage.errors import SpoolError
from hounsfield.storage.log_book import Description
from hounsfield.storage.records import SeriesRecord
from hounsfield.storage.spool_files import SpoolFiles

PAUSE_SECONDS = 1.0
MOST_SERIES = 100
"""Described at a time; after an upgrade there are many."""
LONGEST_SECONDS = 0.5
"""After so long no further image is read: the assembler has more urgent things to do."""
_ACCESSION = "AccessionNumber"


def accession_handle(hasher: UidHasher, number: str) -> str | None:
    """Return the keyed hash of an accession number (0008,0050), as sent or as typed; None where it is empty."""
    tidy = unicodedata.normalize("NFC", number).strip(" \0\t\r\n")
    return hasher(tidy) if tidy else None


class Book(Protocol):
    """Knows what is not described yet, as ``hounsfield.storage.log_book.LogBook``."""

    def undescribed(self, limit: int = 100) -> list[SeriesRecord]:
        """Return series that have no handle yet, the oldest first."""

    def first_image(self, series_id: int) -> str | None:
        """Return the digest of the first image of a series, None where all are gone."""

    def describe(self, descriptions: Sequence[Description]) -> None:
        """Write the keyed hashes that series are found by."""


class Describer:
    """``tick`` may run any number of times; it looks once a second."""

    def __init__(self, *, book: Book, spool: SpoolFiles, hasher: UidHasher, clock: Clock) -> None:
        self._book = book
        self._spool = spool
        self._hasher = hasher
        self._clock = clock
        self._next = clock.monotonic()

    def tick(self) -> int:
        """Describe what is new; return how many series. Raise StorageError: it is tried again in a second."""
        began = self._clock.monotonic()
        if began < self._next:
            return 0
        self._next = began + PAUSE_SECONDS
        described: list[Description] = []
        for series in self._book.undescribed(MOST_SERIES):
            if described and self._clock.monotonic() - began >= LONGEST_SECONDS:
                break
            described.append(self._described(series))
        if described:
            self._book.describe(described)
        return len(described)

    def _described(self, series: SeriesRecord) -> Description:
        digest = self._book.first_image(series.id)
        number = "" if digest is None else self._number(digest)
        handle = self._hasher(series.series_uid)
        return Description(series_id=series.id, handle=handle, accession=accession_handle(self._hasher, number))

    def _number(self, digest: str) -> str:
        """Empty where the image names none, cannot be read, or is gone."""
        try:
            found = read_attributes(self._spool.path(digest), [_ACCESSION])[_ACCESSION]
        except (UnreadableInstance, SpoolError, OSError):
            return ""
        return str(found[0]) if found else ""
