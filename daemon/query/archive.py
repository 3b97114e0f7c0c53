"""An archive that is asked, and why it may not tell."""

from dataclasses import dataclass
from enum import StrEnum


class Why(StrEnum):
    """Why there is no answer. Goes into the log; holds nothing of what the archive sent."""

    UNREACHABLE = "unreachable"
    TOO_SLOW = "too-slow"
    REJECTED = "rejected"
    """The association, or Study Root FIND."""
    BROKE_OFF = "association-broke-off"
    """Often: it does not allow us to query."""
    BUSY = "out-of-resources"
    BROKEN = "broken-protocol"
    FAILED = "failed-status"
    NO_MATCH = "no-match"
    """It does not know the series (yet)."""
    AMBIGUOUS = "more-than-one-match"
    NONSENSE = "nonsense"
    """Another series than was asked for, or no number of images."""
    NOT_A_UID = "not-a-uid"

    @property
    def is_of_the_peer(self) -> bool:
        """Whether the next question would fare no better."""
        return self in (Why.UNREACHABLE, Why.TOO_SLOW, Why.REJECTED, Why.BROKE_OFF, Why.BUSY, Why.BROKEN)


class Unanswered(Exception):
    """The archive did not tell."""

    def __init__(self, why: Why) -> None:
        self.why = why
        super().__init__(str(why))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPeer:
    """An archive that answers C-FIND."""

    host: str
    port: int
    ae_title: str
    calling_ae: str
    timeout_seconds: float
    """For the whole exchange, from the connection to the answer."""
