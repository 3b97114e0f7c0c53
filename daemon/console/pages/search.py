"""Finding one job or series by its number, its UID, the keyed hash of that, or by an accession number."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hounsfield.daemon.assembly.describing import accession_handle
from hounsfield.daemon.console.pages.asked import HANDLE, AskedAmiss, number
from hounsfield.daemon.logs import UidHasher
from hounsfield.storage.log_book import LogBook
from hounsfield.storage.ports import JobStore, SeriesStore
from hounsfield.storage.records import SeriesRecord

_LONGEST = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was typed. The text may be an accession number: it goes nowhere but through the hash."""

    text: str
    by_accession: bool = False

    def __repr__(self) -> str:
        return "Search()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A page that was searched for."""

    address: str
    words: str


class Stores(Protocol):
    """What is searched."""

    @property
    def jobs(self) -> JobStore:
        """The jobs."""

    @property
    def series(self) -> SeriesStore:
        """The series."""

    @property
    def log_book(self) -> LogBook:
        """By keyed hash."""


def found(search: Search, stores: Stores, hasher: UidHasher) -> list[Match]:
    """Return every page that fits."""
    text = search.text
    if not text or len(text) > _LONGEST or "\0" in text:
        return []
    if search.by_accession:
        handle = accession_handle(hasher, text)
        return [] if handle is None else [_series(one, hasher) for one in stores.log_book.by_accession(handle)]
    return [*_jobs(text, stores), *(_series(one, hasher) for one in _of_hash_or_uid(text, stores, hasher))]


def _jobs(text: str, stores: Stores) -> list[Match]:
    try:
        job = stores.jobs.get(number(text.removeprefix("#"), "job"))
    except AskedAmiss:
        return []
    return [] if job is None else [Match(address=f"/jobs/{job.id}", words=f"job {job.id}, {job.kind.value}")]


def _of_hash_or_uid(text: str, stores: Stores, hasher: Callable[[str], str]) -> list[SeriesRecord]:
    handle = text if HANDLE.fullmatch(text) else hasher(text)
    by_hash = stores.log_book.by_handle(handle)
    series = by_hash or stores.series.find(text)  # what came just now has no hash in the database yet
    return [] if series is None else [series]


def _series(series: SeriesRecord, hasher: Callable[[str], str]) -> Match:
    words = f"series {hasher(series.series_uid)}, {series.state.value}, {series.instances} images"
    return Match(address=f"/series/{series.id}", words=words)
