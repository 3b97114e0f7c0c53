"""Since when nothing new has come for each open series, measured on the monotonic clock.

The stamps in the database are wall clock: they only say how long a series was quiet before it was first seen, and
never more than could be since the last look. So a step of the wall clock, forward or back, moves no decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hounsfield.daemon.clock import Clock
from hounsfield.storage.records import SeriesRecord


@dataclass(frozen=True, slots=True)
class Quiet:
    """How an open series stands now. Seconds."""

    quiet: float
    """Since the last news of it: an image, a copy, a lost association."""
    age: float
    """Since it began, or began again, to receive."""


_News = tuple[int, int, int, datetime]


@dataclass(frozen=True, slots=True)
class _Sight:
    news: _News
    touched: float
    began: float


class QuietWatch:
    """Remembers since when each open series has been as it is. One that starts new gives a fresh quiet period."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sights: dict[int, _Sight] = {}
        self._last_look = clock.monotonic()

    def look(self, receiving: Sequence[SeriesRecord]) -> dict[int, Quiet]:
        """Return how each of the open series stands, by its id; the others are forgotten."""
        wall, now = self._clock.now(), self._clock.monotonic()
        longest = now - self._last_look
        self._sights = {series.id: self._sight(series, wall, now, longest) for series in receiving}
        self._last_look = now
        return {key: Quiet(now - sight.touched, now - sight.began) for key, sight in self._sights.items()}

    def forget(self, series_id: int) -> None:
        """Begin anew with a series that has been decided on: it may be open again before the next look."""
        self._sights.pop(series_id, None)

    def _sight(self, series: SeriesRecord, wall: datetime, now: float, longest: float) -> _Sight:
        known = self._sights.get(series.id)
        news = _news_of(series)
        if known is not None and known.news == news:
            return known
        touched = now - _clamped((wall - series.touched_at).total_seconds(), longest)
        if known is not None:
            return _Sight(news, touched, known.began)
        began = now - _clamped((wall - series.receiving_since).total_seconds(), longest)
        return _Sight(news, touched, min(began, touched))


def _news_of(series: SeriesRecord) -> _News:
    """Return what is another one after each image, copy and lost association.

    Not the version, which a released association moves too; and not the stamp alone, which a clock that was set back
    leaves where it is.
    """
    return series.instances, series.duplicates, series.variants, series.touched_at


def _clamped(seconds: float, longest: float) -> float:
    return min(max(seconds, 0.0), longest)
