"""Time, injected everywhere: wall clock for records, monotonic clock for waiting."""

import time
from datetime import UTC, datetime
from typing import Protocol


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
