"""What a delivery's outcome means: done, later, or never. Pure."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from hounsfield.daemon.delivery.scu import Failure, SendReport
from hounsfield.storage.states import Reason

FIRST_DELAY = timedelta(seconds=4)
LONGEST_DELAY = timedelta(minutes=15)
PERMANENT_ATTEMPTS = 24
"""Tries while the peer refuses for good: some five hours in which an administrator can set it right."""
_KEPT_ALREADY = 0x0111
"""Duplicate SOP Instance: our UIDs name content, so what the peer has is what we sent."""
_PROCESSING_FAILURE = 0x0110

_REASONS = {
    Failure.UNREACHABLE: Reason.UNREACHABLE,
    Failure.BUSY: Reason.REJECTED,
    Failure.REJECTED: Reason.REJECTED,
    Failure.NOT_ACCEPTED: Reason.NOT_ACCEPTED,
}
_TRANSIENT = (Failure.UNREACHABLE, Failure.BUSY)


@dataclass(frozen=True, slots=True)
class Complete:
    """The peer has every object."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Try what is missing again."""

    at: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Discard:
    """Give up; a person may requeue the job."""

    reason: Reason


Decision = Complete | RetryLater | Discard


def decide(
    report: SendReport, attempts: int, now: datetime, give_up_at: datetime | None, rng: random.Random
) -> Decision:
    """Return what to do after the ``attempts``-th try (1 is the first).

    A fault that may pass is tried until ``give_up_at``; a refusal for good at most :data:`PERMANENT_ATTEMPTS` times.
    """
    refused = [sent.status for sent in report.sent if not is_kept(sent.status)]
    if report.failure is None and not refused:
        return Complete()
    reason = Reason.REFUSED_STATUS if report.failure is None else _REASONS[report.failure]
    if give_up_at is not None and now >= give_up_at:
        return Discard(Reason.DEADLINE)
    if not _may_pass(report.failure, refused) and attempts >= PERMANENT_ATTEMPTS:
        return Discard(reason)
    at = now + delay(attempts, rng)
    return RetryLater(at if give_up_at is None else min(at, give_up_at), reason)


def decide_unknown(attempts: int, now: datetime, give_up_at: datetime | None, rng: random.Random) -> Decision:
    """Return what to do after a try that failed in a way nobody thought of: as if the peer had been out of reach."""
    decision = decide(SendReport(failure=Failure.UNREACHABLE), attempts, now, give_up_at, rng)
    return RetryLater(decision.at, Reason.INTERNAL) if isinstance(decision, RetryLater) else decision


def is_kept(status: int) -> bool:
    """Whether the peer has the object: success, a warning, or it had it before (PS3.4 B.2.3, PS3.7 annex C)."""
    return status in (0x0000, _KEPT_ALREADY) or status & 0xF000 == 0xB000


def delay(attempts: int, rng: random.Random) -> timedelta:
    """Return the wait after the ``attempts``-th try: doubled each time up to 15 minutes, less up to a half of it.

    The random part keeps a hundred waiting jobs from meeting a PACS at its restart all at once.
    """
    doublings = min(max(attempts, 1) - 1, 16)
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY) * rng.uniform(0.5, 1.0)


def _may_pass(failure: Failure | None, refused: list[int]) -> bool:
    """Out of resources (A7xx) and processing failure pass; so the whole does if any part of it does."""
    return failure in _TRANSIENT or any(
        status & 0xFF00 == 0xA700 or status == _PROCESSING_FAILURE for status in refused
    )
