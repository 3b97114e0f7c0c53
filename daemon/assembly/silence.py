"""Notices a scanner that normally sends and has fallen silent: its images may go astray without anybody knowing.

How long a pause is usual is learned: nights and weekends are part of it, since at least eight days are looked at.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from hounsfield.daemon.clock import Clock

log = structlog.get_logger("hounsfield.silence")

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
TICK_SECONDS = 60.0
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


class SilenceWatch:
    """``tick`` may run any number of times; it looks once a minute. Each silence has one alarm and one end."""

    def __init__(self, sendings: Sendings, clock: Clock) -> None:
        self._sendings = sendings
        self._clock = clock
        self._next = clock.monotonic()
        self._learned_until = clock.now() - WINDOW
        self._senders: dict[str, _Sender] = {}
        self._silent: frozenset[str] = frozenset()

    def tick(self) -> int:
        """Learn what is new and judge; return how many senders are silent. Raise StorageError."""
        if self._clock.monotonic() < self._next:
            return len(self._silent)
        news = self._sendings.sendings(self._learned_until, _MOST)
        self._learn(news)
        if len(news) == _MOST:  # a long history is learned piece by piece
            return len(self._silent)
        self._next = self._clock.monotonic() + TICK_SECONDS
        self._judge(self._clock.now())
        return len(self._silent)

    def _learn(self, news: Iterable[tuple[str, datetime]]) -> None:
        for name, at in news:
            self._senders.setdefault(name, _Sender(at, at)).saw(at)
            self._learned_until = max(self._learned_until, at)

    def _judge(self, now: datetime) -> None:
        self._senders = {name: one for name, one in self._senders.items() if one.last >= now - WINDOW}
        silent = frozenset(name for name, one in self._senders.items() if _is_silent(one, now))
        for name in sorted(silent - self._silent):
            hours = round((now - self._senders[name].last).total_seconds() / 3600, 1)
            log.warning("ALARM: a scanner that normally sends has fallen silent", calling_ae=name, hours=hours)
        for name in sorted(self._silent - silent):
            log.info("a scanner that was silent sends again, or is no longer expected to", calling_ae=name)
        self._silent = silent


def _is_silent(sender: _Sender, now: datetime) -> bool:
    usual = sender.longest_usual(now)
    return usual is not None and now - sender.last > usual
