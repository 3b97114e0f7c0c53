"""Taking results back: which result sets there are, and what becomes of their deliveries. All times are UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hounsfield.storage.records import DeliveryRequest, ResultSet
from hounsfield.storage.states import Outcome, Reason, ResultKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFilter:
    """Which result sets; None means any."""

    job_ids: tuple[int, ...] | None = None
    """Of these INFER jobs."""
    bundle: str | None = None
    bundle_version: str | None = None
    since: datetime | None = None
    """Made at this time or later."""
    until: datetime | None = None
    """Made before this time."""
    with_retractions: bool = True
    """Also those that take others back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLine:
    """A result set as it is listed."""

    id: int
    job_id: int
    series_uid: str
    revision: int
    bundle: str | None
    bundle_version: str | None
    kind: ResultKind
    outcome: Outcome
    reason: Reason | None
    score: float | None
    created_at: datetime
    replaces: int | None
    is_retracted: bool
    """Whether a retraction names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """What was done about the deliveries of a result set that is taken back."""

    cancelled: int
    """How many had not ended, notifications too."""
    reached: tuple[str, ...]
    """Names of the destinations that have its objects, or may have: a try may fail after the object has arrived."""
    told: tuple[str, ...]
    """Names of those who were notified of it, or may have been."""
    planned: bool
    """Whether it was ever to be delivered anywhere, or anybody to be told of it."""


class RecallStore(Protocol):
    """What a person takes back or has written anew. Each method is one transaction."""

    def page(self, selection: ResultFilter, *, after_id: int = 0, limit: int = 1000) -> list[ResultLine]:
        """Return result sets in the order of their ids, one page."""

    def is_retracted(self, result_set_id: int) -> bool:
        """Whether a retraction names this result set."""

    def outlook(self, result_set_id: int) -> Withdrawal | None:
        """Return what :meth:`withdraw` would do now; nothing is changed."""

    def withdraw(self, result_set_id: int, now: datetime) -> Withdrawal | None:
        """Cancel the deliveries and notifications of a result set that have not ended; None if there is no such set.

        Those that are RUNNING too: their courier writes nothing more about them. They cannot be requeued.
        """

    def retract(
        self, infer_id: int, result: ResultSet, deliveries: Sequence[DeliveryRequest], now: datetime, by: str
    ) -> int | None:
        """Add a retraction with its deliveries, whatever the series is held for; ``result.replaces`` is what it is of.

        None, and nothing is written, where that is retracted already, or the INFER job has not ended.
        """

    def reissue(
        self,
        held: Sequence[int],
        result: ResultSet,
        deliveries: Sequence[DeliveryRequest],
        now: datetime,
        by: str,
    ) -> int | None:
        """Put a result set in the place of HELD deliveries, which become CANCELLED(reissued).

        None, and nothing is written, where one of them is not HELD any more, or its result set is retracted.
        """
