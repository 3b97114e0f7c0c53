"""Removes the images of series that no rule wanted, once they have been kept for long enough."""

from datetime import timedelta
from functools import partial

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.spool import Spool

log = structlog.get_logger("hounsfield.retention")

PAUSE_SECONDS = 60.0
MOST_SERIES = 50
"""Removed at a time; the others wait for the next minute."""
LONGEST_SECONDS = 2.0
"""After so long no further series is begun: the assembler has more urgent things to do."""


class Unmatched:
    """``tick`` may run any number of times; it does something once a minute at most."""

    def __init__(self, *, series: SeriesStore, spool: Spool, keep_days: float, clock: Clock) -> None:
        self._series = series
        self._spool = spool
        self._keep = timedelta(days=keep_days)
        self._clock = clock
        self._next = clock.monotonic()

    def tick(self) -> int:
        """Remove what is due; return how many series. Raise StorageError: it is tried again in a minute."""
        began = self._clock.monotonic()
        if began < self._next:
            return 0
        self._next = began + PAUSE_SECONDS
        now = self._clock.now()
        before = now - self._keep
        removed = images = 0
        for series in self._series.forgettable(before, MOST_SERIES):
            if self._clock.monotonic() - began >= LONGEST_SECONDS:
                break
            forget = partial(self._series.forget, series.id, before, now)
            gone = self._spool.remove(forget, self._series.registered_digests)
            removed += gone > 0
            images += gone
        if removed:
            log.info("images of series that no rule takes were removed", series=removed, images=images)
        return removed
