"""What readers say about our results: frozen rows, and the plug of the store that keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from hounsfield.storage.states import Outcome


class Opinion(StrEnum):
    """What a reader's document says about a result of ours."""

    AGREE = "agree"
    DISAGREE = "disagree"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A result that a document speaks of."""

    about_uid: str
    """SOP Instance UID of one object of the result."""
    job_id: int
    """The INFER job the result is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback(Mention):
    """What one document says about one result."""

    sop_instance_uid: str
    """Of the document."""
    opinion: Opinion
    title: str
    """Code of the document title as CODE,SCHEME: one of the configured ones or of a rejection note."""
    calling_ae: str
    """Who sent it, as it came: escape it at output."""
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRecord(Feedback):
    """A row of the store."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Results of one bundle version with one outcome, and what readers said about them.

    Each result counts once, by what was said about it last.
    """

    bundle: str
    version: str
    outcome: Outcome
    results: int
    agreed: int
    disagreed: int


class FeedbackStore(Protocol):
    """Feedback, and the results it can be about. One contract suite runs over every implementation."""

    def are_ours(self, sop_instance_uids: Sequence[str]) -> set[str]:
        """Return those that we made, whatever they are."""

    def mentioned(self, sop_instance_uids: Sequence[str]) -> list[Mention]:
        """Return the results whose objects these are, each once; our rejection notes are no results."""

    def about_images(self, sop_instance_uids: Sequence[str], before: datetime) -> list[Mention]:
        """Return the results on these source images that were made ``before`` and not in the shadow.

        One for each series and bundle: that of the latest revision which holds one of the images. None where that
        revision has several results of the bundle, one for each part of the series: which one is meant is not known.
        """

    def add(self, feedback: Sequence[Feedback]) -> int:
        """Keep what is new, and return how much it is; a document says something about a result once."""

    def page(self, *, after_id: int = 0, limit: int = 1000, since: datetime | None = None) -> list[FeedbackRecord]:
        """Return feedback in the order of its ids, one page; ``since``: only what was received then or later."""

    def of_job(self, job_id: int) -> list[FeedbackRecord]:
        """Return what was said about the results of an INFER job, in the order of ids."""

    def tally(self, since: datetime | None = None) -> list[Tally]:
        """Count the results made ``since`` then, by bundle, version and outcome; shadow jobs, which nobody saw, not."""
