"""What may be removed once its time has come, and the plug of the store that removes it. All times are UTC.

Whether something may go is asked of the caller while the series is locked, so that nothing happens to it in between.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from hounsfield.storage.states import JobKind, JobState, Proof, Reason, SeriesState


class Holding(StrEnum):
    """What we keep of a series."""

    IMAGES = "images"
    """Every file that came, companions too; the rows stay, so that a copy that comes again is known."""
    RESULTS = "results"
    """Files of our result objects, and their previews; the rows stay."""
    JOBS = "jobs"
    """Rows of the job log: jobs, events, results, what was sent and said about them. The series stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStanding:
    """Where a job of the series stands."""

    id: int
    kind: JobKind
    state: JobState
    reason: Reason | None
    proof: Proof
    destination: str | None
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesStanding:
    """All that a decision about what is kept of a series needs."""

    series_id: int
    state: SeriesState
    reason: Reason | None
    revision: int
    jobs: tuple[JobStanding, ...]
    last_at: datetime
    """The last that happened: an image or copy, a person's decision, a result, a delivery, a reader's opinion."""
    images: int
    """Files in the spool, copies and companions too."""
    image_bytes: int
    results: int
    """Result objects with a file."""
    result_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """How many rows of the job log went."""

    jobs: int
    events: int


MayGo = Callable[[SeriesStanding], bool]


class PurgeStore(Protocol):
    """Every method is one transaction and may raise DatabaseUnavailable. One contract suite runs over both engines."""

    def candidates(self, holding: Holding, before: datetime, *, after_id: int = 0, limit: int = 100) -> list[int]:
        """Return ids of series, in their order, that have something of this kind and nothing new since ``before``.

        They are only worth a look: work of theirs may be open.
        """

    def standing(self, series_id: int) -> SeriesStanding | None:
        """Return where a series stands; None for one that is not there."""

    def remove_images(self, series_id: int, may_go: MayGo, now: datetime) -> tuple[str, ...] | None:
        """Mark the images of a series removed if they ``may_go``; return the digests of their files, to be deleted.

        None, and nothing is written, where they may not. To be called through
        :meth:`~hounsfield.storage.spool.Spool.remove`.
        """

    def remove_results(self, series_id: int, may_go: MayGo, now: datetime) -> tuple[str, ...] | None:
        """Mark its result sets removed if they ``may_go``; return the SOP Instance UIDs, whose files go then.

        None, and nothing is written, where they may not.
        """

    def remove_jobs(self, series_id: int, may_go: MayGo) -> Rows | None:
        """Delete its rows of the job log if they ``may_go``; to be called when they are archived.

        None, and nothing is written, where they may not, or where files of results or images are still kept.
        """

    def result_uids(self, series_id: int) -> list[str]:
        """Return the SOP Instance UIDs of all result objects of a series."""

    def removed_results(self, uids: Sequence[str]) -> set[str]:
        """Return those of our result objects that are marked removed: a file that is left is to be deleted."""


def pages(store: PurgeStore, holding: Holding, before: datetime, after_id: int = 0) -> Iterator[int]:
    """Yield all candidates, page by page."""
    while found := store.candidates(holding, before, after_id=after_id):
        yield from found
        after_id = found[-1]
