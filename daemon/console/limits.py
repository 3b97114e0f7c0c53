"""How often somebody may try."""

import threading
from collections import OrderedDict, deque

from hounsfield.daemon.clock import Clock

_WINDOW_SECONDS = 60.0
_MOST_KEYS = 10_000


class RateLimit:
    """So many attempts a minute for each key. May be asked from many threads; forgets the key not used for longest."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._attempts: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, key: str) -> float:
        """Count an attempt and return 0; or return how long to wait before the next, uncounted."""
        now = self._clock.monotonic()
        with self._lock:
            times = self._attempts.setdefault(key, deque())
            self._attempts.move_to_end(key)
            while times and times[0] <= now - _WINDOW_SECONDS:
                times.popleft()
            if len(times) >= self._most:
                return times[0] + _WINDOW_SECONDS - now
            times.append(now)
            while len(self._attempts) > _MOST_KEYS:
                self._attempts.popitem(last=False)
            return 0.0
