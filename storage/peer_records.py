"""Who asked for an association, and what became of it: frozen rows and the plug of their store. Times are aware UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class SightingReason(StrEnum):
    """What admission found; a sighting is one sender, one finding, and whether it was admitted."""

    KNOWN = "known"
    """Nothing was wrong with it."""
    UNKNOWN_PEER = "unknown-peer"
    """No [[peer]] has its AE title and address; admitted all the same by learning mode."""
    CALLED_AE = "called-ae"
    """It called another AE title than ours; admitted all the same by learning mode."""
    CERTIFICATE = "certificate"
    USER_IDENTITY = "user-identity"
    TOO_MANY = "too-many"
    TOO_MANY_OF_PEER = "too-many-of-peer"
    STOPPING = "stopping"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One sender seen ``count`` times with the same finding. AE titles are as they came: escape them at output."""

    calling_ae: str
    called_ae: str
    address: str
    reason: SightingReason
    admitted: bool
    first_seen_at: datetime
    last_seen_at: datetime
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SightingRecord(Sighting):
    """What the store knows of a sender and a finding, over all processes."""

    id: int


class PeerStore(Protocol):
    """Who asked for an association and what became of it; at most 1,000 rows, those seen longest ago go first."""

    def saw(self, sightings: Sequence[Sighting]) -> None:
        """Add to what is there: counts add up, times widen. Titles may be anything that came over the network."""

    def sightings(self) -> list[SightingRecord]:
        """Return all of them, the most frequent first."""

    def forget(self) -> int:
        """Remove all of them; return how many there were."""
