"""Which of the jobs that could be next is next: STAT first, and routine after all. Pure: no database here.

Jobs of one kind, destination and priority stand in one line, in which the scanners take turns (see
:mod:`hounsfield.storage.turns`). What is decided here is whose line moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The first due job of a line."""

    priority: int
    since: datetime
    """Since when it could have been taken up."""
    passed: int
    """How often in a row a job of higher priority went before this line although its first one had waited too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimOrder:
    """The higher priority goes first; but of ``every`` jobs one is taken from a line that waited for ``patience``.

    So while urgent jobs come without end, the first job of every other line is taken up after ``patience`` and at most
    ``every`` - 1 urgent ones; and an urgent job waits for one of them, however many there are.
    """

    patience: timedelta = timedelta(minutes=30)
    every: int = 4

    def ranked(self, heads: Sequence[Head], now: datetime) -> list[int]:
        """Return the places of ``heads`` in the order in which they are to be tried."""
        return sorted(range(len(heads)), key=lambda place: self._key(heads[place], now))

    def is_impatient(self, head: Head, now: datetime) -> bool:
        """Whether a line notes by now that another goes before it."""
        return now - head.since >= self.patience

    def _key(self, head: Head, now: datetime) -> tuple[bool, int, datetime]:
        is_owed = self.is_impatient(head, now) and head.passed >= self.every - 1
        return not is_owed, 0 if is_owed else -head.priority, head.since


USUAL_ORDER = ClaimOrder()
"""What holds where the configuration says nothing else."""
