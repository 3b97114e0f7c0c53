"""Time, injected everywhere: wall clock for records, monotonic clock for waiting."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import structlog

from hounsfield.storage.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from hounsfield.storage.server_clock import Reading

Stopwatch = Callable[[], float]
"""Returns seconds that only grow."""
READ_EVERY = 5.0
"""Seconds between two looks at the clock of the database."""
DRIFT = 1e-3
"""Seconds per second that two clocks may part: 500 ppm each, as far as NTP steers one (RFC 5905, 11.3)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORTH_A_WORD = 0.5
"""Seconds."""

log = structlog.get_logger("hounsfield.clock")


class Clock(Protocol):
    """Two clocks. A step of the wall clock must never shorten or lengthen a wait."""

    def now(self) -> datetime:
        """Return the wall clock as aware UTC."""

    def monotonic(self) -> float:
        """Return seconds that only grow."""


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> datetime:
        """Return the wall clock as aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class Offset:
    """What has to be added to a stopwatch for the time of the database, in seconds since 1970.

    The truth lies between ``low`` and ``high`` at the moment ``at`` of the stopwatch; later, a drift further.
    """

    at: float
    seconds: float
    low: float
    high: float

    @classmethod
    def of(cls, reading: "Reading") -> "Offset":
        """Return what one reading says: it was taken somewhere between question and answer (Cristian, 1989)."""
        moment = (reading.at - _EPOCH) / timedelta(seconds=1)
        drift = DRIFT * (reading.after - reading.before)
        low, high = moment - reading.after - drift, moment - reading.before + drift
        return cls(reading.after, (low + high) / 2, low, high)

    def error(self, at: float) -> float:
        """Return how far from the truth this can be at a moment of the stopwatch, in seconds."""
        return max(self.high - self.seconds, self.seconds - self.low) + DRIFT * max(at - self.at, 0.0)

    def then(self, reading: "Reading") -> "Offset":
        """Return what is known after another reading.

        Where the two agree, it moves no further than into what both say: by less than the error it had. Where they
        do not, the clock of the database was set, or another server has taken over, and the new one holds.
        """
        new = Offset.of(reading)
        drift = DRIFT * max(new.at - self.at, 0.0)
        low, high = max(self.low - drift, new.low), min(self.high + drift, new.high)
        if low > high:
            return new
        return Offset(new.at, min(max(self.seconds, low), high), low, high)


def since_boot() -> float:
    """Return seconds since this machine started, those in which it was suspended among them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class DatabaseClock:
    """The clock of the database server, as hosts agree on it whatever their own wall clocks say.

    Between two readings the machine's time since its start goes on from the last one; a wall clock that is set moves
    nothing. While the database is away that goes on for as long as it takes. May be used from many threads.
    """

    def __init__(
        self,
        read: "Callable[[Stopwatch], Reading]",
        *,
        stopwatch: Stopwatch = since_boot,
        every: float = READ_EVERY,
    ) -> None:
        self._read = read
        self._stopwatch = stopwatch
        self._every = every
        self._offset: Offset | None = None
        self._look_again_at = 0.0
        self._looking = threading.Lock()

    def now(self) -> datetime:
        """Return the time of the database as aware UTC. Raise DatabaseUnavailable if it was never reached.

        Only the first call waits for the database; later ones have it asked by a thread of its own once in a while.
        """
        offset = self._offset or self.follow()
        at = self._stopwatch()
        if at >= self._look_again_at and self._looking.acquire(blocking=False):
            self._look_again_at = at + self._every
            threading.Thread(target=self._look, name="clock", daemon=True).start()
        return _EPOCH + timedelta(seconds=at + offset.seconds)

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        return time.monotonic()

    def error(self) -> float:
        """Return how far from the time of the database :meth:`now` can be, in seconds."""
        return (self._offset or self.follow()).error(self._stopwatch())

    def follow(self) -> Offset:
        """Read the clock of the database now. Raise DatabaseUnavailable; then all stays as it was."""
        before = self._offset
        reading = self._read(self._stopwatch)
        found = Offset.of(reading) if before is None else before.then(reading)
        self._offset = found
        self._look_again_at = found.at + self._every
        if before is not None and abs(found.seconds - before.seconds) > _WORTH_A_WORD:
            log.warning("the clock of the database was set", seconds=round(found.seconds - before.seconds, 3))
        return found

    def _look(self) -> None:
        try:
            with suppress(DatabaseUnavailable):  # whoever needs the database says so; the time goes on
                self.follow()
        finally:
            self._looking.release()
