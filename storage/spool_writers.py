"""Who writes to a spool that several hosts share. All times are timezone-aware UTC.

A lock does not say it between hosts: file systems keep locks of hosts that are cut off, or give them away. So each
writer says in the database that it lives, and counts as dead when it has not for :data:`DEAD_AFTER`. It acknowledges
nothing any more once it has had no answer to that for :data:`HOLD_SECONDS`, so that there is nothing new in its folder
long before another host looks into it: the difference is more than any client of NFS goes by an old listing (60 s).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

RENEW_SECONDS = 5.0
"""How often a writer says that it lives."""
HOLD_SECONDS = 20.0
"""For so long after it last said so, and was heard, a writer may acknowledge."""
DEAD_AFTER = timedelta(seconds=100)
"""What a writer that was not heard of for so long has left may be taken up by any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolWriter:
    """One process that has a folder in the spool."""

    name: str
    """Of the process and of its folder; never given twice."""
    machine: str
    """Host and boot."""
    seen_at: datetime
    """When it, or who takes up what it left, last said that it lives."""
    taken_by: str | None = None
    """The process that takes up what it left."""


class SpoolWriters(Protocol):
    """Every method is one transaction. Raise DatabaseUnavailable."""

    def opened(self, name: str, machine: str, now: datetime) -> None:
        """Write a process that is about to make its folder."""

    def seen(self, name: str, now: datetime) -> bool:
        """Note that it lives; False where others took it for dead, or do not know it: it must write no more."""

    def take(self, name: str, by: str, now: datetime, *, unseen_since: datetime | None) -> bool:
        """Take up what a process left: False unless it was not seen since then (None: it is known to be dead).

        Of several that try at once one gets True.
        """

    def ended(self, names: Sequence[str]) -> None:
        """Forget processes whose folders are empty."""

    def all(self) -> list[SpoolWriter]:
        """Return all, by name."""
