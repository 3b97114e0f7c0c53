"""What the answers to a request for storage commitment mean, and when to look or ask again. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hounsfield.daemon.delivery.plugs import Lost, NotYet, ProofAnswer, Proven, Unobtainable
from hounsfield.storage.commitments import KEPT, Commitment

NOT_FOUND = 0x0112
"""No such object instance (PS3.3 C.14.1.1)."""
CONFLICT = 0x0119
"""Class-instance conflict: under our UID it keeps an object of another class."""
_NEVER = (CONFLICT, 0x0122)
"""What no repetition changes. 0122: the SOP class is none that it commits to."""

FIRST_LOOKS = (timedelta(seconds=2), timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5))
LATER_LOOKS = timedelta(minutes=15)
ASK_ANEW = timedelta(hours=1)
"""A request that has no answer for so long is made again; the answer to the old one still counts."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Request storage commitment now."""

    sop_instance_uids: tuple[str, ...]
    overdue: tuple[str, ...] = ()
    """Transactions that are no longer waited for."""


def next_look(since: datetime, now: datetime) -> datetime:
    """Return when to look next: 2 s, 10 s, 1 min, 5 min after each other, then every 15 minutes."""
    at = since
    for wait in FIRST_LOOKS:
        at += wait
        if at > now:
            return at
    return at + ((now - at) // LATER_LOOKS + 1) * LATER_LOOKS


def judge(
    wanted: Sequence[str], transactions: Sequence[Commitment], since: datetime, now: datetime, give_up_at: datetime
) -> ProofAnswer | Ask:
    """Return what is known of the objects ``wanted``, which were sent at ``since``, or that it is time to ask.

    That an object is kept is believed of every transaction, that it is missing only of those not closed: their
    objects were not sent again meanwhile.
    """
    kept = {uid for one in transactions for uid, failure in one.items.items() if failure == KEPT}
    missing = [uid for uid in wanted if uid not in kept]
    if not missing:
        return Proven()
    failures = _failures(missing, transactions)
    lost = {uid: failure for uid, failure in failures.items() if failure == NOT_FOUND}
    if lost:
        return Lost(lost)
    if now >= give_up_at or any(failure in _NEVER for failure in failures.values()):
        return Unobtainable()
    waiting = [one for one in transactions if one.is_open]
    fresh = [one for one in waiting if now - one.requested_at < ASK_ANEW]
    unasked = tuple(uid for uid in missing if not any(uid in one.items for one in fresh))
    if unasked and _may_ask(transactions, since, now):
        overdue = tuple(one.transaction_uid for one in waiting if one not in fresh)
        return Ask(unasked, overdue)
    return NotYet(min(next_look(since, now), give_up_at))


def _failures(missing: Sequence[str], transactions: Sequence[Commitment]) -> Mapping[str, int]:
    """Return the last word on each object that is not kept."""
    return {
        uid: failure
        for one in transactions
        if one.closed_at is None
        for uid, failure in one.items.items()
        if uid in missing and failure is not None
    }


def _may_ask(transactions: Sequence[Commitment], since: datetime, now: datetime) -> bool:
    """Once between two looks: an answer that wakes the job must not make it ask in a circle."""
    asked = [one.requested_at for one in transactions if one.requested_at >= since]
    return not asked or next_look(since, max(asked)) <= now
