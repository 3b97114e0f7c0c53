"""What is costly to work out, kept for a while."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from hounsfield.daemon.clock import Clock

T = TypeVar("T")


class Remembered(Generic[T]):
    """One value, looked up anew after so many seconds. May be asked from many threads; one of them looks."""

    def __init__(self, look: Callable[[], T], seconds: float, clock: Clock) -> None:
        self._look = look
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._known: tuple[T, float] | None = None
        """The value, and until when it counts."""

    def now(self) -> T:
        """Return it. Raises what looking raises; then the next one who asks looks again."""
        with self._lock:
            if self._known is None or self._clock.monotonic() >= self._known[1]:
                self._known = self._look(), self._clock.monotonic() + self._seconds
            return self._known[0]
