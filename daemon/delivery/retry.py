"""What a delivery's outcome means: done, later, or never. Pure."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.delivery.scu import SendReport
from hounsfield.storage.states import Reason

FIRST_DELAY = timedelta(seconds=4)
LONGEST_DELAY = timedelta(minutes=15)
PERMANENT_ATTEMPTS = 24
"""Refusals for good before we believe them: some five hours in which an administrator can set it right."""

_OPTIONAL_NOT_SUPPORTED = 0x0001
_ATTRIBUTE_LIST = 0x0107
_PROCESSING_FAILURE = 0x0110
_DUPLICATE_INSTANCE = 0x0111
"""Our UIDs name content, so what the peer has is what we sent."""
_NO_SUCH_INSTANCE = 0x0112
_VALUE_OUT_OF_RANGE = 0x0116
_CLASS_NOT_SUPPORTED = 0x0122
_NOT_AUTHORIZED = 0x0124
_DUPLICATE_INVOCATION = 0x0210
_RESOURCE_LIMITATION = 0x0213
_CANCELLED = 0xFE00

_KEPT = frozenset({0x0000, _OPTIONAL_NOT_SUPPORTED, _ATTRIBUTE_LIST, _VALUE_OUT_OF_RANGE, _DUPLICATE_INSTANCE})
_PASSING = frozenset({_PROCESSING_FAILURE, _NOT_AUTHORIZED, _DUPLICATE_INVOCATION, _RESOURCE_LIMITATION, _CANCELLED})
"""A peer that does not know us yet learns to; the others pass by themselves."""

REASONS = {
    Failure.UNREACHABLE: Reason.UNREACHABLE,
    Failure.BROKEN_OFF: Reason.UNREACHABLE,
    Failure.BUSY: Reason.REJECTED,
    Failure.REJECTED: Reason.REJECTED,
    Failure.NOT_ACCEPTED: Reason.NOT_ACCEPTED,
    Failure.NO_ADDRESS: Reason.UNKNOWN_SENDER,
}
"""What stands in the job log for each."""


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
    report: SendReport,
    attempts: int,
    now: datetime,
    give_up_at: datetime | None,
    rng: random.Random,
    refusals: int = 0,
) -> Decision:
    """Return what to do after the ``attempts``-th try (1 is the first), the ``refusals``-th that was refused for good.

    A fault that may pass, and a peer that rejects our associations, is tried until ``give_up_at``; what is refused for
    good at most :data:`PERMANENT_ATTEMPTS` times.
    """
    reason = _reason(report)
    if reason is None:
        return Complete()
    if report.failure is Failure.NO_ADDRESS:
        return Discard(reason)
    if give_up_at is not None and now >= give_up_at:
        return Discard(Reason.DEADLINE)
    if is_refused_for_good(report) and refusals >= PERMANENT_ATTEMPTS:
        return Discard(reason)
    return _later(attempts, now, give_up_at, rng, reason)


def decide_unknown(attempts: int, now: datetime, give_up_at: datetime | None, rng: random.Random) -> Decision:
    """Return what to do after a try that failed in a way nobody thought of: as if the peer had been out of reach."""
    return _until_deadline(attempts, now, give_up_at, rng, Reason.INTERNAL)


def decide_lost(attempts: int, now: datetime, give_up_at: datetime | None, rng: random.Random) -> Decision:
    """Return what to do when the peer does not have what it answered success for: send it again, later."""
    return _until_deadline(attempts, now, give_up_at, rng, Reason.PROOF_FAILED)


def is_kept(status: int) -> bool:
    """Whether the peer has the object: success, a warning, or it had it before (PS3.4 B.2.3, PS3.7 annex C)."""
    return status in _KEPT or status & 0xF000 == 0xB000


def lost_status(failure_reason: int) -> int:
    """Return a Failure Reason (PS3.3 C.14) as a status that counts as not kept, whatever the peer writes there."""
    return _NO_SUCH_INSTANCE if is_kept(failure_reason) else failure_reason


def is_refused_for_good(report: SendReport) -> bool:
    """Whether nothing of what failed may pass by itself: a class not taken, or a status that says so."""
    if report.failure not in (None, Failure.NOT_ACCEPTED):
        return False
    refused = _refused(report)
    return bool(report.failure or refused) and not any(_may_pass(status) for status in refused)


def delay(attempts: int, rng: random.Random) -> timedelta:
    """Return the wait after the ``attempts``-th try: doubled each time up to 15 minutes, less up to a half of it.

    The random part keeps a hundred waiting jobs from meeting a PACS at its restart all at once.
    """
    doublings = min(max(attempts, 1) - 1, 16)
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY) * rng.uniform(0.5, 1.0)


def _refused(report: SendReport) -> list[int]:
    return [sent.status for sent in report.sent if not is_kept(sent.status)]


def _may_pass(status: int) -> bool:
    """Out of resources (A7xx), and what depends on the moment or on an administrator."""
    return status in _PASSING or status & 0xFF00 == 0xA700


def _reason(report: SendReport) -> Reason | None:
    """Return why the delivery is not complete; None if it is."""
    if report.failure is not None:
        return REASONS[report.failure]
    refused = _refused(report)
    if not refused:
        return None
    return Reason.NOT_ACCEPTED if set(refused) == {_CLASS_NOT_SUPPORTED} else Reason.REFUSED_STATUS


def _until_deadline(
    attempts: int, now: datetime, give_up_at: datetime | None, rng: random.Random, reason: Reason
) -> Decision:
    if give_up_at is not None and now >= give_up_at:
        return Discard(Reason.DEADLINE)
    return _later(attempts, now, give_up_at, rng, reason)


def _later(attempts: int, now: datetime, give_up_at: datetime | None, rng: random.Random, reason: Reason) -> RetryLater:
    at = now + delay(attempts, rng)
    return RetryLater(at if give_up_at is None else min(at, give_up_at), reason)
