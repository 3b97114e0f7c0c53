"""Requests for storage commitment (PS3.4 annex J) and what came of them: frozen rows and the port of their store."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

KEPT = 0
"""Stands for "the destination keeps it" where a failure would have its Failure Reason (0008,1197)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """One transaction and its answer so far. Times are aware UTC."""

    transaction_uid: str
    job_id: int
    requested_at: datetime
    answered_at: datetime | None = None
    closed_at: datetime | None = None
    """When it was no longer waited for: refused, too old, or what it missed was sent again."""
    items: Mapping[str, int | None] = field(default_factory=dict)
    """SOP Instance UID to Failure Reason (PS3.3 C.14), :data:`KEPT`, or None without an answer."""

    @property
    def is_open(self) -> bool:
        """Whether an answer is waited for."""
        return self.answered_at is None and self.closed_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentAnswer:
    """What a destination reports of a transaction (N-EVENT-REPORT, PS3.4 J.3.3)."""

    transaction_uid: str
    kept: Collection[str]
    """SOP Instance UIDs that it has committed to."""
    failed: Mapping[str, int]
    """SOP Instance UID to Failure Reason."""


class AnswerTaken(StrEnum):
    """What became of an answer."""

    RECORDED = "recorded"
    REPEATED = "repeated"
    """It says nothing that was not known."""
    UNKNOWN = "unknown"
    """No such transaction was requested, or it names nothing that was asked for."""


class CommitmentStore(Protocol):
    """Transactions of storage commitment; answers come in any order, more than once, and in another process."""

    def open(self, transaction_uid: str, job_id: int, sop_instance_uids: Sequence[str], now: datetime) -> None:
        """Keep a transaction that is about to be requested: its answer may be here before the request returns."""

    def close(self, transaction_uids: Sequence[str], now: datetime) -> None:
        """No longer wait for these."""

    def answer(self, answer: CommitmentAnswer, now: datetime) -> AnswerTaken:
        """Keep what the destination says; its last word on an object counts, failure over success in one answer.

        Objects that were not asked for are left out. In the same transaction the DELIVER job that waits for the proof
        becomes due.
        """

    def of_job(self, job_id: int) -> list[Commitment]:
        """Return the transactions of a DELIVER job, oldest first."""
