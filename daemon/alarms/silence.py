"""A scanner that normally sends and has fallen silent: its images may go astray without anybody knowing.

How long a pause is usual is learned: nights and weekends are part of it, since at least eight days are looked at.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from hounsfield.daemon.alarms.words import moment, subject
from hounsfield.storage.alarms import AlarmKind, Condition

WINDOW = timedelta(days=28)
"""What is learned from."""
LEAST_HISTORY = timedelta(days=8)
"""A sender seen for a shorter time is not judged: its weekend is not known."""
LEAST_ASSOCIATIONS = 20
"""A sender with fewer of them sends too rarely to say what is usual."""
PAUSE = timedelta(minutes=10)
"""What is shorter is no pause."""
TOLERANCE = 1.5
"""So many times the longest pause is still usual."""
LEAST_SILENCE = timedelta(hours=1)
LATE = timedelta(hours=1)
"""How much later than another one an association may be told of: its receiver may have been without the database."""
_MOST = 20_000
"""Associations learned from at a time."""


class Sendings(Protocol):
    """Knows who has sent when, as ``hounsfield.storage.ports.SeriesStore.sendings``."""

    def sendings(self, after: datetime, limit: int) -> Sequence[tuple[str, datetime]]:
        """Return calling AE title and time of associations that stored images, the oldest first."""


@dataclass(slots=True)
class _Sender:
    first: datetime
    last: datetime
    associations: int = 0
    pauses: list[tuple[datetime, timedelta]] = field(default_factory=list)
    """When each of them ended, and how long it was."""

    def saw(self, at: datetime) -> None:
        self.associations += 1
        if at - self.last >= PAUSE:
            self.pauses.append((at, at - self.last))
        self.last = max(self.last, at)

    def longest_usual(self, now: datetime) -> timedelta | None:
        """Return for how long nothing may come from it; None as long as that is not known."""
        self.pauses = [one for one in self.pauses if one[0] >= now - WINDOW]
        if self.last - self.first < LEAST_HISTORY or self.associations < LEAST_ASSOCIATIONS:
            return None
        longest = max((length for _, length in self.pauses), default=PAUSE)
        return max(longest * TOLERANCE, LEAST_SILENCE)


class SilenceProbe:
    """Learns what is usual before it judges; a long history is learned piece by piece."""

    kinds = (AlarmKind.SCANNER_SILENT,)
    seconds = 60.0

    def __init__(self, sendings: Sendings) -> None:
        self._sendings = sendings
        self._learned_until: datetime | None = None
        self._is_up_to_date = False
        self._lately: set[tuple[str, datetime]] = set()
        """What is learned already of that which is asked for again."""
        self._senders: dict[str, _Sender] = {}

    def conditions(self, now: datetime) -> list[Condition] | None:
        """Learn what is new and judge; None while there is more to learn. Raise StorageError."""
        news = self._sendings.sendings(self._learned_after(now), _MOST)
        self._learn([one for one in news if one not in self._lately])
        self._is_up_to_date = len(news) < _MOST
        if not self._is_up_to_date:
            return None
        self._lately = {one for one in news if one[1] > self._learned_after(now)}
        self._senders = {name: one for name, one in self._senders.items() if one.last >= now - WINDOW}
        return [_condition(name, one) for name, one in sorted(self._senders.items()) if _is_silent(one, now)]

    def _learned_after(self, now: datetime) -> datetime:
        if self._learned_until is None:
            return now - WINDOW
        return self._learned_until - LATE if self._is_up_to_date else self._learned_until

    def usual_pauses(self, now: datetime) -> dict[str, timedelta]:
        """Return for how long nothing may come from each scanner, where that has been learned."""
        usual = {name: one.longest_usual(now) for name, one in self._senders.items()}
        return {name: pause for name, pause in usual.items() if pause is not None}

    def _learn(self, news: Iterable[tuple[str, datetime]]) -> None:
        for name, at in news:
            self._senders.setdefault(name, _Sender(at, at)).saw(at)
            self._learned_until = at if self._learned_until is None else max(self._learned_until, at)


def _condition(name: str, sender: _Sender) -> Condition:
    return Condition(kind=AlarmKind.SCANNER_SILENT, subject=subject(name), detail={"last_sent_at": moment(sender.last)})


def _is_silent(sender: _Sender, now: datetime) -> bool:
    usual = sender.longest_usual(now)
    return usual is not None and now - sender.last > usual
